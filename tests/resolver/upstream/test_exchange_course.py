"""Questions under way through any course of answers, errors, forgeries and silence: every waiter hears exactly once.

No sockets; the pool's part is played here.
"""

from __future__ import annotations

import dns.flags
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.resolver.making import answer_to
from tests.resolver.upstream.asked import Asked


class AnyCourse(RuleBasedStateMachine):
    """Whatever happens in whatever order: every waiter hears exactly once, and nothing stays behind."""

    @initialize(servers=st.integers(1, 3), attempts=st.integers(1, 4))
    def start(self, servers, attempts):
        self.asked = Asked(servers=servers, attempts=attempts)
        self.attempts = attempts
        self.waiters = 0
        self.by_tcp = {}

    def again(self, question):
        """What the pool does with a question that is handed back."""
        if question is not None:
            self.asked.send(question)

    def pick(self, number):
        """A question that waits for a datagram, None when there is none."""
        waiting = [question for question in self.asked.exchange._under_way.values() if question.link is not None]
        return waiting[number % len(waiting)] if waiting else None

    @rule(number=st.integers(0, 3))
    def ask(self, number):
        self.asked.ask(f"x{number}.example", self.waiters)
        self.waiters += 1

    @rule(number=st.integers(0, 3), rcode=st.sampled_from([0, 0, 1, 1, 2, 3, 5]), edns=st.booleans())
    def answer(self, number, rcode, edns):
        question = self.pick(number)
        if question is not None:
            again = self.asked.answer(question, rcode=rcode, edns=edns)
            self.again(again and again[0])

    @rule(number=st.integers(0, 3), junk=st.binary(max_size=60))
    def forge(self, number, junk):
        question = self.pick(number)
        if question is not None:
            again = self.asked.exchange.received(question.link, question.ident + junk, self.asked.now)
            self.again(again and again[0])  # it may happen to be an error

    @rule(number=st.integers(0, 3))
    def truncate(self, number):
        question = self.pick(number)
        if question is not None:
            again = self.asked.answer(question, flags=dns.flags.TC)
            assert again == (question, True)
            self.by_tcp[question.key] = question

    @rule(good=st.booleans())
    def end_of_tcp(self, good):
        if self.by_tcp:
            _key, question = self.by_tcp.popitem()
            whole = answer_to(question.ident + question.packet).to_wire() if good else None
            self.again(self.asked.exchange.received_whole(question, whole, self.asked.now))

    @rule()
    def expire(self):
        self.asked.expire()

    @rule(number=st.integers(0, 2))
    def refuse(self, number):
        server = self.asked.servers[number % len(self.asked.servers)]
        for question in self.asked.exchange.broken(self.asked.links[server], self.asked.now):
            self.again(question)

    @invariant()
    def nothing_is_lost(self):
        if hasattr(self, "asked"):
            waiting = sum(len(question.waiters) for question in self.asked.exchange._under_way.values())
            assert waiting + len(self.asked.waiters()) == self.waiters

    def teardown(self):
        if hasattr(self, "asked"):
            while self.by_tcp:
                self.end_of_tcp(good=False)
            for _ in range(self.attempts):
                self.asked.expire()
            assert sorted(self.asked.waiters()) == list(range(self.waiters))
            assert len(self.asked.exchange) == 0
            assert not any(link.pending for link in self.asked.links.values())


TestAnyCourse = AnyCourse.TestCase
TestAnyCourse.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
