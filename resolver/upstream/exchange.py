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
from resolver.wire.constants import FORMERR, NOERROR, NOTIMP, NXDOMAIN

Key = tuple[bytes, int]  # (lower-case name, type, class; DO, CD and AD bits)
Waiter = TypeVar("Waiter")

DOWN_AFTER = 3  # questions in a row without any answer before a server is asked last
DOWN_SECONDS = 5.0
PLAIN_SECONDS = 60.0  # a server that answers only without EDNS is asked without it for so long, then tried again
LATE_SECONDS = 1.8  # clients that wait for so long may be given something older: RFC 8767 section 5, its response timer


class Server:
    """One upstream and how it has been doing."""

    __slots__ = ("address", "down_until", "failures", "knows_edns", "plain_until")

    def __init__(self, address: Endpoint) -> None:
        self.address = address
        self.failures = 0
        self.down_until = 0.0
        self.knows_edns = False  # an answer of its carried EDNS
        self.plain_until = 0.0  # asked without EDNS until then

    def silent(self, now: float) -> None:
        """It did not answer, or cannot be reached."""
        self.failures += 1
        if self.failures >= DOWN_AFTER:
            self.down_until = now + DOWN_SECONDS

    def answered(self, *, edns: bool = False) -> None:
        """It said something, be it an error: one broken zone makes SERVFAILs of a server that is well."""
        self.failures = 0
        self.down_until = 0.0
        self.knows_edns = self.knows_edns or edns

    def answered_plain(self, now: float) -> None:
        """It answered without EDNS what it had refused with it. One broken zone behind it must not cost the others."""
        if not self.knows_edns and self.plain_until <= now:
            self.plain_until = now + PLAIN_SECONDS


class Question(Generic[Waiter]):
    """One question under way and everyone who waits for its answer."""

    __slots__ = ("attempt", "deadline", "edns", "ident", "key", "link", "opened", "packet", "plain_for", "server",
                 "told_late", "tried", "waiters")  # fmt: skip

    def __init__(self, key: Key, packet: bytes, waiters: list[Waiter], now: float) -> None:
        self.key = key
        self.packet = packet  # without the ID, which is new with every try
        self.waiters = waiters  # none where it is asked ahead of any client
        self.opened = now
        self.told_late: int | None = None  # how many of the waiters have been told late, None before the time
        self.edns = True  # whether `packet` has it
        self.plain_for: tuple[Server, ...] = ()  # who could not read it with EDNS
        self.attempt = 0
        self.tried: list[Server] = []  # one for each try; asking the same server again without EDNS belongs to its try
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
    """One per worker. `deliver(key, answer or None, waiters)` is called once for each question.

    `late(key, waiters)` hears once of everyone who has waited LATE_SECONDS; it returns those who still wait.
    """

    def __init__(self, servers: list[Server], upstreams: Upstreams, cache: Cache, payload: int, counters: Counters,
                 deliver: Callable[[Key, Answer | None, list[Waiter]], None],
                 late: Callable[[Key, list[Waiter]], list[Waiter]] | None = None) -> None:  # fmt: skip
        self.servers = servers
        self._timeout = upstreams.timeout_ms / 1000
        self._attempts = upstreams.attempts
        self._limit = upstreams.max_outstanding
        self._cache = cache
        self._payload = payload
        self._counters = counters
        self._deliver = deliver
        self._late = late
        self._ids = RandomIds()
        self._under_way: dict[Key, Question[Waiter]] = {}
        self._clock_order: deque[tuple[float, Question[Waiter], int]] = deque()  # one timeout for all: in order already
        self._ages: deque[tuple[float, Key]] = deque()  # when they were opened, of those not late yet
        self._joined_late: list[Question[Waiter]] = []

    def __len__(self) -> int:
        """Questions under way."""
        return len(self._under_way)

    def join(self, key: Key, waiter: Waiter) -> bool:
        """Wait with those who asked the same already; False when nobody did."""
        question = self._under_way.get(key)
        if question is None:
            return False
        question.waiters.append(waiter)
        if question.told_late is not None:
            self._joined_late.append(question)
        return True

    def knows(self, key: Key) -> bool:
        """Whether this is under way."""
        return key in self._under_way

    def open(self, key: Key, waiters: list[Waiter], now: float) -> Question[Waiter] | None:
        """A new question, to be handed to `aim` and sent; None when too many are under way."""
        if len(self._under_way) >= self._limit:
            return None
        packet = reply.upstream_question(key[0], key[1], self._payload)
        question = self._under_way[key] = Question(key, packet, waiters, now)
        self._ages.append((now, key))
        return question

    def tell_late(self, now: float) -> None:
        """Tell `late` of the waiters of questions that are old by now, and of those who joined one that is."""
        ages, joined = self._ages, self._joined_late
        self._joined_late = []
        while ages and ages[0][0] <= now - LATE_SECONDS:
            opened, key = ages.popleft()
            question = self._under_way.get(key)
            if question is not None and question.opened == opened:
                question.told_late = 0
                joined.append(question)
        for question in joined:
            told = question.told_late or 0
            news = question.waiters[told:]
            if self._late is not None and news and self._under_way.get(question.key) is question:
                question.waiters[told:] = self._late(question.key, news)
                question.told_late = len(question.waiters)

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
        edns = link.server not in question.plain_for and link.server.plain_until <= now
        if edns is not question.edns:
            question.edns = edns
            question.packet = reply.upstream_question(*question.key, self._payload if edns else None)
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
        return self._elsewhere(question, now)

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
            link.server.answered()
            return _by_datagram(self._another(question))
        self._release(question)
        link.server.answered(edns=answer.edns)
        if answer.truncated:
            return question, True
        return _by_datagram(self._settle(question, answer, now))

    def received_whole(self, question: Question[Waiter], packet: bytes | None, now: float) -> Question[Waiter] | None:
        """The answer that came by TCP, None when none did. Returns the question to ask again.

        Never held against the server: its truncated datagram has shown that it lives.
        """
        try:
            if packet is None:
                raise BadAnswer("no answer by TCP")
            if packet[:2] != question.ident:
                raise BadAnswer("answers another question", mismatch=True)
            answer = self._read(question, packet)
            if answer.truncated:
                raise BadAnswer("truncated by TCP")
        except BadAnswer:
            self._counters.upstream_bad += 1
            return self._another(question)
        return self._settle(question, answer, now)

    def _read(self, question: Question[Waiter], packet: bytes) -> Answer:
        return wire_answer.read(packet, question.key[0], self._cache.max_ttl, self._cache.max_negative_ttl)

    def _settle(self, question: Question[Waiter], answer: Answer, now: float) -> Question[Waiter] | None:
        server = question.server
        assert server is not None
        if answer.rcode not in {NOERROR, NXDOMAIN}:
            self._counters.upstream_failures += 1
            if question.edns and not answer.edns and answer.rcode in {FORMERR, NOTIMP}:
                question.plain_for += (question.tried.pop(),)  # RFC 6891 section 7: perhaps it cannot read EDNS only
                return question
            return self._another(question)
        if server in question.plain_for:
            server.answered_plain(now)
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
            retry = self._elsewhere(question, now)
            if retry is not None:
                again.append(retry)
        return again

    def broken(self, link: Link[Waiter], now: float) -> list[Question[Waiter]]:
        """The kernel says that nobody listens there: everything under way on `link` goes elsewhere at once."""
        retries = [self._elsewhere(question, now) for question in list(link.pending.values())]
        return [retry for retry in retries if retry is not None]

    def _elsewhere(self, question: Question[Waiter], now: float) -> Question[Waiter] | None:
        """Its server is silent: held against the server, and asked again while tries are left."""
        assert question.server is not None
        question.server.silent(now)
        return self._another(question)

    def _another(self, question: Question[Waiter]) -> Question[Waiter] | None:
        self._release(question)
        if len(question.tried) >= self._attempts:
            self._finish(question, None)
            return None
        return question

    def _release(self, question: Question[Waiter]) -> None:
        if question.link is not None:
            question.link.pending.pop(question.ident, None)
            question.link = None

    def _finish(self, question: Question[Waiter], answer: Answer | None) -> None:
        self._under_way.pop(question.key, None)
        self._deliver(question.key, answer, question.waiters)


def _by_datagram(question: Question[Waiter] | None) -> tuple[Question[Waiter], bool] | None:
    return (question, False) if question is not None else None
