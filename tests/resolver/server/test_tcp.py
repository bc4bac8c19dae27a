"""The TCP server over real connections: framing, pipelining, idle ends, the cap, and clients that do not read."""

from __future__ import annotations

import socket
import struct

import pytest

from resolver.server.tcp import MAX_UNDER_WAY
from resolver.wire import answer
from tests.resolver.making import answer_to, listed, policy, query, understood
from tests.resolver.server.streams import IDLE, INSIDE, LIMIT, OUTSIDE, framed, settle

A = "other.example. 300 IN A 192.0.2.1"


@pytest.mark.parametrize("host", [INSIDE, "::1"])
def test_a_listed_name(connect, factory, host):
    client = connect(host)
    client.send(query("evil.example", ident=7))
    (message,) = client.take(1)
    assert message[:2] == b"\0\7"
    assert understood(message[2:], 7).answer[0][0].address == "127.53.0.9"
    packed = socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
    assert factory.dispatcher.hits.sent == {(packed, "evil.example", "sinkhole"): 1}


def test_strangers_are_refused(connect, factory):
    client = connect(OUTSIDE)
    client.send(query("evil.example"))
    assert understood(client.take(1)[0][2:]).rcode() == 5
    assert not factory.dispatcher.hits.sent


def test_strangers_that_speak_no_dns_are_hung_up_on(connect):
    client = connect(OUTSIDE)
    client.send(b"too short")
    client.until_closed()


def test_octets_may_come_one_by_one(connect, reactor):
    client = connect()
    for octet in framed(query("evil.example", ident=1)) + framed(query("evil.example", ident=2)):
        client.link.sendall(bytes((octet,)))
        reactor.iterate(0)
    assert [message[:2] for message in client.take(2)] == [b"\0\1", b"\0\2"]


def test_many_questions_in_one_segment_are_answered_all(connect, factory):
    client = connect()
    client.send(*(query("evil.example", ident=number) for number in range(500)))
    assert [int.from_bytes(message[:2], "big") for message in client.take(500)] == list(range(500))
    assert factory.dispatcher.engine.counters.tcp_queries == 500


def test_answers_come_as_they_get_ready(connect, answer_all):
    """RFC 7766 section 6.2.1.1: a slow name does not hold up the others."""
    client = connect()
    client.send(query("other.example", ident=1), query("evil.example", ident=2), query("other.example", ident=3))
    assert [message[:2] for message in client.take(1)] == [b"\0\2"]
    answer_all(A)
    messages = client.take(2)
    assert [message[:2] for message in messages] == [b"\0\1", b"\0\3"]
    assert understood(messages[0][2:], 1).answer[0].to_text() == A


def test_what_is_to_be_asked_leaves_with_its_segment(connect, factory, spin):
    client = connect()
    client.send(query("other.example"))
    spin(lambda: factory.dispatcher.upstream.flushes, "flushed")
    assert len(factory.dispatcher.upstream.waiting) == 1


def test_whole_answers_that_udp_would_cut(connect, factory, spin, answer_all):
    client = connect()
    client.send(query("other.example"))
    spin(lambda: factory.dispatcher.upstream.waiting, "asked")
    answer_all(*(f"other.example. 300 IN A 192.0.2.{number}" for number in range(200)))
    assert len(understood(client.take(1)[0][2:]).answer) == 200


def test_an_answer_for_one_who_has_gone(connect, factory, spin, answer_all):
    client, other = connect(), connect()
    client.send(query("other.example"))
    other.send(query("other.example"))
    spin(lambda: sum(map(len, factory.dispatcher.upstream.waiting.values())) == 2, "asked")
    client.link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.link.close()  # with a reset
    spin(lambda: len(factory._places.holders()) == 1, "gone")
    answer_all(A)
    assert len(other.take(1)) == 1


def test_a_client_that_has_asked_all_and_says_so_gets_its_answers(connect, factory, spin, answer_all):
    """A half-closed connection: `printf ... | nc`, some stubs."""
    client = connect()
    client.send(query("other.example", ident=1), query("evil.example", ident=2))
    client.link.shutdown(socket.SHUT_WR)
    assert [message[:2] for message in client.take(1)] == [b"\0\2"]
    (connection,) = factory._places.holders()
    spin(lambda: connection._ending, "the end was seen")
    assert not client.closed
    answer_all(A)
    assert [message[:2] for message in client.take(1)] == [b"\0\1"]
    client.until_closed()


def test_a_client_that_has_asked_nothing_and_says_so(connect):
    client = connect()
    client.link.shutdown(socket.SHUT_WR)
    client.until_closed()


def test_an_empty_message_ends_the_connection_behind_its_answers(connect, factory, reactor, spin, answer_all):
    client = connect()
    client.send(query("other.example", ident=1), b"", query("evil.example", ident=2))
    spin(lambda: factory.dispatcher.upstream.waiting, "asked")
    settle(reactor)
    answer_all(A)
    assert [message[:2] for message in client.take(1)] == [b"\0\1"]
    client.until_closed()
    assert factory.dispatcher.engine.counters.tcp_queries == 1


def test_idle_connections_are_closed(connect, timers, reactor):
    client, busy = connect(), connect()
    timers.advance(IDLE - 1)
    busy.send(query("evil.example"))
    busy.take(1)
    timers.advance(2)
    client.until_closed()
    busy.send(query("evil.example"))
    assert len(busy.take(1)) == 1
    timers.advance(IDLE + 1)
    busy.until_closed()


def test_half_a_question_is_no_activity(connect, timers, reactor):
    """Otherwise a few octets a minute would hold a place for ever."""
    client = connect()
    for octet in (b"\0", b"\x20", b"a", b"b"):
        client.link.sendall(octet)
        settle(reactor)
        timers.advance(IDLE / 4 + 0.1)
    client.until_closed()


def test_at_the_cap_the_longest_idle_makes_place(connect):
    clients = [connect(f"127.10.0.{number}") for number in range(1, LIMIT + 1)]
    clients[0].send(query("evil.example"))
    clients[0].take(1)
    newest = connect()
    clients[1].until_closed()
    for client in (clients[0], clients[2], clients[3], newest):
        client.send(query("evil.example"))
        assert len(client.take(1)) == 1


def test_a_client_that_waits_for_too_much_is_read_no_further(connect, factory, spin, reactor, timers, answer_all):
    client = connect()
    waiting = factory.dispatcher.upstream.waiting
    total = MAX_UNDER_WAY + 300
    client.send(*(query(f"x{number}.example", ident=number) for number in range(total)))
    spin(lambda: len(waiting) >= MAX_UNDER_WAY, "asked")
    settle(reactor)
    assert len(waiting) == MAX_UNDER_WAY
    got = []
    while len(got) < total:
        answer_all(rcode=3)
        timers.advance(0)
        settle(reactor, 2)
        assert len(waiting) <= MAX_UNDER_WAY
        got += client.read()
    assert {int.from_bytes(message[:2], "big") for message in got} == set(range(total))


def test_what_is_never_answered_is_not_waited_for(connect, factory, reactor):
    """Responses, say: a client that sends many must still be read from."""
    client = connect()
    response = answer_to(query("evil.example")).to_wire()
    client.send(*([response, b"too short"] * MAX_UNDER_WAY))
    client.send(query("evil.example", ident=7))
    assert client.take(1)[0][:2] == b"\0\7"
    (connection,) = factory._places.holders()
    assert connection._under_way == 0


def test_what_waits_is_counted_until_it_is_answered(connect, factory, spin, answer_all):
    client = connect()
    client.send(query("other.example"), query("evil.example"), query("x.example"), query("y.example"))
    spin(lambda: len(factory.dispatcher.upstream.waiting) == 3, "asked")
    (connection,) = factory._places.holders()
    assert connection._under_way == 3
    answer_all(rcode=3)
    assert connection._under_way == 0
    assert len(client.take(4)) == 4


def big_answer(factory):
    """other.example has an answer of about 40 kB in the cache."""
    packet = query("other.example", "TXT")
    text = " ".join(f'"{"x" * 250}"' for _ in range(160))
    message = answer_to(packet, f"other.example. 300 IN TXT {text}").to_wire(max_size=65535)
    engine = factory.dispatcher.engine
    forward = engine.answer(packet, engine.access.default, "tcp", factory.dispatcher.clock())
    engine.arrived(forward.key, answer.read(message, forward.key[0], 86400, 3600), factory.dispatcher.clock())
    return packet, len(message)


def test_a_client_that_does_not_read_is_not_read_from(connect, factory, reactor):
    """What it has asked already stays unanswered, too: a segment of questions must not become 80 MB of answers."""
    packet, size = big_answer(factory)
    client = connect()
    total = 2000
    client.send(*([packet] * total))
    settle(reactor, 30)
    (connection,) = factory._places.holders()
    held = len(connection.transport.dataBuffer) + sum(map(len, connection.transport._tempDataBuffer))
    assert held < 10 * size
    assert factory.dispatcher.engine.counters.tcp_queries < total / 2
    got = 0

    def all_read():
        nonlocal got
        messages = client.read()
        assert all(len(message) == size for message in messages)
        got += len(messages)
        return got == total

    client.spin(all_read, "every answer, once it reads")
    assert factory.dispatcher.engine.counters.tcp_queries == total


def test_a_client_that_does_not_read_is_cut_off_in_time(connect, factory, reactor, timers):
    packet, _size = big_answer(factory)
    client = connect()
    client.send(*([packet] * 2000))
    settle(reactor, 30)
    timers.advance(IDLE + 1)
    client.until_closed()


def test_close_all(connect, factory):
    clients = [connect(), connect()]
    factory.close_all()
    for client in clients:
        client.until_closed()


def test_a_client_that_hangs_up_in_the_middle(connect, factory, spin):
    client = connect()
    client.link.sendall(framed(query("evil.example"))[:-3])
    client.link.close()
    spin(lambda: not factory._places.holders(), "forgotten")
    assert factory.dispatcher.engine.counters.tcp_queries == 0


def test_hits_of_questions_without_an_answer_now_are_handed_over_too(connect, factory, spin, tmp_path):
    """Of a watched name, which is asked upstream, and of one that is dropped: a worker may be killed at any time."""
    dropped = ("letter-7", "enforce", [listed("silent.example", action="drop")])
    watched = ("trial", "monitor", [listed("watched.example")])
    factory.dispatcher.engine.swap(policy(tmp_path, dropped, watched, serial=9))
    client = connect()
    for name in ("silent.example", "watched.example"):
        client.send(query(name))
        spin(lambda name=name: any(key[1] == name for key in factory.dispatcher.hits.sent), "handed over")
    assert not factory.dispatcher.hits.folded
