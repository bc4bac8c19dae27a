"""Questions under way, without sockets and in virtual time: who is asked next, and that every waiter hears once."""

from __future__ import annotations

import dns.flags
import pytest

from resolver.upstream.entropy import Entropy
from resolver.upstream.exchange import MAX_WAITERS
from resolver.upstream.question import Link
from tests.resolver.making import answer_to, query, understood
from tests.resolver.upstream.asked import TIMEOUT, A, Asked, key


def test_the_packet_that_is_sent():
    asked = Asked()
    question = asked.exchange.open(key("WWW.example".lower(), 0x11), ["client"], asked.now)
    packet = asked.send(question)
    message = understood(packet[2:])
    assert packet[:2] == question.ident
    assert message.question[0].to_text().lower() == "www.example. in a"
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
    assert asked.exchange.open(key("y.example"), ["client"], asked.now) is None
    assert asked.exchange.join(questions[5], "another")  # joining costs nothing
    asked.answer(questions[0], "x0.example. 1 IN A 192.0.2.1")
    assert asked.exchange.open(key("y.example"), ["client"], asked.now) is not None


def test_too_many_for_one_answer():
    asked = Asked()
    question = asked.ask(waiter=0)
    assert all(asked.exchange.join(question, number) for number in range(1, MAX_WAITERS))
    assert not asked.exchange.join(question, "one too many")
    asked.answer(question, A)
    assert asked.waiters() == list(range(MAX_WAITERS))


def test_ids_are_unique_on_a_link(monkeypatch):
    """Also when chance gives the same one again and again."""
    drawn = iter([b"\0\1", b"\0\1", b"\0\1", b"\0\2"])
    monkeypatch.setattr(Entropy, "ident", lambda _self: next(drawn))
    asked = Asked(servers=1)
    assert asked.ask("one.example").ident == b"\0\1"
    assert asked.ask("two.example").ident == b"\0\2"


def test_ids_are_spread():
    ids = Entropy()
    drawn = [ids.ident() for _ in range(10_000)]
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
    assert asked.answer(question, A, link=Link(asked.servers[0], asked.now)) is None
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
    assert asked.answer(question, A, link=asked.link(question.server)) is None  # and twice is once too often
    assert len(asked.delivered) == 1
    assert asked.counters.upstream_mismatches == 2


@pytest.mark.parametrize("rcode", [2, 5, 9, 16])
def test_an_error_of_a_server_sends_the_question_to_the_next(rcode):
    asked = Asked()
    question = asked.ask()
    assert asked.number(question) == 0
    assert asked.answer(question, rcode=rcode) is question
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
    packet = answer_to(asked.packet(question), A).to_wire()
    assert asked.exchange.received(question.link, packet[:-15], asked.now) is question
    assert asked.counters.upstream_bad == 1


def test_time_outs_and_the_end_of_all_tries():
    asked = Asked(attempts=4)
    question = asked.ask(waiter="first")
    asked.ask(waiter="second")
    order = [asked.number(question)]
    for times in (1, 1, 2):  # who was silent before is given longer: perhaps it is far away
        assert asked.expire(times - 0.1) == []
        assert asked.expire(0.1) == [question]
        order.append(asked.number(question))
    assert order == [0, 1, 0, 1]
    assert asked.expire(2) == []
    assert asked.delivered == [(key(), None, ["first", "second"])]
    assert len(asked.exchange) == 0
    assert asked.counters.upstream_timeouts == 4
    assert asked.counters.upstream_queries == 4
    assert asked.expire() == []
    assert len(asked.delivered) == 1


def test_one_server_is_asked_three_times_at_most():
    """RFC 9520 section 3.1."""
    asked = Asked(servers=1, attempts=10)
    question = asked.ask()
    for _ in range(2):
        assert asked.answer(question, rcode=2) is question
        asked.send(question)
    assert asked.answer(question, rcode=2) is None
    assert asked.delivered == [(key(), None, ["client"])]


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
    asked.servers[0].failures, asked.servers[0].down_until = 3, 1000.0  # so the others are tried first
    question = asked.ask()
    order = [asked.number(question)]
    for _ in range(6):
        asked.expire(3)
        order.append(asked.number(question))
    assert order == [1, 2, 0, 1, 2, 0, 1]


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
    assert asked.exchange.broken(asked.link(asked.servers[1]), asked.now) == []


def test_a_server_that_no_socket_reaches_counts_as_a_try():
    asked = Asked(attempts=2)
    question = asked.exchange.open(key(), ["client"], asked.now)
    assert asked.exchange.unreachable(question, asked.servers[0], asked.now) is question
    assert asked.exchange.choose(question) is asked.servers[1]
    assert asked.exchange.unreachable(question, asked.servers[1], asked.now) is None
    assert asked.delivered == [(key(), None, ["client"])]
    assert len(asked.exchange) == 0
