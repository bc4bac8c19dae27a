"""Damages packets: bits, octets, counts, lengths, pointers, cuts and grafts. The same seed gives the same packets.

What becomes of them is looked at elsewhere.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

MAX = 4000
_WORDS = (
    b"\0\0",
    b"\0\1",
    b"\xff\xff",
    b"\x80\0",
    b"\xc0\x0c",
    b"\xc0\0",
    b"\xff\xff",
    b"\0\x29",
    b"\x7f\xff",
    b"\0\xff",
)
_LONGS = (b"\x80\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0", b"\0\0\0\1")
_PIECES = (b"\0\0\x29\x04\xd0\0\0\0\0\0\0", b"\0\0\x29\x04\xd0\0\1\0\0\0\0", b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\1\2\3\4",
           b"\xc0\x0c\0\5\0\1\0\0\0\x3c\0\2\xc0\x0c", b"\x3f" + b"a" * 63, b"\0", b"\x40a", b"\xc0",
           b"\0\x0a\0\x08abcdefgh",
           b"\x01a" * 60)  # fmt: skip

Mutation = Callable[[bytearray, random.Random, Sequence[bytes]], None]


def _flip(packet: bytearray, source: random.Random, _others: Sequence[bytes]) -> None:
    at = source.randrange(len(packet))
    packet[at] ^= 1 << source.randrange(8)


def _octet(packet: bytearray, source: random.Random, _others: Sequence[bytes]) -> None:
    packet[source.randrange(len(packet))] = source.choice((0, 1, 0x3F, 0x40, 0xC0, 0xFF, source.randrange(256)))


def _header(packet: bytearray, source: random.Random, _others: Sequence[bytes]) -> None:
    at = source.randrange(2, min(12, len(packet))) if len(packet) > 2 else 0
    packet[at] = source.choice((0, 1, 2, 0x80, 0xFF, source.randrange(256)))


def _word(packet: bytearray, source: random.Random, _others: Sequence[bytes]) -> None:
    at = source.randrange(len(packet))
    word = source.choice(_WORDS)
    packet[at : at + len(word)] = word


def _long(packet: bytearray, source: random.Random, _others: Sequence[bytes]) -> None:
    at = source.randrange(len(packet))
    packet[at : at + 4] = source.choice(_LONGS)


def _cut(packet: bytearray, source: random.Random, _others: Sequence[bytes]) -> None:
    del packet[source.randrange(len(packet)) :]


def _remove(packet: bytearray, source: random.Random, _others: Sequence[bytes]) -> None:
    at = source.randrange(len(packet))
    del packet[at : at + source.randrange(1, 12)]


def _insert(packet: bytearray, source: random.Random, _others: Sequence[bytes]) -> None:
    at = source.randrange(len(packet) + 1)
    packet[at:at] = source.choice((source.choice(_PIECES), source.randbytes(source.randrange(1, 20))))


def _append(packet: bytearray, source: random.Random, _others: Sequence[bytes]) -> None:
    packet += source.choice(_PIECES)
    if len(packet) > 12 and source.random() < 0.7:  # and count it
        at = source.choice((7, 9, 11))
        packet[at] = (packet[at] + 1) & 0xFF


def _repeat(packet: bytearray, source: random.Random, _others: Sequence[bytes]) -> None:
    at = source.randrange(len(packet))
    piece = packet[at : at + source.randrange(1, 30)]
    packet[at:at] = piece * source.randrange(1, 8)


def _graft(packet: bytearray, source: random.Random, others: Sequence[bytes]) -> None:
    other = source.choice(others)
    at = source.randrange(len(packet))
    packet[at:] = other[min(at, len(other)) :]


def _case(packet: bytearray, source: random.Random, _others: Sequence[bytes]) -> None:
    for at in range(12, len(packet)):
        if 65 <= packet[at] & 0xDF <= 90 and source.random() < 0.5:
            packet[at] ^= 0x20


MUTATIONS: tuple[Mutation, ...] = (
    _flip, _flip, _octet, _octet, _header, _header, _word, _long, _cut, _remove, _insert, _append, _repeat, _graft,
    _case,
)  # fmt: skip


def mutated(source: random.Random, seeds: Sequence[bytes]) -> bytes:
    """One of `seeds`, damaged once to a few times; never empty."""
    packet = bytearray(source.choice(seeds))
    for _ in range(source.choice((1, 1, 1, 2, 2, 3, 5))):
        source.choice(MUTATIONS)(packet, source, seeds)
        if not packet:
            packet += b"\0"
    return bytes(packet[:MAX])
