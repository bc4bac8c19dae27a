"""Records that say where to connect: their data must be what every client reads in it, and not too many."""

from __future__ import annotations

import struct

import pytest

from resolver.wire import answer as wire_answer
from resolver.wire.answer import BadAnswer
from tests.resolver.making import query

ASKED = query("www.example")


def message(records, count):
    """An answer to ASKED of these octets as `count` records."""
    return ASKED[:2] + struct.pack("!HHHHH", 0x8180, 1, count, 0, 0) + ASKED[12:] + records


def read(packet):
    return wire_answer.read(packet, ASKED[12:], 86400, 3600)


@pytest.mark.parametrize("target", [b"\xc0\x0c", b"\x03www\xc0\x0c", b"\x41" + b"a" * 65 + b"\0", b""])
def test_the_target_of_a_service_is_a_plain_name(target):
    """RFC 9460 section 2.2: not compressed. Who reads it otherwise finds other hints behind it."""
    hint = b"\0\4\0\4\xc0\0\2\x42"
    data = b"\0\1" + target + (hint if target else b"")
    record = b"\xc0\x0c" + struct.pack("!HHIH", 65, 1, 300, len(data)) + data
    with pytest.raises(BadAnswer):
        read(message(record, 1))
    plain = b"\0\1\0" + hint
    assert read(message(b"\xc0\x0c" + struct.pack("!HHIH", 65, 1, 300, len(plain)) + plain, 1)).leads


def test_more_addresses_than_any_host_has_are_no_answer():
    """Each would be looked up in each list."""
    one = b"\xc0\x0c" + struct.pack("!HHIH4s", 1, 1, 300, 4, b"\xc0\0\2\1")
    assert read(message(one * 1000, 1000)).records.answers == 1000
    with pytest.raises(BadAnswer):
        read(message(one * 2500, 2500))
    hints = b"\0\1\0" + struct.pack("!HH", 4, 40_000) + bytes(40_000)
    with pytest.raises(BadAnswer):
        read(message(b"\xc0\x0c" + struct.pack("!HHIH", 65, 1, 300, len(hints)) + hints, 1))
