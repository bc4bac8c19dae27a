"""One question to an upstream by TCP: connect, ask, take one answer, close.

Which question and what the answer means is resolver.upstream.exchange's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.protocol import ClientFactory
from twisted.protocols.basic import Int16StringReceiver
from twisted.python.failure import Failure

from contracts.networks import Endpoint


class _Asking(Int16StringReceiver):
    factory: StreamQuestion
    transport: Any

    def connectionMade(self) -> None:
        self.sendString(self.factory.packet)

    def stringReceived(self, string: bytes) -> None:
        self.factory.done(string)
        self.transport.loseConnection()

    def connectionLost(self, reason: Failure = Failure(Exception())) -> None:  # noqa: ARG002, B008  Twisted's signature
        self.factory.done(None)


class StreamQuestion(ClientFactory):
    """Calls `arrived(packet)` once: with the answer, or with None after `timeout` seconds or any failure."""

    noisy = False
    protocol = _Asking  # type: ignore[assignment]  # Twisted types the class too narrowly

    def __init__(self, reactor: Any, packet: bytes, arrived: Callable[[bytes | None], None]) -> None:
        self.packet = packet
        self._reactor = reactor
        self._arrived: Callable[[bytes | None], None] | None = arrived
        self._connector: Any = None
        self._timer: Any = None

    def ask(self, address: Endpoint, timeout: float) -> None:
        """Start."""
        self._timer = self._reactor.callLater(timeout, self._give_up)
        self._connector = self._reactor.connectTCP(str(address.address), address.port, self, timeout=timeout)

    def _give_up(self) -> None:
        self._connector.disconnect()
        self.done(None)

    def clientConnectionFailed(self, connector: object, reason: object) -> None:  # noqa: ARG002  Twisted's signature
        """Twisted calls this."""
        self.done(None)

    def done(self, packet: bytes | None) -> None:
        """The end, whichever comes first."""
        arrived, self._arrived = self._arrived, None
        if arrived is None:
            return
        if self._timer.active():
            self._timer.cancel()
        arrived(packet)
