"""What a client's packet can bring about: the words between engine and servers.

No behaviour here. Structs, not named tuples, wherever one is made for each packet: those take three times as long.
"""

from __future__ import annotations

import math

import msgspec

from resolver.policy.ladder import Policy
from resolver.policy.verdict import Verdict
from resolver.wire.query import Query

CacheKey = tuple[bytes, int]  # (lower-case name, type, class; DO, CD and AD bits)
# A finished packet: (bytes after the ID, monotonic time until which they are right, packed facts of its hit or None).
# Atoms only, so that the garbage collector need not look at hundreds of thousands of them.
Finished = tuple[bytes, float, bytes | None]


class Reply(msgspec.Struct, frozen=True, gc=False):
    """Send `body` behind the query's ID; record `hit`; ask upstream for `refresh`, whose answer is soon over.

    `until`: how long the body is right, as far as that depends on another name than the one that was asked.
    """

    body: bytes
    hit: bytes | None
    refresh: CacheKey | None = None
    until: float = math.inf


class Forward(msgspec.Struct, frozen=True):
    """Ask upstream for `key`; give the answer to `Engine.arrived`, then `Engine.complete` for each who waits.

    Record `hit` at once: it is what the question says by itself. Where the answer leads may make another.
    """

    key: CacheKey
    query: Query
    hit: bytes | None
    judged: tuple[Policy, Verdict]


class Drop(msgspec.Struct, frozen=True, gc=False):
    """Send nothing; record `hit`."""

    hit: bytes | None


Outcome = Reply | Forward | Drop | None  # None: nothing is sent, and nothing recorded
