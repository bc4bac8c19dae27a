"""The order in which a question is judged: one list, a reason per rung.

Judging only; who asks (access) comes before and is resolver.policy.addresses', answering is resolver.engine's.
"""

from __future__ import annotations

from typing import NamedTuple

from contracts.names import search_key
from contracts.policy import Manifest, ManifestEntry, Segment
from resolver.policy.addresses import Pool
from resolver.policy.verdict import FORWARD, Verdict, listed

# (rung, why it stands here). resolver.engine and `explain` walk it in this order.
RUNGS = (
    ("access", "strangers get nothing at all, not even a hint of what is listed"),
    (
        "listed-name",
        "a match never waits for an upstream; the manifest's order of lists decides, kill-switch first",
    ),
    ("local-name", "own records, and names that no upstream should ever see (RFC 6761)"),
    ("upstream", "everything else is an ordinary question: cache, then upstream"),
)


class Policy(NamedTuple):
    """The live segments in the manifest's order, and how listed names are answered. Swapped whole, never changed."""

    serial: int
    live: tuple[tuple[ManifestEntry, Segment], ...]
    pool: Pool
    ttl: int

    def judge(self, name: bytes, qtype: int) -> Verdict:
        """The verdict on a lower-case wire name: the first list that holds the name or a parent decides."""
        key = search_key(name)
        for entry, segment in self.live:
            match = segment.find(name, key)
            if match is not None:
                return listed(name, qtype, match, entry, self.pool, self.serial, self.ttl)
        return FORWARD


def make_policy(manifest: Manifest | None, segments: dict[str, Segment], pool: Pool, ttl: int) -> Policy:
    """The policy of a manifest whose segments are open; an empty one (everything is forwarded) without a manifest."""
    if manifest is None:
        return Policy(0, (), pool, ttl)
    return Policy(manifest.serial, tuple((entry, segments[entry.digest]) for entry in manifest.entries), pool, ttl)
