"""Keeps a worker's client table up to date: swaps it live, and ends standings at their very second.

What a standing or a trust brings about is resolver.policy.clients', when to look is resolver.follower's. A table that
cannot be used is told in status and log, and the worker goes on with the one it has.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from contracts.clients import BadClients, ClientFolder, Clients
from contracts.networks import address_text
from resolver.follower import Follower
from resolver.policy.clients import Access

log = logging.getLogger(__name__)
_LONGEST_TIMER = 86400.0  # a timer that is due later is set again then


class ClientKeeper(Follower[Clients | None]):
    """Swaps by `Access.follow`, on the reactor thread. Without any table all are alike and nobody is believed."""

    bad = BadClients

    def __init__(
        self, reactor: Any, folder: ClientFolder, access: Access, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(reactor, folder.file)
        self._folder = folder
        self._access = access
        self._clock = clock
        self._live = Clients()
        self._next_end: int | None = None
        self._timer: Any = None
        self.serial = 0

    def stop(self) -> None:
        """Look no more, and end nothing."""
        super().stop()
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

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

    def _look(self) -> Deferred[int]:
        if self._next_end is not None and self._clock() >= self._next_end:  # the clock was set on
            self._follow()
        return super()._look()

    def _unusable(self, error: object) -> str:
        return f"the client table cannot be used ({error}); table {self.serial} stays live"

    def _open(self) -> Clients | None:
        table = self._folder.read()
        return Clients(table) if table is not None else None

    def _use(self, loaded: Clients | None) -> bool:
        if loaded is None:
            if self.serial:
                raise BadClients("it is not there any more")
            return False
        if loaded.table != self._live.table:
            self._live = loaded
            self.serial = loaded.table.serial
            self._follow()
            log.info("client table %d is live", self.serial)
        return True

    def _follow(self) -> None:
        """Judge clients by what holds now; again when the next standing is over."""
        now = self._clock()
        self._access.follow(standings=self._live.standings_at(now), forwarders=self._live.forwarders)
        self._next_end = self._live.next_end(now)
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        if self._next_end is not None:
            self._timer = self._reactor.callLater(min(self._next_end - now, _LONGEST_TIMER), self._follow)
