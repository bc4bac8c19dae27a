"""The OPT record of our answers, read by dnspython."""

from __future__ import annotations

import struct

import dns.edns
import dns.flags
import dns.message
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
