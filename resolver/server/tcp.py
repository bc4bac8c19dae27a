"""The TCP server: length-prefixed questions (RFC 7766), pipelined, answered as they get ready, idle connections closed.

No DNS knowledge beyond the two length octets; answers come from server.dispatch. Who may stay is server.places'.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IDelayedCall, IHalfCloseableProtocol, IPushProducer, IReactorTime
from twisted.internet.protocol import ServerFactory
from twisted.protocols.basic import Int16StringReceiver
from twisted.protocols.policies import TimeoutMixin
from twisted.python.failure import Failure
from zope.interface import implementer

from contracts.hit import Transport
from resolver.identity import Asker
from resolver.outcome import Forward, Reply
from resolver.policy.clients import PROXIES, STRANGERS, Access
from resolver.server.dispatch import Dispatcher
from resolver.server.places import Places
from resolver.server.proxy import BadHeader, read_header

MAX_UNDER_WAY = 200  # questions of one connection that wait for upstreams before we stop reading from it
REST_SECONDS = 0.05  # for a client that asks more than its share
MAX_UNREAD = 1 << 20  # octets of answers that are kept for a client who reads none: many clients can ask for much
LONGEST_WAIT = 120.0  # seconds without question or answer: no client waits so long, and upstreams' time-outs end sooner
HEADER_SECONDS = 5.0  # for the header of a listed proxy
_MIN_IDLE = 1.0  # seconds that a connection may be idle when all places are taken


@implementer(IPushProducer, IHalfCloseableProtocol)
class TcpConnection(Int16StringReceiver, TimeoutMixin):
    """One client. We stop reading while it does not take its answers."""

    factory: TcpFactory
    transport: Any

    def connectionMade(self) -> None:
        """Twisted calls this."""
        peer = self.transport.getPeer()
        assert isinstance(peer, IPv4Address | IPv6Address)
        family = socket.AF_INET6 if ":" in peer.host else socket.AF_INET
        self._client = socket.inet_pton(family, peer.host)
        self._proxy = b""  # who named the client
        self._asked_by: Transport | None = None  # by what that one's client speaks to it
        self._header: bytes | None = None  # of it what is here, while it is awaited
        self._group = self.factory.access.group(self._client)
        self._generation = self.factory.access.generation
        self._under_way = 0  # answers that are still to come through `_later`
        self._jammed = False  # the client does not read
        self._unread = 0  # octets of answers written since
        self._ending = False  # no more questions are taken
        self._resumption: IDelayedCall | None = None  # we read on in the reactor's next turn
        self._rest: IDelayedCall | None = None  # its client asks too fast: we read on when this is over
        self._stirred = self.factory.reactor.seconds()  # when something was asked or answered last
        self.transport.setTcpNoDelay(True)
        self.transport.registerProducer(self, True)
        if self._group is PROXIES:
            self._header = b""
            self.factory.unnamed.add(self)
            self.setTimeout(HEADER_SECONDS)
        else:
            self._enter()

    def _enter(self) -> None:
        """Now that it is known for whom it is, it needs a place."""
        if self.factory.opened(self, self._client, stranger=self._group is STRANGERS):
            self.setTimeout(self.factory.idle_seconds)
        else:
            self.cut_off()

    @property
    def busy(self) -> bool:
        """Whether questions of it are still to be answered."""
        return self._under_way > 0

    def dataReceived(self, data: bytes) -> None:
        """Twisted calls this; perhaps with several questions."""
        if self._header is not None:
            data = self._take_header(self._header + data)
            if not data:
                return
        super().dataReceived(data)
        self.factory.dispatcher.hits.flush()  # of questions that get no answer now, or none at all
        self.factory.dispatcher.flush_questions()

    def _take_header(self, data: bytes) -> bytes:
        """The client's first octets, behind the header of a listed proxy; nothing while that is not whole."""
        try:
            header = read_header(data)
        except BadHeader:
            self.factory.dispatcher.engine.counters.proxy_refused += 1
            self.cut_off()
            return b""
        self._header = data
        if header is None:
            return b""
        self._header = None
        self.factory.unnamed.discard(self)
        self._proxy, self._asked_by = self._client, header.transport
        self._client = header.client or self._proxy
        self._classify()
        self._enter()
        return b"" if self._ending else data[header.size :]

    def _classify(self) -> None:
        access = self.factory.access
        self._generation = access.generation
        if self._proxy:
            self._group = access.behind(self._proxy, self._client)
        else:
            self._group = access.group(self._client)

    def stringReceived(self, string: bytes) -> None:
        """One question. None at all is nothing to wait for: the client is told so by the end of the connection."""
        if not string:
            self._end()
            return
        self._stir()
        dispatcher = self.factory.dispatcher
        dispatcher.engine.counters.tcp_queries += 1
        if self._generation != self.factory.access.generation:
            self._classify()
            proxied = bool(self._proxy) and self.factory.access.group(self._proxy) is not PROXIES
            if proxied or self._group is PROXIES:  # it is one no more, or became one and sent no header
                dispatcher.engine.counters.proxy_refused += 1
                self.cut_off()
                return
        asker = Asker(self._client, self._group, self._proxy, transport=self._asked_by) if self._proxy else None
        now = dispatcher.clock()
        by_udp = self._asked_by == "udp"  # perhaps in another's name: nothing is proven, and limits are as by UDP
        later = partial(self._later_by_udp, string) if by_udp else self._later
        outcome = dispatcher.packet(string, self._client, self._group, "tcp", later, now, asker)
        if isinstance(outcome, Reply):
            dispatcher.hits.flush()
            message = string[:2] + outcome.body
            self.sendString(self._within_limits(string, message) if by_udp else message)
        elif isinstance(outcome, Forward):
            self._under_way += 1
        elif self._group is STRANGERS:
            self._end()
        if not dispatcher.limits.question(self._client, forwarder=self._group.forwarder, now=now, proven=not by_udp):
            self._rest_a_while()
        elif self._under_way >= MAX_UNDER_WAY:
            super().pauseProducing()

    def _within_limits(self, packet: bytes, message: bytes) -> bytes:
        """What goes by UDP from the proxy on: a large answer where the client's network may have it, else TC."""
        dispatcher = self.factory.dispatcher
        body = dispatcher.within_limits(message[2:], packet, self._client, self._group, dispatcher.clock())
        return message[:2] + body if body is not None else b""

    def _later_by_udp(self, packet: bytes, message: bytes) -> None:
        self._later(self._within_limits(packet, message) if message else message)

    def _rest_a_while(self) -> None:
        """Its share is used up: the client's next questions wait on its side, and none of them is lost."""
        super().pauseProducing()
        if self._rest is None:
            self._rest = self.factory.reactor.callLater(REST_SECONDS, self._rested)

    def _rested(self) -> None:
        self._rest = None
        self._read_on_soon()

    def _later(self, message: bytes) -> None:
        """An answer that was under way: we stand inside the delivery of an upstream's."""
        self._under_way -= 1
        if not self.connected:
            return
        if not self._jammed:  # nothing is won by answers for one who reads none
            self._stir()
        elif (unread := self._unread + len(message)) > MAX_UNREAD:
            self.cut_off()
            return
        else:
            self._unread = unread
        if message:
            self.sendString(message)
        if not self._ending:
            self._read_on_soon()
        elif not self.busy:
            self.finish()

    def _stir(self) -> None:
        """It is not idle: something was asked or answered (RFC 7766 section 6.2.3)."""
        self._stirred = self.factory.reactor.seconds()
        self.factory.active(self)
        self.setTimeout(self.factory.idle_seconds)

    def _read_on_soon(self) -> None:
        """Not at once: what is read asks upstreams, which are in the middle of answering."""
        if self._may_read_on() and self._resumption is None:
            self._resumption = self.factory.reactor.callLater(0, self._read_on)

    def _read_on(self) -> None:
        """Where reading was paused for a reason that is gone: first what came with the same segment."""
        self._resumption = None
        if self._may_read_on():
            super().resumeProducing()

    def _may_read_on(self) -> bool:
        held_up = self._ending or self._jammed or self._rest is not None
        return self.paused and not held_up and self._under_way < MAX_UNDER_WAY

    def _end(self) -> None:
        """Read no further; answers under way are still sent."""
        self._ending = True
        super().pauseProducing()
        if not self.busy:
            self.finish()

    def finish(self) -> None:
        """Close behind what is written. Twisted would wait for ever for a producer that it has paused."""
        self._ending = True
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    def cut_off(self) -> None:
        """Close at once, whatever is written or asked."""
        self._ending = True
        self.transport.abortConnection()

    def readConnectionLost(self) -> None:
        """The client has asked all it wants to, and waits for the answers."""
        self._end()

    def writeConnectionLost(self) -> None:
        """Never: only we end our side, with the whole connection."""

    def pauseProducing(self) -> None:
        """The transport's buffer is full: look at no more questions, not even those that are here already."""
        self._jammed = True
        super().pauseProducing()

    def resumeProducing(self) -> None:
        """The client has read all that was written. The reactor calls this, nobody's delivery."""
        self._jammed = False
        self._unread = 0
        self._stir()
        if self._may_read_on():
            super().resumeProducing()

    def stopProducing(self) -> None:
        """The connection is gone."""
        self.transport.loseConnection()

    def callLater(self, period: float, func: Callable[[], None]) -> IDelayedCall:
        """TimeoutMixin's would take the global reactor."""
        call: IDelayedCall = self.factory.reactor.callLater(period, func)
        return call

    def timeoutConnection(self) -> None:
        """Idle for too long, unless it waits for us: upstreams' time-outs end that, or our own where they fail to.

        A client that does not read its answers is cut off rather than waited for.
        """
        if self._header is not None:
            self.factory.dispatcher.engine.counters.proxy_refused += 1
        waited = self.factory.reactor.seconds() - self._stirred
        if self.busy and not self._jammed and waited < LONGEST_WAIT:
            self.setTimeout(self.factory.idle_seconds)
        else:
            self.cut_off()

    def connectionLost(self, reason: Failure = Failure(Exception())) -> None:  # noqa: ARG002, B008  Twisted's signature
        """Twisted calls this."""
        self.connected = 0  # answers that are still under way go nowhere
        self.setTimeout(None)
        for call in (self._resumption, self._rest):
            if call is not None and call.active():
                call.cancel()
        self.transport.unregisterProducer()
        if self._header is not None:
            self.factory.unnamed.discard(self)
        else:
            self.factory.closed(self)


class TcpFactory(ServerFactory):
    """All connections of one worker. The fewer places are left, the shorter a connection may be idle."""

    noisy = False

    def __init__(
        self, reactor: IReactorTime, access: Access, dispatcher: Dispatcher, idle_seconds: float, limit: int,
        per_client: int,
    ) -> None:  # fmt: skip
        self.reactor = reactor
        self.access = access
        self.dispatcher = dispatcher
        self.idle_seconds = float(idle_seconds)  # as things are now
        self._longest = float(idle_seconds)
        self.unnamed = set[TcpConnection]()  # of listed proxies, which have not said yet for whom
        self._places: Places[TcpConnection] = Places(limit, per_client)
        self._retime()

    def buildProtocol(self, addr: object) -> TcpConnection:  # type: ignore[override]  # noqa: ARG002
        """Twisted calls this."""
        connection = TcpConnection()
        connection.factory = self
        return connection

    def opened(self, connection: TcpConnection, client: bytes, *, stranger: bool) -> bool:
        """Whether it may stay. Another one may have to go for it."""
        counters = self.dispatcher.engine.counters
        counters.tcp_connections += 1
        admitted, loser = self._places.enter(connection, client, stranger=stranger)
        if not admitted:
            counters.tcp_turned_away += 1
        if loser is not None:
            counters.tcp_displaced += 1
            loser.cut_off()
        self._retime()
        return admitted

    def active(self, connection: TcpConnection) -> None:
        """It asked something, or was answered."""
        self._places.active(connection)

    def closed(self, connection: TcpConnection) -> None:
        """Forget it."""
        self._places.leave(connection)
        self._retime()

    def status(self) -> dict[str, int]:
        """For `sinkhole status`."""
        return self._places.status()

    def close_all(self) -> None:
        """End every connection after what is being sent."""
        for connection in [*self._places.holders(), *self.unnamed]:
            connection.finish()

    def _retime(self) -> None:
        """RFC 7766 section 6.2.3: all of the time while half of the places are free, less and less from there on."""
        left = min(1.0, 2 * (1 - self._places.taken))
        self.idle_seconds = max(_MIN_IDLE, self._longest * left)
        self.dispatcher.engine.options.keepalive = int(10 * self.idle_seconds)  # what RFC 7828 promises
