"""Clients of the TCP server: connections from addresses of their own, read while the reactor is turned.

No tests here.
"""

from __future__ import annotations

import socket
import struct

from tests.resolver.making import query

INSIDE, OUTSIDE = "127.10.0.5", "127.99.0.1"
IDLE = 20
LIMIT = 4
PER_CLIENT = 3


def framed(packet):
    return struct.pack("!H", len(packet)) + packet


class Client:
    """A connection from an address of its own; the reactor is turned while it waits."""

    def __init__(self, port, host, spin):
        self.link = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.link.bind((host, 0))
        self.link.connect(("::1" if ":" in host else "127.0.0.1", port))
        self.link.setblocking(False)
        self.spin = spin
        self.octets = b""
        self.closed = False
        self.was_reset = False

    def send(self, *packets):
        self.link.sendall(b"".join(map(framed, packets)))

    def read(self):
        """Messages that are whole by now."""
        try:
            while data := self.link.recv(1 << 16):
                self.octets += data
            self.closed = True
        except BlockingIOError:
            pass
        except ConnectionResetError:
            self.closed = self.was_reset = True
        found = []
        while len(self.octets) >= 2 and len(self.octets) >= (end := 2 + int.from_bytes(self.octets[:2], "big")):
            found.append(self.octets[2:end])
            self.octets = self.octets[end:]
        return found

    def take(self, count):
        """Wait for so many messages."""
        found = []

        def enough():
            found.extend(self.read())
            return len(found) >= count

        self.spin(enough, f"{count} answers")
        assert len(found) == count
        return found

    def until_closed(self):
        self.spin(lambda: self.read() is not None and self.closed, "closed")


def asked_for_much(connect, factory, spin, count, more=()):
    """A client that asks other.example TXT so often, and `more`; with our side, whose answers soon fill its buffer."""
    client = connect()
    (connection,) = factory._places.holders()
    connection.transport.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    client.send(*(query("other.example", "TXT", ident=number) for number in range(count)), *more)
    spin(lambda: connection._under_way >= count, "asked")
    return client, connection


def settle(reactor, turns=5):
    """Let the reactor handle what is there."""
    for _ in range(turns):
        reactor.iterate(0.01)
