"""The OPT record: ours read by dnspython, options written by dnspython read by us."""

from __future__ import annotations

import struct

import dns.edns
import dns.flags
import dns.message
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.wire import edns


def read(opt):
    """A message that holds nothing but this OPT record."""
    return dns.message.from_wire(struct.pack("!HHHHHH", 1, 0x8000, 0, 0, 0, 1) + opt)


@given(st.integers(512, 65535), st.booleans(), st.integers(0, 255))
def test_payload_flags_and_high_rcode(payload, do, high):
    message = read(edns.opt(payload, do, high))
    assert (message.edns, message.payload, message.options) == (0, payload, ())
    assert message.ednsflags & 0xFFFF == (dns.flags.DO if do else 0)
    assert message.rcode() == high << 4


@given(st.integers(0, 65535), st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=25))
def test_an_extended_error(code, text):
    (option,) = read(edns.opt(1232, False, 0, code, text)).options
    assert option.otype == dns.edns.OptionType.EDE
    assert option.code == code
    assert (option.text or "") == text


def test_a_long_text_is_cut_between_letters():
    (option,) = read(edns.opt(1232, False, 0, 4, "ạ" * 50)).options
    assert option.text == "ạ" * 33


OPTIONS = st.lists(
    st.builds(dns.edns.GenericOption, st.sampled_from([10, 11, 3, 8, 15, 65001]), st.binary(max_size=60)), max_size=8
)


def wire(options):
    return b"".join(edns.option(int(one.otype), one.to_wire()) for one in options)


@given(OPTIONS)
def test_of_several_of_a_kind_the_first_counts(options):
    def first(code):
        return next((one.to_wire() for one in options if int(one.otype) == code), None)

    assert edns.read_options(wire(options))[:2] == (first(10), first(11))


@given(OPTIONS)
def test_of_several_that_say_who_asks_none_counts(options):
    """A client may write one of its own before the forwarder's."""
    named = [(int(one.otype), one.to_wire()) for one in options if int(one.otype) in {8, 65001}]
    twice = {code for code, _data in named if [each for each, _data in named].count(code) > 1}
    wanted = {code: None if code in twice else data for code, data in named}
    assert edns.read_options(wire(options))[2] == (wanted or None)


@given(OPTIONS, st.data())
def test_a_list_that_is_cut_is_bad_wherever_no_option_ends(options, data):
    ends = [len(wire(options[:count])) for count in range(len(options) + 1)]
    cut = data.draw(st.integers(0, ends[-1]))
    if cut in ends:
        edns.read_options(wire(options)[:cut])
    else:
        with pytest.raises(edns.BadOptions):
            edns.read_options(wire(options)[:cut])


def ede(code, text=b""):
    """An extended error as an upstream may write it."""
    return edns.option(15, struct.pack("!H", code) + text)


def passed_on(options):
    """(code, text) of each extended error that clients get."""
    record = edns.with_options(edns.opt(1232, False), edns.extended_error(options))
    return [(int(option.code), option.text) for option in read(record).options]


SAID = [
    ("a code", ede(3), [(3, "upstream")]),
    ("a code nobody knows", ede(65000), [(65000, "upstream")]),
    ("a text", ede(6, "chữ ký hỏng".encode()), [(6, "upstream: chữ ký hỏng")]),
    ("RFC 8914 section 2: a text may end with a zero", ede(6, b"bogus\0"), [(6, "upstream: bogus")]),
    ("behind other options", edns.option(10, b"12345678") + edns.option(12, b"") + ede(3), [(3, "upstream")]),
    ("of several the first", ede(9, b"one") + ede(10, b"two"), [(9, "upstream: one")]),
    ("a text of no end", ede(0, b"x" * 3000), [(0, "upstream: " + "x" * 90)]),
    ("cut between letters", ede(0, "ạ".encode() * 50), [(0, "upstream: " + "ạ" * 30)]),
    ("not UTF-8", ede(3, b"a\xffb"), [(3, "upstream")]),
    ("half a letter", ede(3, "ạ".encode()[:2]), [(3, "upstream")]),
    ("a control character", ede(3, b"red \x1b[31m"), [(3, "upstream")]),
    ("two lines", ede(3, b"one\ntwo"), [(3, "upstream")]),
    ("a zero inside", ede(3, b"one\0two"), [(3, "upstream")]),
    ("text that turns the reading round", ede(3, "a\u202eb".encode()), [(3, "upstream")]),
    ("no options", b"", []),
    ("others only", edns.option(10, b"12345678"), []),
    ("too short for a code", edns.option(15, b"\0"), []),
    ("cut", ede(3, b"text")[:-1], []),
    ("cut before its length", ede(3)[:3], []),
    ("behind one that runs over the end", edns.option(10, b"12345678")[:8] + ede(3), []),
]  # fmt: skip


@pytest.mark.parametrize(("case", "options", "expected"), SAID, ids=[case[0] for case in SAID])
def test_an_upstreams_extended_error(case, options, expected):
    """RFC 8914 section 3: its text says that it is not ours."""
    assert passed_on(options) == expected


@given(st.binary(max_size=300) | st.builds(ede, st.integers(0, 65535), st.binary(max_size=300)))
def test_whatever_an_upstream_says_is_short_and_harmless(options):
    for _code, text in passed_on(options):
        assert text.startswith("upstream")
        assert text.isprintable()
        assert len(text.encode()) <= 100


PRIVATE = st.lists(st.builds(dns.edns.GenericOption, st.integers(65001, 65534), st.binary(max_size=60)), max_size=4)


@given(st.integers(512, 65535), st.booleans(), st.none() | st.integers(0, 65535), PRIVATE)
def test_more_options_stand_behind_an_extended_error(payload, do, ede, options):
    record = edns.opt(payload, do, 1, ede)
    message = read(edns.with_options(record, wire(options)))
    assert (message.payload, message.rcode()) == (payload, 16)
    assert bool(message.ednsflags & dns.flags.DO) == do
    found = [(int(one.otype), one.to_wire()) for one in message.options]
    own = [] if ede is None else [(15, struct.pack("!H", ede))]
    assert found == own + [(int(one.otype), one.to_wire()) for one in options]
    assert edns.opt(payload, do, 1, ede) == record, "the table of records is not touched"
