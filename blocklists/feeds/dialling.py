"""Connections that end at a deadline whatever the other side does: TCP, TLS, and through a proxy.

No redirects, no size of what comes, no words about what went wrong: those are blocklists.feeds.fetching's.

http.client bounds each read, and a server that sends an octet a minute would hold it for ever: here each read is given
what is left of the whole.
"""

from __future__ import annotations

import base64
import http.client
import socket
import ssl
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from contracts.feeds import Address, parse


class NoCertificates(Exception):
    """The file of certificates cannot be used; the message says why."""


class Deadline:
    """When a fetch is over; `end` ends it at once, from another thread."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._open: socket.socket | None = None
        self.ended = False

    def left(self) -> float:
        """Seconds that are left. Raises TimeoutError when there are none."""
        left = self._until - time.monotonic()
        if left <= 0 or self.ended:
            raise TimeoutError("over")
        return left

    def watch(self, link: socket.socket) -> None:
        """The socket that `end` wakes."""
        with self._lock:
            self._open = link

    def end(self) -> None:
        """Whoever reads or writes hears that it is over."""
        with self._lock:
            self.ended = True
            if self._open is not None:
                with suppress(OSError):
                    socket.socket.shutdown(self._open, socket.SHUT_RDWR)  # an SSLSocket's own would disturb its reader


def connect(one: Address, deadline: Deadline, proxy: str, ca_file: Path | None) -> http.client.HTTPConnection:
    """A connection to ask `one` over, not open yet. Raises NoCertificates."""
    via = parse(proxy) if proxy else None
    first = via or one
    if one.scheme == "http":
        return _Plain(first.host, first.port, deadline)
    link = _Secure(first.host, first.port, deadline, _context(deadline, ca_file))
    if via is not None:
        link.set_tunnel(one.host, one.port, proxy_headers(proxy))
    return link


def proxy_headers(proxy: str) -> dict[str, str]:
    """What the proxy wants to know of us."""
    user = parse(proxy).user if proxy else ""
    return {"Proxy-Authorization": basic(user)} if user else {}


def basic(user: str) -> str:
    """`name:password` as a header has it (RFC 7617)."""
    return "Basic " + base64.b64encode(user.encode()).decode("ascii")


def _context(deadline: Deadline, ca_file: Path | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except OSError as error:
        raise NoCertificates(error.strerror or "none in it") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2

    class Bound(ssl.SSLSocket):
        """Handshake, reads and writes end with the deadline."""

        def do_handshake(self, block: bool = False) -> None:
            deadline.watch(self)  # TLS has taken the connection out of the socket that was watched
            self.settimeout(deadline.left())
            self.suppress_ragged_eofs = False  # an end that TLS does not announce may be anybody's cut
            super().do_handshake(block)

        def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
            self.settimeout(deadline.left())
            return super().recv_into(buffer, nbytes, flags)

        def sendall(self, data: Any, flags: int = 0) -> None:
            self.settimeout(deadline.left())
            super().sendall(data, flags)

    context.sslsocket_class = Bound
    return context


class _Plain(http.client.HTTPConnection):
    """TCP alone."""

    def __init__(self, host: str, port: int, deadline: Deadline) -> None:
        super().__init__(host, port)
        self._create_connection = _Dialler(deadline)  # what http.client itself calls


class _Secure(http.client.HTTPSConnection):
    """TLS, with the certificate checked."""

    def __init__(self, host: str, port: int, deadline: Deadline, context: ssl.SSLContext) -> None:
        super().__init__(host, port, context=context)
        self._create_connection = _Dialler(deadline)


class _Dialler:
    """In place of socket.create_connection: all addresses of a name together have no longer than the deadline."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline

    def __call__(self, address: tuple[str, int], *_more: object) -> socket.socket:
        failed: OSError | None = None
        for family, kind, number, _name, place in socket.getaddrinfo(*address, type=socket.SOCK_STREAM):
            link = _Socket(self._deadline, family, kind, number)
            try:
                self._deadline.watch(link)
                link.settimeout(self._deadline.left())
                link.connect(place)
            except OSError as error:
                link.close()
                failed = error
                continue
            return link
        raise failed or OSError("no address")


class _Socket(socket.socket):
    """TCP whose reads and writes end with the deadline."""

    def __init__(self, deadline: Deadline, family: int, kind: int, number: int) -> None:
        super().__init__(family, kind, number)
        self._deadline = deadline

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """Called for every read of a response."""
        self.settimeout(self._deadline.left())
        return super().recv_into(buffer, nbytes, flags)

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Called for every write."""
        self.settimeout(self._deadline.left())
        super().sendall(data, flags)
