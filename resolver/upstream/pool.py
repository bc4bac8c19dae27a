"""Asks the upstreams for one worker: brings questions to ports and connections, what arrives to the exchange.

What is asked of whom and what counts as an answer is resolver.upstream.exchange's.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Generic

from twisted.internet.task import LoopingCall

from contracts.networks import UpstreamAddress
from contracts.settings import Dns
from resolver.counters import Counters
from resolver.net.mmsg import SIZE, Batch, make_batch
from resolver.upstream.exchange import FLOOD, Exchange
from resolver.upstream.ports import Port, Ports
from resolver.upstream.question import Key, Link, Question, Waiter
from resolver.upstream.reasons import MUTE, UNCONNECTED, silence, words
from resolver.upstream.scope import Scopes
from resolver.upstream.server import Server
from resolver.upstream.stream import Stream, Streams
from resolver.upstream.trust import Trust
from resolver.wire.answer import Answer

ROOT = b"\0"
NO_TYPE = bytes(4)  # where a question has its type and class
log = logging.getLogger(__name__)
TELL_SECONDS = 60.0  # between two lines in the log about one server
TICK = 0.05  # how finely time-outs are seen, seconds


class Pool(Generic[Waiter]):
    """`general` are the upstreams of all names that are in none of the forward zones.

    `after` is called when answers were delivered: flush what is queued. `guard` calls its first argument and survives.
    `deliver`, `late` and `shed` are the exchange's.
    """

    def __init__(self, reactor: Any, general: Iterable[UpstreamAddress], dns: Dns, counters: Counters,
                 deliver: Callable[[Key, Answer | None, list[Waiter]], None], after: Callable[[], None],
                 guard: Callable[..., None],
                 clock: Callable[[], float] = time.monotonic,
                 late: Callable[[Key, list[Waiter]], list[Waiter]] | None = None,
                 ca_file: Path | None = None,
                 shed: Callable[[Key, list[Waiter]], None] | None = None) -> None:  # fmt: skip
        self._clock = clock
        self._after = after
        self._guard = guard
        self._batch: Batch = make_batch(connected=True)
        self._scopes = Scopes(general, dns.forward_zones)
        self._exchange: Exchange[Waiter] = Exchange(
            self._scopes, dns.upstreams, dns.cache, dns.udp_payload, counters, deliver, late, shed
        )
        self._ports: Ports[Waiter] = Ports(reactor, dns.upstreams.sockets, self._readable)
        self._streams: Streams[Waiter] = Streams(
            reactor, Trust(ca_file), dns.upstreams.timeout_ms / 500, self._message, self._lost
        )
        self._ticking = LoopingCall(guard, self._tick)
        self._ticking.clock = reactor

    def start(self) -> None:
        """Open nothing yet: ports are opened when first needed."""
        self._ticking.start(TICK, now=False)

    def stop(self) -> None:
        """Close everything; what is under way is lost."""
        if self._ticking.running:
            self._ticking.stop()
        self._ports.close()
        self._streams.close()

    def __len__(self) -> int:
        """Questions under way."""
        return len(self._exchange)

    def ask(self, key: Key, waiting: Waiter) -> bool:
        """As server.dispatch.Resolving wants it. What is asked leaves with the next `flush`."""
        question = self._exchange.find(key)
        if question is not None:
            return self._exchange.join(question, waiting)
        return self._open(key, [waiting])

    def refresh(self, key: Key) -> None:
        """Ask without anyone who waits; dropped silently when too much is under way. Leaves with the next `flush`."""
        if self._exchange.find(key) is None:
            self._open(key, [])

    def _open(self, key: Key, waiters: list[Waiter]) -> bool:
        now = self._clock()
        question = self._exchange.open(key, waiters, now)
        if question is None:
            return False
        self._guard(self._send_first, question, now)  # a bug in it has answered who waits already
        return True

    def _send_first(self, question: Question[Waiter], now: float) -> None:
        self._send(question, now)
        if question.link is not None and len(question.scope.servers) > 1:
            probe = self._exchange.probe(question, now)
            if probe is not None:
                copied, server = probe
                self._send(copied, now, server)

    def _send(self, question: Question[Waiter], now: float, first: Server | None = None) -> None:
        """To `first`, else to the server whose turn it is; where it cannot be reached, to the next."""
        try:
            left = self._send_to(first or self._exchange.choose(question), question, now)
            while left is not None:
                left = self._send_to(self._exchange.choose(left), left, now)
        except Exception:
            self._exchange.give_up(question)  # a bug of ours: nobody waits for ever
            raise

    def _send_to(self, server: Server, question: Question[Waiter], now: float) -> Question[Waiter] | None:
        """Returns the question to send elsewhere."""
        try:
            if server.datagrams and not question.by_stream:
                port = self._ports.current(server, question.avoid, now)
                port.outbox.put(b"", self._exchange.aim(question, port.link, now))
            else:
                stream = self._streams.to(server, now)
                stream.send(self._exchange.aim(question, stream.link, now))
        except OSError as error:
            self._tell(server, words(error))
            return self._exchange.unreachable(question, server, now)
        return None

    def flush(self) -> None:
        """Send the questions of this batch; the next batch takes another port."""
        while refused := self._ports.flush():  # the news that nobody listens there may come with a send, too
            for port, code in refused:
                self._tell(port.link.server, words(OSError(code, "")))
                self._ask_again(self._exchange.broken(port.link, self._clock()))

    def _ask_again(self, questions: list[Question[Waiter]]) -> None:
        now = self._clock()
        for question in questions:
            self._guard(self._send, question, now)  # each by itself: a bug with one does not cost the others

    def _readable(self, port: Port[Waiter]) -> None:
        try:
            count = self._batch.receive(port.fileno())
        except OSError as error:  # connection refused
            self._tell(port.link.server, words(error))
            self._guard(self._broken, port.link)
            return
        self._guard(self._received, port, count)

    def _received(self, port: Port[Waiter], count: int) -> None:
        now, link, data = self._clock(), port.link, self._batch.data
        packets = [
            data[i * SIZE : i * SIZE + length].tobytes() for i, length in enumerate(self._batch.received(count))
        ]  # fmt: skip
        for packet in packets:
            self._guard(self._arrived, link, packet, now)
        if packets:
            link.server.problem = ""
        if link.wrong >= FLOOD:
            self._ports.retire(port)
            self._ask_again(self._exchange.flooded(link))
        self._finish()

    def _arrived(self, link: Link[Waiter], packet: bytes, now: float) -> None:
        again = self._exchange.received(link, packet, now)
        if again is not None:
            self._send(again, now)

    def _message(self, stream: Stream[Waiter], message: bytes) -> None:
        """A message came by a connection."""
        stream.link.server.problem = ""
        self._guard(self._arrived, stream.link, message, self._clock())
        self._guard(self._finish)

    def _lost(self, stream: Stream[Waiter], reason: str) -> None:
        """A connection has ended, or was none."""
        if stream.link.pending and not stream.link.answers:
            self._tell(stream.link.server, reason)
        self._guard(self._broken, stream.link)

    def _broken(self, link: Link[Waiter]) -> None:
        self._ask_again(self._exchange.broken(link, self._clock()))
        self._finish()

    def _tell(self, server: Server, problem: str) -> None:
        """Why a server cannot be reached: for status, and one line a minute for the log."""
        server.problem = problem
        now = self._clock()
        if now >= server.told_until:
            server.told_until = now + TELL_SECONDS
            log.warning("upstream %s cannot be reached: %s", server.address, problem)

    def _finish(self) -> None:
        self.flush()
        self._after()

    def _tick(self) -> None:
        now = self._clock()
        again = self._exchange.expired(now)
        for stream in self._streams.hung():  # before anything is sent: it must not go to one that is ended here
            self._tell(stream.link.server, MUTE if stream.stands else UNCONNECTED)
            again += self._exchange.broken(stream.link, now)
        self._ask_again(again)
        self._guard(self._exchange.tell_late, now)
        self._finish()
        self._ports.renew(now)
        self._streams.renew(now)

    def asked_of(self, name: bytes) -> dict[str, Any]:
        """For `sinkhole explain`: the scope of a lower-case name, and its servers in the order of the settings."""
        scope = self._scopes.find(name + NO_TYPE)
        return {"scope": str(scope), "servers": [str(server.address) for server in scope.servers]}

    def problems(self) -> list[str]:
        """For `sinkhole status`: what leaves names unanswered."""
        found = [] if self._scopes.general.servers else ["no upstream: names outside forward zones get no answer"]
        silent = [scope for scope in self._scopes if scope.servers and all(server.down for server in scope.servers)]
        return found + [f"no upstream answers ({'all names' if scope.zone == ROOT else scope})" for scope in silent]

    def status(self) -> list[dict[str, Any]]:
        """For `sinkhole status`: every server under its scope, '.' for all names."""
        now = self._clock()
        return [
            {
                "address": str(server.address),
                "transport": server.address.transport,
                "scope": str(scope),
                "up": not server.down,
                "heard": server.heard >= 0,
                "srtt_ms": round(server.srtt * 1000, 1) if server.heard >= 0 else None,
                "failures": server.failures,
                "mixed_case": self._exchange.mixes_case(server, now),
                "plain": server.plain_until > now,
                "problem": server.problem or (silence(server.failures) if server.down else ""),
            }
            for scope in self._scopes
            for server in scope.servers
        ]
