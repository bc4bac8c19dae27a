"""Writes what stands behind an alias of policy: a CNAME from the name that was asked, then the records of its target.

Octets only, and any records: which name is an alias, and where the target's records come from, is resolver.engine's.
"""

from __future__ import annotations

import functools
import struct

from resolver.wire import reply
from resolver.wire.answer import MAX_JUMPS
from resolver.wire.constants import HEADER

MAX_BEHIND, MAX_OCTETS_BEHIND = 50, 4096  # records and octets behind an alias
MAX_NAME = 255
KEPT = 256  # what was put together last
_FIXED = struct.Struct("!HHIH")  # type, class, TTL, length
_LENGTH = struct.Struct("!H")
# Octets before, names, of types whose data may hold compressed names, or has been seen to: RFC 3597 section 4. DNSSEC's
# and SRV must not (RFC 4034 sections 3.1.7 and 4.1.1, RFC 2782), but what does all the same is still understood.
_NAMES_IN = {
    **dict.fromkeys((2, 3, 4, 5, 7, 8, 9, 12, 30, 39, 47), (0, 1)),  # NS, CNAME, PTR, DNAME, NSEC; MD to MR, NXT
    **dict.fromkeys((6, 14, 17), (0, 2)),  # SOA, MINFO, RP
    **dict.fromkeys((15, 18, 21, 36), (2, 1)),  # MX, AFSDB, RT, KX
    26: (2, 2), 33: (6, 1), 24: (18, 1), 46: (18, 1),  # PX, SRV, SIG, RRSIG
}  # fmt: skip


class _NoName(Exception):
    """No name stands there."""


@functools.lru_cache(maxsize=KEPT)
def behind(target: bytes, type_class: bytes, found: reply.Records, ttl: int) -> reply.Records:
    """A CNAME from the name that was asked to `target`, and the records found for that, all their names written whole.

    The alias alone where there are too many, or one that cannot be read: its target can be asked for. Nothing in it is
    of the name that was asked. So it is kept: whoever owns the target can make it cost 3 ms, and whoever asks for one
    new name after the other below a listed one would have that each time.
    """
    first = reply.alias(target, ttl)
    if found.answers + found.authorities > MAX_BEHIND or len(found.data) > MAX_OCTETS_BEHIND:
        return first
    message = b"".join((bytes(HEADER), target, type_class, found.data))  # where its pointers lead
    at = HEADER + len(target) + len(type_class)
    parts = [first.data]
    try:
        for _ in range(found.answers + found.authorities):
            at = _whole(message, at, parts)
    except _NoName:  # in data that resolver.wire.answer does not look into
        return first
    return reply.Records(b"".join(parts), 1 + found.answers, found.authorities)


def _whole(message: bytes, at: int, parts: list[bytes]) -> int:
    """Append the record at `at` without pointers; where it ends."""
    owner, at = _name(message, at)
    kind, _class, _ttl, length = _FIXED.unpack_from(message, at)
    start = at + _FIXED.size
    end: int = start + length
    names = _NAMES_IN.get(kind)
    if names is None:
        parts += (owner, message[at:end])
        return end
    before, count = names
    here = start + before
    data = [message[start:here]]
    for _ in range(count):
        name, here = _name(message, here)
        data.append(name)
    if here > end:
        raise _NoName
    data.append(message[here:end])
    parts += (owner, message[at : start - _LENGTH.size], _LENGTH.pack(sum(map(len, data))), *data)
    return end


def _name(message: bytes, at: int) -> tuple[bytes, int]:
    """The name there, whole, and where it ends. Each pointer must lead to before the name that it stands in."""
    start, end, length, jumps = at, 0, 1, 0
    labels = list[bytes]()
    try:
        while size := message[at]:
            if size >= 0xC0:
                end = end or at + 2
                at = (size & 0x3F) << 8 | message[at + 1]
                jumps += 1
                if not HEADER <= at < start or jumps > MAX_JUMPS:
                    raise _NoName
                start = at
                continue
            length += size + 1
            if size > 63 or length > MAX_NAME:
                raise _NoName
            labels.append(message[at : at + size + 1])
            at += size + 1
    except IndexError:
        raise _NoName from None
    return b"".join(labels) + b"\0", end or at + 1
