"""Where an upstream's answer leads: the names it is an alias of, in order, and the addresses at the end.

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


class Contents(NamedTuple):
    """Lower-case wire names, packed addresses: of a translated one (DNS64) the IPv4 address within, too."""

    aliases: tuple[bytes, ...]
    addresses: tuple[bytes, ...]


def contents(question: bytes, records: Records, offsets: Sequence[int]) -> Contents:
    """`offsets`: where the TTLs of the records stand in the message, in its order."""
    message = bytes(HEADER) + question + records.data
    aliases, addresses = list[bytes](), list[bytes]()
    for offset in offsets[: records.answers]:
        (kind,) = _TYPE.unpack_from(message, offset - 4)
        (length,) = _TYPE.unpack_from(message, offset + 4)
        at = offset + 6
        if kind == TYPE_CNAME:  # what a DNAME makes comes with one, RFC 6672 section 3.1
            aliases.append(_name(message, at))
        elif kind in {TYPE_A, TYPE_AAAA}:
            addresses.append(message[at : at + length])
        elif kind in {TYPE_SVCB, TYPE_HTTPS}:
            target = message[at + 2 : at + length].partition(b"\0")[0].lower() + b"\0"
            if length > 3 and len(target) > 1 and _whole(target):  # the name that clients connect to instead
                aliases.append(target)
            addresses.extend(_hints(message[at : at + length]))
    within = [packed[12:] for packed in addresses if packed.startswith(_TRANSLATED)]
    return Contents(tuple(aliases), (*addresses, *within))


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


def _whole(name: bytes) -> bool:
    """Whether it is one whole name: a zero inside a label would have cut it short."""
    at = 0
    while at < len(name) and name[at]:
        at += name[at] + 1
    return at == len(name) - 1


def _hints(data: bytes) -> Iterator[bytes]:
    """Addresses in the parameters of an SVCB record; what is not well-formed is no hint for a client either."""
    at = 2
    while at < len(data) and data[at]:
        at += data[at] + 1
    at += 1
    while at + 4 <= len(data):
        key, length = struct.unpack_from("!HH", data, at)
        at += 4
        value = data[at : at + length]
        at += length
        size = _HINTS.get(key)
        if size and len(value) == length and not length % size:
            yield from (value[i : i + size] for i in range(0, length, size))
