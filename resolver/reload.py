"""Keeps a worker's policy up to date: opens the segments of a new manifest off the reactor thread, then swaps.

When to look is resolver.follower's. A manifest or segment that cannot be used is told in status and log, and the worker
goes on with the policy it has.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from contracts.decisions import Decisions
from contracts.policy import Manifest, PolicyFolder
from contracts.pool import Pool
from contracts.segment import BadPolicy, Segment
from resolver.follower import Follower
from resolver.policy.ladder import Policy, make_policy

log = logging.getLogger(__name__)
_Loaded = tuple[Manifest | None, dict[str, Segment]]


class PolicyKeeper(Follower[_Loaded]):
    """`swap` is called on the reactor thread with each new policy. Without a usable one everything is forwarded."""

    bad = BadPolicy

    def __init__(
        self, reactor: Any, folder: PolicyFolder, pool: Pool, ttl: int, swap: Callable[[Policy], None],
        clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        super().__init__(reactor, folder.manifest, "no policy has been published yet")
        self._folder = folder
        self._pool = pool
        self._ttl = ttl
        self._swap = swap
        self._time = clock  # seconds since the epoch
        self._segments: dict[str, Segment] = {}
        self._manifest: Manifest | None = None
        self._decisions = Decisions()
        self.serial = 0
        self.since = 0.0

    def _unusable(self, error: object) -> str:
        return f"the published policy cannot be used ({error}); serial {self.serial} stays live"

    def _open(self) -> _Loaded:
        manifest = self._folder.read()
        if manifest is None:
            return None, {}
        return manifest, self._folder.open(manifest, self._segments)

    def _use(self, loaded: _Loaded) -> bool:
        manifest, segments = loaded
        if manifest is None:
            if self.serial:
                raise BadPolicy("it is not there any more")
            log.error("no policy has been published yet: resolving without any list")
            return False
        if manifest.serial != self.serial:
            self._go_live(manifest, segments)
        return True

    def _go_live(self, manifest: Manifest, segments: dict[str, Segment]) -> None:
        self._segments = segments
        self._manifest = manifest
        self._swap_now(manifest)
        self.serial = manifest.serial
        self.since = time.time()
        names = sum(entry.names for entry in manifest.entries)
        log.info("policy %d is live: %d lists, %d names", manifest.serial, len(manifest.entries), names)

    def decide(self, decisions: Decisions) -> None:
        """What people decided holds from now on; called again when one of them is over."""
        self._decisions = decisions
        if self._manifest is not None:
            self._swap_now(self._manifest)

    def _swap_now(self, manifest: Manifest) -> None:
        self._swap(make_policy(manifest, self._segments, self._pool, self._ttl, self._decisions, self._time()))
