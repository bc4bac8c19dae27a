"""What a machine asks beyond a little waits until the others have been looked after: order, bounds, nothing lost."""

from __future__ import annotations

import dns.flags
import pytest

from contracts.settings import Limits
from resolver.server import aside
from resolver.server.aside import AT_ONCE, HELD, PAUSE, SECONDS, Aside
from resolver.server.limits import LARGE, ClientLimits, Share
from tests.resolver.making import CLIENT, query, understood

NOW = 1000.0
HOST, OTHER = "127.10.0.5", "127.10.255.254"


class Doing:
    """What was done, with a mark (None) where a few of them ended."""

    def __init__(self):
        self.log = []

    def do(self, item):
        self.log.append(item)

    def end(self):
        self.log.append(None)

    @property
    def done(self):
        return [item for item in self.log if item is not None]


@pytest.fixture
def doing():
    return Doing()


@pytest.fixture
def queue(timers, doing):
    return Aside(timers, doing.do, doing.end)


def test_nothing_is_done_at_once_and_all_of_it_soon_in_its_order(queue, timers, doing):
    for number in range(10):
        queue.put(number)
    assert doing.log == []
    timers.advance(PAUSE)
    assert doing.log == [*range(10), None]
    assert not timers.getDelayedCalls()


def test_between_a_few_of_them_the_reactor_looks_at_what_else_has_come(queue, timers, doing):
    for number in range(3 * AT_ONCE):
        queue.put(number)
    timers.advance(PAUSE)
    assert doing.done == list(range(3 * AT_ONCE))
    assert [place for place, item in enumerate(doing.log, 1) if item is None] == [
        turn * (AT_ONCE + 1) for turn in (1, 2, 3)
    ]


def test_what_takes_long_is_done_by_ones(queue, timers, doing, monkeypatch):
    ticks = iter(range(1000))
    monkeypatch.setattr(aside.time, "perf_counter", lambda: next(ticks) * SECONDS * 2)
    for number in range(3):
        queue.put(number)
    timers.advance(PAUSE)
    assert doing.log == [0, None, 1, None, 2, None]


def test_no_more_than_so_many_wait_and_none_is_lost(queue, timers, doing):
    for number in range(HELD + 1):
        queue.put(number)
    assert doing.done == list(range(len(doing.done)))
    assert 0 < len(doing.done) <= AT_ONCE
    timers.advance(PAUSE)
    assert doing.done == list(range(HELD + 1))


def test_who_asks_more_than_its_share_comes_last(queue, timers, doing):
    for number in range(2 * AT_ONCE):
        queue.put(f"over {number}", last=True)
    queue.put("behind")
    timers.advance(PAUSE)
    assert doing.done == ["behind", *(f"over {number}" for number in range(2 * AT_ONCE))]


def test_at_the_end_all_of_it_is_done_and_no_call_is_left(queue, timers, doing):
    for number in range(2 * AT_ONCE):
        queue.put(number)
    queue.finish()
    assert doing.done == list(range(2 * AT_ONCE))
    assert not timers.getDelayedCalls()
    queue.finish()


def test_of_what_may_come_at_once_a_tenth_goes_ahead_of_others():
    limits = ClientLimits(Limits(questions=1000))  # 100 at once

    def shares(count, now=NOW):
        return [limits.share(CLIENT, forwarder=False, now=now) for _ in range(count)]

    assert shares(110) == [Share.AHEAD] * 10 + [Share.BEHIND] * 90 + [Share.OVER] * 10
    assert shares(11, NOW + 0.0105) == [Share.BEHIND] * 10 + [Share.OVER]
    assert shares(10, NOW + 1) == [Share.AHEAD] * 10


def test_a_network_that_asks_much_waits_too():
    limits = ClientLimits(Limits(questions=100))  # 10 at once, 20 of a network: the first two go ahead
    hosts = [CLIENT[:3] + bytes((number,)) for number in range(21)]
    shares = [limits.share(one, forwarder=False, now=NOW) for one in hosts]
    assert shares == [Share.AHEAD] * 2 + [Share.BEHIND] * 18 + [Share.OVER]


def ask(served, host, names):
    for number, name in enumerate(names):
        served.put(host, query(name, ident=number))


def test_who_asks_little_is_answered_before_who_asks_much(served):
    served.dispatcher.limits = ClientLimits(Limits(questions=100))  # one goes ahead, nine behind, the rest is over
    ask(served, HOST, [f"x{number}.evil.example" for number in range(30)])
    ask(served, OTHER, ["y.evil.example"])
    served.loop.settle()
    assert len(served.answers(OTHER)) == 1
    assert len(served.answers(HOST)) == 1
    served.serve()
    answers = [understood(message[2:], number) for number, message in enumerate(served.answers(HOST), 1)]
    assert [bool(answer.flags & dns.flags.TC) for answer in answers] == [False] * 9 + [True] * 10
    assert sum(served.dispatcher.hits.sent.values()) == 31


def test_what_was_put_aside_goes_to_the_upstream_in_one_go_and_comes_back(served, answer_all):
    served.dispatcher.limits = ClientLimits(Limits(questions=100))
    names = [f"x{number}.example" for number in range(5)]
    ask(served, HOST, names)
    served.loop.settle()
    asked = served.dispatcher.upstream
    assert len(asked.waiting) == 1
    before = asked.flushes
    served.serve()
    assert len(asked.waiting) == 5
    assert asked.flushes == before + 1
    answer_all()
    served.server.flush_late()
    assert len(served.answers(HOST)) == 5


def test_its_large_answers_have_their_limit(served, answer_all):
    served.dispatcher.limits = ClientLimits(Limits(questions=100, octets=1))
    text = " ".join(f'"{"x" * 200}"' for _ in range(3))
    served.put(HOST, query("first.example"))
    served.put(HOST, query("big.example", "TXT", edns=1232))
    served.loop.settle()
    answer_all()
    served.serve()
    answer_all(f"big.example. 300 IN TXT {text}")
    served.server.flush_late()
    served.answers(HOST)
    served.put(HOST, query("second.example"))
    served.put(HOST, query("BIG.example", "TXT", ident=9, edns=1232))
    served.serve()
    (answer,) = served.answers(HOST)
    assert len(answer) < LARGE
    assert understood(answer[2:], 9).flags & dns.flags.TC


def test_a_server_that_stops_answers_them(served):
    served.dispatcher.limits = ClientLimits(Limits(questions=100))
    ask(served, HOST, [f"x{number}.evil.example" for number in range(10)])
    served.server.stop()
    assert len(served.answers(HOST)) == 10
    assert sum(served.dispatcher.hits.sent.values()) == 10
    served.server.start()


def test_a_bug_met_behind_the_others_is_one_servfail(served, monkeypatch, caplog):
    served.dispatcher.limits = ClientLimits(Limits(questions=100))
    ask(served, HOST, ["one.evil.example", "two.evil.example"])
    served.loop.settle()
    monkeypatch.setattr(type(served.dispatcher.engine), "answer", None)
    served.serve()
    first, second = (understood(message[2:], number) for number, message in enumerate(served.answers(HOST)))
    assert (first.rcode(), second.rcode()) == (0, 2)
    assert "Traceback" in caplog.text
