"""Fixtures of the server tests: a dispatcher with a sink for hits and an upstream that the test plays."""

from __future__ import annotations

from collections import Counter

import pytest
from twisted.internet import task

from contracts.hit import unpack_claim, unpack_facts
from resolver.server.dispatch import Dispatcher
from resolver.server.tcp import LONGEST_WAIT, TcpFactory
from resolver.wire import answer
from tests.resolver.making import answer_to
from tests.resolver.server.datagrams import Served
from tests.resolver.server.streams import IDLE, INSIDE, LIMIT, PER_CLIENT, Client


class Sink:
    """Counts hits by (client, asked name, action); a flush makes them final, as the recorder's would be.

    `claimed` has the claims that came with hits, in their order.
    """

    def __init__(self):
        self.folded = Counter()
        self.sent = Counter()
        self.claimed = []

    def add(self, client, hit, count, claim=b""):
        if claim:
            self.claimed.append((client, unpack_claim(claim), unpack_facts(hit)))
        facts = unpack_facts(hit)
        self.folded[client, facts.qname, facts.action] += count

    def add_all(self, hits):
        for (client, claim, hit), count in hits.items():
            self.add(client, hit, count, claim)

    def flush(self):
        self.sent += self.folded
        self.folded.clear()


class Upstream:
    """Collects questions by key until the test answers them; equal ones wait together."""

    def __init__(self):
        self.waiting = {}
        self.refreshed = []
        self.full = False
        self.flushes = 0

    def ask(self, key, waiting):
        if self.full:
            return False
        self.waiting.setdefault(key, []).append(waiting)
        return True

    def refresh(self, key):
        self.refreshed.append(key)

    def flush(self):
        self.flushes += 1


class Clock:
    """Monotonic seconds that the test sets."""

    def __init__(self):
        self.now = 5000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def dispatcher(engine, clock):
    """With `hits` a Sink and `upstream` one that waits for `answer_all`."""
    made = Dispatcher(engine, Sink(), clock)
    made.upstream = Upstream()
    return made


@pytest.fixture
def answer_all(dispatcher):
    """Answer every question under way with these records; with none of it (`failed`) where asked so."""

    def answer_now(*records, failed=False, **how):
        waiting, dispatcher.upstream.waiting = dispatcher.upstream.waiting, {}
        for key, clients in waiting.items():
            query = clients[0].query
            packet = b"\0\0\1\0\0\1" + bytes(6) + query.question
            message = answer_to(packet, *records, **how).to_wire(max_size=65535)
            found = None if failed else answer.read(message, key[0], 86400, 3600)
            dispatcher.deliver(key, found, clients)
        return len(waiting)

    return answer_now


@pytest.fixture
def timers():
    """Virtual time for idle connections."""
    return task.Clock()


@pytest.fixture
def factory(dispatcher, timers):
    """The TCP server, with few places."""
    return TcpFactory(timers, dispatcher.engine.access, dispatcher, IDLE, LIMIT, PER_CLIENT)


@pytest.fixture
def connect(reactor, spin, factory, timers):
    """Makes connections, each open on the server's side when it returns."""
    ports = {}
    clients = []

    def make(host=INSIDE, *, proxied=False):
        interface = "::1" if ":" in host else "127.0.0.1"
        if interface not in ports:
            ports[interface] = reactor.listenTCP(0, factory, interface=interface)
        counters = factory.dispatcher.engine.counters
        seen, unnamed = counters.tcp_connections, len(factory.unnamed)
        client = Client(ports[interface].getHost().port, host, spin)
        clients.append(client)
        # What a listed proxy opens has no place before its header has come.
        spin(lambda: counters.tcp_connections > seen or (proxied and len(factory.unnamed) > unnamed), "accepted")
        return client

    yield make
    for port in ports.values():
        port.stopListening()
    for client in clients:
        client.link.close()
    timers.advance(LONGEST_WAIT + 1)  # connections that are not read from are not seen to end, and some wait for us
    spin(lambda: not factory._places.holders(), "all connections ended")


@pytest.fixture
def served(dispatcher):
    with Served(dispatcher) as made:
        yield made
