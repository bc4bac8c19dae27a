"""The pool towards real upstreams on loopback: datagrams, refusals, source ports, truncated answers by TCP."""

from __future__ import annotations

import errno
import socket
import struct
from contextlib import ExitStack, suppress
from unittest.mock import Mock

import dns.flags
import dns.message
import pytest
from twisted.internet.protocol import Factory, Protocol

from contracts import names
from contracts.networks import Endpoint
from contracts.settings import Upstreams
from resolver.counters import Counters
from resolver.upstream.exchange import Exchange
from resolver.upstream.pool import PORT_SECONDS, TICK, Pool
from tests.resolver.loop import Loop
from tests.resolver.making import answer_to, settings

NOWHERE = Endpoint("255.255.255.255:53")  # connect() is refused by the kernel: nothing ever leaves


class Upstream:
    """A UDP upstream on loopback that the test answers for."""

    def __init__(self, host="127.0.0.1"):
        self.link = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.link.bind((host, 0))
        self.link.settimeout(5)
        self.port = self.link.getsockname()[1]
        self.endpoint = Endpoint(f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}")

    def take(self):
        """(question, where it came from)"""
        packet, client = self.link.recvfrom(4096)
        return packet, client

    def asked_nothing(self):
        self.link.setblocking(False)
        try:
            self.link.recv(4096)
        except BlockingIOError:
            return True
        finally:
            self.link.settimeout(5)
        return False

    def answer(self, *records, **how):
        """Take a question and answer it."""
        packet, client = self.take()
        self.link.sendto(answer_to(packet, *records, **how).to_wire(), client)
        return client


@pytest.fixture
def upstream():
    """Makes upstreams."""
    with ExitStack() as closing:

        def make(host="127.0.0.1"):
            made = Upstream(host)
            closing.callback(made.link.close)
            return made

        yield make


class Asking:
    """A pool in a loop of its own, with what it delivered."""

    def __init__(self, *addresses, loop=None, **limits):
        self.loop = loop or Loop()
        self.counters = Counters()
        self.delivered = []
        self.late = []
        self.flushed = 0
        dns_settings = settings(upstreams=Upstreams(**limits))
        self.pool = Pool(
            self.loop, list(addresses), dns_settings, self.counters,
            lambda key, answer, waiters: self.delivered.append((key, answer, waiters)), self._after,
            self.guard, self.loop.seconds, self._late,
        )  # fmt: skip
        self.pool.start()

    def _late(self, key, waiters):
        self.late.append((key, waiters))
        return []

    def _after(self):
        self.flushed += 1

    @staticmethod
    def guard(action, *given):
        """Here nothing is survived: a bug fails the test."""
        action(*given)

    def ask(self, name="www.example", waiter="client"):
        return self.pool.ask((names.to_wire(name) + b"\0\1\0\1", 0), waiter)

    def until_delivered(self, count=1):
        self.loop.until(lambda: len(self.delivered) >= count, f"{count} answers")

    def addresses(self):
        """The first address of each answer, None for failures."""
        return [answer and answer.records.data[-4:] for _key, answer, _waiters in self.delivered]


@pytest.fixture
def asking():
    """Makes pools."""
    with ExitStack() as closing:

        def make(*addresses, **how):
            made = Asking(*addresses, **how)
            closing.callback(made.pool.stop)
            return made

        yield make


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
    pool.loop.pump([TICK] * 60)
    assert pool.addresses() == [None]
    assert pool.counters.upstream_timeouts == 3


@pytest.mark.parametrize("questions", [1, 2, 5])
@pytest.mark.parametrize("each_by_itself", [False, True])
def test_where_nobody_listens_the_next_is_asked_at_once(asking, upstream, questions, each_by_itself):
    """The kernel tells (ICMP): no time passes here. It may tell while the rest of a batch is being sent."""
    gone, other = upstream(), upstream()
    gone.link.close()
    pool = asking(gone.endpoint, other.endpoint, sockets=1)
    for number in range(questions):
        pool.ask(f"x{number}.example")
        if each_by_itself:
            pool.pool.flush()
    pool.pool.flush()
    other.link.setblocking(False)

    def done():
        with suppress(BlockingIOError):
            other.answer()
        return len(pool.delivered) == questions

    pool.loop.until(done, "all answers")
    assert None not in pool.addresses()
    assert pool.counters.upstream_timeouts == 0


def test_nobody_listens_anywhere(asking, upstream):
    gone = [upstream(), upstream()]
    for one in gone:
        one.link.close()
    pool = asking(*(one.endpoint for one in gone), attempts=4)
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
    pool.loop.pump([TICK] * 20)
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
    monkeypatch.setattr("resolver.upstream.pool.connected", Mock(side_effect=OSError(errno.EMFILE, "no descriptors")))
    for number in range(1, 5):
        pool.ask(f"x{number}.example")
        pool.pool.flush()
        server.answer(f"x{number}.example. 300 IN A 192.0.2.{number}")
        pool.until_delivered(number + 1)
    assert None not in pool.addresses()
    assert pool.pool.status()[0] == {"address": str(server.endpoint), "up": True, "failures": 0}


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


class ByTcp(Protocol):
    """The TCP side of an upstream: what `factory.say(question)` returns, None to hang up."""

    def dataReceived(self, data):
        self.factory.asked.append(data)
        said = self.factory.say(data[2:])
        if said is None:
            self.transport.loseConnection()
        else:
            self.transport.write(struct.pack("!H", len(said)) + said)


@pytest.fixture
def over_tcp(reactor, spin, upstream, asking):
    """Ask one name of an upstream whose datagrams are truncated; returns (pool, questions that came by TCP)."""
    ports = []

    def ask(say, until=lambda pool: pool.delivered, **limits):
        server = upstream()
        factory = Factory.forProtocol(ByTcp)
        factory.noisy = False
        factory.asked, factory.say = [], say
        ports.append(reactor.listenTCP(server.port, factory, interface="127.0.0.1"))
        pool = asking(server.endpoint, loop=reactor, timeout_ms=200, **limits)
        pool.ask()
        pool.pool.flush()
        server.link.setblocking(False)

        def done():
            with suppress(BlockingIOError):
                server.answer(flags=dns.flags.TC)
            return bool(until(pool))

        spin(done, "an answer")
        return pool, factory.asked

    yield ask
    for port in ports:
        port.stopListening()


def test_a_truncated_answer_is_asked_by_tcp(over_tcp):
    addresses = [f"www.example. 300 IN A 192.0.2.{number}" for number in range(200)]
    pool, asked = over_tcp(lambda packet: answer_to(packet, *addresses).to_wire(max_size=65535))
    ((_key, answer, _waiters),) = pool.delivered
    assert (answer.records.answers, answer.lifetime) == (200, 300)
    (question,) = asked
    assert struct.unpack("!H", question[:2]) == (len(question) - 2,)
    assert dns.message.from_wire(question[2:]).question[0].name.to_text() == "www.example."
    assert pool.counters.upstream_tcp == 1


@pytest.mark.parametrize("say", [lambda _packet: None, lambda _packet: b"no answer at all", lambda packet: packet])
def test_no_answer_by_tcp(over_tcp, say):
    pool, asked = over_tcp(say, attempts=2)
    assert pool.addresses() == [None]
    assert len(asked) == 2
    assert pool.counters.upstream_bad == 2


def test_a_bug_of_ours_with_an_answer_by_tcp_meets_the_guard(over_tcp, monkeypatch):
    """Not Twisted, which would tell it with every packet."""
    caught = []

    def guard(action, *given):
        try:
            action(*given)
        except KeyError as error:
            caught.append(error)

    monkeypatch.setattr(Asking, "guard", staticmethod(guard))
    monkeypatch.setattr(Exchange, "received_whole", Mock(side_effect=KeyError("a bug")))
    over_tcp(lambda packet: answer_to(packet).to_wire(), until=lambda _pool: caught)
    assert len(caught) == 1


def test_an_upstream_that_hangs_by_tcp(over_tcp):
    pool, asked = over_tcp(lambda _packet: b"", attempts=1)
    assert pool.addresses() == [None]
    assert len(asked) == 1
