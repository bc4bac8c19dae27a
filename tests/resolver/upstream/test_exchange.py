"""Questions under way, without sockets and in virtual time: who is asked next, and that every waiter hears once."""

from __future__ import annotations

import dns.flags
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from contracts import names
from contracts.networks import Endpoint
from contracts.settings import Cache, Upstreams
from resolver.counters import Counters
from resolver.upstream.exchange import DOWN_AFTER, DOWN_SECONDS, Exchange, Link, RandomIds, Server
from tests.resolver.making import answer_to, query, understood

A = "www.example. 300 IN A 192.0.2.1"
SERVERS = ["127.0.0.1:5301", "127.0.0.1:5302", "127.0.0.1:5303"]
TIMEOUT = 0.8


def key(name="www.example", bits=0):
    return names.to_wire(name) + b"\0\1\0\1", bits


class Asked:
    """An exchange with one link per server, and all that it sent and delivered."""

    def __init__(self, servers=2, **limits):
        self.counters = Counters()
        self.servers = [Server(Endpoint(text)) for text in SERVERS[:servers]]
        self.delivered = []
        self.now = 100.0
        self.exchange = Exchange(
            self.servers, Upstreams(timeout_ms=800, **limits), Cache(), 1232, self.counters,
            lambda asked, answer, waiters: self.delivered.append((asked, answer, waiters)),
        )  # fmt: skip
        self.links = {server: Link(server) for server in self.servers}

    def ask(self, name="www.example", waiter="client", bits=0):
        """As the pool does: the question when it was sent, None when it joined another."""
        if self.exchange.join(key(name, bits), waiter):
            return None
        question = self.exchange.open(key(name, bits), waiter)
        self.send(question)
        return question

    def send(self, question):
        server = self.exchange.choose(question.tried, self.now)
        return self.exchange.aim(question, self.links[server], self.now)

    def number(self, question):
        """Which server is being asked."""
        return self.servers.index(question.server)

    def answer(self, question, *records, ident=None, link=None, **how):
        """The asked server says something."""
        message = answer_to(question.ident + question.packet, *records, **how)
        packet = (ident or question.ident) + message.to_wire(max_size=65535)[2:]
        return self.exchange.received(link or question.link, packet, self.now)

    def expire(self):
        """Wait until the time-out; ask again what is to be asked again."""
        self.now += TIMEOUT + 0.01
        again = self.exchange.expired(self.now)
        for question in again:
            self.send(question)
        return again

    def waiters(self):
        return [waiter for _key, _answer, waiters in self.delivered for waiter in waiters]


def test_the_packet_that_is_sent():
    asked = Asked()
    question = asked.exchange.open(key("WWW.example".lower(), 0x11), "client")
    packet = asked.send(question)
    message = understood(packet[2:])
    assert packet[:2] == question.ident
    assert message.question[0].to_text() == "www.example. IN A"
    assert message.flags == dns.flags.RD | dns.flags.CD
    assert message.ednsflags == dns.flags.DO
    assert message.payload == 1232


def test_equal_questions_wait_together():
    asked = Asked()
    question = asked.ask(waiter="first")
    assert asked.ask(waiter="second") is None
    assert asked.ask(waiter="with DO", bits=1) is not None  # another question
    assert asked.answer(question, A) is None
    ((_key, answer, waiters),) = asked.delivered
    assert (answer.lifetime, waiters) == (300, ["first", "second"])
    assert len(asked.exchange) == 1
    assert asked.ask(waiter="third") is not None  # what is answered is under way no more


def test_the_limit():
    asked = Asked(max_outstanding=100)
    questions = [asked.ask(f"x{number}.example") for number in range(100)]
    assert asked.exchange.open(key("y.example"), "client") is None
    assert asked.exchange.join(key("x5.example"), "another")  # joining costs nothing
    asked.answer(questions[0], "x0.example. 1 IN A 192.0.2.1")
    assert asked.exchange.open(key("y.example"), "client") is not None


def test_ids_are_unique_on_a_link(monkeypatch):
    """Also when chance gives the same one again and again."""
    drawn = iter([b"\0\1", b"\0\1", b"\0\1", b"\0\2"])
    monkeypatch.setattr(RandomIds, "draw", lambda _self: next(drawn))
    asked = Asked(servers=1)
    assert asked.ask("one.example").ident == b"\0\1"
    assert asked.ask("two.example").ident == b"\0\2"


def test_ids_are_spread():
    ids = RandomIds()
    drawn = [ids.draw() for _ in range(10_000)]
    assert all(len(ident) == 2 for ident in drawn)
    assert len(set(drawn)) > 9000
    assert {ident[0] for ident in drawn} == set(range(256))


FORGED = [
    ("another id", {"ident": b"\xff\xff"}, None),
    ("another question", {}, "wwx.example"),
    ("another type", {}, ("www.example", "AAAA")),
]


@pytest.mark.parametrize(("case", "changes", "other"), FORGED, ids=[case[0] for case in FORGED])
def test_what_may_be_forged_is_not_believed_and_the_real_answer_still_is(case, changes, other):
    asked = Asked()
    question = asked.ask()
    if other is None:
        wrong = bytes(octet ^ 0xFF for octet in question.ident)
        assert asked.answer(question, A, ident=wrong) is None
    else:
        name, kind = other if isinstance(other, tuple) else (other, "A")
        packet = answer_to(query(name, kind)).to_wire()
        assert asked.exchange.received(question.link, question.ident + packet[2:], asked.now) is None
    assert asked.delivered == []
    assert asked.counters.upstream_mismatches == 1
    asked.answer(question, A)
    assert len(asked.delivered) == 1


def test_an_answer_through_another_port_is_not_believed():
    asked = Asked()
    question = asked.ask()
    assert asked.answer(question, A, link=Link(asked.servers[0])) is None
    assert asked.delivered == []
    assert asked.counters.upstream_mismatches == 1


def test_an_answer_that_came_late_is_ignored():
    asked = Asked()
    question = asked.ask()
    first = question.ident, question.link
    asked.expire()
    assert asked.answer(question, A, ident=first[0], link=first[1]) is None
    assert asked.delivered == []
    asked.answer(question, A)
    assert asked.answer(question, A, link=asked.links[question.server]) is None  # and twice is once too often
    assert len(asked.delivered) == 1
    assert asked.counters.upstream_mismatches == 2


@pytest.mark.parametrize("rcode", [1, 2, 4, 5, 9, 16])
def test_an_error_of_a_server_sends_the_question_to_the_next(rcode):
    asked = Asked()
    question = asked.ask()
    assert asked.number(question) == 0
    assert asked.answer(question, rcode=rcode) == (question, False)
    asked.send(question)
    assert asked.number(question) == 1
    asked.answer(question, A)
    assert asked.delivered[0][1].rcode == 0
    assert asked.counters.upstream_failures == 1


def test_a_name_error_is_an_answer():
    asked = Asked()
    assert asked.answer(asked.ask(), rcode=3) is None
    assert asked.delivered[0][1].rcode == 3


def test_an_answer_that_cannot_be_read_sends_the_question_to_the_next():
    asked = Asked()
    question = asked.ask()
    packet = answer_to(question.ident + question.packet, A).to_wire()
    assert asked.exchange.received(question.link, packet[:-15], asked.now) == (question, False)
    assert asked.counters.upstream_bad == 1


def test_time_outs_and_the_end_of_all_tries():
    asked = Asked(attempts=4)
    question = asked.ask(waiter="first")
    asked.ask(waiter="second")
    order = [asked.number(question)]
    for _ in range(3):
        assert asked.expire() == [question]
        order.append(asked.number(question))
    assert order == [0, 1, 0, 1]
    assert asked.expire() == []
    assert asked.delivered == [(key(), None, ["first", "second"])]
    assert len(asked.exchange) == 0
    assert asked.counters.upstream_timeouts == 4
    assert asked.counters.upstream_queries == 4
    assert asked.expire() == []
    assert len(asked.delivered) == 1


def test_nothing_expires_too_early():
    asked = Asked()
    question = asked.ask()
    assert asked.exchange.expired(asked.now + TIMEOUT - 0.01) == []
    assert asked.exchange.expired(asked.now + TIMEOUT) == [question]


def test_a_question_asked_anew_has_its_whole_time_again():
    asked = Asked()
    question = asked.ask()
    asked.now += 0.7
    asked.answer(question, rcode=2)
    asked.send(question)
    assert asked.exchange.expired(asked.now + 0.2) == []  # the time of the first try is over, that of the second not
    assert asked.exchange.expired(asked.now + TIMEOUT) == [question]


def test_the_one_tried_the_longest_ago_comes_next():
    asked = Asked(servers=3, attempts=7)
    asked.servers[0].down_until = 1000.0  # so the others are tried first
    question = asked.ask()
    order = [asked.number(question)]
    for _ in range(6):
        asked.expire()
        order.append(asked.number(question))
    assert order == [1, 2, 0, 1, 2, 0, 1]


def test_servers_that_are_down_are_asked_last_and_come_back():
    asked = Asked(attempts=10)
    first = asked.servers[0]
    for number in range(DOWN_AFTER):
        question = asked.ask(f"x{number}.example")
        assert asked.number(question) == 0
        asked.answer(question, rcode=2)
        asked.send(question)
        asked.answer(question, f"x{number}.example. 1 IN A 192.0.2.1")
    assert asked.number(asked.ask("down.example")) == 1
    asked.servers[1].down_until = first.down_until
    assert asked.number(asked.ask("all-down.example")) == 0  # still better than no answer
    asked.servers[1].down_until = 0.0
    asked.now += DOWN_SECONDS
    question = asked.ask("again.example")
    assert asked.number(question) == 0
    asked.answer(question, "again.example. 1 IN A 192.0.2.1")
    assert first.failures == 0


def test_truncated_means_ask_by_tcp_and_its_answer_counts():
    asked = Asked()
    question = asked.ask()
    assert asked.answer(question, flags=dns.flags.TC) == (question, True)
    assert asked.expire() == []  # TCP has its own time
    whole = answer_to(question.ident + question.packet, A).to_wire()
    assert asked.exchange.received_whole(question, whole, asked.now) is None
    assert asked.delivered[0][1].lifetime == 300


@pytest.mark.parametrize("failure", ["none came", "truncated", "garbage", "SERVFAIL"])
def test_no_good_answer_by_tcp(failure):
    asked = Asked(attempts=2)
    question = asked.ask()
    for last in (False, True):
        asked.answer(question, flags=dns.flags.TC)
        packet = question.ident + question.packet
        said = {
            "none came": None,
            "truncated": answer_to(packet, flags=dns.flags.TC).to_wire(),
            "garbage": b"\0" * 40,
            "SERVFAIL": answer_to(packet, rcode=2).to_wire(),
        }[failure]
        again = asked.exchange.received_whole(question, said, asked.now)
        assert again is (None if last else question)
        if not last:
            asked.send(question)
            assert asked.number(question) == 1
    assert asked.delivered == [(key(), None, ["client"])]


def test_a_broken_link_fails_over_at_once():
    asked = Asked(attempts=2)
    questions = [asked.ask(f"x{number}.example") for number in range(3)]
    again = asked.exchange.broken(questions[0].link, asked.now)
    assert again == questions
    for question in again:
        asked.send(question)
        assert asked.number(question) == 1
    assert asked.exchange.broken(questions[0].link, asked.now) == []
    assert [answer for _key, answer, _waiters in asked.delivered] == [None] * 3
    assert asked.exchange.broken(asked.links[asked.servers[1]], asked.now) == []


def test_a_server_that_no_socket_reaches_counts_as_a_try():
    asked = Asked(attempts=2)
    question = asked.exchange.open(key(), "client")
    assert asked.exchange.unreachable(question, asked.servers[0], asked.now) is question
    assert asked.exchange.choose(question.tried, asked.now) is asked.servers[1]
    assert asked.exchange.unreachable(question, asked.servers[1], asked.now) is None
    assert asked.delivered == [(key(), None, ["client"])]
    assert len(asked.exchange) == 0


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

    @rule(number=st.integers(0, 3), rcode=st.sampled_from([0, 0, 2, 3, 5]))
    def answer(self, number, rcode):
        question = self.pick(number)
        if question is not None:
            again = self.asked.answer(question, rcode=rcode)
            self.again(again and again[0])

    @rule(number=st.integers(0, 3), junk=st.binary(max_size=60))
    def forge(self, number, junk):
        question = self.pick(number)
        if question is not None:
            assert self.asked.exchange.received(question.link, question.ident + junk, self.asked.now) is None

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
