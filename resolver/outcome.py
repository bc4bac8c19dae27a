"""What a client's packet can bring about: the words between engine and servers.

No behaviour here.
"""

from __future__ import annotations

from typing import NamedTuple

from resolver.policy.ladder import Policy
from resolver.policy.verdict import Verdict
from resolver.wire.query import Query

CacheKey = tuple[bytes, int]  # (lower-case name, type, class; DO, CD and AD bits)
# A finished packet: (bytes after the ID, monotonic time until which they are right, packed facts of its hit or None).
# Atoms only, so that the garbage collector need not look at hundreds of thousands of them.
Finished = tuple[bytes, float, bytes | None]


class Reply(NamedTuple):
    """Send `body` behind the query's ID; record `hit`; ask upstream for `refresh`, whose answer is soon over."""

    body: bytes
    hit: bytes | None
    refresh: CacheKey | None = None


class Forward(NamedTuple):
    """Ask upstream for `key`; give the answer to `Engine.arrived`, then `Engine.complete` for each who waits.

    Record `hit` at once: it is what the question says by itself. Where the answer leads may make another.
    """

    key: CacheKey
    query: Query
    hit: bytes | None
    judged: tuple[Policy, Verdict]


class Drop(NamedTuple):
    """Send nothing; record `hit`."""

    hit: bytes | None


Outcome = Reply | Forward | Drop | None  # None: nothing is sent, and nothing recorded
