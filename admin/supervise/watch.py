"""Watches that each process answers on its control socket, and tells of one that hangs: there, but deaf.

Nothing is started or ended here: that is the supervisor's. A process that does not listen (yet, or any more) is not
hanging: it starts, or its end is noticed otherwise.

Silence is counted in ticks of our own, never in seconds of a clock: when the clock is set, or when we ourselves were
stopped for a while, one tick passes and nobody looks silent for it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.interfaces import IConnector
from twisted.internet.protocol import ClientFactory, Protocol
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure

from contracts.control import Request, encode

TICK = 1.0  # seconds
EVERY = 2  # ticks from one question to the next
PATIENCE = 5  # ticks without an answer


class Watch:
    """Asks every process at its control socket; `hangs` is called with the name of one that took a question in vain."""

    def __init__(self, reactor: Any, sockets: dict[str, Path], hangs: Callable[[str], None]) -> None:
        self._reactor = reactor
        self._sockets = sockets
        self._hangs = hangs
        self._questions = dict[str, Question]()
        self._ticks = 0
        self._loop = LoopingCall(self._tick)
        self._loop.clock = reactor

    def start(self) -> None:
        """From now on."""
        self._loop.start(TICK, now=False)

    def stop(self) -> None:
        """A process that is told to end may be silent as long as it likes."""
        if self._loop.running:
            self._loop.stop()
        for question in self._questions.values():
            question.end()

    def _tick(self) -> None:
        self._ticks += 1
        for name, socket in self._sockets.items():
            question = self._questions.get(name)
            if question is None or question.over:
                if self._ticks % EVERY == 0:
                    self._questions[name] = Question(self._reactor, socket)
                continue
            question.ticks += 1
            if question.ticks >= PATIENCE:
                question.end()
                self._hangs(name)


class Question(ClientFactory):
    """One `ping` on a connection of its own; over when there is an answer, or nobody who could give one."""

    noisy = False

    def __init__(self, reactor: Any, socket: Path) -> None:
        self.over = False
        self.ticks = 0
        self._connector: IConnector = reactor.connectUNIX(str(socket), self)

    def buildProtocol(self, addr: Any) -> Protocol:  # noqa: ARG002  Twisted's signature
        """Twisted calls this when the kernel has connected us, which it does for a process that hangs, too."""
        return Asking(self)

    def clientConnectionFailed(self, connector: IConnector, reason: Failure) -> None:  # noqa: ARG002
        """Nobody listens."""
        self.over = True

    def clientConnectionLost(self, connector: IConnector, reason: Failure) -> None:  # noqa: ARG002
        """The process ended, or we have heard it."""
        self.over = True

    def end(self) -> None:
        """Wait no longer."""
        if not self.over:
            self.over = True
            self._connector.disconnect()


class Asking(Protocol):
    """Any octet in return shows that the reactor over there turns; what work its threads have is their business."""

    transport: Any

    def __init__(self, question: Question) -> None:
        self._question = question

    def connectionMade(self) -> None:
        """Twisted calls this."""
        self.transport.write(encode(Request("ping")))

    def dataReceived(self, data: bytes) -> None:  # noqa: ARG002  Twisted's signature
        """Twisted calls this."""
        self._question.over = True
        self.transport.loseConnection()
