"""Reads an upstream's answer: that it fits the question, its records and TTLs, how long it may be kept.

Nothing is stored here and nothing is trusted: any bytes give an Answer or BadAnswer.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from resolver.wire.constants import AD, HEADER, NOERROR, NXDOMAIN, OPCODE, QR, RCODE, TC, TYPE_OPT, TYPE_SOA
from resolver.wire.reply import NOTHING, Records

_HEADER = struct.Struct("!HHHHHH")
_RR = struct.Struct("!HHIH")
_U32 = struct.Struct("!I")


class BadAnswer(Exception):
    """Not an answer to our question, or not a well-formed message. `mismatch`: it may be forged, so keep waiting."""

    def __init__(self, reason: str, *, mismatch: bool = False) -> None:
        super().__init__(reason)
        self.mismatch = mismatch


class Answer(NamedTuple):
    """What an upstream said, ready to be kept: records without OPT, and where their TTLs stand in the message."""

    rcode: int
    truncated: bool
    ad: bool
    records: Records
    ttls: tuple[tuple[int, int], ...]  # (offset from the message's start, seconds)
    lifetime: int  # seconds that it may be kept; 0 for errors
    edns: bool  # it carries an OPT record, so its sender knows EDNS


def read(packet: bytes, question: bytes, max_ttl: int, max_negative: int) -> Answer:
    """Check `packet` against the question (lower case name, type, class) that was asked; raise BadAnswer."""
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
    echoed = packet[HEADER:end]
    if echoed[:-4].lower() != question[:-4] or echoed[-4:] != question[-4:]:
        raise BadAnswer("answers another question", mismatch=True)
    walk = _Walk(packet, end)
    if flags & TC:
        return Answer(rcode, True, False, NOTHING, (), 0, False)
    walk.section(answers, 0)
    walk.section(authorities, 1)
    walk.section(additionals, 2)
    rcode |= walk.high_rcode << 4
    ttls = tuple((offset, min(ttl, max_ttl)) for offset, ttl in walk.ttls)
    lifetime = _lifetime(rcode, answers, ttls, walk.negative_ttl, max_negative)
    data = packet[end : walk.end_of_data]
    records = Records(data, answers, authorities, walk.kept_additionals)
    return Answer(rcode, False, bool(flags & AD), records, ttls, lifetime, walk.edns)


def _bare_error(packet: bytes, rcode: int, additionals: int) -> Answer:
    """An error that echoes no question: who cannot read a question cannot echo it (old servers that meet EDNS).

    It says nothing about any name, so one that fits ID and port is enough: a forged one costs us another try.
    """
    walk = _Walk(packet, HEADER)
    walk.section(additionals, 2)
    return Answer(walk.high_rcode << 4 | rcode, False, False, NOTHING, (), 0, walk.edns)


def _lifetime(rcode: int, answers: int, ttls: tuple[tuple[int, int], ...], negative: int | None, cap: int) -> int:
    """Positive: the smallest TTL. Negative: RFC 2308 section 5, only with a SOA. Other errors are not kept."""
    smallest = min((ttl for _offset, ttl in ttls), default=0)
    if rcode == NOERROR and answers and negative is None:
        return smallest
    if rcode in {NOERROR, NXDOMAIN} and negative is not None:
        return min(negative, cap, smallest)
    return 0


class _Walk:
    """Goes once over the records. Records after an OPT that is not the last are left out: they are hints only."""

    def __init__(self, packet: bytes, at: int) -> None:
        self.packet = packet
        self.at = at
        self.ttls = list[tuple[int, int]]()
        self.high_rcode = 0
        self.negative_ttl: int | None = None
        self.kept_additionals = 0
        self.end_of_data = at
        self.edns = False  # an OPT record was seen

    def section(self, count: int, number: int) -> None:
        """Walk one section; 0 answer, 1 authority, 2 additional."""
        packet, limit = self.packet, len(self.packet)
        for _ in range(count):
            at = _skip_name(packet, self.at)
            if at + 10 > limit:
                raise BadAnswer("ends inside a record")
            kind, _class, ttl, length = _RR.unpack_from(packet, at)
            end = at + 10 + length
            if end > limit:
                raise BadAnswer("record data runs over the end")
            self.at = end
            if kind == TYPE_OPT:
                if number != 2:
                    raise BadAnswer("OPT outside the additional section")
                self.high_rcode = ttl >> 24
                self.edns = True
                continue
            if self.edns:
                continue
            if ttl & 0x80000000:  # RFC 2181 section 8: a TTL with the top bit set counts as zero
                ttl = 0
            if number == 1 and kind == TYPE_SOA and length >= 22:
                (minimum,) = _U32.unpack_from(packet, end - 4)
                self.negative_ttl = min(ttl, minimum)
            self.ttls.append((at + 4, ttl))
            self.kept_additionals += number == 2
            self.end_of_data = end


def _skip_name(packet: bytes, at: int) -> int:
    """Where a name ends. Pointers are not followed: one that points nowhere is the client's parser's to refuse."""
    try:
        while size := packet[at]:
            if size >= 0xC0:
                if at + 2 > len(packet) or ((size & 0x3F) << 8 | packet[at + 1]) >= at:
                    raise BadAnswer("a name points forward")
                return at + 2
            if size > 63:
                raise BadAnswer("a reserved label type")
            at += size + 1
    except IndexError:
        raise BadAnswer("ends inside a name") from None
    return at + 1
