"""The sockets of zone transfer, UDP and TCP: what comes is handed on, what is answered goes out as fast as it is taken.

No DNS here (blocklists.transfer.outgoing). Of a transfer the next message is made when the one before has left, so that
a slow reader costs one message of memory and nobody else's time; who takes nothing for IDLE seconds is cut off.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress, IPullProducer
from twisted.internet.protocol import DatagramProtocol, ServerFactory
from twisted.protocols.basic import Int16StringReceiver
from twisted.protocols.policies import TimeoutMixin
from zope.interface import implementer

from blocklists.transfer.outgoing import Reply, Stream
from contracts.networks import Address, Endpoint

log = logging.getLogger(__name__)
IDLE = 30.0
CONNECTIONS = 100
WAITING = 16  # questions of one connection that wait for a transfer on it
Answer = Callable[[bytes, str, bool], Reply]  # octets, who, whether by TCP


class Listening:
    """One listener for each address, by both transports. `answer` is asked for each message."""

    def __init__(self, reactor: Any, answer: Answer) -> None:
        self._reactor = reactor
        self._answer = answer
        self._ports = list[Any]()
        self._datagrams = dict[int, _Datagrams]()  # by IP version

    def open(self, endpoints: tuple[Endpoint, ...]) -> None:
        """All or none of them. Raises CannotListenError."""
        try:
            for one in endpoints:
                host = str(one.address)
                datagrams = _Datagrams(self._answer)
                factory = _Factory(self._reactor, self._answer)
                self._ports.append(self._reactor.listenTCP(one.port, factory, interface=host))
                self._ports.append(self._reactor.listenUDP(one.port, datagrams, interface=host, maxPacketSize=65535))
                self._datagrams.setdefault(one.address.version, datagrams)
        except CannotListenError:
            self.close()
            raise

    def close(self) -> None:
        """No new connections; those that there are end with what they do."""
        for port in self._ports:
            port.stopListening()
        self._ports.clear()
        self._datagrams.clear()

    def send(self, wire: bytes, address: Address, port: int) -> bool:
        """A datagram of our own, from the address that we listen on; False where none can reach that one."""
        datagrams = self._datagrams.get(address.version)
        if datagrams is None or datagrams.transport is None:
            return False
        datagrams.write(wire, (str(address), port))
        return True


class _Datagrams(DatagramProtocol):
    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        reply = self._answer(datagram, addr[0], False)
        if isinstance(reply, bytes):
            self.write(reply, addr)

    def write(self, wire: bytes, addr: Any) -> None:
        """Lost where it cannot be sent, as any datagram may be."""
        try:
            self.transport.write(wire, addr)  # type: ignore[union-attr]
        except OSError as error:
            log.debug("a datagram was not sent: %s", error)


class _Factory(ServerFactory):
    noisy = False

    def __init__(self, reactor: Any, answer: Answer) -> None:
        self.reactor = reactor
        self.answer = answer
        self.open = 0

    def buildProtocol(self, addr: IAddress | None) -> _Connection | None:  # noqa: ARG002  Twisted's name
        """None closes it at once."""
        return _Connection(self) if self.open < CONNECTIONS else None


@implementer(IPullProducer)
class _Connection(Int16StringReceiver, TimeoutMixin):
    """One TCP connection: questions one after the other, a transfer as its reader takes it."""

    transport: Any

    def __init__(self, factory: _Factory) -> None:
        self._made_by = factory
        self._waiting = deque[bytes]()
        self._stream: Stream | None = None

    def callLater(self, period: float, func: Any) -> Any:
        """For TimeoutMixin."""
        return self._made_by.reactor.callLater(period, func)

    def connectionMade(self) -> None:
        self._made_by.open += 1
        self.setTimeout(IDLE)

    def stringReceived(self, string: bytes) -> None:
        self._waiting.append(string)
        if len(self._waiting) > WAITING:
            self.transport.abortConnection()
        else:
            self._next()

    def _next(self) -> None:
        while self._stream is None and self._waiting:
            self.resetTimeout()
            peer = self.transport.getPeer().host
            reply = self._made_by.answer(self._waiting.popleft(), peer, True)
            if isinstance(reply, bytes):
                self.sendString(reply)
            elif reply is not None:
                self._stream = reply
                log.info("%s takes the zone: %s", peer, reply.what)
                self.transport.registerProducer(self, False)

    def resumeProducing(self) -> None:
        """The reader has taken what there was."""
        if self._stream is None:
            return
        self.resetTimeout()
        try:
            message = next(self._stream.messages, None)
        except Exception:  # whatever it is, the reader must not take a part for the whole
            log.exception("a transfer broke off")
            self.transport.abortConnection()
            return
        if message is not None:
            self.sendString(message)
            return
        self._end()
        self.transport.unregisterProducer()
        self._next()

    def stopProducing(self) -> None:
        """The reader is gone."""
        self._end()

    def timeoutConnection(self) -> None:
        self.transport.abortConnection()

    def connectionLost(self, reason: Any = None) -> None:  # noqa: ARG002  Twisted's name
        self._made_by.open -= 1
        self.setTimeout(None)
        self._end()

    def _end(self) -> None:
        if self._stream is not None:
            self._stream.done()
            self._stream = None
