"""Keeps a worker's client table up to date: looks every second, swaps it live, and ends standings at their very second.

What a standing or a trust brings about is resolver.policy.clients'. A table that cannot be used is told in status and
log, and the worker goes on with the one it has.
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

from contracts.clients import BadClients, ClientFolder, Clients
from contracts.networks import address_text
from resolver.policy.clients import Access

log = logging.getLogger(__name__)
LOOK_SECONDS = 1.0
_LONGEST_TIMER = 86400.0  # a timer that is due later is set again then
_Stamp = tuple[int, int]  # inode and mtime of the file


class ClientKeeper:
    """Swaps by `Access.follow`, on the reactor thread. Without any table all are alike and nobody is believed."""

    def __init__(
        self, reactor: Any, folder: ClientFolder, access: Access, clock: Callable[[], float] = time.time
    ) -> None:
        self._reactor = reactor
        self._folder = folder
        self._access = access
        self._clock = clock
        self._live = Clients()
        self._seen: _Stamp | None = None  # the file that was last judged, for better or worse
        self._next_end: int | None = None
        self._timer: Any = None
        self._lock = DeferredLock()
        self._looking = LoopingCall(self._look)
        self._looking.clock = reactor
        self.problem = ""

    @property
    def serial(self) -> int:
        """Of the live table; 0 without any."""
        return self._live.table.serial

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
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def reload(self) -> Deferred[int]:
        """Read what is published now; fires with the live serial."""
        return self._lock.run(self._load)

    def status(self) -> dict[str, Any]:
        """For `sinkhole status`."""
        table, now = self._live.table, self._clock()
        return {
            "serial": table.serial,
            "units": len({one.unit for one in table.units}),
            "networks": len(table.units),
            "monitor": sum(one.standing == "monitor" and not one.is_over(now) for one in table.standings),
            "exempt": sum(one.standing == "exempt" and not one.is_over(now) for one in table.standings),
            "forwarders": len(table.forwarders),
        }

    def about(self, client: bytes) -> dict[str, Any]:
        """What the table says of an address, for `sinkhole explain`."""
        found = self._live.about(client, self._clock())
        said, by = found.standing, found.forwarder
        return {
            "address": address_text(client),
            "unit": (by.unit if by and by.unit else found.unit) or None,
            "standing": said.standing if said else "normal",
            "network": said.network if said else None,
            "until": said.until or None if said else None,
            "reason": said.reason if said else None,
            "trusts": list(by.trusts) if by else [],
        }

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
        if self._next_end is not None and self._clock() >= self._next_end:  # the clock was set on
            self._follow()
        return succeed(self.serial) if self._stamp() == self._seen else self.reload()

    def _stamp(self) -> _Stamp | None:
        try:
            about = self._folder.file.stat()
        except OSError:
            return None
        return about.st_ino, about.st_mtime_ns

    def _open(self) -> Clients | None:
        table = self._folder.read()
        return Clients(table) if table is not None else None

    def _take(self, loaded: Clients | None, stamp: _Stamp | None) -> None:
        if loaded is None:
            if self.serial:
                raise BadClients("it is not there any more")
            return
        if loaded.table != self._live.table:
            self._live = loaded
            self._follow()
            log.info("client table %d is live", self.serial)
        self.problem = ""
        self._seen = stamp

    def _follow(self) -> None:
        """Judge clients by what holds now; again when the next standing is over."""
        now = self._clock()
        self._access.follow(standings=self._live.standings_at(now), forwarders=self._live.forwarders)
        self._next_end = self._live.next_end(now)
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        if self._next_end is not None:
            self._timer = self._reactor.callLater(min(self._next_end - now, _LONGEST_TIMER), self._follow)

    def _failed(self, failure: Failure, stamp: _Stamp | None) -> None:
        """Tell it once. Only a table that is bad in itself is judged: what else fails may pass, and is tried again."""
        if failure.check(BadClients):
            self._seen = stamp
        problem = f"the client table cannot be used ({failure.value}); table {self.serial} stays live"
        if problem == self.problem:
            return
        self.problem = problem
        log.error("%s", problem)
        if not failure.check(BadClients, OSError, MemoryError):
            log.error("our own fault, perhaps\n%s", failure.getTraceback())
