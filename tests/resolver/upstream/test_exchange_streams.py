"""Questions over connections: truncated answers, servers of TCP and TLS, connections that end or hang. No sockets."""

from __future__ import annotations

import dns.flags
import dns.message
import pytest

from tests.resolver.making import answer_to
from tests.resolver.upstream.asked import TIMEOUT, A, Asked, key

TCP = ["tcp://127.0.0.1:5301", "tcp://127.0.0.1:5302"]


def truncated(asked, question):
    """A truncated datagram has come: ask by TCP."""
    assert asked.answer(question, flags=dns.flags.TC) is question
    asked.send(question)
    assert question.link.stream


def test_truncated_means_ask_the_same_server_by_tcp():
    asked = Asked(attempts=1)
    question = asked.ask()
    server = question.server
    truncated(asked, question)
    assert question.server is server
    asked.now += TIMEOUT + 0.01
    assert asked.exchange.expired(asked.now) == []  # a connection has twice the time
    asked.answer(question, A)
    assert asked.delivered[0][1].lifetime == 300
    assert asked.counters.upstream_tcp == 1


@pytest.mark.parametrize("failure", ["closed", "silent", "truncated", "garbage", "SERVFAIL", "other question"])
def test_no_good_answer_by_tcp(failure):
    """The next server is asked; that it has no TCP does not make it silent."""
    asked = Asked(attempts=2)
    question = asked.ask()
    for last in (False, True):
        truncated(asked, question)
        link = question.link
        if failure == "closed":
            again = asked.exchange.broken(link, asked.now)
        elif failure == "silent":
            asked.now += 2 * TIMEOUT
            again = asked.exchange.expired(asked.now)
            assert link.hung
        elif failure == "garbage":
            again = [asked.exchange.received(link, question.ident + b"\0" * 40, asked.now)]
        elif failure == "other question":
            packet = answer_to(asked.packet(question).replace(b"example", b"elpmaxe")).to_wire()
            again = [asked.exchange.received(link, packet, asked.now)]
        else:
            how = {"rcode": 2} if failure == "SERVFAIL" else {"flags": dns.flags.TC}
            again = [asked.answer(question, **how)]
        assert [one for one in again if one] == ([] if last else [question])
        if not last:
            asked.send(question)
            assert asked.number(question) == 1
            assert not question.link.stream
    assert asked.delivered == [(key(), None, ["client"])]
    assert not any(server.failures for server in asked.servers)


def test_an_answer_with_another_id_is_not_believed_on_a_connection_either():
    asked = Asked(servers=TCP)
    question = asked.ask()
    wrong = bytes(octet ^ 0xFF for octet in question.ident)
    assert asked.answer(question, A, ident=wrong) is None
    assert asked.delivered == []
    asked.answer(question, A)
    assert len(asked.delivered) == 1


def test_answers_in_any_order():
    asked = Asked(servers=TCP)
    questions = [asked.ask(f"x{number}.example") for number in range(5)]
    assert len({question.link for question in questions}) == 1
    for number in (3, 0, 4, 1, 2):
        asked.answer(questions[number], f"x{number}.example. 1 IN A 192.0.2.{number}")
    assert [answer.records.data[-1] for _key, answer, _waiters in asked.delivered] == [3, 0, 4, 1, 2]


def test_a_connection_that_served_and_ends_is_replaced_once_without_penalty():
    asked = Asked(servers=TCP, attempts=2)
    asked.answer(asked.ask("before.example"))
    question = asked.ask()
    server = question.server
    assert asked.exchange.broken(question.link, asked.now) == [question]
    asked.links.clear()
    asked.send(question)
    assert question.server is server
    assert (len(question.tried), server.failures) == (1, 0)
    question.link.answers = 1
    assert asked.exchange.broken(question.link, asked.now) == [question]  # the second time counts
    asked.send(question)
    assert question.server is not server
    assert server.failures == 0 or server.heard >= question.opened


def test_a_server_that_closes_after_each_answer_serves_a_long_queue():
    asked = Asked(servers=TCP[:1], attempts=1)
    questions = [asked.ask(f"x{number}.example") for number in range(20)]
    while questions:
        link = questions[0].link
        asked.now += 0.01
        asked.answer(questions.pop(0))
        again = asked.exchange.broken(link, asked.now)
        assert again == questions
        asked.links.clear()
        for question in questions:
            asked.send(question)
    assert all(answer is not None for _key, answer, _waiters in asked.delivered)


def test_but_a_question_that_ends_connections_comes_to_an_end():
    asked = Asked(servers=TCP[:1], attempts=1)
    question = asked.ask()
    for _ in range(1000):
        if asked.delivered:
            break
        asked.answer(asked.ask("other.example"))
        asked.now += 0.1
        link = question.link
        asked.links.clear()
        for again in asked.exchange.broken(link, asked.now):
            asked.send(again)
        asked.delivered = [one for one in asked.delivered if one[0] == question.key]
    assert asked.delivered[0][1] is None
    assert asked.now < 105


def test_a_connection_is_given_longer_where_those_before_were_mute():
    """Hand-shakes over a long line take longer than one time-out, and newcomers must not end what others wait for."""
    asked = Asked(servers=TCP[:1])
    asked.ask("first.example")
    link = asked.link(asked.servers[0], stream=True)
    asked.expire(2)
    assert link.hung
    asked.exchange.broken(link, asked.now)
    asked.links.clear()
    asked.ask("second.example")
    link = asked.link(asked.servers[0], stream=True)
    asked.expire(2)
    assert not link.hung
    answered = next(iter(link.pending.values()), None) or asked.ask("third.example")
    asked.answer(answered)
    assert asked.servers[0].mute == 0


def test_a_connection_that_never_served_is_a_failure():
    asked = Asked(servers=TCP, attempts=2)
    question = asked.ask()
    assert asked.exchange.broken(question.link, asked.now) == [question]
    assert asked.servers[0].failures == 1
    asked.send(question)
    assert asked.number(question) == 1


def test_a_connection_on_which_others_are_answered_does_not_hang():
    asked = Asked(servers=TCP)
    dead = asked.ask("dead.example")
    link = dead.link
    asked.now += TIMEOUT
    asked.answer(asked.ask("alive.example"))
    asked.now += TIMEOUT
    assert asked.exchange.expired(asked.now) == [dead]
    assert not link.hung
    assert asked.servers[0].failures == 0


@pytest.mark.parametrize("name", ["a", "www.example", "x" * 63 + ".example"])
def test_questions_by_tls_are_padded(name):
    asked = Asked(servers=["tls://127.0.0.1:853#dns.example"])
    question = asked.exchange.open(key(name), ["client"], asked.now)
    packet = asked.send(question)
    assert len(packet) % 128 == 0
    assert 12 in [option.otype for option in dns.message.from_wire(packet).options]
    plain = Asked(servers=TCP)
    question = plain.exchange.open(key(name), ["client"], plain.now)
    assert dns.message.from_wire(plain.send(question)).options == ()
