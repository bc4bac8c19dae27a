"""An exchange without sockets and in virtual time, with all that it sent and delivered.

No tests here.
"""

from __future__ import annotations

from contracts import names
from contracts.networks import Endpoint
from contracts.settings import Cache, Upstreams
from resolver.counters import Counters
from resolver.upstream.exchange import Exchange, Link, Server
from tests.resolver.making import answer_to

A = "www.example. 300 IN A 192.0.2.1"
SERVERS = ["127.0.0.1:5301", "127.0.0.1:5302", "127.0.0.1:5303"]
TIMEOUT = 0.8


def key(name="www.example", bits=0):
    return names.to_wire(name) + b"\0\1\0\1", bits


class Asked:
    """An exchange with one link per server, and all that it sent and delivered."""

    def __init__(self, servers=2, **limits):
        self.counters = Counters()
        self.servers = [Server(Endpoint(text)) for text in SERVERS[:servers]]
        self.delivered = []
        self.late = []
        self.helped = set()  # waiters that have something to make do with
        self.now = 100.0
        self.exchange = Exchange(
            self.servers, Upstreams(timeout_ms=800, **limits), Cache(), 1232, self.counters,
            lambda asked, answer, waiters: self.delivered.append((asked, answer, waiters)), self._late,
        )  # fmt: skip
        self.links = {server: Link(server) for server in self.servers}

    def _late(self, asked, waiters):
        self.late.append((asked, list(waiters)))
        return [waiter for waiter in waiters if waiter not in self.helped]

    def ask(self, name="www.example", waiter="client", bits=0):
        """As the pool does: the question when it was sent, None when it joined another."""
        if self.exchange.join(key(name, bits), waiter):
            return None
        question = self.exchange.open(key(name, bits), [waiter], self.now)
        self.send(question)
        return question

    def send(self, question):
        server = self.exchange.choose(question.tried, self.now)
        return self.exchange.aim(question, self.links[server], self.now)

    def number(self, question):
        """Which server is being asked."""
        return self.servers.index(question.server)

    def answer(self, question, *records, ident=None, link=None, edns=True, **how):
        """The asked server says something; `edns`: it knows that."""
        message = answer_to(question.ident + question.packet, *records, **how)
        if not edns:
            message.use_edns(False)
        packet = (ident or question.ident) + message.to_wire(max_size=65535)[2:]
        return self.exchange.received(link or question.link, packet, self.now)

    def expire(self):
        """Wait until the time-out; ask again what is to be asked again."""
        self.now += TIMEOUT + 0.01
        again = self.exchange.expired(self.now)
        for question in again:
            self.send(question)
        return again

    def waiters(self):
        return [waiter for _key, _answer, waiters in self.delivered for waiter in waiters]
