"""Octets of written records: the same as dnspython makes of the same words; no line passes the check and fails here."""

from __future__ import annotations

import struct

import dns.rdata
import dns.rdataclass
import dns.rdatatype
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.zone_text import SHAPES, BadRecord, octets, read_record
from resolver.wire import rare

LABEL = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=12)
NAME = st.lists(LABEL, min_size=1, max_size=5).map(lambda labels: ".".join(labels) + ".") | st.just(".")
PORT = st.integers(0, 65535).map(str)
OCTET = st.integers(0, 255).map(str)
SECONDS = st.integers(0, 2**32 - 1).map(str)
IPV4, IPV6 = st.ip_addresses(v=4).map(str), st.ip_addresses(v=6).map(str)
HEX = st.binary(min_size=1, max_size=40).map(bytes.hex)


def quoted(raw: bytes) -> str:
    """Octets as a quoted word."""
    return '"' + "".join(chr(o) if 32 <= o < 127 and o not in b'"\\' else f"\\{o:03d}" for o in raw) + '"'


def digest(lengths):
    """A digest type and its octets."""
    known = [
        st.binary(min_size=size, max_size=size).map(lambda raw, kind=kind: f"{kind} {raw.hex()}")
        for kind, size in lengths.items()
    ]
    return st.one_of(*known, st.tuples(st.integers(3, 255).map(str), HEX).map(" ".join))


TEXT = st.binary(max_size=255).map(quoted)
ASCII = st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters='"\\'), max_size=40).map(
    lambda text: f'"{text}"'
)
PARAMS = st.lists(
    st.one_of(
        st.lists(st.sampled_from(["h2", "h3", "dot", "http/1.1"]), min_size=1, max_size=3).map(
            lambda those: f"alpn={','.join(those)}"
        ),
        PORT.map("port={}".format),
        st.lists(IPV4, min_size=1, max_size=3).map(lambda those: f"ipv4hint={','.join(those)}"),
        st.lists(IPV6, min_size=1, max_size=3).map(lambda those: f"ipv6hint={','.join(those)}"),
        st.just("dohpath=/dns-query{?dns}"),
        st.just("key65000=x+y"),
        st.just("no-default-alpn"),
    ),
    max_size=6,
    unique_by=lambda word: word.partition("=")[0],
).filter(lambda words: "no-default-alpn" not in words or any(word.startswith("alpn=") for word in words))
DATA = {
    "A": IPV4,
    "NS": NAME,
    "CNAME": NAME,
    "PTR": NAME,
    "AAAA": IPV6,
    "SOA": st.tuples(NAME, NAME, *[SECONDS] * 5).map(" ".join),
    "MX": st.tuples(PORT, NAME).map(" ".join),
    "TXT": st.lists(TEXT, min_size=1, max_size=3).map(" ".join),
    "SRV": st.tuples(PORT, PORT, PORT, NAME).map(" ".join),
    "NAPTR": st.tuples(PORT, PORT, ASCII, ASCII, ASCII, NAME).map(" ".join),
    "SSHFP": st.tuples(OCTET, digest({1: 20, 2: 32})).map(" ".join),
    "TLSA": st.tuples(OCTET, OCTET, digest({1: 32, 2: 64})).map(" ".join),
    "CAA": st.tuples(OCTET, st.sampled_from(["issue", "iodef"]), ASCII).map(" ".join),
    "SVCB": st.tuples(st.integers(1, 65535).map(str), NAME, PARAMS.map(" ".join)).map(" ".join),
    "HTTPS": st.tuples(st.integers(1, 65535).map(str), NAME, PARAMS.map(" ".join)).map(" ".join),
}


def test_every_type_that_is_read_is_tried_here():
    assert DATA.keys() == SHAPES.keys()


@settings(max_examples=400)
@given(st.sampled_from(sorted(DATA)).flatmap(lambda kind: st.tuples(st.just(kind), DATA[kind])))
def test_the_same_octets_as_dnspython_makes(written):
    kind, data = written
    record = read_record(f"a.example. {kind} {data}")
    assert record.qtype == dns.rdatatype.from_text(kind)
    assert rare.encode(record) == dns.rdata.from_text("IN", kind, data).to_wire()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a.vn TXT Việt", b"\x06Vi\xe1\xbb\x87t"),
        ("a.vn TYPE65534 \\# 3 0a0b0c", b"\x0a\x0b\x0c"),
        ("a.vn CNAME www.a.vn", b"\3www\1a\2vn\0"),  # with or without the final dot: there is no origin
        ("a.vn SOA ns.a.vn. ns.a.vn. 1 2 3 4 5", b"\2ns\1a\2vn\0" * 2 + struct.pack("!5I", 1, 2, 3, 4, 5)),
        ("a.vn SVCB 1 dns.a.vn port=853 alpn=dot", b"\0\1\3dns\1a\2vn\0\0\1\0\4\3dot\0\3\0\2\3\x55"),
        ("a.vn NAPTR 1 1 u E2U+sip !^.*$!sip:x@a.vn! .", b"\0\1\0\1\1u\7E2U+sip\x11!^.*$!sip:x@a.vn!\0"),
        ("a.vn AAAA ::ffff:10.0.0.1", bytes(10) + b"\xff\xff\x0a\0\0\1"),
    ],
)  # fmt: skip
def test_what_dnspython_reads_otherwise_or_not_at_all(line, expected):
    assert rare.encode(read_record(line)) == expected


GOOD = st.sampled_from(sorted(DATA)).flatmap(lambda kind: DATA[kind].map(f"a.example. {kind} {{}}".format))


@settings(max_examples=400)
@given(GOOD, st.integers(0, 200), st.integers(0, 3), st.text(max_size=3))
def test_no_line_passes_the_check_and_fails_in_a_worker(line, at, cut, junk):
    try:
        record = read_record(line[:at] + junk + line[at + cut :])
    except BadRecord:
        return
    data = rare.encode(record)
    assert dns.rdata.from_wire("IN", record.qtype, data, 0, len(data)).to_wire() == data


def test_text_of_nothing_is_a_text():
    assert octets("") == b""
    assert rare.encode(read_record('a.vn TXT ""')) == b"\0"
