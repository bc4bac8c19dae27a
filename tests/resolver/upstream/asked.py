"""An exchange without sockets and in virtual time, with all that it sent and delivered.

No tests here.
"""

from __future__ import annotations

from contracts import names
from contracts.networks import UpstreamAddress
from contracts.settings import Cache, ForwardZone, Upstreams
from resolver.counters import Counters
from resolver.upstream.exchange import Exchange
from resolver.upstream.question import Link
from resolver.upstream.scope import Scopes
from tests.resolver.making import answer_to

A = "www.example. 300 IN A 192.0.2.1"
SERVERS = ["127.0.0.1:5301", "127.0.0.1:5302", "127.0.0.1:5303"]
TIMEOUT = 0.8


def key(name="www.example", bits=0):
    return names.to_wire(name) + b"\0\1\0\1", bits


def zone(name, *servers):
    return ForwardZone(name, tuple(UpstreamAddress(server) for server in servers))


class Asked:
    """An exchange with a port and a connection for each server, and all that it sent and delivered."""

    def __init__(self, servers=2, zones=(), **limits):
        self.counters = Counters()
        texts = SERVERS[:servers] if isinstance(servers, int) else servers
        self.scopes = Scopes([UpstreamAddress(text) for text in texts], zones)
        self.servers = self.scopes.general.servers
        self.delivered = []
        self.shed = []  # (key, waiters) of those that were ended for no server's fault
        self.late = []
        self.helped = set()  # waiters that have something to make do with
        self.now = 100.0
        self.exchange = Exchange(
            self.scopes, Upstreams(timeout_ms=800, **limits), Cache(), 1232, self.counters,
            lambda asked, answer, waiters: self.delivered.append((asked, answer, waiters)), self._late,
            lambda asked, waiters: self.shed.append((asked, waiters)),
        )  # fmt: skip
        self.links = {}

    def _late(self, asked, waiters):
        self.late.append((asked, list(waiters)))
        return [waiter for waiter in waiters if waiter not in self.helped]

    def link(self, server, *, stream=False):
        """The port, or the connection, to a server."""
        return self.links.setdefault((server, stream), Link(server, self.now, stream=stream))

    def ask(self, name="www.example", waiter="client", bits=0):
        """As the pool does: the question when it was sent, None when it joined another or there is no room."""
        question = self.exchange.find(key(name, bits))
        if question is not None:
            self.exchange.join(question, waiter)
            return None
        question = self.exchange.open(key(name, bits), [waiter], self.now)
        if question is not None:
            self.send(question)
        return question

    def send(self, question):
        server = self.exchange.choose(question)
        if question.avoid is self.link(server):  # another port
            del self.links[server, False]
        stream = question.by_stream or not server.datagrams
        return self.exchange.aim(question, self.link(server, stream=stream), self.now)

    def probe(self, question):
        """Send the copy that shows how another server does: it, or None."""
        found = self.exchange.probe(question, self.now)
        if found is None:
            return None
        copied, server = found
        self.exchange.aim(copied, self.link(server, stream=not server.datagrams), self.now)
        return copied

    def number(self, question):
        """Which server is being asked."""
        return self.servers.index(question.server)

    def packet(self, question):
        """The last packet sent for it, less what chance added."""
        return question.ident + b"\1\0\0\1\0\0\0\0\0\0" + question.asked

    def answer(self, question, *records, ident=None, link=None, edns=True, **how):
        """The asked server says something; `edns`: it knows that. None: it is answered, else the question goes on."""
        message = answer_to(self.packet(question), *records, **how)
        if edns and message.edns < 0:
            message.use_edns(0, ednsflags=message.ednsflags)
        packet = (ident or question.ident) + message.to_wire(max_size=65535)[2:]
        return self.exchange.received(link or question.link, packet, self.now)

    def expire(self, times=1):
        """Wait for so many time-outs; ask again what is to be asked again."""
        self.now += times * TIMEOUT + 0.01
        again = self.exchange.expired(self.now)
        for question in again:
            self.send(question)
        return again

    def waiters(self):
        return [waiter for *_how, waiters in (*self.delivered, *self.shed) for waiter in waiters]
