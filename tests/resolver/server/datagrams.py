"""A UDP server in a loop of the test's own, with clients on addresses of their own.

Facts only; no test here.
"""

from __future__ import annotations

import socket

from bench.ports import free_port
from contracts.networks import Endpoint
from resolver.net.sockets import bind
from resolver.server.aside import PAUSE
from resolver.server.udp import UdpServer
from tests.resolver.loop import Loop

ALLOWED = ["127.10.0.1", "127.10.0.2", "127.10.255.254"]


def free(host="127.0.0.1"):
    """An endpoint that nobody uses just now."""
    port = free_port(host)
    return Endpoint(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")


class Served:
    """A server in a loop, and clients on addresses of their own. Closes them at the end of a `with`."""

    def __init__(self, dispatcher, host="127.0.0.1", access=None):
        self.loop = Loop()
        self.dispatcher = dispatcher
        self.endpoint = free(host)
        self.server = UdpServer(
            self.loop, bind(self.endpoint, socket.SOCK_DGRAM), access or dispatcher.engine.access, dispatcher
        )
        self.server.start()
        self.clients = {}

    def client(self, host):
        """The socket of a client address."""
        if host not in self.clients:
            link = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
            link.bind((host, 0))
            link.setblocking(False)
            self.clients[host] = link
        return self.clients[host]

    def put(self, host, packet):
        self.client(host).sendto(packet, (str(self.endpoint.address), self.endpoint.port))

    def serve(self):
        """Read what is there, in as few batches as it takes."""
        self.loop.settle()
        self.loop.advance(PAUSE)  # and do what was put aside

    def answers(self, host):
        """All datagrams that a client has got."""
        found = []
        while True:
            try:
                message, sender = self.client(host).recvfrom(4096)
            except BlockingIOError:
                return found
            assert sender[:2] == (str(self.endpoint.address), self.endpoint.port)
            found.append(message)

    def exchange(self, host, packet):
        """Ask, and take the one answer."""
        self.put(host, packet)
        self.serve()
        (answer,) = self.answers(host)
        return answer

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        self.server.stop()
        self.server.close()
        for link in self.clients.values():
            link.close()
        assert not self.loop.readers
