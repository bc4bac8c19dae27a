"""Puts one question to two servers and says in what their answers differ. No opinion about who is right.

What may differ and why stands in tests.peers.differences.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype

from tests.peers.questions import Question

HOST = "127.0.0.1"
FLAGS = ("QR", "AA", "TC", "RD", "RA", "AD", "CD")
SECTIONS = ("answer", "authority", "additional")
Record = tuple[str, int, int, bytes]  # owner in lower case, class, type, data in canonical form


class Told(NamedTuple):
    """One answer. None: no answer, or none that dnspython can read; `trouble` says which."""

    message: dns.message.Message | None
    trouble: str
    at: float
    size: int


class Difference(NamedTuple):
    """One thing that differs: `aspect` is a word of the table, `ours` and `theirs` are what each said."""

    question: Question
    turn: int  # 0: asked for the first time, 1: again
    aspect: str
    ours: object
    theirs: object
    told: tuple[Told, Told]

    def __str__(self) -> str:
        return f"{self.question.id} turn {self.turn}: {self.aspect}: ours {self.ours!r}, theirs {self.theirs!r}"


def put(question: Question, port: int, source: str) -> Told:
    """Ask once; truncated answers stay truncated."""
    query = question.message()
    try:
        ask = dns.query.tcp if question.manner.tcp else dns.query.udp
        kwargs = {} if question.manner.tcp else {"raise_on_truncation": False}
        message = ask(query, HOST, timeout=8, port=port, source=source, **kwargs)
    except dns.exception.Timeout:
        return Told(None, "silent", time.monotonic(), 0)
    except (dns.exception.DNSException, EOFError, OSError) as error:
        return Told(None, type(error).__name__, time.monotonic(), 0)
    return Told(message, "", time.monotonic(), len(message.wire or b""))


def compare_all(questions: Iterable[Question], ours: int, theirs: int, source: str, began: float) -> list[Difference]:
    """Every question twice to both servers, which have been asked nothing before `began`."""
    found = []

    def one(question: Question) -> list[Difference]:
        differences = []
        for turn in (0, 1):
            told = put(question, ours, source), put(question, theirs, source)
            differences += list(compare(question, turn, told, began))
        return differences

    with ThreadPoolExecutor(6) as pool:
        for differences in pool.map(one, questions):
            found += differences
    return found


def compare(question: Question, turn: int, told: tuple[Told, Told], began: float) -> Iterable[Difference]:
    """Everything in which two answers differ."""
    ours, theirs = told[0].message, told[1].message

    def differ(aspect: str, mine: object, other: object) -> Difference:
        return Difference(question, turn, aspect, mine, other, told)

    if ours is None or theirs is None:
        if told[0].trouble != told[1].trouble:
            yield differ("answered", told[0].trouble, told[1].trouble)
        return
    if ours.rcode() != theirs.rcode():
        yield differ("rcode", dns.rcode.to_text(ours.rcode()), dns.rcode.to_text(theirs.rcode()))
    for flag in FLAGS:
        bit = dns.flags.from_text(flag)
        if (ours.flags ^ theirs.flags) & bit:
            yield differ(flag, bool(ours.flags & bit), bool(theirs.flags & bit))
    if ours.opcode() != theirs.opcode():
        yield differ("opcode", ours.opcode(), theirs.opcode())
    yield from (differ(*rest) for rest in _question(ours, theirs))
    yield from (differ(*rest) for rest in _edns(ours, theirs))
    for section in SECTIONS:
        mine, other = records(ours, section), records(theirs, section)
        if set(mine) != set(other):
            yield differ(section, sorted(set(mine) - set(other)), sorted(set(other) - set(mine)))
        slack = told[0].at - began + 1.5  # either may have had it for so long
        for record in set(mine) & set(other):
            if abs(mine[record] - other[record]) > slack:
                yield differ("ttl", mine[record], other[record])


def records(message: dns.message.Message, section: str) -> dict[Record, int]:
    """Record -> TTL."""
    return {
        (rrset.name.to_text().lower(), rrset.rdclass, rrset.rdtype, item.to_digestable()): rrset.ttl
        for rrset in getattr(message, section)
        for item in rrset
    }


def _question(ours: dns.message.Message, theirs: dns.message.Message) -> Iterable[tuple[str, object, object]]:
    mine, other = ([(q.name.labels, q.rdclass, q.rdtype) for q in m.question] for m in (ours, theirs))
    if mine != other:
        yield "question", mine, other


def _edns(ours: dns.message.Message, theirs: dns.message.Message) -> Iterable[tuple[str, object, object]]:
    if (ours.edns, ours.ednsflags) != (theirs.edns, theirs.ednsflags):
        yield "edns", (ours.edns, hex(ours.ednsflags)), (theirs.edns, hex(theirs.ednsflags))
    elif ours.payload != theirs.payload:
        yield "payload", ours.payload, theirs.payload
    mine, other = (sorted(int(option.otype) for option in m.options) for m in (ours, theirs))
    if mine != other:
        yield "options", mine, other
