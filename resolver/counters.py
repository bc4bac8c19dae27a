"""Counts of what a worker did since it started: plain numbers for `status`, never names.

Only integers; rates and sums over workers are made by whoever reads them.
"""

from __future__ import annotations


class Counters:
    """Attributes rather than a dict: the slow path adds with one instruction; the hot loop adds once a batch."""

    __slots__ = (
        "cached", "claims_ignored", "failed", "hot", "ignored", "internal_errors", "limited", "listed", "local",
        "malformed", "misses", "proxy_refused", "refused", "send_dropped", "stale", "tcp_connections", "tcp_displaced",
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
    """Answered from the cache, for the first time in this second or by TCP; equal ones that follow are `hot`."""
    claims_ignored: int
    """Questions whose EDNS options say who asks, from somebody who is not believed in that."""
    failed: int
    """Clients that got SERVFAIL because no upstream answered, or had failed just before."""
    hot: int
    """Answered from the table of finished packets (UDP); those found in its older half are in no count."""
    ignored: int
    """Packets that nothing answers: too short for a header, or themselves answers."""
    internal_errors: int
    """Packets that met a fault of ours: SERVFAIL, and a traceback in the log once a minute and kind."""
    limited: int
    """Questions and answers over a limit (`dns.limits`): truncated by UDP, SERVFAIL by TCP. Hits are recorded.

    Connections by TCP that ask too fast are read more slowly and are not in here."""
    listed: int
    """Answers made for listed names; equal ones that follow are `hot`. Every hit is counted under `hits`, not here."""
    local: int
    """Answers made for own records, special names and ANY; equal ones that follow are `hot`."""
    malformed: int
    """Questions that got FORMERR, NOTIMP or BADVERS."""
    misses: int
    """Questions that no cache could answer: asked of an upstream, or waiting with others that asked the same."""
    proxy_refused: int
    """Datagrams and connections of listed proxies without a PROXY header that can be used."""
    refused: int
    """Questions of clients outside `dns.allowed_clients`."""
    send_dropped: int
    """Answers by UDP that the kernel did not take: its buffer was full, or there is no way to the client."""
    stale: int
    """Answers that were over, given because no upstream answered (RFC 8767)."""
    tcp_connections: int
    """TCP connections of clients, those turned away too."""
    tcp_displaced: int
    """TCP connections that lost their place to a new one."""
    tcp_queries: int
    """Packets by TCP."""
    tcp_turned_away: int
    """TCP connections that got no place."""
    udp_queries: int
    """Packets by UDP, good and bad."""
    upstream_answers: int
    """Good answers of upstreams."""
    upstream_bad: int
    """Answers of upstreams that fit the question but could not be used, and truncated ones that did not come by TCP."""
    upstream_failures: int
    """SERVFAIL, REFUSED and the like from an upstream, or no way to it; the next server was asked."""
    upstream_mismatches: int
    """Packets from upstreams with a wrong ID, question or mix of cases: late, there twice, or forged."""
    upstream_queries: int
    """Questions sent to upstreams: each try, and each copy that shows how a server does."""
    upstream_shed: int
    """Questions ended to make room for others, or for a fault of ours; none of them was remembered as failed."""
    upstream_tcp: int
    """Questions asked again by TCP: the answer was truncated, or somebody forged answers."""
    upstream_timeouts: int
    """Tries that got no answer in time."""
