"""The questions under way to the upstreams: who waits, which server is asked, what counts as its answer. Sans-IO.

No sockets and no timers: the pool sends what `ask` and `expired` hand it and feeds in what arrives.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from contracts.networks import Endpoint
from contracts.settings import Cache, Upstreams
from resolver.counters import Counters
from resolver.wire import answer as wire_answer
from resolver.wire import reply
from resolver.wire.answer import Answer, BadAnswer
from resolver.wire.constants import NOERROR, NXDOMAIN

Key = tuple[bytes, int]  # (lower-case name, type, class; DO, CD and AD bits)
Waiter = TypeVar("Waiter")

DOWN_AFTER = 3  # failures in a row before a server is asked last
DOWN_SECONDS = 5.0


class Server:
    """One upstream and how it has been doing."""

    __slots__ = ("address", "down_until", "failures")

    def __init__(self, address: Endpoint) -> None:
        self.address = address
        self.failures = 0
        self.down_until = 0.0

    def failed(self, now: float) -> None:
        """It did not answer, or with an error of its own."""
        self.failures += 1
        if self.failures >= DOWN_AFTER:
            self.down_until = now + DOWN_SECONDS

    def worked(self) -> None:
        """It answered."""
        self.failures = 0
        self.down_until = 0.0


class Question(Generic[Waiter]):
    """One question under way and everyone who waits for its answer."""

    __slots__ = ("attempt", "deadline", "ident", "key", "link", "packet", "server", "tried", "waiters")

    def __init__(self, key: Key, packet: bytes, waiter: Waiter) -> None:
        self.key = key
        self.packet = packet  # without the ID, which is new with every try
        self.waiters = [waiter]
        self.attempt = 0
        self.tried: list[Server] = []
        self.server: Server | None = None
        self.link: Link[Waiter] | None = None  # where its answer is expected
        self.ident = b""
        self.deadline = 0.0


class Link(Generic[Waiter]):
    """One source port towards one server, with the IDs under way on it."""

    __slots__ = ("pending", "server")

    def __init__(self, server: Server) -> None:
        self.server = server
        self.pending: dict[bytes, Question[Waiter]] = {}


class RandomIds:
    """Unpredictable message IDs (RFC 5452 section 9.2), drawn from the system in bulk."""

    def __init__(self) -> None:
        self._pool = b""
        self._at = 0

    def draw(self) -> bytes:
        """Two octets."""
        if self._at >= len(self._pool):
            self._pool = os.urandom(4096)
            self._at = 0
        self._at += 2
        return self._pool[self._at - 2 : self._at]


class Exchange(Generic[Waiter]):
    """One per worker. `deliver(key, answer or None, waiters)` is called once for each question."""

    def __init__(self, servers: list[Server], upstreams: Upstreams, cache: Cache, payload: int, counters: Counters,
                 deliver: Callable[[Key, Answer | None, list[Waiter]], None]) -> None:  # fmt: skip
        self.servers = servers
        self._timeout = upstreams.timeout_ms / 1000
        self._attempts = upstreams.attempts
        self._limit = upstreams.max_outstanding
        self._cache = cache
        self._payload = payload
        self._counters = counters
        self._deliver = deliver
        self._ids = RandomIds()
        self._under_way: dict[Key, Question[Waiter]] = {}
        self._clock_order: deque[tuple[float, Question[Waiter], int]] = deque()  # one timeout for all: in order already

    def __len__(self) -> int:
        """Questions under way."""
        return len(self._under_way)

    def join(self, key: Key, waiter: Waiter) -> bool:
        """Wait with those who asked the same already; False when nobody did."""
        question = self._under_way.get(key)
        if question is None:
            return False
        question.waiters.append(waiter)
        return True

    def open(self, key: Key, waiter: Waiter) -> Question[Waiter] | None:
        """A new question, to be handed to `aim` and sent; None when too many are under way."""
        if len(self._under_way) >= self._limit:
            return None
        packet = reply.upstream_question(key[0], key[1], self._payload)
        question = self._under_way[key] = Question(key, packet, waiter)
        return question

    def choose(self, tried: list[Server], now: float) -> Server:
        """The first server that is up and not tried yet; else one tried the longest ago."""
        fresh = [server for server in self.servers if server not in tried]
        up = [server for server in fresh if server.down_until <= now]
        if up:
            return up[0]
        if fresh:
            return fresh[0]
        return tried[-len(self.servers)]  # each of them was tried: the order repeats itself

    def aim(self, question: Question[Waiter], link: Link[Waiter], now: float) -> bytes:
        """Send `question` through `link`: the packet to send. Its answer is awaited from now on."""
        ident = self._ids.draw()
        while ident in link.pending:
            ident = self._ids.draw()
        link.pending[ident] = question
        question.ident = ident
        question.link = link
        question.server = link.server
        question.tried.append(link.server)
        question.attempt += 1
        question.deadline = now + self._timeout
        self._clock_order.append((question.deadline, question, question.attempt))
        self._counters.upstream_queries += 1
        return ident + question.packet

    def unreachable(self, question: Question[Waiter], server: Server, now: float) -> Question[Waiter] | None:
        """No socket can be had towards `server`: there is no route, say. Returns the question to ask elsewhere."""
        question.server = server
        question.tried.append(server)
        question.attempt += 1
        self._counters.upstream_failures += 1
        again = self._another(question, now)
        return again[0] if again else None

    def received(self, link: Link[Waiter], packet: bytes, now: float) -> tuple[Question[Waiter], bool] | None:
        """A datagram came in on `link`. Returns a question to ask again: by TCP (True) or elsewhere (False)."""
        question = link.pending.get(packet[:2])
        if question is None:
            self._counters.upstream_mismatches += 1
            return None
        try:
            answer = self._read(question, packet)
        except BadAnswer as error:
            if error.mismatch:  # perhaps forged: go on waiting for the real one
                self._counters.upstream_mismatches += 1
                return None
            self._counters.upstream_bad += 1
            return self._another(question, now)
        self._release(question)
        if answer.truncated:
            return question, True
        return self._settle(question, answer, now)

    def received_whole(self, question: Question[Waiter], packet: bytes | None, now: float) -> Question[Waiter] | None:
        """The answer that came by TCP, None when none did. Returns the question to ask elsewhere."""
        again = None
        try:
            if packet is None:
                raise BadAnswer("no answer by TCP")
            answer = self._read(question, packet)
            if answer.truncated:
                raise BadAnswer("truncated by TCP")
            again = self._settle(question, answer, now)
        except BadAnswer:
            self._counters.upstream_bad += 1
            again = self._another(question, now)
        return again[0] if again else None

    def _read(self, question: Question[Waiter], packet: bytes) -> Answer:
        return wire_answer.read(packet, question.key[0], self._cache.max_ttl, self._cache.max_negative_ttl)

    def _settle(self, question: Question[Waiter], answer: Answer, now: float) -> tuple[Question[Waiter], bool] | None:
        if answer.rcode not in {NOERROR, NXDOMAIN}:
            self._counters.upstream_failures += 1
            return self._another(question, now)
        if question.server is not None:
            question.server.worked()
        self._counters.upstream_answers += 1
        self._finish(question, answer)
        return None

    def expired(self, now: float) -> list[Question[Waiter]]:
        """Questions whose time is up and that have tries left; the others have been delivered as failed."""
        again = []
        order = self._clock_order
        while order and order[0][0] <= now:
            _deadline, question, attempt = order.popleft()
            if question.link is None or question.attempt != attempt:
                continue
            self._counters.upstream_timeouts += 1
            retry = self._another(question, now)
            if retry is not None:
                again.append(retry[0])
        return again

    def broken(self, link: Link[Waiter], now: float) -> list[Question[Waiter]]:
        """The kernel says that nobody listens there: everything under way on `link` goes elsewhere at once."""
        retries = [self._another(question, now) for question in list(link.pending.values())]
        return [retry[0] for retry in retries if retry is not None]

    def _another(self, question: Question[Waiter], now: float) -> tuple[Question[Waiter], bool] | None:
        self._release(question)
        if question.server is not None:
            question.server.failed(now)
        if question.attempt >= self._attempts:
            self._finish(question, None)
            return None
        return question, False

    def _release(self, question: Question[Waiter]) -> None:
        if question.link is not None:
            question.link.pending.pop(question.ident, None)
            question.link = None

    def _finish(self, question: Question[Waiter], answer: Answer | None) -> None:
        self._under_way.pop(question.key, None)
        self._deliver(question.key, answer, question.waiters)
