"""Datagrams to the upstreams: several random source ports for each server, renewed over time, read in batches.

What is asked and what counts as an answer is resolver.upstream.exchange's.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Generic

from twisted.internet.interfaces import IReadDescriptor
from zope.interface import implementer

from resolver.net.outbox import Outbox
from resolver.net.sockets import connected
from resolver.upstream.question import Link, Waiter
from resolver.upstream.server import Server

PORT_SECONDS = 60.0  # a source port serves for so long, then a fresh random one takes its place (RFC 5452 section 9.2)


@implementer(IReadDescriptor)
class Port(Generic[Waiter]):
    """One connected UDP socket: the kernel drops what comes from any other address or port."""

    def __init__(self, server: Server, now: float, readable: Callable[[Port[Waiter]], None],
                 dropped: Callable[[Port[Waiter]], None]) -> None:  # fmt: skip
        self.link: Link[Waiter] = Link(server, now)
        self._socket = connected(server.address)
        self.outbox = Outbox(self._socket, connected=True)
        self.born = now
        self._readable = readable
        self._dropped = dropped

    def fileno(self) -> int:
        """For the reactor."""
        return self._socket.fileno()

    def logPrefix(self) -> str:
        """For the reactor."""
        return "upstream"

    def doRead(self) -> None:
        """For the reactor: answers, or news that nobody listens there."""
        self._readable(self)

    def connectionLost(self, reason: object) -> None:  # noqa: ARG002  Twisted's signature
        """For the reactor: it takes the news that nobody listens there, alone, for the end, and has let go of us."""
        self._dropped(self)

    def close(self) -> None:
        """Give the port back."""
        self._socket.close()


class Ports(Generic[Waiter]):
    """All source ports of one worker. `readable(port)` is called when something can be read."""

    def __init__(self, reactor: Any, each: int, readable: Callable[[Port[Waiter]], None]) -> None:
        self._reactor = reactor
        self._each = each
        self._readable = readable
        self._open: dict[Server, list[Port[Waiter]]] = {}
        self._retired: list[Port[Waiter]] = []
        self._current: dict[Server, Port[Waiter]] = {}  # the port that this batch of questions goes through
        self._used: list[Port[Waiter]] = []  # every port with something queued
        self._closed = False

    def current(self, server: Server, avoid: Link[Waiter] | None, now: float) -> Port[Waiter]:
        """The port for the next question to `server`. Raises OSError when there is none."""
        port = self._current.get(server)
        if port is None or port.link is avoid:
            port = self._current[server] = self._pick(server, avoid, now)
            self._used.append(port)
        return port

    def _pick(self, server: Server, avoid: Link[Waiter] | None, now: float) -> Port[Waiter]:
        ports = self._open.setdefault(server, [])
        if len(ports) < self._each or all(port.link is avoid for port in ports):
            try:
                port = Port(server, now, self._readable, self._dropped)
            except OSError:
                if not ports:  # else the ports there are must do: perhaps it is descriptors that we lack
                    raise
            else:
                self._reactor.addReader(port)
                ports.append(port)
                return port
        others = [port for port in ports if port.link is not avoid] if avoid is not None else ports
        return random.choice(others or ports)  # noqa: S311  ports and IDs are the system's; this only spreads load

    def _dropped(self, port: Port[Waiter]) -> None:
        """EPOLLERR came without EPOLLIN. A port that is not read any more would lose the answers of a whole minute."""
        if not self._closed:
            self._reactor.addReader(port)
            self._readable(port)

    def flush(self) -> list[tuple[Port[Waiter], int]]:
        """Send what is queued; the next batch takes another port. Returns those that lead nowhere any more, and why.

        What had no room on this machine is lost as on a crowded line: that says nothing of the server.
        """
        if not self._used:
            return []
        used, self._used = self._used, []
        self._current.clear()
        return [(port, code) for port in used if port.outbox.flush() and (code := port.outbox.unreachable())]

    def renew(self, now: float) -> None:
        """Retire ports that have served their time; close those that nothing is under way on."""
        for ports in self._open.values():
            if ports and now - ports[0].born > PORT_SECONDS:
                self._retired.append(ports.pop(0))
        for port in [port for port in self._retired if not port.link.pending]:
            self._retired.remove(port)
            self._close(port)

    def retire(self, port: Port[Waiter]) -> None:
        """Use this one no more."""
        ports = self._open[port.link.server]
        if port in ports:
            ports.remove(port)
            self._retired.append(port)
        if self._current.get(port.link.server) is port:
            del self._current[port.link.server]

    def close(self) -> None:
        """Close everything."""
        self._closed = True
        for ports in (*self._open.values(), self._retired):
            for port in ports:
                self._close(port)
            ports.clear()

    def _close(self, port: Port[Waiter]) -> None:
        self._reactor.removeReader(port)
        port.close()
