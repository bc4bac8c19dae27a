"""Servers of lists on loopback, good and hostile ones, with and without TLS; and a proxy.

No tests here.
"""

from __future__ import annotations

import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography.hazmat.primitives import serialization

from tests.resolver.upstream.servers import Authority

TEXT = b"a.example\nb.example\n"


class Asked(BaseHTTPRequestHandler):
    """One request; the server's `say` answers it."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self):
        self.server.asked.append((self.path, self.headers))
        self.close_connection = True
        with suppress(OSError):  # who has heard enough hangs up
            self.server.say(self)

    def do_CONNECT(self):
        self.server.asked.append((self.path, self.headers))
        self.close_connection = True
        if self.server.tunnels is not True:
            self.reply(status=self.server.tunnels)
            return
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host, int(port))) as there:
            self.send_response(200)
            self.end_headers()
            relay(self.connection, there)

    def reply(self, body=TEXT, status=200, **headers):
        """A whole answer."""
        self.send_response(status)
        for key, value in ({"Content-Length": str(len(body))} | headers).items():
            if value is not None:
                self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def raw(self, *pieces):
        """Octets as they are."""
        for piece in pieces:
            self.wfile.write(piece)

    def drip(self, head):
        """An octet now and then, as long as anybody listens."""
        self.raw(head)
        while not self.server.over.wait(0.02):
            self.raw(b"x")

    def log_message(self, *_words):
        pass


class Server(ThreadingHTTPServer):
    """Keeps what it was asked."""

    daemon_threads = True
    say: Callable[[Asked], None]

    def __init__(self, say, tunnels=True):
        super().__init__(("127.0.0.1", 0), Asked)
        self.say, self.tunnels = say, tunnels
        self.asked = []
        self.over = threading.Event()
        self.scheme = "http"

    def url(self, path="list.txt", user=""):
        return f"{self.scheme}://{user}127.0.0.1:{self.server_address[1]}/{path}"

    def handle_error(self, _request, _client):
        pass  # handshakes that a client breaks off


def relay(one, two):
    """Whatever comes on either side, until one hangs up."""
    while True:
        for ready in select.select([one, two], [], [])[0]:
            data = ready.recv(65536)
            if not data:
                return
            (two if ready is one else one).sendall(data)


@contextmanager
def serving(say=Asked.reply, tls: ssl.SSLContext | None = None, tunnels=True) -> Iterator[Server]:
    """A server that answers with `say(request)`."""
    with Server(say, tunnels) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
            server.scheme = "https"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            server.shutdown()
            thread.join()


def certified(folder: Path, authority: Authority, *names: str) -> ssl.SSLContext:
    """The server's side of TLS, with a certificate for these names."""
    made = authority.serving(*names)
    file = folder / "server.pem"
    key = made.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(key + made.certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context
