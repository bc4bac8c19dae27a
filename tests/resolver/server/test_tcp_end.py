"""Connections that end behind their answers although the client reads late: half-closed ones, and those we end.

Each is brought to where Twisted has paused us as a producer: there `loseConnection` alone would never end it.
"""

from __future__ import annotations

import socket

import pytest

from tests.resolver.making import query
from tests.resolver.server.streams import IDLE, OUTSIDE, asked_for_much, framed, settle

MUCH = "other.example. 300 IN TXT " + " ".join(f'"{"x" * 250}"' for _ in range(40))  # about 10 kB


@pytest.fixture
def jammed(connect, factory, spin, reactor, answer_all):
    """A client that has said that it asks no more, and our side of it, when its answers fill the buffer."""
    client, connection = asked_for_much(connect, factory, spin, 50)
    client.link.shutdown(socket.SHUT_WR)
    spin(lambda: connection._ending, "the end was seen")
    answer_all(MUCH)
    settle(reactor)
    assert connection._jammed
    return client, connection


def test_a_half_closed_connection_gives_all_its_answers_to_one_who_reads_late_and_ends(jammed, timers):
    client, _connection = jammed
    timers.advance(IDLE - 1)
    assert {message[:2] for message in client.take(50)} == {number.to_bytes(2, "big") for number in range(50)}
    client.until_closed()
    assert not client.was_reset


def test_a_half_closed_connection_is_cut_off_where_nobody_reads(jammed, factory, spin, timers):
    timers.advance(IDLE + 1)
    spin(lambda: not factory._places.holders(), "cut off")


def test_an_empty_message_behind_many_questions(connect, factory, spin, reactor, answer_all):
    client, connection = asked_for_much(connect, factory, spin, 50, more=[b""])
    spin(lambda: connection._ending, "the end was seen")
    answer_all(MUCH)
    settle(reactor)
    assert connection._jammed
    assert len(client.take(50)) == 50
    client.until_closed()


def test_our_own_end_waits_for_what_was_written(connect, factory, spin, reactor, answer_all):
    client, connection = asked_for_much(connect, factory, spin, 50)
    answer_all(MUCH)
    settle(reactor)
    assert connection._jammed
    factory.close_all()
    assert len(client.take(50)) == 50
    client.until_closed()


def test_a_stranger_who_asks_on_behind_what_is_no_dns_is_hung_up_on(connect, factory, spin):
    """Otherwise what he asks on could jam a connection that waits for its end."""
    client = connect(OUTSIDE)
    client.link.setblocking(True)
    client.link.sendall(framed(b"too short") + framed(query("a", edns=1232)) * 2000)
    client.link.setblocking(False)
    spin(lambda: not factory._places.holders(), "hung up on")
    assert factory.dispatcher.engine.counters.tcp_queries == 1
