"""Dead zones cannot starve the living: room is made, and a bug leaves nothing under way. Virtual time, no sockets."""

from __future__ import annotations

from unittest.mock import Mock

import pytest

from resolver.upstream.exchange import SLOW
from resolver.wire import reply
from tests.resolver.upstream.asked import Asked, key


def pass_time(asked, seconds=0.05):
    """As the pool's tick."""
    asked.now += seconds
    for question in asked.exchange.expired(asked.now):
        asked.send(question)


def test_the_one_that_has_waited_longest_in_vain_makes_room():
    asked = Asked(max_outstanding=100)
    for number in range(100):
        asked.ask(f"x{number}.dead.example", number)
        pass_time(asked, 0.02)
    assert asked.waiters() == []
    assert asked.ask("alive.example") is not None
    assert asked.waiters() == [0]
    assert asked.delivered[0][1] is None
    assert asked.ask("alive2.example") is not None
    assert asked.waiters() == [0, 1]
    assert len(asked.exchange) == 100


def test_a_question_ahead_of_any_client_takes_nobodys_place():
    asked = Asked(max_outstanding=1)
    asked.ask("slow.example")
    asked.expire()
    assert asked.exchange.open(key("ahead.example"), [], asked.now) is None
    assert asked.waiters() == []


def test_a_look_at_another_server_does_not_keep_room_from_being_made():
    asked = Asked(max_outstanding=1)
    asked.servers[0].answered(asked.now - 0.01, asked.now)
    question = asked.exchange.open(key("slow.example"), ["client"], asked.now)
    assert question is not None
    asked.exchange.choose(question)
    asked.send(question)
    clock = next(clock for clock in asked.exchange._clocks if clock)
    assert asked.probe(question) is not None
    clock.rotate(1)  # as if it had been sent first
    asked.now += SLOW + 0.06
    assert asked.ask("new.example") is not None
    assert asked.waiters() == ["client"]


def test_those_that_were_just_asked_do_not():
    asked = Asked(max_outstanding=100)
    asked.servers[0].answered(asked.now - 0.01, asked.now)
    for number in range(100):
        asked.ask(f"x{number}.example")
    assert asked.ask("one.example") is None
    asked.now += SLOW + 0.06  # far more than this server needs
    assert asked.ask("two.example") is not None
    assert asked.waiters() == ["client"]
    assert asked.shed == [(key("x0.example"), ["client"])]  # slow, but perhaps not dead: nothing to remember
    assert asked.counters.upstream_shed == 1


def test_one_that_a_server_has_failed_on_is_remembered():
    """Else the names of a dead zone come back at once, and again."""
    asked = Asked(max_outstanding=1)
    asked.ask("dead.example")
    asked.expire()
    assert asked.ask("alive.example") is not None
    assert (asked.delivered, asked.shed) == ([(key("dead.example"), None, ["client"])], [])


def test_200_dead_names_do_not_slow_live_ones():
    """Asked over and over, 250 a second, with room for 100: every live question is answered in one round trip."""
    asked = Asked(servers=2, max_outstanding=100, attempts=4)
    for server in asked.servers:
        server.answered(asked.now - 0.01, asked.now)
    for turn in range(4000):
        asked.ask(f"x{turn % 200}.dead.example")
        pass_time(asked, 0.004)
        if turn % 20:
            continue
        question = asked.ask(f"x{turn}.alive.example", "alive")
        assert question is not None, turn
        asked.now += 0.01
        asked.answer(question)
        assert asked.delivered[-1][1] is not None
        assert asked.delivered[-1][2] == ["alive"]
    assert not any(server.down for server in asked.servers)
    assert len(asked.exchange) <= 100


def test_a_bug_in_sending_leaves_nothing_under_way(monkeypatch):
    asked = Asked()
    question = asked.exchange.open(key(), ["client"], asked.now)
    monkeypatch.setattr(reply, "upstream_question", Mock(side_effect=KeyError("a bug")))
    with pytest.raises(KeyError):
        asked.send(question)
    asked.exchange.give_up(question)  # as the pool does
    assert asked.shed == [(key(), ["client"])]
    assert len(asked.exchange) == 0
    assert not asked.link(asked.servers[0]).pending


def test_a_bug_in_reading_fails_the_question(monkeypatch):
    asked = Asked()
    question = asked.ask()
    link = question.link
    monkeypatch.setattr("resolver.wire.answer.read", Mock(side_effect=KeyError("a bug")))
    with pytest.raises(KeyError):
        asked.answer(question)
    assert asked.shed == [(key(), ["client"])]
    assert len(asked.exchange) == 0
    assert not link.pending


def test_a_bug_in_delivering_leaves_nothing_either():
    asked = Asked()
    question = asked.ask()
    asked.exchange._deliver = Mock(side_effect=KeyError("a bug"))
    with pytest.raises(KeyError):
        asked.answer(question)
    assert len(asked.exchange) == 0
    asked.exchange._deliver.assert_called_once()
