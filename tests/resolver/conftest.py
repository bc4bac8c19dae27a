"""Fixtures of the resolver's tests: an engine over real segment files."""

from __future__ import annotations

import os
import time

import pytest
from twisted.internet.selectreactor import SelectReactor

from tests.resolver import making
from tests.waiting import DEADLINE


@pytest.fixture
def live(tmp_path):
    """A policy with one list of each mode: evil.example, watched.example, kill.example."""
    return making.policy(
        tmp_path,
        ("kill-switch", "passthru", [making.listed("kill.example")]),
        ("watch", "monitor", [making.listed("watched.example")]),
        ("letter-7", "enforce", [making.listed("evil.example", line=12)]),
        addresses=making.pool("127.53.0.9/32"),
        serial=7,
    )


@pytest.fixture
def engine(live):
    """An engine with that policy."""
    return making.engine(live)


@pytest.fixture
def reactor():
    """A Twisted reactor of its own, with real sockets and threads; the test turns it (`spin`)."""
    made = SelectReactor()
    made.startRunning(installSignalHandlers=False)
    yield made
    made.stop()
    made.iterate(0)
    for reader in list(made._internalReaders):
        made.removeReader(reader)
        os.close(reader.i)
        os.close(reader.o)


@pytest.fixture
def spin(reactor):
    """Turn the reactor until something is true."""

    def turn(condition, what):
        end = time.monotonic() + DEADLINE
        while not condition():
            assert time.monotonic() < end, f"not within {DEADLINE} s: {what}"
            reactor.iterate(0.01)

    return turn
