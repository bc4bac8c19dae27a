"""Reads one DNS query in place: header, the one question, the OPT record. Any bytes give a Query or a declared error.

No policy and no answers here; whether a question may be asked is resolver.engine's business.
"""

from __future__ import annotations

import struct

from resolver.wire.constants import (
    AD,
    BADVERS,
    CD,
    DO,
    FORMERR,
    HEADER,
    MIN_UDP,
    NOTIMP,
    OPCODE,
    QR,
    RD,
    TYPE_OPT,
)

_HEADER = struct.Struct("!HHHHHH")
_TYPE_CLASS = struct.Struct("!HH")
_RR = struct.Struct("!HHIH")
MAX_NAME = 255


class Ignored(Exception):
    """Nothing is answered: too short for a header, or itself a response (answering could loop)."""


class Malformed(Exception):
    """Answered with `rcode`; the question is not echoed when it could not be read."""

    def __init__(self, rcode: int, query: Query | None = None) -> None:
        super().__init__(rcode)
        self.rcode = rcode
        self.query = query


class Query:
    """A question as asked. `question` keeps the client's case; `name` is lower case."""

    __slots__ = ("do", "edns", "flags", "id", "name", "options", "payload", "qclass", "qtype", "question")

    def __init__(self, ident: bytes, flags: int, question: bytes, qtype: int, qclass: int) -> None:
        self.id = ident
        self.flags = flags
        self.question = question  # name, type, class as on the wire
        self.name = question[:-4].lower()
        self.qtype = qtype
        self.qclass = qclass
        self.edns = False
        self.payload = MIN_UDP  # what the client can take by UDP, octets
        self.do = False
        self.options = b""

    @property
    def bits(self) -> int:
        """What makes answers to the same question differ: DO, CD, and whether AD is wanted (RFC 6840 section 5.7)."""
        return (self.flags & (CD | AD)) | (1 if self.do else 0)


def header_only(packet: bytes) -> Query | None:
    """Just enough of a query to refuse it: None where nothing may be answered."""
    if len(packet) < HEADER or packet[2] & 0x80:
        return None
    try:
        return parse(packet)
    except Malformed as error:
        return error.query or bare(packet)


def parse(packet: bytes) -> Query:
    """Raise Ignored or Malformed; never anything else."""
    limit = len(packet)
    if limit < HEADER:
        raise Ignored
    _ident, flags, questions, answers, authorities, additionals = _HEADER.unpack_from(packet)
    if flags & QR:
        raise Ignored
    if flags & OPCODE:
        raise Malformed(NOTIMP, bare(packet))
    if questions != 1 or answers or authorities:  # RFC 9619: QDCOUNT above 1 is a format error
        raise Malformed(FORMERR, bare(packet))
    at = HEADER
    while at < limit and (size := packet[at]):
        if size > 63:  # a pointer has nothing to point back to; other high bits are reserved
            raise Malformed(FORMERR, bare(packet))
        at += size + 1
    end = at + 5
    if end > limit or at - HEADER >= MAX_NAME:
        raise Malformed(FORMERR, bare(packet))
    qtype, qclass = _TYPE_CLASS.unpack_from(packet, end - 4)
    query = Query(packet[:2], flags, packet[HEADER:end], qtype, qclass)
    if additionals:
        end = _additional(packet, end, additionals, query)
    if end != limit or qtype == TYPE_OPT:
        raise Malformed(FORMERR, query)
    return query


def bare(packet: bytes) -> Query:
    """A query whose question could not be read: only its header is answered."""
    return Query(packet[:2], int.from_bytes(packet[2:4], "big"), b"", 0, 0)


def _additional(packet: bytes, at: int, count: int, query: Query) -> int:
    """Walk the additional section; take the OPT record. Returns where it ends."""
    limit = len(packet)
    for _ in range(count):
        owner = at
        while at < limit and (size := packet[at]):
            if size >= 0xC0:
                at += 1
                break
            if size > 63:
                raise Malformed(FORMERR, query)
            at += size + 1
        at += 1
        if at + _RR.size > limit:
            raise Malformed(FORMERR, query)
        kind, payload, ttl, length = _RR.unpack_from(packet, at)
        at += _RR.size
        if at + length > limit:
            raise Malformed(FORMERR, query)
        if kind == TYPE_OPT:
            if query.edns or packet[owner]:  # RFC 6891 section 6.1.1: one OPT, owned by the root
                raise Malformed(FORMERR, query)
            query.edns = True
            query.payload = max(payload, MIN_UDP)
            query.do = bool(ttl & DO)
            query.options = packet[at : at + length]
            if (ttl >> 16) & 0xFF:
                raise Malformed(BADVERS, query)
        at += length
    return at


def wants_recursion(query: Query) -> bool:
    """RD is set."""
    return bool(query.flags & RD)
