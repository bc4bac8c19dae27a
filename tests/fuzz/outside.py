"""The fuzzer's outer part: damaged questions by UDP and TCP to a running service, damaged answers from its upstream.

Ordinary questions are asked all the while and must be answered rightly. A broken rule is a Finding.
"""

from __future__ import annotations

import random
import select
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import dns.exception
import dns.message
import dns.query

from contracts.control import RunFolder
from runtime.control import ask as control
from tests.e2e.service import Service
from tests.fuzz import seeds
from tests.fuzz.findings import Finding
from tests.fuzz.mutating import mutated
from tests.peers.hostile import BEHAVIOURS, RIGHT, Asked, Hostile, Send

BATCH = 64
STREAM = 40  # questions of one TCP connection
GROWTH = 48 * 1024  # kB that a worker may grow behind its first tenth
ADDRESS = b"\x7f\x35"  # 127.53, where listed names lead
SMALL = "  cache: {entries: 1000, finished: 1000}\n"


class Tally(NamedTuple):
    """What a run came to."""

    packets: int
    answered: int
    ordinary: int  # ordinary questions, every one answered rightly
    grown: int  # kB


class Liar(Hostile):
    """Answers `right-...` truly, all else at random: damaged answers, and whatever tests.peers.hostile can do."""

    def __init__(self, source: random.Random) -> None:
        self._source = source
        self._seeds = seeds.answers()
        self.sent = 0
        super().__init__()

    def answers(self, wire: bytes, tcp: bool) -> list[Send]:
        """What is sent for one question."""
        asked = _understood(wire)
        if asked is None:
            return []
        first = asked.question[1 : asked.question[0] + 1].lower()
        if first.startswith((b"right-", b"ready")) or not first:
            return [(0.0, asked.right())]
        with self._lock:
            self.sent += 1
            chance = self._source.random()
            if chance < 0.3:
                name = self._source.choice([one for one in BEHAVIOURS if one not in {"late", "silent"}])
                return list(BEHAVIOURS[name](Asked(wire, tcp, 0)))
            if chance < 0.32:
                return []
            whole = self._source.choice(self._seeds)
            packet = mutated(self._source, [asked.ident + whole[2:12] + asked.question + whole[12 + 23 :]])
            if self._source.random() < 0.8:  # so that it is looked at, and not only its ID
                packet = asked.ident + packet[2:12] + asked.question + packet[12 + len(asked.question) :]
        return [(0.0, packet)]


def _understood(wire: bytes) -> Asked | None:
    try:
        return Asked(wire, False, 0)
    except ValueError:
        return None


@contextmanager
def service(folder: Path, upstream: Hostile) -> Iterator[Service]:
    """The service with one worker and small tables, so that growth is a leak."""
    made = Service(folder, upstream.port)
    text = made.config.read_text(encoding="utf-8").replace("workers: 2\n", "workers: 1\n" + SMALL)
    made.config.write_text(text.replace("timeout_ms: 400", "timeout_ms: 100"), encoding="utf-8")
    try:
        yield made.start()
    finally:
        made.stop()


class Outside:
    """One service under fire."""

    def __init__(self, running: Service, source: random.Random) -> None:
        self._service = running
        self._source = source
        self._here = ("127.0.0.1", running.port)
        self._number = 0
        self.answered = self.ordinary = self.packets = 0
        self._control = RunFolder(running.state).control("resolver", 0)
        self._pid = int(control(self._control, "status")["pid"])

    def clients(self, packets: int, seconds: float) -> Tally:
        """Damaged questions; every eighth batch by TCP."""
        corpus = seeds.questions()

        def fire(turn: int) -> None:
            if turn % 8 == 7:
                self._stream([mutated(self._source, corpus) for _ in range(STREAM)])
            else:
                self._datagrams([mutated(self._source, corpus) for _ in range(BATCH)])

        return self._run(fire, packets, seconds)

    def upstreams(self, packets: int, seconds: float) -> Tally:
        """Questions in good order, whose answers are damaged on their way."""

        def fire(turn: int) -> None:
            names = [f"x{turn}-{i}.good.example" for i in range(BATCH)]
            kinds = ("A", "TXT", "MX", "AAAA", "HTTPS")
            self._datagrams([dns.message.make_query(name, self._source.choice(kinds), use_edns=0).to_wire()
                             for name in names])  # fmt: skip

        return self._run(fire, packets, seconds)

    def _run(self, fire: object, packets: int, seconds: float) -> Tally:
        assert callable(fire)
        end = time.monotonic() + seconds
        before: int | None = None
        turn = 0
        while self.packets < packets and time.monotonic() < end:
            fire(turn)
            turn += 1
            if turn % 4 == 0:
                self._ordinary()
            if before is None and (self.packets > packets / 10 or time.monotonic() > end - seconds * 0.9):
                before = self._memory()
        return self._judge(before or self._memory())

    def _judge(self, before: int) -> Tally:
        self._ordinary()
        status = control(self._control, "status")
        grown = self._memory() - before
        if status["counters"]["internal_errors"]:
            raise Finding("client", f"internal errors: {self._service.tail()}")
        if "Traceback" in self._service.tail():
            raise Finding("client", f"a traceback: {self._service.tail()}")
        if status["pid"] != self._pid:
            raise Finding("client", f"the worker was started again: {self._service.tail()}")
        if grown > GROWTH:
            raise Finding("client", f"grown by {grown} kB")
        return Tally(self.packets, self.answered, self.ordinary, grown)

    def _memory(self) -> int:
        text = Path(f"/proc/{self._pid}/status").read_text()
        return int(text.split("VmRSS:")[1].split()[0])

    def _ordinary(self) -> None:
        """A listed name and one nobody has asked for yet, by UDP or TCP."""
        self._number += 1
        ask = dns.query.tcp if self._number % 4 == 0 else dns.query.udp
        for name, wanted in (("www.evil-sample.example", "127.53."), (f"right-{self._number}.good.example", RIGHT)):
            query = dns.message.make_query(name, "A", use_edns=0)
            try:
                answer = ask(query, self._here[0], timeout=5, port=self._here[1], source="127.10.0.9")
            except (dns.exception.DNSException, OSError, EOFError) as error:
                raise Finding("client", f"an ordinary question gets no answer: {error!r}") from error
            given = [item.to_text() for rrset in answer.answer for item in rrset]
            if len(given) != 1 or not given[0].startswith(wanted):
                raise Finding("client", f"an ordinary question for {name} gets {answer.rcode()} {given}")
            self.ordinary += 1

    def _datagrams(self, packets: Sequence[bytes]) -> None:
        """Send them, each with an ID of its own, and look at whatever comes back until a quiet moment."""
        sent = {number.to_bytes(2, "big"): packet for number, packet in enumerate(packets, 1)}
        with socket.socket(type=socket.SOCK_DGRAM) as link:
            link.bind(("127.10.0.8", 0))
            link.connect(self._here)
            for ident, packet in sent.items():
                link.send((ident + packet[2:])[: max(len(packet), 2)])
            left = dict(sent)
            while left and select.select([link], [], [], 0.05)[0]:
                reply = link.recv(65535)
                packet = left.pop(reply[:2], None)
                if packet is None:
                    raise Finding("client", "two answers to one packet, or to none", sent.get(reply[:2], b""))
                self._look(packet, reply, udp=True)
        self.packets += len(packets)

    def _stream(self, packets: Sequence[bytes]) -> None:
        """All of them down one connection, and an ordinary question behind them that must be answered."""
        last = dns.message.make_query("www.evil-sample.example", "A", id=0xFFFF).to_wire()
        sent = {number.to_bytes(2, "big"): packet for number, packet in enumerate(packets, 1)}
        with socket.create_connection(self._here, 5, ("127.10.0.8", 0)) as link, link.makefile("rb") as file:
            for ident, packet in [*sent.items(), (b"\xff\xff", last)]:
                link.sendall(struct.pack("!H", len(packet)) + (ident + packet[2:])[: len(packet)])
            try:
                while len(head := file.read(2)) == 2:
                    reply = file.read(struct.unpack("!H", head)[0])
                    if reply[:2] == b"\xff\xff":
                        break
                    self._look(sent.pop(reply[:2], b""), reply, udp=False)
                else:
                    raise Finding("client", "a connection was closed for what was sent before", packets[0])
            except OSError as error:
                raise Finding("client", f"nothing more comes by TCP: {error!r}", packets[0]) from error
        self.packets += len(packets)

    def _look(self, packet: bytes, reply: bytes, *, udp: bool) -> None:
        self.answered += 1
        if len(packet) < 12 or packet[2] & 0x80:
            raise Finding("client", "a response, or less than a header, is answered", packet)
        if len(reply) < 12 or not reply[2] & 0x80:
            raise Finding("client", f"the answer is none: {reply.hex()}", packet)
        if udp and len(reply) > _announced(packet):
            raise Finding("client", f"{len(reply)} octets are more than was announced", packet)


def _announced(packet: bytes) -> int:
    """What the client can take, by dnspython where it reads the packet; else as much as it might have said."""
    try:
        read = dns.message.from_wire(packet)
    except Exception:  # noqa: BLE001  whatever dnspython has against it
        return 1232 if b"\0\0\x29" in packet else 512
    return min(max(read.payload, 512), 1232) if read.edns >= 0 else 512
