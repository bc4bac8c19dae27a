"""A worker's packet path in this process: the real server, engine, hits and upstream pool on real sockets, no reactor.

What is put through it and what is printed is bench.hotpath's.
"""

from __future__ import annotations

import contextlib
import cProfile
import io
import ipaddress
import itertools
import pstats
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dns.message
import dns.rrset

from bench.ports import free_port
from bench.processes import HOST
from bench.state import write_state
from contracts.control import RunFolder
from contracts.hit import Hello
from contracts.names import to_wire
from contracts.networks import Endpoint, UpstreamAddress
from contracts.policy import PolicyFolder
from contracts.pool import Pool as SinkholePool
from contracts.settings import PRIVATE, Dns, Limits, Sinkhole, Upstreams
from resolver.engine import Engine
from resolver.hits.sender import HitSender
from resolver.net.mmsg import make_batch
from resolver.net.sockets import bind
from resolver.policy.clients import Access
from resolver.policy.ladder import make_policy
from resolver.server.dispatch import Dispatcher, Waiting
from resolver.server.limits import ClientLimits
from resolver.server.udp import UdpServer
from resolver.upstream.pool import Pool
from resolver.wire import answer as wire_answer

_RECORD = bytes.fromhex("c00c 0001 0001 00000e10 0004 c0000201")  # the name asked, A, IN, 3600 s, 192.0.2.1
SHOWN = 18


class _Reactor:
    """Never runs: the rig calls what it would call. Remembers who wants to be called."""

    def __init__(self) -> None:
        self.readers = set[Any]()
        self.writers = set[Any]()
        self.calls = deque[Callable[[], None]]()

    def addReader(self, reader: object) -> None:
        self.readers.add(reader)

    def removeReader(self, reader: object) -> None:
        self.readers.discard(reader)

    def addWriter(self, writer: object) -> None:
        self.writers.add(writer)

    def removeWriter(self, writer: object) -> None:
        self.writers.discard(writer)

    def callLater(self, _seconds: float, call: Callable[[], None]) -> None:
        self.calls.append(call)


class _Counts:
    """Stands in for the mapped counters."""

    def __init__(self) -> None:
        self.values = [0, 0]


class _Upstream:
    """Answers every question that stands in its socket with one record."""

    def __init__(self) -> None:
        self._link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._link.bind((HOST, 0))
        self._link.setblocking(False)
        self.endpoint = UpstreamAddress(f"{HOST}:{self._link.getsockname()[1]}")

    def answer(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                asked, name = self._link.recvfrom(4096)
                question = asked[12 : asked.index(0, 12) + 5]
                self._link.sendto(asked[:2] + b"\x81\x80\0\x01\0\x01\0\0\0\0" + question + _RECORD, name)


class Rig:
    """Packets in, CPU time or a profile out. `now` is the worker's clock, in our hand."""

    def __init__(self, state: Path, names: list[str], batches: int) -> None:
        write_state(state, names)
        folder = PolicyFolder(state / "policy")
        manifest = folder.read()
        assert manifest is not None
        pool = SinkholePool(Sinkhole(ipaddress.IPv4Network("127.53.0.0/16")))
        access = Access(PRIVATE)
        self._upstream = _Upstream()
        here = Endpoint(f"{HOST}:{free_port()}", None)
        unlimited = Limits(questions=0, misses=0, octets=0)  # one client asks all
        settings = Dns((here,), upstreams=Upstreams((self._upstream.endpoint,)), limits=unlimited)
        reactor: Any = _Reactor()
        self._reactor = reactor
        self._batches = batches
        self.now = 1000.0
        self.engine = Engine(settings, access, make_policy(manifest, folder.open(manifest), pool, 30))
        self.hits = HitSender(self._reactor, RunFolder(state).hits, Hello("bench", 0, "0" * 16), _Counts())
        self._link = bind(here, socket.SOCK_DGRAM)
        dispatcher = self._dispatcher = Dispatcher(self.engine, self.hits, self._clock)
        self._server = UdpServer(reactor, self._link, access, dispatcher)
        upstreams: Pool[Waiting] = Pool(
            self._reactor, [self._upstream.endpoint], settings, self.engine.counters, dispatcher.deliver,
            self._server.flush_late, dispatcher.guard, self._clock,
        )  # fmt: skip
        dispatcher.upstream = upstreams
        self._client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._client.connect((HOST, here.port))
        self._client.setblocking(False)

    def _clock(self) -> float:
        return self.now

    def time(self, packets: Iterator[bytes], depth: int) -> float:
        """CPU microseconds a packet, when `depth` of them wait at each reading."""
        used = 0

        def timed(call: Callable[[], None]) -> None:
            nonlocal used
            started = time.thread_time_ns()
            call()
            used += time.thread_time_ns() - started

        self._run(packets, depth, timed)
        return used / (self._batches * depth) / 1000

    def throttled(self, packets: Iterator[bytes], depth: int) -> float:
        """`time`, for a client whose share is used up."""
        usual = self._dispatcher.limits
        self._dispatcher.limits = ClientLimits(Limits(questions=1))
        found = self.time(packets, depth)
        self._dispatcher.limits = usual
        return found

    def profile(self, packets: Iterator[bytes], depth: int) -> str:
        """The functions that cost most, by their own time."""
        profiler = cProfile.Profile()
        self._run(packets, depth, profiler.runcall)
        out = io.StringIO()
        pstats.Stats(profiler, stream=out).strip_dirs().sort_stats("tottime").print_stats(SHOWN)
        return "ncalls" + out.getvalue().partition("ncalls")[2].rstrip()

    def system_calls(self, packet: bytes, depth: int) -> float:
        """Without any work between: receive a batch, send as many octets as an answer has."""
        batch, link, used = make_batch(), self._link.fileno(), 0
        for _ in self._feed(itertools.repeat(packet), depth):
            started = time.thread_time_ns()
            count = batch.receive(link)
            for i in range(count):
                batch.sizes[2 * i + 1] = len(packet) + len(_RECORD)
            batch.send(link, 0, count)
            batch.reset(count)
            used += time.thread_time_ns() - started
        return used / (self._batches * depth) / 1000

    def keep(self, name: str) -> None:
        """Put an upstream's answer into the cache."""
        reply = dns.message.make_response(dns.message.make_query(name, "A", use_edns=False), recursion_available=True)
        reply.answer.append(dns.rrset.from_text(f"{name}.", 3600, "IN", "A", "192.0.2.1"))
        key = (to_wire(name) + b"\0\x01\0\x01", 0)
        self.engine.arrived(key, wire_answer.read(reply.to_wire(), key[0], 86400, 3600), self.now)

    def _run(self, packets: Iterator[bytes], depth: int, measured: Callable[[Callable[[], None]], object]) -> None:
        for _ in self._feed(packets, depth):
            measured(self._server.doRead)
            while self._reactor.calls:
                measured(self._reactor.calls.popleft())
            self._upstream.answer()
            for reader in self._reactor.readers - {self.hits}:
                measured(reader.doRead)

    def _feed(self, packets: Iterator[bytes], depth: int) -> Iterator[None]:
        """Put `depth` packets before the server, again and again; what it answered is thrown away."""
        for _ in range(self._batches):
            for packet in itertools.islice(packets, depth):
                self._client.send(packet)
            yield
            with contextlib.suppress(BlockingIOError):
                while True:
                    self._client.recv(4096)
            self.hits.doRead()
            for writer in tuple(self._reactor.writers):
                writer.doWrite()
