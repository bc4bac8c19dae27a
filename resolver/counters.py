"""Counts of what a worker did since it started: plain numbers for `status`, never names.

Only integers; rates and sums over workers are made by whoever reads them.
"""

from __future__ import annotations


class Counters:
    """Attributes rather than a dict: the slow path adds with one instruction; the hot loop adds once a batch."""

    __slots__ = (
        "cached", "claims_ignored", "failed", "hot", "ignored", "internal_errors", "listed", "local", "malformed",
        "misses", "proxy_refused", "refused", "send_dropped", "stale", "tcp_connections", "tcp_displaced",
        "tcp_queries", "tcp_turned_away", "udp_queries",
        "upstream_answers", "upstream_bad", "upstream_failures", "upstream_mismatches", "upstream_queries",
        "upstream_shed", "upstream_tcp", "upstream_timeouts",
    )  # fmt: skip

    def __init__(self) -> None:
        for name in self.__slots__:
            setattr(self, name, 0)

    def as_dict(self) -> dict[str, int]:
        """All counts by name."""
        return {name: getattr(self, name) for name in self.__slots__}

    cached: int
    """Answered from the cache, outside the hot table."""
    claims_ignored: int
    """Questions whose EDNS options say who asks, from somebody who is not believed in that."""
    failed: int
    """Clients that got SERVFAIL because no upstream answered."""
    hot: int
    """Answered from the table of finished packets."""
    ignored: int
    """Too short, or responses: not answered."""
    internal_errors: int
    """Our own bugs: SERVFAIL and a traceback once a minute and kind."""
    listed: int
    """Policy answers made (repeats come from the hot table)."""
    local: int
    """Own records and special-use names, answered here (repeats come from the hot table)."""
    malformed: int
    """FORMERR, NOTIMP or BADVERS."""
    misses: int
    """Questions that needed an upstream."""
    proxy_refused: int
    """Datagrams and connections of listed proxies without a PROXY header that can be used."""
    refused: int
    """From clients outside the allowed networks."""
    send_dropped: int
    """Answers that the kernel did not take."""
    stale: int
    """Answers that were over, given because no upstream answered (RFC 8767)."""
    tcp_connections: int
    tcp_displaced: int
    """TCP connections that lost their place to a new one."""
    tcp_queries: int
    tcp_turned_away: int
    """TCP connections that got no place."""
    udp_queries: int
    upstream_answers: int
    upstream_bad: int
    """Answers that fit the question but could not be used."""
    upstream_failures: int
    """SERVFAIL, REFUSED and the like from an upstream."""
    upstream_mismatches: int
    """Packets with a wrong ID or question: forged or very late."""
    upstream_queries: int
    upstream_shed: int
    """Questions ended to make room for others, or for a bug of ours."""
    upstream_tcp: int
    upstream_timeouts: int
