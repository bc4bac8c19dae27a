"""Follows one published file: a look every second, read off the reactor thread, what cannot be used told once.

What is in the file, and what it changes, is resolver.reload's and resolver.client_table's.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from twisted.internet.defer import Deferred, DeferredLock, maybeDeferred, succeed
from twisted.internet.task import LoopingCall
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure

log = logging.getLogger(__name__)
LOOK_SECONDS = 1.0
Loaded = TypeVar("Loaded")
_Stamp = tuple[int, int]  # inode and mtime of a file
_WEATHER = (OSError, RuntimeError, MemoryError)  # EMFILE or ENOMEM, say; marisa tells them as RuntimeError


class Follower(ABC, Generic[Loaded]):
    """Whoever publishes tells us when; should that word be lost, the look finds it. `serial` is of what is live."""

    bad: ClassVar[type[Exception]]
    """What a file that is bad in itself raises, in `_open` or in `_use`."""
    serial: int

    def __init__(self, reactor: Any, path: Path, problem: str = "") -> None:
        self._reactor = reactor
        self._path = path
        self._seen: _Stamp | None = None  # what was last judged, for better or worse
        self._lock = DeferredLock()
        self._looking = LoopingCall(self._look)
        self._looking.clock = reactor
        self.problem = problem

    @abstractmethod
    def _open(self) -> Loaded:
        """Read what is published. Runs in a thread."""

    @abstractmethod
    def _use(self, loaded: Loaded) -> bool:
        """Make it live; whether there was anything."""

    @abstractmethod
    def _unusable(self, error: object) -> str:
        """The sentence for status and log."""

    def load_now(self) -> None:
        """At start, before the first packet: wait for it."""
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

    def _look(self) -> Deferred[int]:
        """Load it where it is another than the one last judged."""
        return succeed(self.serial) if self._stamp() == self._seen else self.reload()

    def reload(self) -> Deferred[int]:
        """Load what is published now; fires with the live serial. One at a time: a second call loads again after."""
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

    def _stamp(self) -> _Stamp | None:
        try:
            about = self._path.stat()
        except OSError:
            return None
        return about.st_ino, about.st_mtime_ns

    def _take(self, loaded: Loaded, stamp: _Stamp | None) -> None:
        if self._use(loaded):
            self.problem = ""
            self._seen = stamp

    def _failed(self, failure: Failure, stamp: _Stamp | None) -> None:
        """Tell it once. Only a file that is bad in itself is judged: what else fails may pass, and is tried again."""
        if failure.check(self.bad):
            self._seen = stamp
        problem = self._unusable(failure.value)
        if problem == self.problem:
            return
        self.problem = problem
        log.error("%s", problem)
        if not failure.check(self.bad, *_WEATHER):
            log.error("our own fault, perhaps\n%s", failure.getTraceback())
