"""The TCP server: length-prefixed questions (RFC 7766), pipelined, answered as they get ready, idle connections closed.

No DNS knowledge beyond the two length octets; answers come from server.dispatch.
"""

from __future__ import annotations

import socket
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from twisted.internet.protocol import ServerFactory
from twisted.protocols.basic import Int16StringReceiver
from twisted.protocols.policies import TimeoutMixin
from twisted.python.failure import Failure
from zope.interface import implementer

from resolver.engine import Reply
from resolver.policy.addresses import STRANGERS, Access
from resolver.server.dispatch import Dispatcher

MAX_UNDER_WAY = 200  # questions of one connection that wait for upstreams before we stop reading from it


@implementer(IPushProducer)
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
        self._group = self.factory.access.group(self._client)
        self._under_way = 0  # answers that are still to come through `_later`
        self._jammed = False  # the client does not read
        self.transport.setTcpNoDelay(True)
        self.transport.registerProducer(self, True)
        self.setTimeout(self.factory.idle_seconds)
        self.factory.opened(self)

    def dataReceived(self, data: bytes) -> None:
        """Twisted calls this; perhaps with several questions."""
        super().dataReceived(data)
        self.factory.dispatcher.flush_questions()

    def stringReceived(self, string: bytes) -> None:
        """One question."""
        self.resetTimeout()
        self.factory.active(self)
        dispatcher = self.factory.dispatcher
        dispatcher.engine.counters.tcp_queries += 1
        outcome = dispatcher.packet(string, self._client, self._group, "tcp", self._later, dispatcher.clock())
        if isinstance(outcome, Reply):
            dispatcher.hits.flush()
            self.sendString(string[:2] + outcome.body)
        elif outcome is not None:
            self._under_way += 1
        elif self._group is STRANGERS:
            self.transport.loseConnection()
        if self._under_way >= MAX_UNDER_WAY:
            super().pauseProducing()

    def _later(self, message: bytes) -> None:
        self._under_way -= 1
        if self.connected:
            self.sendString(message)
            self._go_on()

    def _go_on(self) -> None:
        """Where reading was paused for a reason that is gone: first what came with the same segment."""
        if self.paused and not self._jammed and self._under_way < MAX_UNDER_WAY:
            super().resumeProducing()

    def pauseProducing(self) -> None:
        """The transport's buffer is full: look at no more questions, not even those that are here already."""
        self._jammed = True
        super().pauseProducing()

    def resumeProducing(self) -> None:
        """The client reads again."""
        self._jammed = False
        self._go_on()

    def stopProducing(self) -> None:
        """The connection is gone."""
        self.transport.loseConnection()

    def callLater(self, period: float, func: Callable[[], None]) -> IDelayedCall:
        """TimeoutMixin's would take the global reactor."""
        call: IDelayedCall = self.factory.reactor.callLater(period, func)
        return call

    def timeoutConnection(self) -> None:
        """No question for too long. A client that does not read its answers is cut off rather than waited for."""
        self.transport.abortConnection()

    def connectionLost(self, reason: Failure = Failure(Exception())) -> None:  # noqa: ARG002, B008  Twisted's signature
        """Twisted calls this."""
        self.connected = 0  # answers that are still under way go nowhere
        self.setTimeout(None)
        self.transport.unregisterProducer()
        self.factory.closed(self)


class TcpFactory(ServerFactory):
    """All connections of one worker, the longest idle one first; at the cap it makes place for a new one."""

    noisy = False

    def __init__(
        self, reactor: IReactorTime, access: Access, dispatcher: Dispatcher, idle_seconds: int, limit: int
    ) -> None:
        self.reactor = reactor
        self.access = access
        self.dispatcher = dispatcher
        self.idle_seconds = idle_seconds
        self._limit = limit
        self._open: OrderedDict[TcpConnection, None] = OrderedDict()

    def buildProtocol(self, addr: object) -> TcpConnection:  # type: ignore[override]  # noqa: ARG002
        """Twisted calls this."""
        connection = TcpConnection()
        connection.factory = self
        return connection

    def opened(self, connection: TcpConnection) -> None:
        """Count it; drop the longest idle one when there are too many."""
        self.dispatcher.engine.counters.tcp_connections += 1
        if len(self._open) >= self._limit:
            idle = next(iter(self._open))
            del self._open[idle]
            idle.transport.abortConnection()
        self._open[connection] = None

    def active(self, connection: TcpConnection) -> None:
        """It asked something."""
        if connection in self._open:
            self._open.move_to_end(connection)

    def closed(self, connection: TcpConnection) -> None:
        """Forget it."""
        self._open.pop(connection, None)

    def close_all(self) -> None:
        """End every connection after what is being sent."""
        for connection in list(self._open):
            connection.transport.loseConnection()
