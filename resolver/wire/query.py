"""Reads one DNS query in place: header, the one question, the OPT record. Any bytes give a Query or a declared error.

No policy and no answers here; whether a question may be asked is resolver.engine's business.
"""

from __future__ import annotations

import struct

import msgspec

from contracts.hit import Transport
from resolver.wire.claims import Claims
from resolver.wire.constants import (
    AD,
    BADVERS,
    CD,
    DO,
    EDE_INVALID_TYPE,
    EDE_NOT_SUPPORTED,
    FORMERR,
    HEADER,
    MIN_UDP,
    NOTIMP,
    OPCODE,
    QR,
    RD,
    TYPE_IXFR,
    TYPE_NXNAME,
    TYPE_OPT,
    TYPE_TKEY,
    TYPE_TSIG,
)
from resolver.wire.edns import BadOptions, read_options

_HEADER = struct.Struct("!HHHHHH")
_TYPE_CLASS = struct.Struct("!HH")
_RR = struct.Struct("!HHIH")
MAX_NAME = 255
# Types of records that belong to a message or to a proof, never to a name: nobody can ask for them.
NO_QUESTION = frozenset((TYPE_OPT, TYPE_NXNAME, TYPE_TKEY, TYPE_TSIG))


class Ignored(Exception):
    """Nothing is answered: too short for a header, or itself a response (answering could loop)."""


class Malformed(Exception):
    """Answered with `rcode` and perhaps an extended error; the question is not echoed when it could not be read."""

    def __init__(self, rcode: int, query: Query | None = None, ede: int | None = None) -> None:
        super().__init__(rcode)
        self.rcode = rcode
        self.query = query
        self.ede = ede


class Query(msgspec.Struct, eq=False):
    """A question as asked. `question` keeps the client's case; `name` is lower case.

    Without a question (both are empty) it asks for a cookie alone (RFC 7873 section 5.4).
    """

    id: bytes
    flags: int
    question: bytes  # name, type, class as on the wire
    name: bytes
    qtype: int
    qclass: int
    edns: bool = False
    payload: int = MIN_UDP  # what the client can take by UDP, octets
    do: bool = False
    options: bytes = b""
    cookie: bytes | None = None  # what stands in the options, not checked
    keepalive: bytes | None = None
    cookie_verified: bool = False  # the client has shown that it reads what is sent to its address
    claims: Claims | None = None  # what the options say of who asks, not believed yet
    direct: bool = True  # a TCP connection is the client's own: it reads what is sent to its address
    transport: Transport | None = None  # by what the client speaks to the proxy that named it, where one did
    counted: bytes | None = None  # the hit that is recorded of it already
    returns: bytes = b""  # options for the OPT record of the answer, filled in by resolver.options

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
    if len(packet) < HEADER:
        raise Ignored
    _ident, flags, questions, answers, authorities, additionals = _HEADER.unpack_from(packet)
    if flags & QR:
        raise Ignored
    if flags & OPCODE:
        raise Malformed(NOTIMP, _readable(packet, questions, additionals), EDE_NOT_SUPPORTED)
    if questions != 1:
        if questions or answers or authorities:  # RFC 9619: QDCOUNT above 1 is a format error
            raise Malformed(FORMERR, bare(packet))
        return _cookie_alone(packet, additionals)
    query, end = _question(packet)
    # RFC 1995 section 3: an IXFR brings the SOA of its version in the authority section; no other question brings any.
    if answers or (authorities and (query.qtype != TYPE_IXFR or authorities != 1)):
        raise Malformed(FORMERR, query)
    if authorities:
        _kind, _owner, _fixed, end = _record(packet, end, query)
    if additionals:
        end = _additional(packet, end, additionals, query)
    if end != len(packet):
        raise Malformed(FORMERR, query)
    if query.qtype in NO_QUESTION:
        raise Malformed(FORMERR, query, EDE_INVALID_TYPE)
    return query


def bare(packet: bytes) -> Query:
    """A query whose question could not be read: only its header is answered."""
    return Query(packet[:2], int.from_bytes(packet[2:4], "big"), b"", b"", 0, 0)


def _question(packet: bytes) -> tuple[Query, int]:
    """The first question, and where it ends."""
    limit = len(packet)
    at = HEADER
    while at < limit and (size := packet[at]):
        if size > 63:  # a pointer has nothing to point back to; other high bits are reserved
            raise Malformed(FORMERR, bare(packet))
        at += size + 1
    end = at + 5
    if end > limit or at - HEADER >= MAX_NAME:
        raise Malformed(FORMERR, bare(packet))
    qtype, qclass = _TYPE_CLASS.unpack_from(packet, end - 4)
    asked = packet[HEADER:end]
    return Query(packet[:2], (packet[2] << 8) | packet[3], asked, asked[:-4].lower(), qtype, qclass), end


def _cookie_alone(packet: bytes, additionals: int) -> Query:
    """No question: RFC 7873 section 5.4 lets a client ask for a cookie so. Anything else is a format error."""
    query = bare(packet)
    if _additional(packet, HEADER, additionals, query) != len(packet) or query.cookie is None:
        raise Malformed(FORMERR, query)
    return query


def _readable(packet: bytes, questions: int, additionals: int) -> Query:
    """What can be read of a message of another opcode: its question is echoed, its EDNS answered by EDNS.

    Only in the common shape (NOTIFY, STATUS); where other records stand between, the header has to do.
    """
    query = bare(packet)
    if questions != 1 or any(packet[6:10]):
        return query
    try:
        query, end = _question(packet)
        _additional(packet, end, additionals, query)
    except Malformed:
        pass
    return query


def _record(packet: bytes, at: int, query: Query) -> tuple[int, int, tuple[int, int, int], int]:
    """(type, first octet of the owner, (class, TTL, where the data begins), end) of the record at `at`."""
    limit, owner = len(packet), at
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
    kind, qclass, ttl, length = _RR.unpack_from(packet, at)
    at += _RR.size
    if at + length > limit:
        raise Malformed(FORMERR, query)
    return kind, packet[owner], (qclass, ttl, at), at + length


def _additional(packet: bytes, at: int, count: int, query: Query) -> int:
    """Walk the additional section; take the OPT record. Returns where it ends."""
    for _ in range(count):
        kind, owner, (payload, ttl, data), end = _record(packet, at, query)
        if kind == TYPE_OPT:
            if query.edns or owner:  # RFC 6891 section 6.1.1: one OPT, owned by the root
                raise Malformed(FORMERR, query)
            query.edns = True
            query.payload = max(payload, MIN_UDP)
            query.do = bool(ttl & DO)
            if (ttl >> 16) & 0xFF:  # what else another version means nobody can say: nothing else is looked at
                raise Malformed(BADVERS, query)
            if end > data:
                _take_options(packet[data:end], query)
        at = end
    return at


def _take_options(data: bytes, query: Query) -> None:
    try:
        query.cookie, query.keepalive, query.claims = read_options(data)
    except BadOptions:
        raise Malformed(FORMERR, query) from None
    query.options = data


def wants_recursion(query: Query) -> bool:
    """RD is set."""
    return bool(query.flags & RD)
