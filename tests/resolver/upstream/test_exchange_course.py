"""Questions under way through any course of answers, errors, forgeries and silence: every waiter hears exactly once.

No sockets; the pool's part is played here.
"""

from __future__ import annotations

import dns.flags
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.resolver.making import answer_to
from tests.resolver.upstream.asked import Asked, zone

SERVERS = ["127.0.0.1:5301", "tcp://127.0.0.1:5302", "127.0.0.1:5303"]


class AnyCourse(RuleBasedStateMachine):
    """Whatever happens in whatever order: every waiter hears exactly once, and nothing stays behind."""

    @initialize(servers=st.integers(1, 3), attempts=st.integers(1, 4))
    def start(self, servers, attempts):
        self.asked = Asked(SERVERS[:servers], [zone("inside.example", "127.0.0.1:5304")], attempts=attempts)
        self.attempts = max(attempts, servers)
        self.waiters = 0

    def again(self, question):
        """What the pool does with a question that is handed back."""
        if question is not None:
            self.asked.send(question)

    def pick(self, number):
        """A question that waits for an answer, or a copy of one; None when there is none."""
        waiting = [question for link in self.asked.links.values() for question in link.pending.values()]
        return waiting[number % len(waiting)] if waiting else None

    @rule(number=st.integers(0, 3), zone=st.sampled_from(["example", "inside.example"]))
    def ask(self, number, zone):
        question = self.asked.ask(f"x{number}.{zone}", self.waiters)
        if question is not None:
            self.asked.probe(question)
        self.waiters += 1

    @rule(number=st.integers(0, 9), rcode=st.sampled_from([0, 0, 1, 1, 2, 3, 5]), edns=st.booleans())
    def answer(self, number, rcode, edns):
        question = self.pick(number)
        if question is not None:
            self.again(self.asked.answer(question, rcode=rcode, edns=edns))

    @rule(number=st.integers(0, 9), junk=st.binary(max_size=60))
    def forge(self, number, junk):
        question = self.pick(number)
        if question is not None:  # it may happen to be an error
            self.again(self.asked.exchange.received(question.link, question.ident + junk, self.asked.now))

    @rule(number=st.integers(0, 9))
    def truncate(self, number):
        question = self.pick(number)
        if question is not None:
            self.again(self.asked.answer(question, flags=dns.flags.TC))

    @rule(number=st.integers(0, 9))
    def lower(self, number):
        question = self.pick(number)
        if question is not None:
            packet = self.asked.packet(question)
            message = answer_to(packet[:12] + packet[12:-4].lower() + packet[-4:])
            self.again(self.asked.exchange.received(question.link, message.to_wire(), self.asked.now))

    @rule()
    def expire(self):
        self.asked.expire()

    @rule()
    def tell_late(self):
        self.asked.exchange.tell_late(self.asked.now)

    @rule(number=st.integers(0, 9), flood=st.booleans())
    def close(self, number, flood):
        question = self.pick(number)
        if question is None:
            return
        link = question.link
        again = self.asked.exchange.flooded(link) if flood else self.asked.exchange.broken(link, self.asked.now)
        assert not link.pending
        self.asked.links = {place: one for place, one in self.asked.links.items() if one is not link}
        for one in again:
            self.again(one)

    @rule(number=st.integers(0, 9))
    def unreachable(self, number):
        question = self.pick(number)
        if question is not None and not question.probe:
            again = self.asked.exchange.broken(question.link, self.asked.now)
            for one in again:
                server = self.asked.exchange.choose(one)
                self.again(self.asked.exchange.unreachable(one, server, self.asked.now))

    @invariant()
    def nothing_is_lost(self):
        if hasattr(self, "asked"):
            waiting = sum(len(question.waiters) for question in self.asked.exchange._under_way.values())
            assert waiting + len(self.asked.waiters()) == self.waiters

    @invariant()
    def what_is_under_way_is_expected_somewhere(self):
        if hasattr(self, "asked"):
            for question in self.asked.exchange._under_way.values():
                assert question.link.pending[question.ident] is question
                assert len(question.tried) <= self.attempts
                inside = question.key[0].endswith(b"\6inside\7example\0\0\1\0\1")
                assert (str(question.server.address) == "127.0.0.1:5304") is inside

    def teardown(self):
        if hasattr(self, "asked"):
            for _ in range(3 * self.attempts):
                self.asked.expire()
            assert len(self.asked.exchange) == 0
            assert sorted(self.asked.waiters()) == list(range(self.waiters))
            assert not any(link.pending for link in self.asked.links.values())
            assert not any(server.probing for scope in self.asked.scopes for server in scope.servers)


TestAnyCourse = AnyCourse.TestCase
TestAnyCourse.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
