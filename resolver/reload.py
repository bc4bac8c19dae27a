"""Keeps a worker's policy up to date: opens the segments of a new manifest off the reactor thread, then swaps.

The lists process tells us when; should that word be lost, a look at the manifest every second finds it. A manifest or
segment that cannot be used is told in status and log, and the worker goes on with the policy it has.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, DeferredLock, maybeDeferred, succeed
from twisted.internet.task import LoopingCall
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure

from contracts.decisions import Decisions
from contracts.policy import Manifest, PolicyFolder
from contracts.segment import BadPolicy, Segment
from resolver.policy.addresses import Pool
from resolver.policy.ladder import Policy, make_policy

log = logging.getLogger(__name__)
LOOK_SECONDS = 1.0
_Loaded = tuple[Manifest | None, dict[str, Segment]]
_Stamp = tuple[int, int]  # inode and mtime of a manifest


class PolicyKeeper:
    """`swap` is called on the reactor thread with each new policy."""

    def __init__(
        self, reactor: Any, folder: PolicyFolder, pool: Pool, ttl: int, swap: Callable[[Policy], None],
        clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._reactor = reactor
        self._folder = folder
        self._pool = pool
        self._ttl = ttl
        self._swap = swap
        self._time = clock  # seconds since the epoch
        self._segments: dict[str, Segment] = {}
        self._manifest: Manifest | None = None
        self._decisions = Decisions()
        self._seen: _Stamp | None = None  # the manifest that was last judged, for better or worse
        self._lock = DeferredLock()
        self._looking = LoopingCall(self._look)
        self._looking.clock = reactor
        self.serial = 0
        self.since = 0.0
        self.problem = "no policy has been published yet"

    def load_now(self) -> None:
        """At start, before the first packet: wait for it. Without a usable policy everything is forwarded."""
        stamp = self._stamp()
        try:
            self._take(self._open(), stamp)
        except Exception:  # noqa: BLE001  whatever it is: DNS down would be a province down
            self._failed(Failure(), stamp)

    def start(self) -> None:
        """Look every second."""
        self._looking.start(LOOK_SECONDS, now=False)

    def stop(self) -> None:
        """Look no more."""
        if self._looking.running:
            self._looking.stop()

    def reload(self) -> Deferred[int]:
        """Open what is published now; fires with the live serial. One at a time: a second call loads again after."""
        return self._lock.run(self._load)

    def _load(self) -> Deferred[int]:
        stamp = self._stamp()  # before it is read: what is published meanwhile is seen at the next look
        opening: Deferred[Any] = maybeDeferred(  # it raises where no thread can be started
            deferToThreadPool, self._reactor, self._reactor.getThreadPool(), self._open
        )
        opening.addCallback(self._take, stamp)
        opening.addErrback(self._failed, stamp)
        opening.addCallback(lambda _done: self.serial)
        return opening

    def _look(self) -> Deferred[int]:
        stamp = self._stamp()
        if stamp == self._seen:
            return succeed(self.serial)
        return self.reload()

    def _stamp(self) -> _Stamp | None:
        try:
            about = self._folder.manifest.stat()
        except OSError:
            return None
        return about.st_ino, about.st_mtime_ns

    def _open(self) -> _Loaded:
        manifest = self._folder.read()
        if manifest is None:
            return None, {}
        return manifest, self._folder.open(manifest, self._segments)

    def _take(self, loaded: _Loaded, stamp: _Stamp | None) -> None:
        manifest, segments = loaded
        if manifest is None:
            if self.serial:
                raise BadPolicy("it is not there any more")
            log.error("no policy has been published yet: resolving without any list")
            return
        if manifest.serial != self.serial:
            self._go_live(manifest, segments)
        self.problem = ""
        self._seen = stamp

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

    def _failed(self, failure: Failure, stamp: _Stamp | None) -> None:
        """Tell it once. Only a policy that is bad in itself is judged: what else fails may pass, and is tried again.

        EMFILE or ENOMEM, say; marisa tells them as RuntimeError.
        """
        if failure.check(BadPolicy):
            self._seen = stamp
        problem = f"the published policy cannot be used ({failure.value}); serial {self.serial} stays live"
        if problem == self.problem:
            return
        self.problem = problem
        log.error("%s", problem)
        if not failure.check(BadPolicy, OSError, RuntimeError, MemoryError):
            log.error("our own fault, perhaps\n%s", failure.getTraceback())
