"""Where an upstream's answer leads: the names it is an alias of, in order, and what stands at the end.

Called for answers that resolver.wire.answer has read and found well-formed; nothing is judged here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from resolver.wire.constants import HEADER, TYPE_A, TYPE_AAAA, TYPE_CNAME, TYPE_HTTPS, TYPE_SVCB
from resolver.wire.reply import Records

_TYPE = struct.Struct("!H")
_TRANSLATED = bytes.fromhex("0064ff9b") + bytes(8)  # 64:ff9b::/96, RFC 6052: a translator's way to an IPv4 address
_HINTS = {4: 4, 6: 16}  # ipv4hint and ipv6hint: octets of an address, RFC 9460 section 7.3


class End(NamedTuple):
    """One record that clients may connect by, whichever they choose: an address, or a service with all its hints.

    `target`: the lower-case wire name to connect to instead of the owner's; empty where there is none.
    `addresses`: packed; behind that of a translator (DNS64) the IPv4 address within.
    """

    target: bytes
    addresses: tuple[bytes, ...]


class Contents(NamedTuple):
    """The names that an answer leads through, lower-case wire names in their order, and where each record leads."""

    aliases: tuple[bytes, ...]
    ends: tuple[End, ...]


def contents(question: bytes, records: Records, offsets: Sequence[int]) -> Contents:
    """`offsets`: where the TTLs of the records stand in the message, in its order."""
    message = bytes(HEADER) + question + records.data
    aliases, ends = list[bytes](), list[End]()
    for offset in offsets[: records.answers]:
        (kind,) = _TYPE.unpack_from(message, offset - 4)
        (length,) = _TYPE.unpack_from(message, offset + 4)
        at = offset + 6
        if kind == TYPE_CNAME:  # what a DNAME makes comes with one, RFC 6672 section 3.1
            aliases.append(_name(message, at))
        elif kind in {TYPE_A, TYPE_AAAA}:
            ends.append(End(b"", (*_ways(message[at : at + length]),)))
        elif kind in {TYPE_SVCB, TYPE_HTTPS}:
            target = _name(message, at + 2)
            hints = [way for hint in _hints(message, at + 2 + len(target), at + length) for way in _ways(hint)]
            ends.append(End(target if len(target) > 1 else b"", (*hints,)))
    return Contents(tuple(aliases), tuple(ends))


def _ways(packed: bytes) -> Iterator[bytes]:
    yield packed
    if packed.startswith(_TRANSLATED):
        yield packed[12:]


def _name(message: bytes, at: int) -> bytes:
    """The name there, whole and in lower case. Its form was checked when the answer was read."""
    labels = list[bytes]()
    while size := message[at]:
        if size >= 0xC0:
            at = (size & 0x3F) << 8 | message[at + 1]
            continue
        labels.append(message[at : at + size + 1])
        at += size + 1
    return b"".join(labels).lower() + b"\0"


def _hints(message: bytes, at: int, end: int) -> Iterator[bytes]:
    """Addresses in the parameters of a service; what is not well-formed is no hint for a client either."""
    while at + 4 <= end:
        key, length = struct.unpack_from("!HH", message, at)
        at += 4
        size = _HINTS.get(key)
        if size and at + length <= end and not length % size:
            yield from (message[i : i + size] for i in range(at, at + length, size))
        at += length
