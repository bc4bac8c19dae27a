"""The pool towards real upstreams on loopback: datagrams, refusals, source ports, time-outs."""

from __future__ import annotations

import errno
import socket
from unittest.mock import Mock

import dns.message
import pytest

from contracts import names
from resolver.upstream.exchange import FLOOD
from resolver.upstream.pool import TICK
from resolver.upstream.ports import PORT_SECONDS
from tests.resolver.making import answer_to
from tests.resolver.upstream.asked import zone

NOWHERE = "255.255.255.255:53"  # connect() is refused by the kernel: nothing ever leaves


def known(pool, *seconds):
    """As if the servers had answered before, in so long: no copies of first questions."""
    for server, needed in zip(pool.pool._scopes.general.servers, seconds, strict=True):
        server.asked = server.heard = -1.0
        server.srtt = needed
        server.asked = pool.loop.seconds()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_asks_and_delivers(asking, upstream, host):
    server = upstream(host)
    pool = asking(server.endpoint)
    assert pool.ask(waiter="first")
    assert pool.ask(waiter="second")
    assert server.asked_nothing()  # a batch leaves together, with its flush
    pool.pool.flush()
    server.answer("www.example. 300 IN A 192.0.2.1")
    pool.until_delivered()
    assert pool.addresses() == [b"\xc0\0\2\1"]
    assert pool.delivered[0][2] == ["first", "second"]
    assert pool.flushed
    assert len(pool.pool) == 0
    assert server.asked_nothing()


def test_without_upstreams_nothing_is_promised(asking):
    pool = asking()
    assert not pool.ask()
    assert pool.pool.status() == []


def test_many_questions_at_once(asking, upstream):
    server = upstream()
    pool = asking(server.endpoint)
    for number in range(150):
        pool.ask(f"x{number}.example", number)
    pool.pool.flush()
    for number in range(150):
        packet, client = server.take()
        asked = dns.message.from_wire(packet).question[0].name
        address = f"{asked} 60 IN A 192.0.2.{asked.labels[0][1:].decode()}"
        server.link.sendto(answer_to(packet, address).to_wire(), client)
        if number % 20 == 0:
            pool.loop.turn()
    pool.until_delivered(150)
    assert sorted(pool.addresses()) == [b"\xc0\0\2" + bytes((number,)) for number in range(150)]


def test_a_silent_upstream_is_left_after_its_time(asking, upstream):
    silent, other = upstream(), upstream()
    pool = asking(silent.endpoint, other.endpoint)
    known(pool, 0.01, 0.01)
    pool.ask()
    pool.pool.flush()
    pool.loop.advance(0.7)
    assert other.asked_nothing()
    pool.loop.pump([TICK] * 3)
    other.answer("www.example. 300 IN A 192.0.2.2")
    pool.until_delivered()
    assert pool.addresses() == [b"\xc0\0\2\2"]
    assert pool.counters.upstream_timeouts == 1
    assert silent.take()


def test_nobody_answers(asking, upstream):
    pool = asking(upstream().endpoint, attempts=3)
    pool.ask()
    pool.pool.flush()
    pool.loop.pump([TICK] * 100)  # 0.8 + 1.6 + 2.4 s
    assert pool.addresses() == [None]
    assert pool.counters.upstream_timeouts == 3


@pytest.mark.parametrize("questions", [1, 2, 5])
@pytest.mark.parametrize("each_by_itself", [False, True])
def test_where_nobody_listens_the_next_is_asked_at_once(asking, upstream, questions, each_by_itself):
    """The kernel tells (ICMP): no time passes here. It may tell while the rest of a batch is being sent."""
    gone, other = upstream(), upstream()
    gone.link.close()
    pool = asking(gone.endpoint, other.endpoint, sockets=1)
    known(pool, 0.01, 0.01)
    for number in range(questions):
        pool.ask(f"x{number}.example")
        if each_by_itself:
            pool.pool.flush()
    pool.pool.flush()

    def done():
        other.answer_all()
        return len(pool.delivered) == questions

    pool.loop.until(done, "all answers")
    assert None not in pool.addresses()
    assert pool.counters.upstream_timeouts == 0


def test_a_port_that_the_reactor_lets_go_of_is_read_again(asking, upstream):
    """Twisted's epoll reactor takes an error that comes alone (connection refused) for the end of a descriptor."""
    server = upstream()
    pool = asking(server.endpoint, sockets=1)
    pool.ask()
    pool.pool.flush()
    (port,) = pool.loop.readers
    pool.loop.removeReader(port)
    port.connectionLost(None)
    server.answer("www.example. 300 IN A 192.0.2.1")
    pool.until_delivered()
    assert pool.addresses() == [b"\xc0\0\2\1"]
    pool.pool.stop()
    port.connectionLost(None)  # a reactor that stops tells everyone
    assert pool.loop.readers == {}


def test_nobody_listens_anywhere(asking, upstream):
    gone = [upstream(), upstream()]
    for one in gone:
        one.link.close()
    pool = asking(*(one.endpoint for one in gone), attempts=4)
    known(pool, 0.01, 0.01)
    pool.ask()
    pool.pool.flush()
    pool.until_delivered()
    assert pool.addresses() == [None]
    assert [server["up"] for server in pool.pool.status()] == [True, True]


def test_a_client_that_waits_is_reported_late(asking, upstream):
    pool = asking(upstream().endpoint, attempts=3)
    pool.ask()
    pool.pool.flush()
    pool.loop.pump([TICK] * 35)
    assert pool.late == []
    pool.loop.pump([TICK] * 2)
    assert [waiters for _key, waiters in pool.late] == [["client"]]
    pool.loop.pump([TICK] * 70)
    assert [waiters for _key, _answer, waiters in pool.delivered] == [[]]


def test_asking_ahead(asking, upstream):
    server = upstream()
    pool = asking(server.endpoint)
    key = names.to_wire("www.example") + b"\0\1\0\1", 0
    pool.pool.refresh(key)
    pool.pool.refresh(key)
    pool.pool.flush()
    server.answer("www.example. 300 IN A 192.0.2.1")
    pool.until_delivered()
    assert pool.delivered[0][2] == []
    assert pool.addresses() == [b"\xc0\0\2\1"]
    assert server.asked_nothing()


def test_no_route_to_one_upstream(asking, upstream):
    server = upstream()
    pool = asking(NOWHERE, server.endpoint)
    known(pool, 0.01, 0.01)
    assert pool.ask()
    pool.pool.flush()
    server.answer("www.example. 300 IN A 192.0.2.1")
    pool.until_delivered()
    assert pool.addresses() == [b"\xc0\0\2\1"]


def test_no_route_at_all(asking):
    """Every client hears of it, and the next question is a new one."""
    pool = asking(NOWHERE)
    for turn in (1, 2):
        assert pool.ask()
        assert pool.addresses() == [None] * turn
        assert len(pool.pool) == 0
    pool.loop.pump([TICK] * 5)
    assert not pool.pool.status()[0]["up"]


def test_without_descriptors_left_the_ports_there_are_must_do(asking, upstream, monkeypatch):
    server = upstream()
    pool = asking(server.endpoint, sockets=4)
    pool.ask("x.example")
    pool.pool.flush()
    server.answer("x.example. 300 IN A 192.0.2.0")
    pool.until_delivered(1)
    monkeypatch.setattr("resolver.upstream.ports.connected", Mock(side_effect=OSError(errno.EMFILE, "no descriptors")))
    for number in range(1, 5):
        pool.ask(f"x{number}.example")
        pool.pool.flush()
        server.answer(f"x{number}.example. 300 IN A 192.0.2.{number}")
        pool.until_delivered(number + 1)
    assert None not in pool.addresses()
    assert (pool.pool.status()[0]["up"], pool.pool.status()[0]["failures"]) == (True, 0)


def test_ports_are_many_random_and_renewed(asking, upstream):
    server = upstream()
    pool = asking(server.endpoint, sockets=4)
    ports = set()
    for number in range(40):
        pool.ask(f"x{number}.example")
        pool.pool.flush()
        ports.add(server.answer()[1])
        pool.until_delivered(number + 1)
    assert len(ports) == 4
    pool.loop.advance(PORT_SECONDS - 0.1)
    pool.ask("late.example")
    pool.pool.flush()
    packet, client = server.take()
    pool.loop.pump([TICK] * 8)  # one port a tick
    assert len(pool.loop.readers) == 1  # only that of the question under way is still open
    server.link.sendto(answer_to(packet).to_wire(), client)
    pool.until_delivered(41)
    pool.loop.advance(TICK)
    assert pool.loop.readers == {}
    fresh = set()
    for number in range(40):
        pool.ask(f"y{number}.example")
        pool.pool.flush()
        fresh.add(server.answer()[1])
        pool.until_delivered(42 + number)
    assert len(fresh) == 4
    assert not fresh & ports


def test_stop_closes_everything(asking, upstream):
    server = upstream()
    pool = asking(server.endpoint)
    pool.ask()
    pool.pool.flush()
    pool.pool.stop()
    assert pool.loop.readers == {}
    assert pool.loop.getDelayedCalls() == []


def test_forged_answers_do_not_disturb(asking, upstream):
    server = upstream()
    pool = asking(server.endpoint)
    pool.ask()
    pool.pool.flush()
    packet, client = server.take()
    forged = answer_to(packet, "www.example. 300 IN A 192.0.2.66").to_wire()
    server.link.sendto(bytes(octet ^ 0xFF for octet in packet[:2]) + forged[2:], client)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:  # the right ID from the wrong port
        other.sendto(forged, client)
    server.link.sendto(answer_to(packet, "www.example. 300 IN A 192.0.2.1").to_wire(), client)
    pool.until_delivered()
    assert pool.addresses() == [b"\xc0\0\2\1"]
    assert pool.counters.upstream_mismatches == 1


def test_a_flood_of_forgeries_leaves_the_port(asking, upstream):
    """The question is asked by TCP; this server has none, so the next one is asked."""
    server, other = upstream(), upstream()
    pool = asking(server.endpoint, other.endpoint, sockets=1)
    known(pool, 0.01, 0.01)
    pool.loop.connectTCP = Mock()
    pool.ask()
    pool.pool.flush()
    packet, client = server.take()
    for number in range(FLOOD + 200):
        ident = number.to_bytes(2, "big")
        if ident != packet[:2]:
            server.link.sendto(ident + bytes(20), client)
    pool.loop.until(lambda: pool.loop.connectTCP.called, "a connection")
    assert pool.counters.upstream_tcp == 1
    assert pool.loop.connectTCP.call_args.args[:2] == ("127.0.0.1", server.port)
    pool.ask("next.example")
    pool.pool.flush()
    _packet, fresh = server.take()
    assert fresh != client


def test_another_case_is_asked_again_by_another_port(asking, upstream):
    server = upstream()
    pool = asking(server.endpoint, sockets=1)
    name = "the-quick-brown-fox-jumps.example"
    pool.ask(name)
    pool.pool.flush()
    packet, client = server.take()
    assert packet[12:].lower() != packet[12:]
    server.link.sendto(answer_to(packet[:12] + packet[12:-15].swapcase() + packet[-15:]).to_wire(), client)
    pool.loop.turn()
    pool.pool.flush()
    again, other = server.take()
    assert other != client
    assert again[12:-15] == packet[12:-15].lower()
    server.link.sendto(answer_to(again, f"{name}. 300 IN A 192.0.2.1").to_wire(), other)
    pool.until_delivered()
    assert pool.addresses() == [b"\xc0\0\2\1"]


def test_a_zone_is_asked_of_its_own_server_only(asking, upstream):
    general, inside = upstream(), upstream()
    pool = asking(general.endpoint, zones=[zone("ad.example.vn", inside.endpoint)], attempts=2)
    pool.ask("dc.ad.example.vn")
    pool.pool.flush()
    assert inside.take()
    pool.loop.pump([TICK] * 60)
    assert pool.addresses() == [None]
    assert general.asked_nothing()
    assert [(server["scope"], server["failures"]) for server in pool.pool.status()] == [(".", 0), ("ad.example.vn", 2)]


def test_what_status_tells(asking):
    server = asking("127.0.0.1:53", "tls://10.1.1.1#dns.example", zones=[zone("ad.vn", "tcp://10.1.2.3")])
    assert server.pool.status() == [
        {
            "address": address, "transport": transport, "scope": scope, "up": True, "heard": False, "srtt_ms": None,
            "failures": 0, "mixed_case": transport == "udp", "plain": False, "problem": "",
        }
        for address, transport, scope in (
            ("127.0.0.1:53", "udp", "."),
            ("tls://10.1.1.1:853#dns.example", "tls", "."),
            ("tcp://10.1.2.3:53", "tcp", "ad.vn"),
        )
    ]  # fmt: skip
    assert server.pool.problems() == []
    assert asking().pool.problems() == ["no upstream: names outside forward zones get no answer"]


@pytest.mark.parametrize(
    "place", ["exchange.reply.upstream_question", "exchange.Exchange.choose", "pool.Ports.current"]
)
def test_a_bug_in_sending_answers_who_waits(asking, upstream, monkeypatch, place):
    caught = []

    def guard(action, *given):
        try:
            action(*given)
        except KeyError as error:
            caught.append(error)

    pool = asking(upstream().endpoint)
    pool.pool._guard = guard
    monkeypatch.setattr(f"resolver.upstream.{place}", Mock(side_effect=KeyError("a bug")))
    assert pool.ask()
    assert pool.addresses() == [None]
    assert len(pool.pool) == 0
    assert len(caught) == 1


def test_200_dead_names_do_not_slow_live_ones(asking, upstream):
    """Real sockets: the dead ones are asked anew as soon as they fail, all the time."""
    server = upstream()
    pool = asking(server.endpoint, max_outstanding=200)

    def say(packet):
        return None if b"\4dead" in packet.lower() else answer_to(packet)

    waited = []
    for turn in range(400):
        for number in range(turn % 20, 200, 20):
            pool.ask(f"x{number}.dead.example", "dead")
        pool.loop.advance(TICK)
        if not pool.ask(f"x{turn}.example", turn):
            waited.append(None)
            continue
        pool.pool.flush()
        started = pool.loop.seconds()
        while not any(waiters == [turn] for _key, _answer, waiters in pool.delivered[-40:]):
            server.answer_all(say)
            pool.loop.turn()
        waited.append(pool.loop.seconds() - started)
    assert waited.count(None) == 0
    assert max(waited) == 0  # the virtual clock never moved while one waited
    lives = [answer for _key, answer, waiters in pool.delivered if waiters and waiters[0] != "dead"]
    assert len(lives) == 400
    assert None not in lives
    assert pool.pool.status()[0]["up"]
