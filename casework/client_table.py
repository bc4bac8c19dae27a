"""Publishes the client table: from casework.db to a file that every worker reads.

No decisions (casework.clients) and no SQL. The write lock of casework.db is held while the file is written, so that
several processes may publish, each what is true at that time.
"""

from __future__ import annotations

import datetime
import logging
import time
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

from casework import campaigns, decisions
from casework.attribution import readable
from casework.jobs import EXPECTED
from casework.store import clients as rows
from casework.store import units
from casework.store.engine import Connection, Store, open_casework
from casework.workers import Live, tell
from contracts.campaigns import CampaignsFile
from contracts.clients import BadClients, ClientFolder, Clients, ClientTable, Forwarder, NetworkStanding, UnitNetwork
from contracts.decisions import DecisionsFile

BUSY_SECONDS = 1.0  # hits wait for us in the same thread; what could not be done is tried again
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

    What people decided (casework.decisions, casework.campaigns) is published by those who decide; here it is put right
    where it is lost.
    """

    def __init__(self, state: Path, zone: ZoneInfo) -> None:
        self._state = state
        self._zone = zone
        self._store: Store | None = None
        self._seen: tuple[object, ...] = ()

    def look(self, now: float) -> None:
        """Cheap where nothing has changed."""
        if self._store is None:
            self._store = open_casework(self._state, busy_seconds=BUSY_SECONDS)
        seen = (units.data_version(self._store), _day(now, self._zone), *self._stamps())
        if seen == self._seen:
            return
        store = self._store
        # The red switch first: it is the most urgent one.
        failed = [
            *_error_of(lambda: decisions.repair(store, self._state, int(now))),
            *_error_of(lambda: publish(store, self._state, self._zone, now)),
            *_error_of(lambda: campaigns.repair(store, self._state, int(now))),
        ]
        if failed:
            self.close()
            raise _as_one(failed)
        # Our own change of the database leaves its data_version as it was; the client table has another stamp now.
        # That of the decisions is the one from before: whoever cannot wait for the database changes that file without
        # it, perhaps while we were at work. Where it was our own change, the next look finds nothing to do.
        self._seen = (*seen[:2], _stamp(ClientFolder(self._state).file), *seen[3:])

    def _stamps(self) -> tuple[object, ...]:
        files = (ClientFolder(self._state).file, DecisionsFile(self._state).path, CampaignsFile(self._state).path)
        return tuple(map(_stamp, files))

    def close(self) -> None:
        """Close the database; the next look opens it again."""
        self._seen = ()
        if self._store is not None:
            self._store.close()
            self._store = None


def _error_of(work: Callable[[], object]) -> list[Exception]:
    """Do it; what went wrong, so that what comes behind it is done whatever that was."""
    try:
        work()
    except Exception as error:  # noqa: BLE001  it is raised when all were tried
        return [error]
    return []


def _as_one(failed: list[Exception]) -> Exception:
    """The first, with the words of the other as a note; a bug of ours before a fault of the disk, for its traceback."""
    first, *others = sorted(failed, key=lambda error: isinstance(error, EXPECTED))
    for other in others:
        if str(other) != str(first):
            first.add_note(f"{type(other).__name__}: {other}")
    return first


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
