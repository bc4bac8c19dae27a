"""The questions under way to the upstreams: who waits, who is asked and how, what counts as an answer. Sans-IO.

No sockets and no timers: the pool sends what `aim` makes and feeds in what arrives. Which server is the best is
resolver.upstream.scope's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic

from contracts.settings import Cache, Upstreams
from resolver.counters import Counters
from resolver.upstream.entropy import Entropy
from resolver.upstream.lateness import Lateness
from resolver.upstream.question import Key, Link, Question, Waiter
from resolver.upstream.scope import Scopes
from resolver.upstream.server import MAX_PATIENCE, Server
from resolver.wire import answer as wire_answer
from resolver.wire import reply
from resolver.wire.answer import Answer, BadAnswer
from resolver.wire.constants import FORMERR, NOERROR, NOTIMP, NXDOMAIN

MAX_WAITERS = 1000  # on one question
FLOOD = 50  # packets that nobody asked for before what is under way on a port is asked by TCP
MAX_EACH = 3  # tries on one server, whatever the settings say: RFC 9520 section 3.1
SLOW = 0.2  # seconds beyond four round trips after which a question makes room for a new one


class Exchange(Generic[Waiter]):
    """One per worker. `deliver(key, answer or None, waiters)` is called once for each question.

    `late(key, waiters)` hears once of everyone who has waited long; it returns those who still wait.
    `shed(key, waiters)` is called instead of `deliver` where it is no server's fault that there is no answer.
    """

    def __init__(self, scopes: Scopes, upstreams: Upstreams, cache: Cache, payload: int, counters: Counters,
                 deliver: Callable[[Key, Answer | None, list[Waiter]], None],
                 late: Callable[[Key, list[Waiter]], list[Waiter]] | None = None,
                 shed: Callable[[Key, list[Waiter]], None] | None = None) -> None:  # fmt: skip
        self._scopes = scopes
        self._timeout = upstreams.timeout_ms / 1000
        self._attempts = upstreams.attempts
        self._limit = upstreams.max_outstanding
        self._mixed_case = upstreams.mixed_case
        self._cache = cache
        self._payload = payload
        self._counters = counters
        self._deliver = deliver
        self._shed = shed or (lambda key, waiters: deliver(key, None, waiters))
        self._entropy = Entropy()
        self._under_way: dict[Key, Question[Waiter]] = {}
        self._lateness = Lateness(self._under_way, late)
        # by how many times the time-out they wait, so that each is in order already
        self._clocks: list[deque[tuple[float, Question[Waiter], int]]] = [deque() for _ in range(2 * MAX_EACH + 1)]
        self._unlucky: deque[Question[Waiter]] = deque()  # a try of theirs was in vain, in order of age

    def __len__(self) -> int:
        """Questions under way."""
        return len(self._under_way)

    def find(self, key: Key) -> Question[Waiter] | None:
        """The question that asks this already."""
        return self._under_way.get(key)

    def join(self, question: Question[Waiter], waiter: Waiter) -> bool:
        """Wait with those who asked the same already; False when they are too many."""
        if len(question.waiters) >= MAX_WAITERS:
            return False
        question.waiters.append(waiter)
        if question.told_late is not None:
            self._lateness.joined(question)
        return True

    def open(self, key: Key, waiters: list[Waiter], now: float) -> Question[Waiter] | None:
        """A new question, to be handed to `aim` and sent; None without servers, or when too many are under way."""
        scope = self._scopes.find(key[0])
        if not scope.servers:
            return None
        if len(self._under_way) >= self._limit and not (waiters and self._make_room(now)):
            return None
        question = self._under_way[key] = Question(key, scope, waiters, now)
        self._lateness.opened(key, now)
        return question

    def _make_room(self, now: float) -> bool:
        """The question that has waited longest in vain fails: dead zones must not shut out the living ones."""
        while self._unlucky:
            question = self._unlucky.popleft()
            if self._under_way.get(question.key) is question:
                self._release(question)
                self._finish(question, None)  # a server has failed on it: it must not come back at once
                return True
        for clock in self._clocks:
            while clock and not _waits(clock[0]):
                clock.popleft()
            first = next((one for one in clock if _waits(one) and not one[1].probe), None)
            if first is not None:
                question = first[1]
                assert question.server is not None
                if now - question.sent > SLOW + 4 * question.server.srtt:
                    self.give_up(question)
                    return True
        return False

    def probe(self, question: Question[Waiter], now: float) -> tuple[Question[Waiter], Server] | None:
        """Behind sending `question`: a copy of it, and the server whose doing it shall show."""
        assert question.server is not None
        server = question.scope.look_around(question.server, now)
        if server is None:
            return None
        return Question(question.key, question.scope, [], now, probe=True), server

    def choose(self, question: Question[Waiter]) -> Server:
        """Whom to ask next."""
        if question.again:
            assert question.server is not None
            return question.server
        return question.scope.choose(question.tried)

    def aim(self, question: Question[Waiter], link: Link[Waiter], now: float) -> bytes:
        """Send `question` through `link`: the packet to send. Its answer is awaited from now on."""
        server, pending = link.server, link.pending
        ident = self._entropy.ident()
        while ident in pending or ident in link.recent:  # a late answer must not be taken for this question's
            ident = self._entropy.ident()
        pending[ident] = question
        question.ident = ident
        question.link = link
        if question.again:
            question.again = False
            question.avoid = None
        else:
            question.tried.append(server)
        question.server = server
        question.attempt += 1
        question.sent = server.asked = now
        asked, bits = question.key
        if not link.stream and self.mixes_case(server, now) and server not in question.level_for:
            asked = self._entropy.mixed(asked[:-4]) + asked[-4:]
        question.asked = asked
        question.edns = server.plain_until <= now and server not in question.plain_for
        waits = 1 if len(question.tried) == 1 else question.tried.count(server)  # longer each time: it may be far away
        if link.stream:
            waits *= 2
        self._clocks[waits].append((now + waits * self._timeout, question, question.attempt))
        if question.probe:
            server.probing = True
        self._counters.upstream_queries += 1
        payload = self._payload if question.edns else None
        return ident + reply.upstream_question(asked, bits, payload, padded=server.padded)

    def mixes_case(self, server: Server, now: float) -> bool:
        """Whether it is asked in mixed case where it is asked by datagrams."""
        return self._mixed_case and server.datagrams and server.level_until <= now

    def unreachable(self, question: Question[Waiter], server: Server, now: float) -> Question[Waiter] | None:
        """No socket can be had towards `server`: there is no route, say. Returns the question to ask elsewhere."""
        if not question.again:
            question.tried.append(server)
        question.server = server
        question.attempt += 1
        self._counters.upstream_failures += 1
        server.silent(now, now)
        return self._another(question)

    def received(self, link: Link[Waiter], packet: bytes, now: float) -> Question[Waiter] | None:
        """A message came in on `link`. Returns a question to ask again."""
        link.heard = now
        question = link.pending.get(packet[:2])
        if question is None:
            self._counters.upstream_mismatches += 1
            if packet[:2] not in link.recent:
                link.wrong += 1
            return None
        try:
            answer = wire_answer.read(packet, question.asked, self._cache.max_ttl, self._cache.max_negative_ttl)
            return self._understood(question, link, answer, now)
        except BadAnswer as error:
            return self._not_understood(question, link, error, now)
        except Exception:
            self.give_up(question)  # a bug of ours: nobody waits for ever
            raise

    def _understood(self, question: Question[Waiter], link: Link[Waiter], answer: Answer,
                    now: float) -> Question[Waiter] | None:  # fmt: skip
        server = link.server
        self._release(question)
        link.answers += 1
        if link.stream:
            server.mute = 0
        server.answered(question.sent, now, edns=answer.edns)
        if question.asked is not question.key[0]:
            server.kept_case()
        if question.probe:
            return None
        if answer.truncated:
            if link.stream:
                self._counters.upstream_bad += 1
                return self._another(question)
            return self._by_tcp(question)
        if answer.rcode not in {NOERROR, NXDOMAIN}:
            self._counters.upstream_failures += 1
            if question.edns and not answer.edns and answer.rcode in {FORMERR, NOTIMP}:
                question.plain_for += (server,)  # RFC 6891 section 7: perhaps it cannot read EDNS only
                question.again = True
                return question
            return self._another(question)
        if question.plain_for and server in question.plain_for:
            server.answered_plain(now)
        self._counters.upstream_answers += 1
        self._finish(question, answer)
        return None

    def _not_understood(self, question: Question[Waiter], link: Link[Waiter], error: BadAnswer,
                        now: float) -> Question[Waiter] | None:  # fmt: skip
        if error.case:  # an old server, or a forger who did not guess it: asked anew where he does not look
            self._counters.upstream_mismatches += 1
            link.server.changed_case(now)
            self._release(question)
            question.level_for += (link.server,)
            question.again, question.avoid = True, link
            return None if question.probe else question
        if error.mismatch and not link.stream:  # perhaps forged: go on waiting for the real one
            self._counters.upstream_mismatches += 1
            link.wrong += 1
            return None
        self._counters.upstream_bad += 1
        link.server.answered(question.sent, now)
        return self._another(question)

    def flooded(self, link: Link[Waiter]) -> list[Question[Waiter]]:
        """Somebody is guessing on this port: what is under way there is asked by TCP, where guessing is in vain."""
        return self._all_of(link, self._by_tcp)

    def _by_tcp(self, question: Question[Waiter]) -> Question[Waiter] | None:
        self._release(question)
        self._counters.upstream_tcp += 1
        question.again = question.by_stream = True
        return None if question.probe else question

    def expired(self, now: float) -> list[Question[Waiter]]:
        """Questions whose time is up and that have tries left; the others have been delivered as failed."""
        again = []
        for clock in self._clocks:
            while clock and clock[0][0] <= now:
                _deadline, question, attempt = clock.popleft()
                link = question.link
                if link is None or question.attempt != attempt:
                    continue
                self._counters.upstream_timeouts += 1
                if link.stream and link.heard <= question.sent and link.opened + self._patience(link) <= now:
                    link.hung = True
                retry = self._elsewhere(question, now)
                if retry is not None:
                    again.append(retry)
        while self._unlucky and self._under_way.get(self._unlucky[0].key) is not self._unlucky[0]:
            self._unlucky.popleft()
        return again

    def tell_late(self, now: float) -> None:
        """Tell `late` of those who have waited long by now."""
        self._lateness.tell(now)

    def broken(self, link: Link[Waiter], now: float) -> list[Question[Waiter]]:
        """Nobody listens there, or the connection is closed: what is under way on `link` is asked anew at once.

        A connection that has served is often closed for its age: its questions get another without any penalty, once.
        """

        if link.stream and not link.answers:
            link.server.mute += 1

        def anew(question: Question[Waiter]) -> Question[Waiter] | None:
            if link.stream and link.answers and (not question.reopened or self._goes_on(link, question, now)):
                self._release(question)
                question.again = question.reopened = True
                return None if question.probe else question
            return self._elsewhere(question, now)

        return self._all_of(link, anew)

    def _goes_on(self, link: Link[Waiter], question: Question[Waiter], now: float) -> bool:
        """There are servers that close each connection after so many answers: a long queue needs many of them."""
        return link.heard > question.sent and now - question.opened < self._timeout

    def _patience(self, link: Link[Waiter]) -> float:
        """Seconds before a connection is hung: for its first answer, after hand-shakes, longer each time it was."""
        return 0.0 if link.answers else 2 * self._timeout * min(1 + link.server.mute, MAX_PATIENCE)

    def _all_of(self, link: Link[Waiter],
                act: Callable[[Question[Waiter]], Question[Waiter] | None]) -> list[Question[Waiter]]:  # fmt: skip
        retries = [act(question) for question in list(link.pending.values())]
        return [retry for retry in retries if retry is not None]

    def _elsewhere(self, question: Question[Waiter], now: float) -> Question[Waiter] | None:
        """Its server is silent: held against the server, and asked again while tries are left."""
        assert question.server is not None
        if question.by_stream:  # its truncated datagram has shown that it lives
            self._counters.upstream_bad += 1
        else:
            question.server.silent(question.sent, now)
        return self._another(question)

    def _another(self, question: Question[Waiter]) -> Question[Waiter] | None:
        self._release(question)
        question.again = question.by_stream = False
        tries, servers = len(question.tried), len(question.scope.servers)
        if question.probe or tries >= min(max(self._attempts, servers), MAX_EACH * servers):
            self._finish(question, None)
            return None
        if tries == 1:
            self._unlucky.append(question)
        return question

    def give_up(self, question: Question[Waiter]) -> None:
        """End it now, for no fault of any server: to make room, or for a bug of ours."""
        self._release(question)
        if not question.probe:
            self._counters.upstream_shed += 1
        waiters = self._ended(question)
        if waiters is not None:
            self._shed(question.key, waiters)

    def _release(self, question: Question[Waiter]) -> None:
        """Its ID is free again. An answer may still come with it, late or once more: nobody's forgery."""
        link = question.link
        if link is not None:
            link.pending.pop(question.ident, None)
            link.recent.add(question.ident)
            question.link = None
            if question.probe:
                link.server.probing = False

    def _finish(self, question: Question[Waiter], answer: Answer | None) -> None:
        waiters = self._ended(question)
        if waiters is not None:
            self._deliver(question.key, answer, waiters)

    def _ended(self, question: Question[Waiter]) -> list[Waiter] | None:
        """It is under way no more: who waited for it. None where nobody is to be told."""
        if question.probe or self._under_way.get(question.key) is not question:
            return None
        del self._under_way[question.key]
        waiters, question.waiters = question.waiters, []  # its clock keeps it for a while, but not its clients
        return waiters


def _waits(timed: tuple[float, Question[Waiter], int]) -> bool:
    """Whether this try is still under way."""
    return timed[1].link is not None and timed[1].attempt == timed[2]
