"""Plain questions: what the short way reads and writes is what the long one (resolver.wire.query, Bodies) does."""

from __future__ import annotations

import struct

import dns.edns
import pytest
from hypothesis import event, given
from hypothesis import settings as tries
from hypothesis import strategies as st

from resolver.bodies import Bodies
from resolver.wire.constants import HEADER
from resolver.wire.plain import plain, truncated
from resolver.wire.query import parse
from tests.resolver.making import any_name, damaged, query

PAYLOAD = 1232
OPTIONS = st.lists(st.builds(dns.edns.GenericOption, st.integers(65001, 65534), st.binary(max_size=9)), max_size=1)
QUERIES = st.builds(
    query,
    any_name(),
    st.integers(1, 65535),
    qclass=st.sampled_from(["IN", "CH", "ANY", "CLASS4711"]),
    ident=st.integers(0, 65535),
    rd=st.booleans(),
    ad=st.booleans(),
    cd=st.booleans(),
    do=st.booleans(),
    edns=st.none() | st.integers(0, 65535),
    options=OPTIONS,
)
EVIL = b"\4eViL\7example\0"


def packet(name=EVIL, flags=0x0100, counts=(1, 0, 0, 0), rest=b"", tail=b"\0\1\0\1"):
    """A query made by hand."""
    return struct.pack("!HHHHHH", 0xBEEF, flags, *counts) + name + tail + rest


def opt(owner=b"\0", kind=41, high_rcode=0, version=0, flags=0, options=b""):
    """An OPT record of these parts."""
    return owner + struct.pack("!HHBBHH", kind, 4096, high_rcode, version, flags, len(options)) + options


BAD_NAMES = [EVIL[:-1] + b"\xc0\x0c", b"\x40" + b"a" * 64 + b"\0", b"\1a" * 126 + b"\2aa\0"]
GOOD_NAMES = [EVIL, b"\0", b"\x3f" + b"a" * 63 + b"\0", b"\1a" * 127 + b"\0"]


@st.composite
def by_hand(draw):
    """A plain query of which one part or another may be none of such a query."""
    odd = draw(st.sampled_from(["", "", "name", "flags", "counts", "rest", "tail"]))
    rest = draw(st.just(b"") | st.builds(opt, high_rcode=st.integers(0, 255), flags=st.integers(0, 65535)))
    if odd == "rest":
        rest = draw(
            st.sampled_from([b"\0", b"\0" * 11, opt(b"\1a\0"), opt(kind=250), opt(version=1)])
            | st.binary(min_size=1, max_size=12).map(lambda options: opt(options=options))
            | st.binary(max_size=12).map(rest.__add__)
        )
    counts = draw(st.tuples(*[st.integers(0, 2)] * 4)) if odd == "counts" else (1, 0, 0, 1 if rest else 0)
    types = [b"\0\x29", b"\0\x80", b"\0\xf9", b"\0\xfa"] if odd == "tail" else [b"\0\1", b"\0\xfc", b"\xff\xfe"]
    return packet(
        draw(st.sampled_from(BAD_NAMES if odd == "name" else GOOD_NAMES)),
        draw(st.integers(0, 65535)) if odd == "flags" else draw(st.integers(0, 0x07FF)),
        counts,
        rest,
        draw(st.sampled_from(types)) + draw(st.sampled_from([b"\0\1", b"\0\3", b"\0\xff"])),
    )


def agrees(data):
    """What the short way calls plain (its end is returned) is read so by the long way, and answered alike."""
    end = plain(data)
    if end:
        read = parse(data)
        assert end == HEADER + len(read.question)
        assert read.question == data[HEADER:end]
        assert read.name == data[HEADER : end - 4].lower()
        assert (read.qtype, read.qclass) == struct.unpack_from("!HH", data, end - 4)
        assert (read.options, read.claims, read.cookie) == (b"", None, None)
        assert truncated(data, end, PAYLOAD) == Bodies(PAYLOAD).truncated(read)
    return end


@tries(max_examples=500, deadline=None)
@given(QUERIES | damaged(QUERIES))
def test_of_what_another_codec_writes_whole_or_damaged(data):
    event("plain" if agrees(data) else "not plain")


@tries(max_examples=500, deadline=None)
@given(by_hand() | damaged(by_hand()))
def test_of_packets_on_the_edge(data):
    event("plain" if agrees(data) else "not plain")


@tries(max_examples=500, deadline=None)
@given(st.binary(max_size=80) | st.binary(max_size=60).map(b"\0\0\1\0\0\1\0\0\0\0\0\0".__add__))
def test_any_octets_have_an_outcome(data):
    event("plain" if agrees(data) else "not plain")


@pytest.mark.parametrize(
    "data",
    [
        packet(), packet(b"\0"), packet(counts=(1, 0, 0, 1), rest=opt()),
        packet(counts=(1, 0, 0, 1), rest=opt(flags=0x8000)), packet(flags=0x0130), packet(flags=0),
        packet(tail=b"\0\xff\0\1"), packet(tail=b"\xff\xfe\0\3"), packet(b"\1a" * 127 + b"\0"),
    ],
    ids=["question", "root", "EDNS", "DO", "AD and CD", "no RD", "ANY", "odd type and class", "longest name"],
)  # fmt: skip
def test_what_a_flood_is_made_of_takes_the_short_way(data):
    assert agrees(data)


@pytest.mark.parametrize(
    "data",
    [
        b"", packet()[:11], packet()[:-1], packet(flags=0x8100), packet(flags=0x1000), packet(counts=(2, 0, 0, 0)),
        packet(counts=(1, 0, 0, 1)), packet(rest=opt()), packet(rest=b"x"), packet(b"\1a" * 126 + b"\2aa\0"),
        packet(b"\x40" + b"a" * 64 + b"\0"), packet(EVIL[:-1] + b"\xc0\x0c"),
        packet(counts=(1, 0, 0, 1), rest=opt(version=1)), packet(counts=(1, 0, 0, 1), rest=opt(options=b"\0\x0c\0\0")),
        packet(counts=(1, 0, 0, 1), rest=opt(b"\1a\0")), packet(counts=(1, 0, 0, 1), rest=opt(kind=250)),
        *(packet(tail=bytes((0, kind, 0, 1))) for kind in (41, 128, 249, 250)),
    ],
)  # fmt: skip
def test_all_else_takes_the_long_way(data):
    assert plain(data) == 0
