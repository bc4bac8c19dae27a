"""The fuzzer's inner part: packets through the engine and the readers in this process, guided by the lines they reach.

No sockets. What a packet may bring about is written here as checks; a broken one is a Finding.
"""

from __future__ import annotations

import random
import re
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple

import dns.exception
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.wire

from resolver.cache.entry import CachedAnswer
from resolver.engine import Engine
from resolver.outcome import Forward, Reply
from resolver.server.proxy import MAX_HEADER, BadHeader, Header, read_header
from resolver.wire import answer as wire_answer
from resolver.wire.answer import Answer, BadAnswer
from tests.fuzz import seeds
from tests.fuzz.findings import Finding
from tests.fuzz.mutating import mutated
from tests.peers.hostile import large_text
from tests.resolver.making import CLIENT, engine, listed, policy, query

Check = Callable[[bytes], None]
MAX_TTL, MAX_NEGATIVE = 86400, 3600
HUNG = 2.0  # seconds that no packet may take
ASKED = query(seeds.QUESTION)[12:]
COMPRESSED = {dns.rdatatype.from_text(kind) for kind in ("A", "AAAA", "NS", "CNAME", "SOA", "PTR", "MX")}
WATCHED = (
    "/resolver/server/proxy.py",
    "/resolver/wire/",
    "/resolver/cache/",
    "/resolver/engine.py",
    "/resolver/cookies.py",
    "/resolver/policy/",
)


class Tally(NamedTuple):
    """What a run came to."""

    packets: int
    kept: int
    lines: int


class Inside:
    """Engine and checks."""

    def __init__(self, folder: Path) -> None:
        live = policy(folder, ("evil", "enforce", [listed("evil-sample.example"), listed("version.bind")]))
        self.engine: Engine = engine(live)
        self.group = self.engine.access.group(CLIENT)
        self.now = 1000.0
        self.checks: dict[str, Check] = {"client": self.client, "answer": self.answer, "proxy": self.proxy}

    def client(self, packet: bytes) -> None:
        """One packet of a client, by UDP and TCP."""
        self.now += 0.01
        for transport in ("udp", "tcp"):
            try:
                outcome = self.engine.answer(packet, self.group, transport, self.now, CLIENT)  # type: ignore[arg-type]
            except Exception as error:
                raise Finding("client", f"raises {error!r}", packet) from error
            if outcome is None:
                continue
            if len(packet) < 12 or packet[2] & 0x80:
                raise Finding("client", "a response, or less than a header, is answered", packet)
            if isinstance(outcome, Reply):
                self._body(packet, outcome.body, transport)
            elif isinstance(outcome, Forward):
                for cached in (None, self._large(outcome.key[0])):
                    reply = self.engine.complete(outcome.query, self.group, transport, cached, self.now)  # type: ignore[arg-type]
                    self._body(packet, reply.body, transport)

    def proxy(self, packet: bytes) -> None:
        """One packet of a proxy, and the same as a stream that comes in parts: header, then what is behind it."""
        header = self._header(packet)
        parts = [self._header(packet[:end]) for end in range(0, min(len(packet), MAX_HEADER) + 1, 7)]
        told = None
        for part in [*parts, header]:
            if told is not None and part != told:
                raise Finding("proxy", "more octets change what was told of the header", packet)
            told = part
        if not isinstance(header, Header):
            return
        if not 16 <= header.size <= min(len(packet), MAX_HEADER):
            raise Finding("proxy", f"a header of {header.size} octets", packet)
        if header.client is not None and len(header.client) not in {4, 16}:
            raise Finding("proxy", "a client whose address is none", packet)
        self.client(packet[header.size :])

    def _header(self, octets: bytes) -> Header | type[BadHeader] | None:
        try:
            return read_header(octets)
        except BadHeader:
            return BadHeader
        except Exception as error:
            raise Finding("proxy", f"raises {error!r}", octets) from error

    def _large(self, question: bytes) -> CachedAnswer:
        """An answer of some 900 or 2500 octets: one that fits and one that does not, for those who speak EDNS."""
        text = large_text(900 if len(question) % 2 else 2500)
        whole = b"\0\7\x81\x80\0\1\0\1\0\0\0\0" + question + text
        return CachedAnswer(wire_answer.read(whole, question, MAX_TTL, MAX_NEGATIVE), 12 + len(question), self.now)

    def _body(self, packet: bytes, body: bytes, transport: str) -> None:
        size = len(body) + 2
        if not body[0] & 0x80:
            raise Finding("client", "the answer has no QR", packet)
        if (body[0] ^ packet[2]) & 0x79:
            raise Finding("client", "opcode or RD are not those of the question", packet)
        if transport == "udp" and size > (1232 if b"\0\0\x29" in packet else 512):
            raise Finding("client", f"{size} octets are more than was announced", packet)

    def answer(self, packet: bytes) -> None:
        """One packet of an upstream, read, kept, counted down, given to a client."""
        try:
            found = wire_answer.read(packet, ASKED, MAX_TTL, MAX_NEGATIVE)
        except BadAnswer:
            return
        except Exception as error:
            raise Finding("answer", f"raises {error!r}", packet) from error
        if found.lifetime > MAX_TTL or found.lifetime < 0 or any(not 0 <= ttl <= MAX_TTL for _at, ttl in found.ttls):
            raise Finding("answer", f"a TTL out of bounds: {found.lifetime}, {found.ttls}", packet)
        if packet[12 : 12 + len(ASKED)].lower() != ASKED.lower() and (found.lifetime or found.records.data):
            raise Finding("answer", "an answer to another question is taken", packet)
        _read_by_another(packet, found)
        try:
            self._given(CachedAnswer(found, 12 + len(ASKED), self.now))
        except Finding:
            raise
        except Exception as error:
            raise Finding("answer", f"raises {error!r} when it is kept and given", packet) from error

    def _given(self, cached: CachedAnswer) -> None:
        for edns, room in ((None, 512), (1232, 1232)):
            packet = query(f"f{id(cached)}.good.example", edns=edns)
            asked = self.engine.answer(packet, self.group, "udp", self.now, CLIENT)
            assert isinstance(asked, Forward)
            for later in (0.0, 1.0, 299.5, 1e6):
                for transport in ("udp", "tcp"):
                    reply = self.engine.complete(asked.query, self.group, transport, cached, self.now + later)  # type: ignore[arg-type]
                    if transport == "udp" and len(reply.body) + 2 > room:
                        raise Finding("answer", "more than the client announced", reply.body)
                cached.stale_records()


def _read_by_another(packet: bytes, found: Answer) -> None:
    """Owners, and the data of the types whose names may be compressed, as dnspython reads what clients are given.

    The insides of other types are opaque to resolvers (RFC 3597): for those who asked for them to judge.
    """
    records = found.records
    parser = dns.wire.Parser(packet[:12] + ASKED + records.data, 12 + len(ASKED))
    try:
        for _ in range(records.answers + records.authorities):
            parser.get_name(decompress=True)
            kind, _class, _ttl, length = parser.get_struct("!HHIH")
            with parser.restrict_to(length):
                if kind in COMPRESSED:
                    dns.rdata.from_wire_parser(dns.rdataclass.IN, kind, parser)
                else:
                    parser.get_remaining()
    except dns.exception.DNSException as error:
        raise Finding("answer", f"what is handed on cannot be read: {error!r}", packet) from error


class Guide:
    """Which lines of the watched files were reached; by sys.settrace, for sys.monitoring is of Python 3.12."""

    def __init__(self) -> None:
        self.seen: set[tuple[int, int]] = set()
        self._new = False
        self._watched: dict[CodeType, bool] = {}

    def __call__(self, check: Check, packet: bytes) -> bool:
        """Run it; whether it reached a line for the first time."""
        self._new = False
        before = sys.gettrace()
        sys.settrace(self._enter)
        try:
            check(packet)
        finally:
            sys.settrace(before)
        return self._new

    def _enter(self, frame: FrameType, _event: str, _given: Any) -> Any:
        code = frame.f_code
        watched = self._watched.get(code)
        if watched is None:
            watched = self._watched[code] = any(part in code.co_filename for part in WATCHED)
        return self._line if watched else None

    def _line(self, frame: FrameType, event: str, _given: Any) -> Any:
        if event == "line":
            place = (id(frame.f_code), frame.f_lineno)
            if place not in self.seen:
                self.seen.add(place)
                self._new = True
        return self._line


def run(part: str, source: random.Random, packets: int, seconds: float) -> tuple[Tally, list[Finding]]:
    """`packets` damaged packets through one of the checks, for at most `seconds`."""
    before = signal.signal(signal.SIGALRM, _hung)
    try:
        return _fire(part, source, packets, time.monotonic() + seconds)
    finally:
        signal.signal(signal.SIGALRM, before)


def _fire(part: str, source: random.Random, packets: int, end: float) -> tuple[Tally, list[Finding]]:
    corpus = {"client": seeds.questions, "answer": seeds.answers, "proxy": seeds.proxied}[part]()
    guide, findings, reasons = Guide(), list[Finding](), set[str]()
    count = grown = 0
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        check = Inside(Path(folder)).checks[part]
        for packet in list(corpus):
            _one(guide, check, packet, findings, reasons)
        while count < packets and time.monotonic() < end:
            count += 1
            packet = mutated(source, corpus)
            # Tracing costs ten times the packet: every eighth guides, all are checked.
            if count % 8:
                _one(lambda action, given: bool(action(given)), check, packet, findings, reasons)
            elif _one(guide, check, packet, findings, reasons):
                corpus.append(packet)
                grown += 1
    return Tally(count, grown, len(guide.seen)), findings


def _one(call: Callable[[Check, bytes], bool], check: Check, packet: bytes, findings: list[Finding],
         reasons: set[str]) -> bool:  # fmt: skip
    """Whether it is worth going on from this packet."""
    signal.setitimer(signal.ITIMER_REAL, HUNG)
    try:
        return call(check, packet)
    except Finding as found:
        kind = re.sub(r"\d+", "", found.reason)  # one of a kind
        if kind in reasons:
            return False
        reasons.add(kind)
        findings.append(found)
        return True
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _hung(_number: int, _frame: FrameType | None) -> None:
    raise TimeoutError(f"not done within {HUNG} s")
