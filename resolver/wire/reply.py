"""Writes answers as bytes: the parts after the message ID, for policy answers, errors and what came from upstream.

No decisions here: what to answer is chosen in resolver.policy and resolver.engine.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterable

import msgspec

from resolver.wire import edns
from resolver.wire.constants import (
    AD,
    CD,
    CLASS_IN,
    EDNS_PADDING,
    HEADER,
    OPCODE,
    QR,
    RA,
    RCODE,
    RD,
    SERVFAIL,
    TC,
    TYPE_A,
    TYPE_AAAA,
    TYPE_CNAME,
    TYPE_HINFO,
    TYPE_SOA,
)
from resolver.wire.query import Query

_HEAD = struct.Struct("!HHHHH")  # flags and counts: the header after the ID
_RECORD = struct.Struct("!HHHIH")  # pointer to the owner, type, class, TTL, length
_SOA_TIMES = struct.Struct("!IIIII")
_OPTION_HEAD = 4  # octets of an EDNS option before its data
PADDED_TO = 128
_TO_QUESTION = 0xC000 | HEADER

# Names of nobody, so that no resolver looks for them (RFC 6761).
_MNAME_RNAME = b"\x09localhost\x00" + b"\x06nobody\x07invalid\x00"


class Records(msgspec.Struct, frozen=True, gc=False):
    """The answer and authority sections with their counts; offsets count from the message's start.

    There is no additional section but for OPT: it is for hints that nobody has to be given (RFC 2181 section 9).
    """

    data: bytes
    answers: int
    authorities: int


NOTHING = Records(b"", 0, 0)


def address(packed: bytes, ttl: int) -> Records:
    """One A or AAAA record for the name that was asked."""
    kind = TYPE_A if len(packed) == 4 else TYPE_AAAA
    return Records(_RECORD.pack(_TO_QUESTION, kind, CLASS_IN, ttl, len(packed)) + packed, 1, 0)


# RFC 8482 section 4.2: what there is of every name for who asks for ANY. An hour: it is not asked for again soon.
_HINFO = b"\x07RFC8482\0"
ANY = Records(_RECORD.pack(_TO_QUESTION, TYPE_HINFO, CLASS_IN, 3600, len(_HINFO)) + _HINFO, 1, 0)


def alias(target: bytes, ttl: int) -> Records:
    """A CNAME record for the name that was asked; the target is written whole."""
    return Records(_RECORD.pack(_TO_QUESTION, TYPE_CNAME, CLASS_IN, ttl, len(target)) + target, 1, 0)


def of_data(data: Iterable[tuple[int, int, bytes]]) -> Records:
    """Records of (type, TTL, data) for the name that was asked."""
    made = [_RECORD.pack(_TO_QUESTION, qtype, CLASS_IN, ttl, len(rdata)) + rdata for qtype, ttl, rdata in data]
    return Records(b"".join(made), len(made), 0)


def no_data(name: bytes, zone: bytes, serial: int, ttl: int) -> Records:
    """An empty answer that may be cached for `ttl` seconds: SOA of `zone`, which is `name` or a parent (RFC 2308)."""
    owner = 0xC000 | (HEADER + len(name) - len(zone))
    data = _MNAME_RNAME + _SOA_TIMES.pack(serial & 0xFFFFFFFF, 3600, 600, 86400, ttl)
    return Records(_RECORD.pack(owner, TYPE_SOA, CLASS_IN, ttl, len(data)) + data, 0, 1)


def write(query: Query, records: Records, rcode: int, limit: int, payload: int, *, ad: bool = False,
          ede: int | None = None, text: str = "", remark: bytes = b"") -> bytes:  # fmt: skip
    """The answer after its ID; truncated (TC, no records) when it would be over `limit` octets with its ID.

    Before that its extended error is left out (RFC 8914 section 3): no remark is worth a connection by TCP.
    `payload` is the UDP size that we announce, `remark` an option from upstream for who speaks EDNS. Opcode, RD and CD
    are copied, RA is set, AA never (we forward).
    """
    flags = QR | RA | (query.flags & (OPCODE | RD | CD)) | (AD if ad else 0) | (rcode & RCODE)
    tail = _tail(query, payload, rcode, ede, text, remark)
    if HEADER + len(query.question) + len(records.data) + len(tail) > limit:
        plain = _tail(query, payload, rcode, None, "", b"")
        if HEADER + len(query.question) + len(records.data) + len(plain) <= limit:
            tail = plain
        else:
            flags |= TC
            records = NOTHING
    counts = records.answers, records.authorities, 1 if tail else 0
    head = _HEAD.pack(flags, 1 if query.question else 0, *counts)
    return b"".join((head, query.question, records.data, tail))


def _tail(query: Query, payload: int, rcode: int, ede: int | None, text: str, remark: bytes) -> bytes:
    """The OPT record; nothing for who speaks no EDNS."""
    if not query.edns:
        return b""
    tail = edns.opt(payload, query.do, rcode >> 4, ede, text)
    if remark:
        tail = edns.with_options(tail, remark)
    return edns.with_options(tail, query.returns) if query.returns else tail


def bare_failure(flags: int) -> bytes:
    """SERVFAIL after its ID, without a question: all that is left where our own code failed on everything else."""
    return _HEAD.pack(QR | RA | (flags & (OPCODE | RD | CD)) | SERVFAIL, 0, 0, 0, 0)


def upstream_question(name_type_class: bytes, bits: int, payload: int | None, *, padded: bool = False) -> bytes:
    """The question after its ID, as we ask upstream: RD set, DO, CD and AD as the client had them.

    Without a `payload` it goes without EDNS (and so without DO), for servers that know none. `padded` makes its length
    with ID a multiple of 128 octets, so that an eavesdropper cannot tell names by it (RFC 8467 section 4.1).
    """
    head, tail = _around(bits, payload)
    if padded and tail:
        length = HEADER + len(name_type_class) + len(tail) + _OPTION_HEAD
        tail = edns.with_options(tail, edns.option(EDNS_PADDING, bytes(-length % PADDED_TO)))
    return head + name_type_class + tail


@functools.lru_cache(maxsize=64)
def _around(bits: int, payload: int | None) -> tuple[bytes, bytes]:
    """What stands before and behind the question."""
    tail = edns.opt(payload, bool(bits & 1)) if payload is not None else b""
    return _HEAD.pack(RD | (bits & (CD | AD)), 1, 0, 0, 1 if tail else 0), tail
