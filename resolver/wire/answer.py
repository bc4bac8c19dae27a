"""Reads an upstream's answer: that it fits the question, its records and TTLs, how long it may be kept.

Nothing is stored here and nothing is trusted: any bytes give an Answer or BadAnswer.
"""

from __future__ import annotations

import struct

import msgspec

from resolver.wire.constants import (
    AD,
    HEADER,
    NOERROR,
    NXDOMAIN,
    OPCODE,
    QR,
    RCODE,
    TC,
    TYPE_A,
    TYPE_AAAA,
    TYPE_CNAME,
    TYPE_HTTPS,
    TYPE_OPT,
    TYPE_RRSIG,
    TYPE_SOA,
    TYPE_SVCB,
)
from resolver.wire.edns import extended_error
from resolver.wire.reply import NOTHING, Records

_HEADER = struct.Struct("!HHHHHH")
_RR = struct.Struct("!HHIH")
_U32 = struct.Struct("!I")
MAX_NAME = 254  # octets before the root's
MAX_ADDRESSES = 2000  # in one answer, hints too: each is looked up in each list, and a message has room for 16,000
MAX_JUMPS = 127  # pointers in one name: no name has more labels, and a chain of thousands took seconds

# Octets before, names, octets behind, of types whose data may be compressed (RFC 3597 section 4) and SRV, where it is.
_NAMES_IN = {2: (0, 1, 0), 5: (0, 1, 0), 6: (0, 2, 20), 12: (0, 1, 0), 15: (2, 1, 0), 33: (6, 1, 0), 39: (0, 1, 0)}
_LENGTHS = {1: 4, 28: 16}
_NEGATIVE = frozenset((TYPE_SOA, TYPE_RRSIG))  # what says in the authority section for how long a negative answer holds
ALIASES, ADDRESSES = 1, 2  # what an answer may lead to
_LEADS = {TYPE_CNAME: ALIASES, TYPE_A: ADDRESSES, TYPE_AAAA: ADDRESSES}
_SERVICES = frozenset((TYPE_SVCB, TYPE_HTTPS))
_ENDS = _SERVICES | {*_LENGTHS}
_LEADS |= dict.fromkeys((TYPE_SVCB, TYPE_HTTPS), ALIASES | ADDRESSES)
_COVERS_SOA = TYPE_SOA.to_bytes(2, "big")


class BadAnswer(Exception):
    """Not an answer to our question, or not a well-formed message. `mismatch`: it may be forged, so keep waiting.

    `case`: it differs from the question that was sent in upper and lower case only.
    """

    def __init__(self, reason: str, *, mismatch: bool = False, case: bool = False) -> None:
        super().__init__(reason)
        self.mismatch = mismatch
        self.case = case


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What an upstream said, ready to be kept: records without OPT, and where their TTLs stand in the message."""

    rcode: int
    truncated: bool
    ad: bool
    records: Records
    ttls: tuple[tuple[int, int], ...]  # (offset from the message's start, seconds)
    lifetime: int  # seconds that it may be kept; 0 for errors
    edns: bool  # it carries an OPT record, so its sender knows EDNS
    exact: bool = True  # the TTLs in the records are those in `ttls`: none had to be cut
    remark: bytes = b""  # its extended error, as an option for clients
    leads: int = 0  # whether it leads on: ALIASES, ADDRESSES or both


def read(packet: bytes, question: bytes, max_ttl: int, max_negative: int) -> Answer:
    """Check `packet` against the question (name, type, class) as it was sent; raise BadAnswer.

    Where the question has upper case letters it must come back in its very case.
    """
    end = HEADER + len(question)
    if len(packet) < HEADER:
        raise BadAnswer("too short", mismatch=True)
    _ident, flags, questions, answers, authorities, additionals = _HEADER.unpack_from(packet)
    if not flags & QR or flags & OPCODE:
        raise BadAnswer("no answer to a query", mismatch=True)
    rcode = flags & RCODE
    if not (questions or answers or authorities) and rcode not in {NOERROR, NXDOMAIN}:
        return _bare_error(packet, rcode, additionals)
    if questions != 1 or len(packet) < end:
        raise BadAnswer("not our one question", mismatch=True)
    if packet[HEADER:end] != question:
        _compare(packet[HEADER:end], question)
    if flags & TC:
        return Answer(rcode, True, False, NOTHING, (), 0, False)
    walk = _Walk(packet, end, (answers, authorities, additionals), max_ttl, max_negative)
    if walk.high_rcode:
        rcode |= walk.high_rcode << 4
    if walk.negative_ttl is None:
        if authorities and not answers and rcode == NOERROR:  # it knows who might know: RFC 2308 section 2.2
            raise BadAnswer("a referral")
        lifetime = walk.smallest if answers and rcode == NOERROR and walk.ttls else 0
    else:  # RFC 2308 section 5: only with a SOA
        lifetime = walk.smallest if rcode in {NOERROR, NXDOMAIN} else 0
    data = packet[end : walk.end_of_data]
    if walk.spelled:
        data = _in_lower_case(data, [(at - end, until - end) for at, until in walk.spelled], question[:-4])
    records = Records(data, answers, authorities)
    ad = bool(flags & AD)
    return Answer(rcode, False, ad, records, tuple(walk.ttls), lifetime, walk.edns, walk.exact, walk.remark, walk.leads)


def _compare(echoed: bytes, question: bytes) -> None:
    name = question[:-4]
    lower = name.lower()
    if echoed[:-4].lower() != lower or echoed[-4:] != question[-4:]:
        raise BadAnswer("answers another question", mismatch=True)
    if name != lower:
        raise BadAnswer("answers in another case", mismatch=True, case=True)


def _bare_error(packet: bytes, rcode: int, additionals: int) -> Answer:
    """An error that echoes no question: who cannot read a question cannot echo it (old servers that meet EDNS).

    It says nothing about any name, so one that fits ID and port is enough: a forged one costs us another try.
    """
    walk = _Walk(packet, HEADER, (0, 0, additionals), 0)
    return Answer(walk.high_rcode << 4 | rcode, False, False, NOTHING, (), 0, walk.edns)


def _in_lower_case(data: bytes, names: list[tuple[int, int]], asked: bytes) -> bytes:
    """Owner names written out by a server that copied our mixed case go back to lower case: it was chance."""
    changed = bytearray(data)
    for at, until in names:
        if asked.endswith(data[at:until]):
            changed[at:until] = data[at:until].lower()
    return bytes(changed)


class _Walk:
    """Goes once over the records. Those of the additional section must be well-formed, and are left out.

    They are hints that nobody asked for and no policy has judged: an MX record may come with a listed server's address.
    """

    __slots__ = (
        "addresses",
        "edns",
        "end_of_data",
        "exact",
        "high_rcode",
        "leads",
        "max_negative",
        "negative_ttl",
        "remark",
        "smallest",
        "spelled",
        "starts",
        "ttls",
    )

    def __init__(
        self, packet: bytes, at: int, counts: tuple[int, int, int], max_ttl: int, max_negative: int = 0
    ) -> None:
        self.ttls: list[tuple[int, int]] = []
        self.smallest = max_ttl
        self.high_rcode = 0
        self.max_negative = max_negative
        self.negative_ttl: int | None = None
        self.end_of_data = at
        self.edns = False  # an OPT record was seen
        self.exact = True
        self.remark = b""
        self.leads = 0
        self.addresses = 0  # at most so many, and other records
        self.spelled: list[tuple[int, int]] = []  # owner names that are not compressed
        self.starts = _label_starts(packet, at)
        for number, count in enumerate(counts):
            if count:
                at = self._section(packet, at, count, number, max_ttl)
            if not number:
                self.leads = self._leading(packet)
                if self.addresses > MAX_ADDRESSES:
                    raise BadAnswer("more addresses than any host has")

    def _section(self, packet: bytes, at: int, count: int, number: int, max_ttl: int) -> int:
        """Walk one section; 0 answer, 1 authority, 2 additional. Returns where it ends."""
        limit = len(packet)
        unpack = _RR.unpack_from
        for _ in range(count):
            owner = at
            if at + 12 <= limit and packet[at] == 0xC0 and packet[at + 1] in self.starts:
                at += 2  # the usual pointer: to the question's name, or to a parent in it
            else:
                at = _skip_name(packet, at)
                if at - owner > 2 and number != 2:
                    self.spelled.append((owner, at))
            if at + 10 > limit:
                raise BadAnswer("ends inside a record")
            kind, _class, ttl, length = unpack(packet, at)
            end = at + 10 + length
            if end > limit:
                raise BadAnswer("record data runs over the end")
            if kind == TYPE_OPT:
                if number != 2:
                    raise BadAnswer("OPT outside the additional section")
                self.high_rcode = ttl >> 24
                self.edns = True
                if length:
                    self.remark = extended_error(packet[at + 10 : end])
            elif number != 2:
                names = _NAMES_IN.get(kind)
                if names is not None:
                    _check_data(packet, at + 10, end, names)
                elif kind in _ENDS:
                    self.addresses += _addresses_in(packet, kind, at + 10, end)
                if ttl > max_ttl:  # RFC 2181 section 8: a TTL with the top bit set counts as zero
                    ttl = 0 if ttl & 0x80000000 else max_ttl
                    self.exact = False
                if number == 1 and kind in _NEGATIVE:
                    ttl = self._negative(packet, kind, (at + 10, end), ttl)
                if ttl < self.smallest:
                    self.smallest = ttl
                self.ttls.append((at + 4, ttl))
                self.end_of_data = end
            at = end
        return at

    def _leading(self, packet: bytes) -> int:
        """What the records of the answer section lead to."""
        leads = 0
        for at, _ttl in self.ttls:
            leads |= _LEADS.get(packet[at - 3] if not packet[at - 4] else 0, 0)  # none of these types is above 255
        return leads

    def _negative(self, packet: bytes, kind: int, data: tuple[int, int], ttl: int) -> int:
        """The TTL of a SOA that says for how long there is nothing (RFC 2308 section 5), cut for those behind us too.

        Its signature, which stands behind it, has the same TTL (RFC 4034 section 3).
        """
        at, end = data
        if kind == TYPE_SOA:
            minimum: int = _U32.unpack_from(packet, end - 4)[0]
            cut = self.negative_ttl = min(ttl, minimum, self.max_negative)
        elif self.negative_ttl is not None and packet[at : at + 2] == _COVERS_SOA:
            cut = min(ttl, self.negative_ttl)
        else:
            return ttl
        if cut < ttl:
            self.exact = False
        return cut


def _label_starts(packet: bytes, end: int) -> list[int]:
    """Where the labels of the question begin that ends there: a pointer to one of them is to a whole name."""
    at, starts = HEADER, []
    while at < end - 4 and (size := packet[at]):
        starts.append(at)
        at += size + 1
    return starts


def _check_data(packet: bytes, at: int, end: int, names: tuple[int, int, int]) -> None:
    """That names in record data end where the data ends: clients' parsers differ in what they make of others."""
    before, count, behind = names
    at += before
    for _ in range(count):
        if at >= end:
            raise BadAnswer("record data ends before its name")
        at = _skip_name(packet, at)
    if at + behind != end:
        raise BadAnswer("record data of a wrong length")


def _addresses_in(packet: bytes, kind: int, at: int, end: int) -> int:
    """At most how many there are in a record. The target of a service must be a name that is not compressed.

    RFC 9460 section 2.2: clients that differ in reading another would see other hints than we.
    """
    found = (end - at) // 4
    if kind not in _SERVICES:
        if end - at != _LENGTHS[kind]:
            raise BadAnswer("record data of a wrong length")
        return 1
    at += 2
    while at < end and (size := packet[at]):
        if size > 63:
            raise BadAnswer("the target of a service is no plain name")
        at += size + 1
    if at >= end:
        raise BadAnswer("record data ends before its name")
    return found


def _skip_name(packet: bytes, at: int) -> int:
    """Where a name ends. Each pointer must lead to before the name that it stands in, so none leads in a circle.

    What stands there must end before that name begins, too, or it would read on into what we cut off.
    """
    start, end, length, bound, jumps = at, 0, 0, len(packet), 0
    try:
        while size := packet[at]:
            if size >= 0xC0:
                end = end or at + 2
                split = at + 1 >= bound
                jumps += 1
                at = (size & 0x3F) << 8 | packet[at + 1]
                if split or not HEADER <= at < start or jumps > MAX_JUMPS:
                    raise BadAnswer("a name points to where none can be")
                start, bound = at, start
                continue
            if size > 63:
                raise BadAnswer("a reserved label type")
            at += size + 1
            length += size + 1
            if length > MAX_NAME or at >= bound:
                raise BadAnswer("a name over 255 octets, or over its end")
    except IndexError:
        raise BadAnswer("ends inside a name") from None
    return end or at + 1
