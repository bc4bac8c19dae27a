"""Connections to the upstreams, TCP or TLS: reused, pipelined, closed when idle.

Which question and what an answer means is resolver.upstream.exchange's; whom to trust is resolver.upstream.trust's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic

from twisted.internet.protocol import ClientFactory
from twisted.protocols.basic import Int16StringReceiver
from twisted.python.failure import Failure

from resolver.upstream.question import Link, Waiter
from resolver.upstream.reasons import words
from resolver.upstream.server import MAX_PATIENCE, Server
from resolver.upstream.trust import Trust

IDLE_SECONDS = 10.0  # RFC 7766 section 6.2.3: a few seconds
GOODBYE_SECONDS = 2.0  # a peer that does not let a connection end loses it


class _Connection(Int16StringReceiver):
    factory: Stream[Any]
    transport: Any

    def connectionMade(self) -> None:
        self.factory.made(self)

    def stringReceived(self, string: bytes) -> None:
        self.factory.arrived(string)

    def connectionLost(self, reason: Failure = Failure(Exception())) -> None:  # noqa: B008  Twisted's signature
        self.factory.ended(reason)


class Stream(ClientFactory, Generic[Waiter]):
    """One connection. Calls `received(stream, message)` for each message and `lost(stream, reason)` once."""

    noisy = False
    protocol = _Connection  # type: ignore[assignment]  # Twisted types the class too narrowly

    def __init__(self, server: Server, now: float, received: Callable[[Stream[Waiter], bytes], None],
                 lost: Callable[[Stream[Waiter], str], None]) -> None:  # fmt: skip
        self.link: Link[Waiter] = Link(server, now, stream=True)
        self.used = now
        self._received = received
        self._lost = lost
        self._connection: _Connection | None = None
        self._connector: Any = None
        self._queued: list[bytes] = []
        self._over = False

    def open(self, reactor: Any, trust: Trust, timeout: float) -> None:
        """Connect. Raises OSError when no TLS can be prepared: certificates that cannot be read, an impossible name."""
        address = self.link.server.address
        factory = trust.wrapped(self, address.name, reactor) if address.transport == "tls" else self
        self._connector = reactor.connectTCP(str(address.address), address.port, factory, timeout=timeout)

    def send(self, packet: bytes) -> None:
        """Now, or as soon as there is a connection. Behind a TLS handshake only: before that nothing of it leaves."""
        if self._connection is None:
            self._queued.append(packet)
        else:
            self._connection.sendString(packet)

    def made(self, connection: _Connection) -> None:
        """There is a connection."""
        self._connection = connection
        connection.transport.setTcpNoDelay(True)
        queued, self._queued = self._queued, []
        for packet in queued:
            connection.sendString(packet)

    @property
    def stands(self) -> bool:
        """Whether the other side has taken the connection."""
        return self._connection is not None

    def arrived(self, message: bytes) -> None:
        """A message came in whole."""
        if not self._over:
            self._received(self, message)

    def clientConnectionFailed(self, connector: object, reason: Failure) -> None:  # noqa: ARG002  Twisted's signature
        """Twisted calls this."""
        self.ended(reason)

    def ended(self, reason: Failure) -> None:
        """The end, whoever brought it about."""
        if not self._over:
            self._over = True
            assert reason.value is not None
            self._lost(self, words(reason.value))

    def close(self) -> None:
        """Nothing more is expected: say goodbye."""
        if self._connection is not None:
            self._connection.transport.loseConnection()
        elif self._connector is not None:
            self._connector.disconnect()

    def abort(self) -> None:
        """End at once; `lost` is not called any more."""
        self._over = True
        if self._connection is not None:
            self._connection.transport.abortConnection()
        elif self._connector is not None:
            self._connector.disconnect()


class Streams(Generic[Waiter]):
    """The connections of one worker, at most one in use for each server. `received` and `lost` as Stream has them."""

    def __init__(self, reactor: Any, trust: Trust, timeout: float,
                 received: Callable[[Stream[Waiter], bytes], None],
                 lost: Callable[[Stream[Waiter], str], None]) -> None:  # fmt: skip
        self._reactor = reactor
        self._trust = trust
        self._timeout = timeout
        self._received = received
        self._lost = lost
        self._open: dict[Server, Stream[Waiter]] = {}
        self._closing: list[tuple[float, Stream[Waiter]]] = []

    def to(self, server: Server, now: float) -> Stream[Waiter]:
        """The connection to `server`, made where there is none. Raises OSError."""
        stream = self._open.get(server)
        if stream is None:
            stream = Stream(server, now, self._received, self._gone)
            stream.open(self._reactor, self._trust, self._timeout * min(1 + server.mute, MAX_PATIENCE))
            self._open[server] = stream
        stream.used = now
        return stream

    def _gone(self, stream: Stream[Waiter], reason: str) -> None:
        if self._open.get(stream.link.server) is stream:
            del self._open[stream.link.server]
        self._closing = [one for one in self._closing if one[1] is not stream]
        self._lost(stream, reason)

    def hung(self) -> list[Stream[Waiter]]:
        """Those on which nothing comes any more; they are ended."""
        found = [stream for stream in self._open.values() if stream.link.hung]
        for stream in found:
            del self._open[stream.link.server]
            stream.abort()
        return found

    def renew(self, now: float) -> None:
        """Close what is idle."""
        for server, stream in list(self._open.items()):
            if not stream.link.pending and now - stream.used > IDLE_SECONDS:
                del self._open[server]
                self._closing.append((now + GOODBYE_SECONDS, stream))
                stream.close()
        while self._closing and self._closing[0][0] <= now:
            self._closing.pop(0)[1].abort()

    def close(self) -> None:
        """End all."""
        for stream in (*self._open.values(), *(one[1] for one in self._closing)):
            stream.abort()
        self._open.clear()
        self._closing.clear()
