"""Who has waited long for an upstream is told once; questions without anyone who waits. No sockets, virtual time."""

from __future__ import annotations

import pytest

from resolver.upstream.lateness import LATE_SECONDS
from tests.resolver.upstream.asked import A, Asked, key


def test_who_has_waited_long_is_told_late_once():
    asked = Asked()
    asked.ask(waiter="first")
    asked.ask(waiter="second")
    asked.helped.add("first")
    asked.exchange.tell_late(asked.now + LATE_SECONDS - 0.01)
    assert asked.late == []
    for _ in range(2):
        asked.exchange.tell_late(asked.now + LATE_SECONDS)
        assert asked.late == [(key(), ["first", "second"])]
    asked.ask(waiter="third")  # joins what is late already
    asked.exchange.tell_late(asked.now + LATE_SECONDS)
    assert asked.late[1:] == [(key(), ["third"])]
    asked.exchange.tell_late(asked.now + 2 * LATE_SECONDS)
    assert len(asked.late) == 2
    asked.answer(asked.exchange.find(key()), A)
    assert asked.waiters() == ["second", "third"]


def test_who_joins_while_the_others_are_told_is_not_lost():
    asked = Asked()
    asked.ask(waiter="first")

    def tell(asked_for, waiters):
        if waiters == ["first"]:
            asked.ask(waiter="second")
        return asked._late(asked_for, waiters)

    asked.helped.add("first")
    asked.exchange._lateness._late = tell
    asked.exchange.tell_late(asked.now + LATE_SECONDS)
    assert asked.late == [(key(), ["first"]), (key(), ["second"])]
    asked.answer(asked.exchange.find(key()), A)
    assert asked.waiters() == ["second"]


def test_what_is_answered_or_has_no_waiters_is_never_late():
    asked = Asked()
    asked.answer(asked.ask(), A)
    asked.send(asked.exchange.open(key("ahead.example"), [], asked.now))
    asked.now += 1
    asked.ask()  # the same name anew: it is young
    asked.exchange.tell_late(asked.now + LATE_SECONDS - 0.01)
    assert asked.late == []


def test_a_question_without_waiters_fails_loudly():
    asked = Asked(servers=1, attempts=1)
    asked.send(asked.exchange.open(key(), [], asked.now))
    asked.expire()
    assert asked.delivered == [(key(), None, [])]


def test_a_bug_in_telling_costs_the_others_nothing(monkeypatch):
    asked = Asked()
    asked.ask("one.example", "first")
    asked.ask("two.example", "second")
    told = []

    def tell(_key, waiters):
        told.append(waiters)
        if len(told) == 1:
            raise KeyError("a bug")
        return waiters

    asked.exchange._lateness._late = tell
    with pytest.raises(KeyError):
        asked.exchange.tell_late(asked.now + LATE_SECONDS)
    asked.exchange.tell_late(asked.now + LATE_SECONDS)
    assert told == [["first"], ["second"]]
    for _ in range(4):
        asked.expire(2)
    assert asked.waiters() == ["first", "second"]  # and everyone hears of the end
