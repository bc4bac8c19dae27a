"""The staff pages on a TCP port: the WSGI application on Twisted, in a small thread pool of its own.

Nothing about pages. The reactor is passed in.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IListeningPort
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool
from twisted.web.http import Request as HttpRequest
from twisted.web.server import Request, Site
from twisted.web.wsgi import WSGIResource

from contracts.networks import Endpoint

THREADS = 6
IDLE_SECONDS = 60
LARGEST_BODY = 1 << 17  # octets; the pages take short forms only


class BoundedRequest(Request):
    """A request whose body cannot fill our memory: whoever sends more is cut off."""

    _taken = 0

    def handleContentChunk(self, data: bytes) -> None:
        """Twisted calls this as the body comes."""
        self._taken += len(data)
        if self._taken <= LARGEST_BODY:
            super().handleContentChunk(data)  # type: ignore[no-untyped-call]
        else:
            self.loseConnection()  # type: ignore[no-untyped-call]


class QuietSite(Site):
    """No access log: addresses of pages hold what staff looked for; what matters is in the audit."""

    noisy = False

    def __init__(self, resource: Any) -> None:
        super().__init__(resource, BoundedRequest, timeout=IDLE_SECONDS)  # type: ignore[no-untyped-call]
        self.requests = 0

    def getResourceFor(self, request: Request) -> Any:
        """Count, before anything can go wrong."""
        self.requests += 1
        return super().getResourceFor(request)  # type: ignore[no-untyped-call]

    def log(self, request: HttpRequest) -> None:
        """Twisted calls this at the end of each request."""


class Server:
    """The listening port and its threads."""

    def __init__(self, reactor: Any, application: Any) -> None:
        self.reactor = reactor
        self.pool = ThreadPool(1, THREADS, name="admin")
        self.site = QuietSite(WSGIResource(reactor, self.pool, application))
        self.port: IListeningPort | None = None

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
