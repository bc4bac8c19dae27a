"""A Twisted reactor whose time the player sets, and whose TCP connections to upstreams lie in memory.

Sockets are real: clients come over loopback. What is answered, and how, is not decided here.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from twisted.internet import error
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IConnector, ITransport
from twisted.internet.selectreactor import SelectReactor
from twisted.python.failure import Failure
from zope.interface import implementer

START = 10_000.0  # monotonic seconds when a scenario begins
STRIDES = 20  # a long time in which nothing is under way passes in so many strides
MOST_ROUNDS = 2000  # of the reactor at one instant
REAL_DEADLINE = 1.0  # real seconds to wait for a datagram on loopback that must be there


class Endless(AssertionError):
    """At one instant of virtual time there is no end of events: a question that is asked again and again, say."""


class VirtualReactor(SelectReactor):
    """Time stands still but in `pass_time`. `listeners` maps (host, port) to a factory, None to silence."""

    def __init__(self, listener: Callable[[str, int], object]) -> None:
        self.now = START
        self.events = 0
        self._listener = listener
        super().__init__()
        self.seconds = lambda: self.now
        self.startRunning(installSignalHandlers=False)

    def _doReadOrWrite(self, *given):
        self.events += 1
        return super()._doReadOrWrite(*given)

    def connectTCP(self, host, port, factory, timeout=30, bindAddress=None):  # noqa: N803  Twisted's signature
        made = Connector(self, host, port, factory, timeout, self._listener(host, port))
        made.connect()
        return made

    def settle(self) -> None:
        """Let everything happen that happens at this instant."""
        quiet = rounds = 0
        while quiet < 2:
            rounds += 1
            if rounds > MOST_ROUNDS:
                raise Endless(f"something goes round for ever at second {self.now - START:g}")
            before = self.events
            self.iterate(0)
            busy = self.events != before or self.threadCallQueue or self._due() <= self.now
            quiet = 0 if busy else quiet + 1

    def _due(self) -> float:
        """When the next timer is due."""
        return min((call.getTime() for call in self.getDelayedCalls()), default=float("inf"))

    def pass_time(self, seconds: float, busy: Callable[[], bool], look: Callable[[], None]) -> None:
        """Timer by timer while something is under way (`busy`), else in strides; `look` is called after each."""
        end = self.now + seconds
        self.settle()
        while self.now < end:
            stride = 0.0 if busy() else max(0.5, seconds / STRIDES)
            self.now = min(end, max(self._due(), self.now + stride, self.now + 1e-6))
            self.settle()
            look()

    def really_wait(self, condition: Callable[[], bool]) -> bool:
        """For what the kernel still has to hand over; whether it came."""
        end = time.monotonic() + REAL_DEADLINE
        while not condition():
            if time.monotonic() > end:
                return False
            self.iterate(0.001)
        return True

    def end(self) -> None:
        """Give every descriptor back."""
        self.stop()
        self.iterate(0)
        for reader in list(self._internalReaders):
            self.removeReader(reader)
            os.close(reader.i)
            os.close(reader.o)


@implementer(IConnector)
class Connector:
    """What connectTCP returns: one attempt to reach a factory in memory. Without a factory nobody ever answers."""

    def __init__(self, reactor, host, port, factory, timeout, server) -> None:
        self.reactor, self.host, self.port, self.factory = reactor, host, port, factory
        self._server = server
        self._patience = timeout
        self._timer = None
        self.transport = None

    def connect(self) -> None:
        self.factory.doStart()
        self.factory.startedConnecting(self)
        if self._server == "refused":
            self.reactor.callFromThread(self._fail, error.ConnectionRefusedError())
        elif self._server is None:
            self._timer = self.reactor.callLater(self._patience, self._fail, error.TimeoutError())
        else:
            self.reactor.callFromThread(self._connected)

    def _connected(self) -> None:
        ours = self.factory.buildProtocol(self.getDestination())
        theirs = self._server.buildProtocol(self.getDestination())
        self.transport = Stream(self.reactor, ours, self.getDestination())
        other = Stream(self.reactor, theirs, self.getDestination())
        self.transport.other, other.other = other, self.transport
        self.transport.on_lost = self._lost
        theirs.makeConnection(other)
        ours.makeConnection(self.transport)

    def _lost(self, reason: Failure) -> None:
        self.factory.clientConnectionLost(self, reason)
        self.factory.doStop()

    def _fail(self, reason: Exception) -> None:
        self._timer = None
        self.factory.clientConnectionFailed(self, Failure(reason))
        self.factory.doStop()

    def disconnect(self) -> None:
        if self.transport is not None:
            self.transport.loseConnection()
        else:
            self.stopConnecting()

    def stopConnecting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._fail(error.UserError())

    def getDestination(self):
        kind = IPv6Address if ":" in self.host else IPv4Address
        return kind("TCP", self.host, self.port)


@implementer(ITransport)
class Stream:
    """One end of a connection in memory: octets arrive in order, at the same instant."""

    def __init__(self, reactor, protocol, peer) -> None:
        self._reactor, self.protocol, self._peer = reactor, protocol, peer
        self.other: Stream | None = None
        self.on_lost: Callable[[Failure], None] = lambda _reason: None
        self.connected = True
        self.disconnecting = False

    def write(self, data: bytes) -> None:
        if self.connected and not self.disconnecting:
            self._reactor.callFromThread(self.other.arrive, data)

    def writeSequence(self, parts) -> None:
        self.write(b"".join(parts))

    def arrive(self, data: bytes) -> None:
        if self.connected:
            self.protocol.dataReceived(data)

    def loseConnection(self, *_given) -> None:
        if self.connected and not self.disconnecting:
            self.disconnecting = True
            self._reactor.callFromThread(self.other.end)
            self._reactor.callFromThread(self.end)

    abortConnection = loseConnection  # noqa: N815  Twisted's names, here and below

    def end(self) -> None:
        if self.connected:
            self.connected = False
            reason = Failure(error.ConnectionDone())
            self.protocol.connectionLost(reason)
            self.on_lost(reason)

    def getPeer(self):
        return self._peer

    getHost = getPeer  # noqa: N815

    def _nothing(self, *_given) -> None:
        """Options of real sockets, and reading that is paused."""

    setTcpNoDelay = setTcpKeepAlive = _nothing  # noqa: N815
    registerProducer = unregisterProducer = pauseProducing = resumeProducing = _nothing  # noqa: N815
