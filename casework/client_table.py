"""Publishes the client table: from casework.db to a file that every worker reads.

No decisions (casework.clients) and no SQL. The write lock of casework.db is held while the file is written, so that
several processes may publish, each what is true at that time.
"""

from __future__ import annotations

import datetime
import logging
import time
from pathlib import Path
from zoneinfo import ZoneInfo

from casework import decisions
from casework.attribution import readable
from casework.store import clients as rows
from casework.store import units
from casework.store.engine import Connection, Store, open_casework
from casework.workers import Live, tell
from contracts.clients import BadClients, ClientFolder, Clients, ClientTable, Forwarder, NetworkStanding, UnitNetwork
from contracts.decisions import DecisionsFile

log = logging.getLogger(__name__)


def publish(store: Store, state: Path, zone: ZoneInfo, now: float | None = None) -> int:
    """Write what the database says now, where that is something new; the serial that is published."""
    now = time.time() if now is None else now
    folder = ClientFolder(state)
    with store.transaction() as run:
        known = _published(folder)
        found = _made(store, run, zone, now)
        if known is not None and known.content == found.content:
            return known.serial
        serial = max(rows.serial(run), known.serial if known else 0) + 1
        Clients(found)  # what workers could not read is not published
        folder.publish(ClientTable(serial, now, found.units, found.standings, found.forwarders))
        rows.set_serial(run, serial)
    log.info(
        "client table %d: %d networks of units, %d standings, %d forwarders",
        serial, len(found.units), len(found.standings), len(found.forwarders),
    )  # fmt: skip
    return serial


def publish_to_all(store: Store, state: Path, zone: ZoneInfo) -> Live:
    """Publish, and wait until the workers that run have taken it over. They look by themselves every second, too."""
    return tell(state, "clients", publish(store, state, zone))


class Publisher:
    """Looks now and then whether there is something to publish: changed units, a new day, what a command could not.

    What people decided (casework.decisions) is published by those who decide; here it is put right where it is lost.
    """

    def __init__(self, state: Path, zone: ZoneInfo) -> None:
        self._state = state
        self._zone = zone
        self._store: Store | None = None
        self._seen: tuple[object, ...] = ()

    def look(self, now: float) -> None:
        """Cheap where nothing has changed."""
        if self._store is None:
            self._store = open_casework(self._state)
        seen = (units.data_version(self._store), _day(now, self._zone), *self._stamps())
        if seen == self._seen:
            return
        try:
            publish(self._store, self._state, self._zone, now)
            decisions.repair(self._store, self._state, int(now))
        except BaseException:
            self.close()
            raise
        # Our own change of the database leaves its data_version as it was; the file has another stamp now.
        self._seen = (*seen[:2], *self._stamps())

    def _stamps(self) -> tuple[object, ...]:
        return _stamp(ClientFolder(self._state).file), _stamp(DecisionsFile(self._state).path)

    def close(self) -> None:
        """Close the database; the next look opens it again."""
        self._seen = ()
        if self._store is not None:
            self._store.close()
            self._store = None


def _made(store: Store, run: Connection, zone: ZoneInfo, now: float) -> ClientTable:
    return ClientTable(
        0,
        now,
        tuple(UnitNetwork(str(network), code) for network, code in readable(units.networks_on(store, _day(now, zone)))),
        tuple(NetworkStanding(one.network, one.standing, one.until, one.reason) for one in rows.standings(run, now)),
        tuple(Forwarder(one.network, one.unit, one.trusts) for one in rows.forwarders(run)),
    )


def _published(folder: ClientFolder) -> ClientTable | None:
    try:
        return folder.read()
    except BadClients as error:
        log.warning("the client table is damaged and is written anew: %s", error)
        return None


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        about = file.stat()
    except OSError:
        return None
    return about.st_ino, about.st_mtime_ns


def _day(now: float, zone: ZoneInfo) -> str:
    return datetime.datetime.fromtimestamp(now, zone).date().isoformat()
