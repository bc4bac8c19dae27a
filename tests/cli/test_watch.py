"""The watch on processes that hang, tick by tick over a clock and sockets of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from admin.supervise.watch import EVERY, PATIENCE, TICK, Watch

ENDED = Failure(ConnectionError())


class Reactor(Clock):
    """Keeps every connection that is asked for; the test says what becomes of it."""

    def __init__(self) -> None:
        super().__init__()
        self.opened = []

    def connectUNIX(self, path, factory):
        """As Twisted's."""
        self.opened.append((path, factory))
        return self

    def disconnect(self):
        """As a connector's."""

    def pass_ticks(self, count):
        """One after the other."""
        for _ in range(count):
            self.advance(TICK)


@pytest.fixture
def reactor():
    return Reactor()


@pytest.fixture
def hanging(reactor):
    """Names that the watch of one process told."""
    told = []
    watch = Watch(reactor, {"lists": Path("lists.sock")}, told.append)
    watch.start()
    yield told
    watch.stop()


def test_silence_is_told_after_some_patience_and_again(reactor, hanging):
    reactor.pass_ticks(EVERY + PATIENCE - 1)
    assert hanging == []
    reactor.pass_ticks(1)
    assert hanging == ["lists"]
    reactor.pass_ticks(EVERY + PATIENCE)
    assert hanging == ["lists", "lists"]


def test_an_answer_or_nobody_there_is_no_silence(reactor, hanging):
    for _ in range(20):
        reactor.pass_ticks(EVERY)
        path, question = reactor.opened[-1]
        assert path == "lists.sock"
        question.clientConnectionFailed(None, ENDED)
    for _ in range(20):
        reactor.pass_ticks(EVERY)
        question = reactor.opened[-1][1]
        question.over = True  # as an octet makes it
    assert hanging == []
    assert len(reactor.opened) == 40


def test_a_clock_that_is_set_makes_nobody_silent(reactor, hanging):
    reactor.pass_ticks(EVERY)
    reactor.advance(3600)  # the answer that came meanwhile is read after the timers
    assert hanging == []
    assert reactor.opened[-1][1].ticks == 1
