"""The bodies of answers: the same few kinds for every transport, cut to what the client can take.

Octets only; what is answered is decided in resolver.engine, how a message is laid out is resolver.wire.reply's.
"""

from __future__ import annotations

from contracts.hit import Transport
from resolver.cache.entry import CachedAnswer
from resolver.wire import reply
from resolver.wire.constants import EDE_OTHER, EDE_STALE, EDE_STALE_NXDOMAIN, MAX_TCP, NOERROR, NXDOMAIN, SERVFAIL
from resolver.wire.query import Query

_WANTS_AD = 0x21  # AD or DO asked for: RFC 6840 section 5.8


class Bodies:
    """Each gives what stands behind the ID of a message. `payload` is the UDP size that we announce, octets."""

    __slots__ = ("payload",)

    def __init__(self, payload: int) -> None:
        self.payload = payload

    def of(self, query: Query, transport: Transport, records: reply.Records, rcode: int = NOERROR,
           ede: int | None = None) -> bytes:  # fmt: skip
        """An answer of these records."""
        limit = MAX_TCP if transport == "tcp" else min(query.payload, self.payload)
        return reply.write(query, records, rcode, limit, self.payload, ede=ede)

    def kept(self, query: Query, transport: Transport, cached: CachedAnswer, now: float) -> bytes:
        """What an upstream answered."""
        limit = MAX_TCP if transport == "tcp" else min(query.payload, self.payload)
        return reply.write(
            query, cached.records(now), cached.rcode, limit, self.payload,
            ad=cached.ad and bool(query.bits & _WANTS_AD), remark=cached.remark,
        )  # fmt: skip

    def stale(self, query: Query, transport: Transport, old: CachedAnswer) -> bytes:
        """What an upstream answered once (RFC 8767)."""
        ede = EDE_STALE_NXDOMAIN if old.rcode == NXDOMAIN else EDE_STALE
        return self.of(query, transport, old.stale_records(), old.rcode, ede)

    def error(self, query: Query, rcode: int, ede: int | None = None, text: str = "") -> bytes:
        """Without records. It fits any client."""
        return reply.write(query, reply.NOTHING, rcode, MAX_TCP, self.payload, ede=ede, text=text)

    def truncated(self, query: Query) -> bytes:
        """Come by TCP: nothing fits in 0 octets."""
        return reply.write(query, reply.NOTHING, NOERROR, 0, self.payload)

    def limited(self, query: Query) -> bytes:
        """For a question over its client's limit that cannot be told to come by TCP, for it did."""
        return self.error(query, SERVFAIL, EDE_OTHER, "too many questions")
