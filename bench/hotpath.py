"""Where the time of our packet path goes: recorded batches through the real UDP server, timed and then profiled.

One process, no load generator: only good for comparing one part with another. What counts is `make bench`.
"""

from __future__ import annotations

import contextlib
import cProfile
import io
import ipaddress
import itertools
import pstats
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dns.message
import dns.rrset

from bench.processes import HOST, Process, free_port
from bench.state import write_state
from bench.works import CACHED_NAMES, HOT_NAMES, ZONE, listed_names
from contracts.control import RunFolder
from contracts.hit import Hello
from contracts.names import to_wire
from contracts.networks import Endpoint
from contracts.policy import PolicyFolder
from contracts.settings import PRIVATE, Dns, Sinkhole
from resolver.engine import Engine
from resolver.hits.sender import HitSender
from resolver.net.mmsg import SLOTS, make_batch
from resolver.net.sockets import bind
from resolver.policy.addresses import Access, Pool
from resolver.policy.ladder import make_policy
from resolver.server.dispatch import Dispatcher
from resolver.server.udp import UdpServer
from resolver.wire import answer as wire_answer

BATCHES = 1500
SHOWN = 16


class _Idle:
    """A reactor that never runs: this file calls what it would call."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_arguments: None


class _Counts:
    values = [0, 0]  # noqa: RUF012  stands in for the mapped counters


class Rig:
    """A worker's packet path on a real socket, its clock in our hand."""

    def __init__(self, state: Path, names: list[str]) -> None:
        write_state(state, names)
        folder = PolicyFolder(state / "policy")
        manifest = folder.read()
        assert manifest is not None
        pool = Pool(Sinkhole(ipaddress.IPv4Network("127.53.0.0/16")))
        endpoint = Endpoint(f"{HOST}:{free_port()}", None)
        access = Access(PRIVATE)
        reactor: Any = _Idle()
        self.now = 1000.0
        self.engine = Engine(Dns((endpoint,)), access, make_policy(manifest, folder.open(manifest), pool, 30))
        self.hits = HitSender(reactor, RunFolder(state).hits, Hello("bench", 0, "0" * 16), _Counts())
        self._link = bind(endpoint, socket.SOCK_DGRAM)
        dispatcher = Dispatcher(self.engine, self.hits, lambda: self.now)
        self.server = UdpServer(reactor, self._link, access, dispatcher)
        self.client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.client.connect((HOST, endpoint.port))
        self.client.setblocking(False)

    def batches(self, packets: Iterator[bytes], count: int, depth: int) -> Iterator[None]:
        """Put `depth` packets before the server, again and again; what it answered is thrown away."""
        for _ in range(count):
            for packet in itertools.islice(packets, depth):
                self.client.send(packet)
            yield
            with contextlib.suppress(BlockingIOError):
                while True:
                    self.client.recv(4096)
            self.hits.doRead()

    def time(self, packets: Iterator[bytes], depth: int = SLOTS, count: int = BATCHES) -> float:
        """CPU microseconds a packet."""
        used = 0
        for _ in self.batches(packets, count, depth):
            started = time.thread_time_ns()
            self.server.doRead()
            used += time.thread_time_ns() - started
        return used / (count * depth) / 1000

    def profile(self, packets: Iterator[bytes], count: int = BATCHES) -> str:
        """The functions that cost most, by their own time."""
        profiler = cProfile.Profile()
        for _ in self.batches(packets, count, SLOTS):
            profiler.runcall(self.server.doRead)
        out = io.StringIO()
        pstats.Stats(profiler, stream=out).strip_dirs().sort_stats("tottime").print_stats(SHOWN)
        return out.getvalue().partition("ncalls")[2]

    def system_calls(self, packet: bytes, depth: int = SLOTS) -> float:
        """The same without any work: receive a batch, send as many octets as an answer has."""
        batch, used = make_batch(), 0
        for _ in self.batches(itertools.repeat(packet), BATCHES, depth):
            started = time.thread_time_ns()
            count = batch.receive(self._link.fileno())
            for i in range(count):
                batch.sizes[2 * i + 1] = len(packet) + 16
            batch.send(self._link.fileno(), 0, count)
            batch.reset(count)
            used += time.thread_time_ns() - started
        return used / (BATCHES * depth) / 1000

    def keep(self, name: str) -> None:
        """Put an upstream's answer into the cache."""
        query = dns.message.make_query(name, "A", use_edns=False)
        reply = dns.message.make_response(query, recursion_available=True)
        reply.answer.append(dns.rrset.from_text(f"{name}.", 3600, "IN", "A", "192.0.2.1"))
        key = (to_wire(name) + b"\0\x01\0\x01", 0)
        self.engine.arrived(key, wire_answer.read(reply.to_wire(), key[0], 86400, 3600), self.now)

    def next_second(self, packets: Iterator[bytes]) -> Iterator[bytes]:
        """Let a second pass after each round of the cached names: every finished packet is out of date."""
        for number, packet in enumerate(packets):
            if number % CACHED_NAMES == 0:
                self.now += 1
            yield packet


def question(name: str) -> bytes:
    """A plain A question as dnsperf sends it."""
    return b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0" + to_wire(name) + b"\0\x01\0\x01"


def main(count: int) -> None:
    """Print a line for each case, then the profiles of those that leave the hot table."""
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
        state = Path(temporary)
        sink_file = str(Path(__file__).with_name("sink.py"))
        repo = Path(__file__).resolve().parent.parent
        hits = RunFolder(state).hits
        sink = Process("sink", [sys.executable, "-P", sink_file, str(hits)], state / "sink.out", tree=repo)
        try:
            sink.wait_until(hits.exists)
            _show(Rig(state, list(listed_names(count))), list(listed_names(count)))
        finally:
            sink.end()


def _show(rig: Rig, names: list[str]) -> None:
    rig.hits.start()
    fresh = map(question, names[HOT_NAMES:])
    hot = itertools.cycle([question(name) for name in names[:HOT_NAMES]])
    cached = [f"h{number}.{ZONE}" for number in range(CACHED_NAMES)]
    for name in cached:
        rig.keep(name)
    known = itertools.cycle([question(name) for name in cached])
    rig.time(hot)
    rig.time(known)
    print("CPU microseconds a packet        batch of 64      8      1")
    cases: tuple[tuple[str, Callable[[int, int], float]], ...] = (
        ("system calls alone", lambda depth, _count: rig.system_calls(question(names[0]), depth)),
        ("cached, finished packet", lambda depth, count: rig.time(known, depth, count)),
        ("cached, a new second", lambda depth, count: rig.time(rig.next_second(known), depth, count)),
        ("listed, finished packet, hit", lambda depth, count: rig.time(hot, depth, count)),
        ("listed, first time, hit", lambda depth, count: rig.time(fresh, depth, count)),
    )
    for label, measured in cases:
        costs = [measured(depth, BATCHES) for depth in (SLOTS, 8, 1)]
        print(f"{label:<32} {costs[0]:11.2f} {costs[1]:6.2f} {costs[2]:6.2f}")
    profiled: tuple[tuple[str, Iterator[bytes]], ...] = (
        ("listed, first time", fresh),
        ("cached, a new second", rig.next_second(known)),
    )
    for label, packets in profiled:
        print(f"\n{label}: own time by function (the profiler doubles the cost of small ones)\n")
        print("ncalls" + rig.profile(packets))
