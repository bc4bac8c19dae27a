"""How fast servers are, who is down and looked at again, and what silence is held against whom. Virtual time."""

from __future__ import annotations

from itertools import pairwise

import pytest

from resolver.upstream.scope import EXPLORE, EXPLORE_SECONDS
from resolver.upstream.server import DOWN_AFTER, FIRST_BACK_OFF, LAST_BACK_OFF, LEVEL_AFTER, LEVEL_SECONDS
from tests.resolver.upstream.asked import TIMEOUT, Asked


def settle(asked, question, seconds=0.001):
    """An answer after so long."""
    asked.now += seconds
    asked.answer(question)


def put_down(asked, server):
    """Silence until the server is down."""
    for _ in range(DOWN_AFTER):
        server.silent(asked.now, asked.now)
    assert server.down


def test_the_fastest_is_asked_and_the_order_counts_where_it_makes_no_odds():
    asked = Asked(servers=3)
    for server, seconds in zip(asked.servers, (0.080, 0.021, 0.019), strict=True):
        server.answered(asked.now - seconds, asked.now)
    assert asked.number(asked.ask("one.example")) == 1
    asked.servers[1].srtt = 0.035
    assert asked.number(asked.ask("two.example")) == 2


def test_times_are_smoothed():
    asked = Asked(servers=1)
    (server,) = asked.servers
    for number in range(60):
        settle(asked, asked.ask(f"x{number}.example"), 0.040)
    assert server.srtt == pytest.approx(0.040)
    settle(asked, asked.ask("slow.example"), 0.7)
    assert 0.1 < server.srtt < 0.15


def test_servers_that_never_answered_get_a_copy_of_the_first_question():
    asked = Asked(servers=3)
    question = asked.ask("one.example")
    copied = asked.probe(question)
    assert copied.server is asked.servers[1]
    asked.answer(copied)
    assert asked.probe(asked.ask("two.example")).server is asked.servers[2]
    assert asked.probe(asked.ask("three.example")) is None
    assert asked.delivered == []  # copies are for nobody


def test_a_small_share_of_questions_shows_how_the_others_do():
    asked = Asked()
    first, second = asked.servers
    first.answered(asked.now, asked.now)
    second.answered(asked.now - 0.5, asked.now)
    copies = 0
    for number in range(EXPLORE * 4):
        asked.now += EXPLORE_SECONDS / EXPLORE
        question = asked.ask(f"x{number}.example")
        assert asked.number(question) == 0
        copied = asked.probe(question)
        settle(asked, question, 0.0)
        if copied is not None:
            assert copied.server is second
            settle(asked, copied, 0.0)
            copies += 1
    assert 3 <= copies <= 5
    assert second.srtt < 0.3  # it has recovered, and that was seen


def test_a_silent_server_is_left_at_once_and_looked_at_again_ever_more_seldom():
    asked = Asked()
    first, second = asked.servers
    second.answered(asked.now - 0.045, asked.now)
    asked.ask("first.example")
    while not first.down:
        asked.now += 0.05
        for question in asked.exchange.expired(asked.now):
            asked.send(question)
            assert question.server is second
            settle(asked, question, 0.0)
        put = asked.ask(f"x{asked.now}.example")
        asked.probe(put)
        if put.server is second:
            settle(asked, put, 0.0)
        assert asked.now < 1000
    looked = []
    while asked.now < 600:
        asked.now += 0.5
        asked.exchange.expired(asked.now)
        question = asked.ask(f"x{asked.now}.example")
        assert question.server is second
        if asked.probe(question) is not None:
            looked.append(asked.now)
        settle(asked, question, 0.0)
    between = [after - before for before, after in pairwise(looked)]
    assert between[0] < 8 * FIRST_BACK_OFF
    assert all(later > earlier - 1 for earlier, later in pairwise(between))
    assert LAST_BACK_OFF <= max(between) < LAST_BACK_OFF + 2
    assert None not in [answer for _key, answer, _waiters in asked.delivered]


def test_a_copy_at_a_time_looks_after_a_server_that_is_down():
    asked = Asked()
    put_down(asked, asked.servers[0])
    asked.servers[1].answered(asked.now, asked.now)
    asked.now += FIRST_BACK_OFF
    copied = asked.probe(asked.ask("one.example"))
    assert copied.server is asked.servers[0]
    assert asked.probe(asked.ask("two.example")) is None
    asked.answer(copied)
    assert not asked.servers[0].down
    assert asked.number(asked.ask("three.example")) == 0
    put_down(asked, asked.servers[0])  # and the back-off starts anew
    assert asked.servers[0].down_until == asked.now + FIRST_BACK_OFF


def test_where_all_are_down_they_are_asked_all_the_same():
    asked = Asked(attempts=2)
    for server in asked.servers:
        put_down(asked, server)
    asked.servers[0].down_until += 1
    question = asked.ask()
    assert asked.number(question) == 1
    assert asked.probe(question) is None
    asked.expire()
    assert asked.number(question) == 0
    asked.answer(question)
    assert asked.waiters() == ["client"]
    assert [server.down for server in asked.servers] == [False, True]


def test_one_dead_zone_does_not_put_a_good_server_down():
    asked = Asked(servers=1, attempts=1)
    for number in range(100):
        asked.ask(f"x{number}.dead.example")
        settle(asked, asked.ask(f"x{number}.example"), 0.05)
        asked.exchange.expired(asked.now)
    assert asked.counters.upstream_timeouts > 80
    assert asked.servers[0].failures == 0


def test_silence_counts_when_nothing_was_heard_since():
    asked = Asked(servers=1, attempts=1)
    settle(asked, asked.ask("alive.example"))
    for number in range(DOWN_AFTER):
        asked.now += 0.001
        asked.ask(f"x{number}.example")
    asked.now += TIMEOUT
    asked.exchange.expired(asked.now)
    assert asked.servers[0].down


def test_one_good_server_among_five_is_enough():
    """Also at the very first question, with fewer attempts than servers."""
    servers = [f"127.0.0.1:{port}" for port in range(5301, 5306)]
    asked = Asked(servers=servers, attempts=2)
    for number in range(300):
        asked.now += 0.05
        question = asked.ask(f"x{number}.example")
        asked.probe(question)
        for again in asked.exchange.expired(asked.now):
            asked.send(again)
        for one in list(asked.link(asked.servers[4]).pending.values()):
            asked.answer(one)
    for _ in range(5):
        asked.expire()
        for one in list(asked.link(asked.servers[4]).pending.values()):
            asked.answer(one)
    assert len(asked.delivered) == 300
    assert None not in [answer for _key, answer, _waiters in asked.delivered]


def test_a_server_that_changes_case_is_believed_after_some_answers_for_an_hour():
    (server,) = Asked(servers=1).servers
    for _ in range(LEVEL_AFTER - 1):
        server.changed_case(100.0)
        server.kept_case()
        server.changed_case(100.0)
        server.kept_case()
    assert server.level_until == 0
    for _ in range(LEVEL_AFTER):
        server.changed_case(100.0)
    assert server.level_until == 100.0 + LEVEL_SECONDS
