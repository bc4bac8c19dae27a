"""How long a TCP connection lasts (RFC 7766 section 6.2.3), and that it reads on in its own turn of the reactor.

Virtual time throughout: `timers` is what the server takes for its reactor's clock.
"""

from __future__ import annotations

import socket
import struct

import pytest

from resolver.server.tcp import LONGEST_WAIT, MAX_UNDER_WAY, MAX_UNREAD
from tests.resolver.making import query
from tests.resolver.server.streams import IDLE, asked_for_much, settle

A = "other.example. 300 IN A 192.0.2.1"
MORE = 10


@pytest.fixture
def crowded(connect, factory, spin, reactor):
    """A client with as much under way as it may have, and `MORE` questions that lie here unread."""
    client = connect()
    client.send(*(query("other.example", ident=number) for number in range(MAX_UNDER_WAY + MORE)))
    spin(lambda: under_way(factory) == MAX_UNDER_WAY, "asked")
    settle(reactor)
    assert under_way(factory) == MAX_UNDER_WAY
    return client


def under_way(factory):
    return sum(map(len, factory.dispatcher.upstream.waiting.values()))


def test_no_question_is_read_inside_the_delivery_of_an_answer(crowded, factory, timers, answer_all):
    """An upstream's exchange that is asked anew while it hands out an answer would have to be proof against it."""
    answer_all(A)
    assert under_way(factory) == 0
    assert [call.getTime() for call in timers.getDelayedCalls()] == [timers.seconds(), timers.seconds() + IDLE]
    timers.advance(0)
    assert factory.dispatcher.engine.counters.tcp_queries == MAX_UNDER_WAY + MORE
    numbers = [int.from_bytes(message[:2], "big") for message in crowded.take(MAX_UNDER_WAY + MORE)]
    assert numbers == list(range(MAX_UNDER_WAY + MORE))


def reset(client, factory, spin):
    client.link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.link.close()
    spin(lambda: not factory._places.holders(), "gone")


def lose_place(_client, factory, _spin):
    (connection,) = factory._places.holders()
    connection.cut_off()


def close_all(_client, factory, _spin):
    factory.close_all()


@pytest.mark.parametrize("end", [reset, lose_place, close_all])
def test_a_connection_that_ends_before_its_turn_reads_no_more(crowded, factory, spin, timers, answer_all, end):
    answer_all(A)
    end(crowded, factory, spin)
    timers.advance(0)
    assert factory.dispatcher.engine.counters.tcp_queries == MAX_UNDER_WAY
    spin(lambda: not factory._places.holders(), "ended")
    assert timers.getDelayedCalls() == []


def test_who_reads_nothing_is_kept_no_more_than_so_much(connect, factory, spin, answer_all):
    """Fifty such connections of one machine would be hundreds of megabytes until their idle time is over."""
    client, connection = asked_for_much(connect, factory, spin, MAX_UNDER_WAY)
    answer_all(much())
    assert connection._unread <= MAX_UNREAD
    client.until_closed()


def test_answers_that_jam_the_connection_keep_it_from_reading_on(
    connect, factory, timers, reactor, spin, answer_all, monkeypatch
):
    monkeypatch.setattr("resolver.server.tcp.MAX_UNREAD", MAX_UNREAD * 4)
    client, connection = asked_for_much(connect, factory, spin, MAX_UNDER_WAY, more=[query("evil.example", ident=7)])
    answer_all(much())
    settle(reactor)
    timers.advance(0)
    assert connection._jammed
    assert factory.dispatcher.engine.counters.tcp_queries == MAX_UNDER_WAY
    assert client.take(MAX_UNDER_WAY + 1)[-1][:2] == b"\0\7"


def much():
    """About 10 kB."""
    return "other.example. 300 IN TXT " + " ".join(f'"{"x" * 250}"' for _ in range(40))


def test_slow_answers_are_waited_for(connect, spin, factory, timers, answer_all):
    client = connect()
    client.send(query("other.example"))
    spin(lambda: under_way(factory), "asked")
    timers.pump([IDLE + 1] * 4)
    answer_all(A)
    assert len(client.take(1)) == 1


def test_but_not_for_ever(connect, spin, factory, timers):
    """An answer that never comes is a bug of ours, and must not cost a place until the next restart."""
    client = connect()
    client.send(query("other.example"))
    spin(lambda: under_way(factory), "asked")
    timers.advance(LONGEST_WAIT + 1)
    client.until_closed()


def test_the_longest_wait_begins_with_what_was_asked_or_answered_last(connect, spin, factory, timers, answer_all):
    client = connect()
    client.send(query("other.example"))
    spin(lambda: under_way(factory), "asked")
    timers.pump([IDLE] * (int(LONGEST_WAIT / IDLE) - 1))
    client.send(query("evil.example"))
    client.take(1)
    timers.pump([IDLE] * 3)
    answer_all(A)
    assert len(client.take(1)) == 1


def test_the_idle_time_begins_with_the_last_answer(connect, spin, factory, timers, answer_all):
    client = connect()
    client.send(query("other.example"))
    spin(lambda: under_way(factory), "asked")
    timers.advance(IDLE - 1)
    answer_all(A)
    client.take(1)
    timers.advance(IDLE - 1)
    client.send(query("evil.example"))
    assert len(client.take(1)) == 1
    timers.advance(IDLE + 1)
    client.until_closed()


def test_the_idle_time_begins_when_the_last_answer_has_left(connect, spin, factory, reactor, timers, answer_all):
    client, connection = asked_for_much(connect, factory, spin, 50)
    answer_all(much())
    settle(reactor)
    assert connection._jammed
    timers.advance(IDLE - 1)
    client.take(50)
    spin(lambda: not connection._jammed, "all has left")
    timers.advance(IDLE - 1)
    client.send(query("evil.example"))
    assert len(client.take(1)) == 1


def jammed_and_waiting(connect, factory, spin, reactor, answer_all):
    """A client that does not read its answers; and its last one, which is still to be delivered."""
    client, connection = asked_for_much(connect, factory, spin, 50, more=[query("x.example")])
    waiting = factory.dispatcher.upstream.waiting
    spin(lambda: len(waiting) == 2, "the other one is asked")
    (late,) = [key for key, clients in waiting.items() if len(clients) == 1]
    last = waiting.pop(late)
    answer_all(much())
    settle(reactor)
    assert (connection._jammed, connection.busy) == (True, True)
    return client, (late, None, last)


def test_what_is_answered_to_one_who_does_not_read_wins_it_no_time(connect, spin, factory, reactor, timers, answer_all):
    client, late = jammed_and_waiting(connect, factory, spin, reactor, answer_all)
    timers.advance(IDLE - 1)
    factory.dispatcher.deliver(*late)
    timers.advance(2)
    client.until_closed()


def test_one_who_does_not_read_is_not_waited_for(connect, spin, factory, reactor, timers, answer_all):
    client, _late = jammed_and_waiting(connect, factory, spin, reactor, answer_all)
    timers.advance(IDLE + 1)
    client.until_closed()
