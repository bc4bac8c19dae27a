"""The sockets towards the upstreams: several random source ports per server, renewed over time, read in batches.

Sockets and timers only; what is asked and what counts as an answer is resolver.upstream.exchange's.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from twisted.internet.interfaces import IReadDescriptor
from twisted.internet.task import LoopingCall
from zope.interface import implementer

from contracts.networks import Endpoint
from contracts.settings import Dns
from resolver.counters import Counters
from resolver.net.mmsg import SIZE, Batch, make_batch
from resolver.net.outbox import Outbox
from resolver.net.sockets import connected
from resolver.upstream.exchange import Exchange, Key, Link, Question, Server
from resolver.upstream.stream import StreamQuestion
from resolver.wire.answer import Answer

Waiter = TypeVar("Waiter")
PORT_SECONDS = 60.0  # a source port serves for so long, then a fresh random one takes its place (RFC 5452 section 9.2)
TICK = 0.05  # how finely time-outs are seen, seconds


@implementer(IReadDescriptor)
class UpstreamSocket(Generic[Waiter]):
    """One connected UDP socket: the kernel drops what comes from any other address or port."""

    def __init__(self, pool: Pool[Waiter], server: Server) -> None:
        self.link: Link[Waiter] = Link(server)
        self._pool = pool
        self._socket = connected(server.address)
        self.outbox = Outbox(self._socket, connected=True)
        self.born = pool.clock()
        pool.reactor.addReader(self)

    def fileno(self) -> int:
        """For the reactor."""
        return self._socket.fileno()

    def logPrefix(self) -> str:
        """For the reactor."""
        return "upstream"

    def doRead(self) -> None:
        """For the reactor: answers, or news that nobody listens there."""
        try:
            count = self._pool.batch.receive(self._socket.fileno())
        except OSError:
            self._pool.guard(self._pool.broken, self)
            return
        self._pool.guard(self._pool.received, self, count)

    def connectionLost(self, reason: object) -> None:
        """For the reactor: a datagram socket has no connection to lose."""

    def close(self) -> None:
        """Give the port back."""
        self._pool.reactor.removeReader(self)
        self._socket.close()


class Pool(Generic[Waiter]):
    """Asks the upstreams for one worker.

    `after` is called when answers were delivered: flush what is queued. `guard` calls its first argument and survives.
    `deliver` and `late` are the exchange's.
    """

    def __init__(self, reactor: Any, addresses: list[Endpoint], dns: Dns, counters: Counters,
                 deliver: Callable[[Key, Answer | None, list[Waiter]], None], after: Callable[[], None],
                 guard: Callable[..., None],
                 clock: Callable[[], float] = time.monotonic,
                 late: Callable[[Key, list[Waiter]], list[Waiter]] | None = None) -> None:  # fmt: skip
        self.reactor = reactor
        self.clock = clock
        self.batch: Batch = make_batch(connected=True)
        self._after = after
        self.guard = guard
        self._counters = counters
        self._timeout = dns.upstreams.timeout_ms / 1000
        self._sockets_each = dns.upstreams.sockets
        self._servers = [Server(address) for address in addresses]
        self._exchange: Exchange[Waiter] = Exchange(
            self._servers, dns.upstreams, dns.cache, dns.udp_payload, self._counters, deliver, late
        )
        self._sockets: dict[Server, list[UpstreamSocket[Waiter]]] = {server: [] for server in self._servers}
        self._retired: list[UpstreamSocket[Waiter]] = []
        self._current: dict[Server, UpstreamSocket[Waiter]] = {}  # the port that this batch of questions goes through
        self._ticking = LoopingCall(guard, self._tick)
        self._ticking.clock = reactor

    def start(self) -> None:
        """Open nothing yet: ports are opened when first needed."""
        self._ticking.start(TICK, now=False)

    def stop(self) -> None:
        """Close everything; what is under way is lost."""
        if self._ticking.running:
            self._ticking.stop()
        for sockets in (*self._sockets.values(), self._retired):
            for one in sockets:
                one.close()
            sockets.clear()

    def __len__(self) -> int:
        """Questions under way."""
        return len(self._exchange)

    def ask(self, key: Key, waiting: Waiter) -> bool:
        """As server.dispatch.Resolving wants it. What is asked leaves with the next `flush`."""
        if not self._servers:
            return False
        if self._exchange.join(key, waiting):
            return True
        return self._open(key, [waiting])

    def refresh(self, key: Key) -> None:
        """Ask without anyone who waits; dropped silently when too much is under way. Leaves with the next `flush`."""
        if self._servers and not self._exchange.knows(key):
            self._open(key, [])

    def _open(self, key: Key, waiters: list[Waiter]) -> bool:
        now = self.clock()
        question = self._exchange.open(key, waiters, now)
        if question is None:
            return False
        self._send(question, now)
        return True

    def _send(self, question: Question[Waiter], now: float) -> None:
        left: Question[Waiter] | None = question
        while left is not None:
            server = self._exchange.choose(left.tried, now)
            try:
                through = self._current.get(server) or self._pick(server)
            except OSError:
                left = self._exchange.unreachable(left, server, now)
                continue
            self._current[server] = through
            through.outbox.put(b"", self._exchange.aim(left, through.link, now))
            return

    def _pick(self, server: Server) -> UpstreamSocket[Waiter]:
        sockets = self._sockets[server]
        if len(sockets) < self._sockets_each:
            try:
                sockets.append(UpstreamSocket(self, server))
            except OSError:
                if not sockets:  # else the ports there are must do: perhaps it is descriptors that we lack
                    raise
            else:
                return sockets[-1]
        return random.choice(sockets)  # noqa: S311  the ports and IDs are drawn from the system; this only spreads load

    def flush(self) -> None:
        """Send the questions of this batch; the next batch takes another port."""
        while self._current:
            current, self._current = self._current, {}
            for through in current.values():
                if through.outbox.flush():  # the news that nobody listens there may come with a send, too
                    self._ask_elsewhere(through)

    def received(self, through: UpstreamSocket[Waiter], count: int) -> None:
        """`count` datagrams stand in `batch`."""
        now = self.clock()
        for i, length in enumerate(self.batch.received(count)):
            packet = self.batch.data[i * SIZE : i * SIZE + length].tobytes()
            again = self._exchange.received(through.link, packet, now)
            if again is None:
                continue
            question, by_tcp = again
            if by_tcp:
                self._ask_by_tcp(question)
            else:
                self._send(question, now)
        self._finish()

    def broken(self, through: UpstreamSocket[Waiter]) -> None:
        """Connection refused."""
        self._ask_elsewhere(through)
        self._finish()

    def _ask_elsewhere(self, through: UpstreamSocket[Waiter]) -> None:
        now = self.clock()
        for question in self._exchange.broken(through.link, now):
            self._send(question, now)

    def _ask_by_tcp(self, question: Question[Waiter]) -> None:
        assert question.server is not None
        self._counters.upstream_tcp += 1

        def arrived(packet: bytes | None) -> None:
            self.guard(self._received_whole, question, packet)

        asking = StreamQuestion(self.reactor, question.ident + question.packet, arrived)
        asking.ask(question.server.address, self._timeout * 2)

    def _received_whole(self, question: Question[Waiter], packet: bytes | None) -> None:
        now = self.clock()
        again = self._exchange.received_whole(question, packet, now)
        if again is not None:
            self._send(again, now)
        self._finish()

    def _finish(self) -> None:
        self.flush()
        self._after()

    def _tick(self) -> None:
        now = self.clock()
        for question in self._exchange.expired(now):
            self._send(question, now)
        self._exchange.tell_late(now)
        self._finish()
        self._renew(now)

    def _renew(self, now: float) -> None:
        for sockets in self._sockets.values():
            if sockets and now - sockets[0].born > PORT_SECONDS:
                self._retired.append(sockets.pop(0))
        for one in [one for one in self._retired if not one.link.pending]:
            self._retired.remove(one)
            one.close()

    def status(self) -> list[dict[str, Any]]:
        """For `sinkhole status`."""
        now = self.clock()
        return [
            {"address": str(server.address), "up": server.down_until <= now, "failures": server.failures}
            for server in self._servers
        ]
