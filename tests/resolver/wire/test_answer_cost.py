"""What an answer may cost to read: one message must not stop a worker."""

from __future__ import annotations

import struct

import pytest

from resolver.wire.answer import MAX_JUMPS, BadAnswer, read
from tests.resolver.making import query

QUESTION = query("www.example")[12:]
START = 12 + len(QUESTION)


def behind_pointers(jumps):
    """A record whose data is a chain of pointers, each to the one before, and one owned by the name at its end."""
    first = START + 12
    chain = b"".join(struct.pack("!H", 0xC000 | (12 if not at else first + 2 * (at - 1))) for at in range(jumps - 1))
    odd = b"\xc0\x0c" + struct.pack("!HHIH", 65400, 1, 9, len(chain)) + chain
    owner = struct.pack("!H", 0xC000 | (first + len(chain) - 2))
    last = owner + struct.pack("!HHIH", 1, 1, 9, 4) + b"\x7f\0\0\1"
    return struct.pack("!HHHHHH", 1, 0x8180, 1, 2, 0, 0) + QUESTION + odd + last


def test_a_chain_of_as_many_pointers_as_a_name_has_labels_is_read():
    assert read(behind_pointers(MAX_JUMPS), QUESTION, 86400, 3600).records.answers == 2


@pytest.mark.parametrize("jumps", [MAX_JUMPS + 1, 8000])
def test_longer_chains_are_not(jumps):
    """None goes in a circle; but thousands of them for each of thousands of names took 8 s."""
    with pytest.raises(BadAnswer):
        read(behind_pointers(jumps), QUESTION, 86400, 3600)
