"""Connections to real upstreams on loopback: reused, pipelined, closed when idle, opened anew; truncated answers."""

from __future__ import annotations

from unittest.mock import Mock

import dns.flags
import dns.message
import pytest

from resolver.upstream.exchange import Exchange
from resolver.upstream.stream import IDLE_SECONDS
from tests.resolver.making import answer_to
from tests.resolver.upstream.servers import Asking


class Clock:
    """Time in the test's hand."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def ask(pool, spin, *names):
    """Ask and wait for the answers."""
    count = len(pool.delivered)
    for name in names:
        assert pool.ask(name, name)
    pool.pool.flush()
    spin(lambda: len(pool.delivered) >= count + len(names), "answers")
    return pool.addresses()[count:]


def whole(packet):
    """An answer with one address."""
    name = dns.message.from_wire(packet).question[0].name
    return answer_to(packet, f"{name} 300 IN A 192.0.2.1").to_wire()


def test_a_question_whose_connection_hung_goes_by_a_new_one(streaming, asking, reactor, spin, clock):
    """Not by the same, which is ended in the same moment: that would cost it a try."""
    server, port = streaming(lambda packet: [whole(packet)] if server.connections > 1 else [])
    pool = asking(f"tcp://127.0.0.1:{port}", loop=reactor, clock=clock, attempts=2)
    assert pool.ask("one.example")
    pool.pool.flush()
    spin(lambda: server.asked, "the question")
    clock.now += 1.7
    spin(lambda: pool.delivered, "the answer")
    assert pool.addresses() == [b"\xc0\0\2\1"]
    assert (server.connections, len(server.asked)) == (2, 2)


def test_a_connection_is_reused_and_closed_when_idle(streaming, asking, reactor, spin, clock):
    server, port = streaming()
    pool = asking(f"tcp://127.0.0.1:{port}", loop=reactor, clock=clock)
    for number in range(5):
        ask(pool, spin, f"x{number}.example")
    assert server.connections == 1
    clock.now += IDLE_SECONDS - 0.1
    ask(pool, spin, "again.example")
    clock.now += IDLE_SECONDS + 0.1
    spin(lambda: not server.open, "the end of the connection")
    ask(pool, spin, "anew.example")
    assert server.connections == 2
    assert pool.pool.status()[0]["failures"] == 0
    assert None not in [answer for _key, answer, _waiters in pool.delivered]


def test_questions_are_pipelined_and_answers_come_in_any_order(streaming, asking, reactor, spin):
    held = []

    def say(packet):
        held.append(packet)
        return [whole(one) for one in reversed(held)] if len(held) == 40 else []

    server, port = streaming(say)
    pool = asking(f"tcp://127.0.0.1:{port}", loop=reactor)
    assert ask(pool, spin, *(f"x{number}.example" for number in range(40))) == [b"\xc0\0\2\1"] * 40
    assert server.connections == 1
    assert pool.delivered[0][2] == ["x39.example"]


def test_a_server_that_closed_an_idle_connection_gets_another(streaming, asking, reactor, spin, clock):
    """Also when the news and the question cross: that costs nobody anything."""
    server, port = streaming()
    pool = asking(f"tcp://127.0.0.1:{port}", loop=reactor, clock=clock, attempts=1)
    ask(pool, spin, "one.example")
    (conversation,) = server.open
    conversation.transport.abortConnection()  # the pool has not heard of it yet
    assert ask(pool, spin, "two.example")[0] == b""
    assert server.connections == 2
    assert pool.pool.status()[0]["failures"] == 0


def test_a_server_that_hangs_up_on_every_question(streaming, asking, reactor, spin):
    server, port = streaming(lambda _packet: None)
    pool = asking(f"tcp://127.0.0.1:{port}", loop=reactor, attempts=2)
    assert ask(pool, spin, "one.example") == [None]
    assert len(server.asked) == 2
    assert pool.pool.status()[0]["problem"] == "it closes connections without an answer"


def test_where_nobody_listens_the_next_is_asked_at_once(streaming, asking, reactor, spin, upstream):
    gone = upstream()  # no TCP there
    _server, port = streaming()
    pool = asking(f"tcp://127.0.0.1:{gone.port}", f"tcp://127.0.0.1:{port}", loop=reactor)
    assert ask(pool, spin, "one.example") == [b""]
    first = pool.pool.status()[0]
    assert first["failures"] == 1
    assert first["problem"] == "connection refused"


def test_a_connection_on_which_nothing_comes_any_more_is_left(streaming, asking, reactor, spin, clock):
    silent = []
    server, port = streaming(lambda packet: [] if silent else [whole(packet)])
    pool = asking(f"tcp://127.0.0.1:{port}", loop=reactor, clock=clock, attempts=2)
    ask(pool, spin, "one.example")
    silent.append(True)
    assert pool.ask("two.example")
    spin(lambda: len(server.asked) == 2, "the question")
    silent.clear()
    clock.now += 2  # its time is up
    spin(lambda: len(pool.delivered) == 2, "an answer by another connection")
    assert pool.addresses()[1] == b"\xc0\0\2\1"
    assert server.connections == 2


@pytest.fixture
def truncating(streaming, asking, reactor, spin, upstream):
    """Ask an upstream whose datagrams are truncated and that says by TCP what `say` makes of a question."""

    def ask_it(say, *names, until=None, timeout_ms=200, **limits):
        datagrams = upstream()
        server, _port = streaming(say, port=datagrams.port)
        pool = asking(datagrams.endpoint, loop=reactor, timeout_ms=timeout_ms, **limits)
        for name in names or ("www.example",):
            pool.ask(name)
        pool.pool.flush()

        def done():
            datagrams.answer_all(lambda packet: answer_to(packet, flags=dns.flags.TC))
            return until() if until else len(pool.delivered) == max(len(names), 1)

        spin(done, "answers")
        return pool, server

    return ask_it


def test_truncated_answers_are_asked_by_one_reused_connection(truncating):
    addresses = [f"www.example. 300 IN A 192.0.2.{number}" for number in range(200)]
    names = [f"x{number}.example" for number in range(20)]
    pool, server = truncating(
        lambda packet: [answer_to(packet, *addresses).to_wire(max_size=65535)], *names, timeout_ms=9000
    )
    assert [answer.records.answers for _key, answer, _waiters in pool.delivered] == [200] * 20
    assert server.connections == 1
    assert {dns.message.from_wire(asked).question[0].name.to_text() for asked in server.asked} == {
        f"{name}." for name in names
    }
    assert pool.counters.upstream_tcp == 20
    assert pool.pool.status()[0]["up"]


@pytest.mark.parametrize(
    "say", [lambda _packet: None, lambda packet: [packet[:2] + bytes(30)], lambda packet: [packet]]
)
def test_no_answer_by_tcp(truncating, say):
    pool, server = truncating(say, attempts=2)
    assert pool.addresses() == [None]
    assert len(server.asked) == 2
    assert pool.counters.upstream_bad == 2
    assert pool.pool.status()[0]["up"]


def test_an_upstream_that_hangs_by_tcp(truncating):
    pool, server = truncating(lambda _packet: [], attempts=1)
    assert pool.addresses() == [None]
    assert len(server.asked) == 1
    assert pool.pool.status()[0]["up"]


def test_a_bug_of_ours_with_an_answer_by_tcp_meets_the_guard(truncating, monkeypatch):
    """Not Twisted, which would tell it with every packet."""
    caught = []

    def guard(action, *given):
        try:
            action(*given)
        except KeyError as error:
            caught.append(error)

    real = Exchange.received
    monkeypatch.setattr(Asking, "guard", staticmethod(guard))
    monkeypatch.setattr(
        Exchange, "received", lambda self, link, *rest: bug() if link.stream else real(self, link, *rest)
    )
    bug = Mock(side_effect=KeyError("a bug"))
    truncating(lambda packet: [answer_to(packet).to_wire()], until=lambda: caught)
    assert len(caught) == 1


def test_stop_ends_connections(streaming, asking, reactor, spin):
    server, port = streaming(lambda _packet: [])
    pool = asking(f"tcp://127.0.0.1:{port}", loop=reactor)
    pool.ask()
    spin(lambda: server.asked, "the question")
    pool.pool.stop()
    spin(lambda: not server.open, "the end of the connection")
    assert pool.delivered == []
