"""What the EDNS options of a client bring about: its cookie is checked and given back, its keepalive is answered.

No bytes are read here (resolver.wire.edns) and nothing is answered: the options wait in `Query.returns`.
"""

from __future__ import annotations

from typing import Protocol

from contracts.hit import Transport
from resolver.wire import cookie
from resolver.wire.constants import BADCOOKIE, EDNS_COOKIE, EDNS_KEEPALIVE, FORMERR, NOERROR
from resolver.wire.edns import option
from resolver.wire.query import Malformed, Query


class Jar(Protocol):
    """Who makes and knows cookies: resolver.cookies."""

    def renew(self, cookie: bytes, client: bytes) -> tuple[bytes, bool]:
        """The full cookie to give back, and whether the one that came was ours, for this client, in time."""


class ClientOptions:
    """One per worker. `jar` is None where cookies are off; then they are unknown options like others."""

    def __init__(self) -> None:
        self.jar: Jar | None = None
        self.keepalive = 200  # tenths of a second that a TCP connection may be idle: resolver.server.tcp sets it

    def take(self, query: Query, client: bytes, transport: Transport) -> None:
        """Fill in `returns` and `cookie_verified`; raise Malformed for options that cannot be meant."""
        if query.cookie is not None and self.jar is not None:
            if not cookie.well_formed(query.cookie):  # RFC 7873 section 5.2.2
                raise Malformed(FORMERR, query)
            full, query.cookie_verified = self.jar.renew(query.cookie, client)
            query.returns += option(EDNS_COOKIE, full)
        elif not query.question:  # only servers with cookies answer what asks for one alone
            raise Malformed(FORMERR, query)
        if query.keepalive is not None and transport == "tcp":  # by UDP it is ignored: RFC 7828 section 3.3.1
            if query.keepalive:  # only servers tell a time
                raise Malformed(FORMERR, query)
            query.returns += option(EDNS_KEEPALIVE, self.keepalive.to_bytes(2, "big"))

    @staticmethod
    def alone(query: Query) -> int:
        """The rcode for a cookie asked for without a question: RFC 7873 section 5.4."""
        only_client = query.cookie is not None and len(query.cookie) == cookie.CLIENT
        return NOERROR if only_client or query.cookie_verified else BADCOOKIE
