"""The staff pages on a TCP port: the WSGI application on Twisted, in a small thread pool of its own.

Nothing about pages. The reactor is passed in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask
from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IListeningPort
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool
from twisted.web.http import Request as HttpRequest
from twisted.web.server import Request, Site
from twisted.web.wsgi import WSGIResource

from admin.lists_change import LARGEST_UPLOAD
from admin.security import carries_login
from contracts.networks import Endpoint

THREADS = 6
IDLE_SECONDS = 60
LARGEST_BODY = 1 << 17  # octets; most pages take short forms only
LARGEST_HEARD = 1 << 31  # of a file that is too large: read to its end and thrown away, so that its sender hears why


class BoundedRequest(Request):
    """A request whose body cannot fill our memory or disk: whoever sends more is cut off.

    Files come from people who are logged in; of theirs beyond the limit nothing is kept, and the page says so.
    """

    _taken = 0
    _largest = LARGEST_BODY

    def gotLength(self, length: int | None) -> None:
        """Twisted calls this when it has all headers."""
        if length is None or length > LARGEST_BODY:
            channel: Any = self.channel
            self._largest = channel.site.largest_body(self)
        super().gotLength(length)  # type: ignore[no-untyped-call]

    def handleContentChunk(self, data: bytes) -> None:
        """Twisted calls this as the body comes."""
        self._taken += len(data)
        if self._taken <= self._largest:
            super().handleContentChunk(data)  # type: ignore[no-untyped-call]
        elif self._largest == LARGEST_BODY or self._taken > LARGEST_HEARD:
            self.loseConnection()  # type: ignore[no-untyped-call]


class QuietSite(Site):
    """No access log: addresses of pages hold what staff looked for; what matters is in the audit."""

    noisy = False

    def __init__(self, resource: Any, largest_body: Callable[[Request], int]) -> None:
        super().__init__(resource, BoundedRequest, timeout=IDLE_SECONDS)  # type: ignore[no-untyped-call]
        self.requests = 0
        self.largest_body = largest_body

    def getResourceFor(self, request: Request) -> Any:
        """Count, before anything can go wrong."""
        self.requests += 1
        return super().getResourceFor(request)  # type: ignore[no-untyped-call]

    def log(self, request: HttpRequest) -> None:
        """Twisted calls this at the end of each request."""


class Server:
    """The listening port and its threads."""

    def __init__(self, reactor: Any, application: Flask) -> None:
        self.reactor = reactor
        self.pool = ThreadPool(1, THREADS, name="admin")
        self.site = QuietSite(WSGIResource(reactor, self.pool, application), self._largest_body)
        self._application = application
        self.port: IListeningPort | None = None

    def _largest_body(self, request: Request) -> int:
        cookie = request.getCookie(self._application.config["SESSION_COOKIE_NAME"].encode())
        known = cookie is not None and carries_login(self._application, cookie.decode("ascii", "replace"))
        return LARGEST_UPLOAD if known else LARGEST_BODY

    def start(self, endpoint: Endpoint) -> None:
        """Listen. Raises CannotListenError."""
        self.port = self.reactor.listenTCP(endpoint.port, self.site, interface=str(endpoint.address))
        self.pool.start()

    async def stop(self) -> None:
        """Take no new connections, let requests under way end, end the threads."""
        if self.port is None:
            return
        await maybeDeferred(self.port.stopListening)
        # ThreadPool.stop waits for its threads, and these need the reactor to send their last octets.
        await deferToThreadPool(self.reactor, self.reactor.getThreadPool(), self.pool.stop)
