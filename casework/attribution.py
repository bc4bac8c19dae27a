"""Which unit an address belongs to now: a longest-prefix table of casework.db's networks, re-read when they change.

No SQL (casework.store.units). Who the machine is beyond its network is not known here yet.
"""

from __future__ import annotations

import datetime
import ipaddress
import logging
from zoneinfo import ZoneInfo

from casework.store import units
from casework.store.engine import Store
from contracts.networks import Network, NetworkTable

log = logging.getLogger(__name__)


class UnitTable:
    """`find` gives the code of the unit, '' when no unit has the network."""

    def __init__(self, store: Store, zone: ZoneInfo) -> None:
        """`store` is casework.db, kept open for as long as the table is used."""
        self._store = store
        self._zone = zone
        self._seen: tuple[int, str] = (-1, "")
        self._table = NetworkTable[str]([])

    def refresh(self, now: float, *, again: bool = False) -> bool:
        """Read the networks again if the database changed or a new day began, or `again`; whether that happened."""
        today = datetime.datetime.fromtimestamp(now, self._zone).date().isoformat()
        seen = (units.data_version(self._store), today)
        if seen == self._seen and not again:
            return False
        self._table = NetworkTable(readable(units.networks_on(self._store, today)))
        self._seen = seen
        return True

    def close(self) -> None:
        """Close casework.db."""
        self._store.close()

    def find(self, packed: bytes) -> str:
        """The unit with the longest network around an address of 4 or 16 octets."""
        return self._table.find(packed) or ""


def readable(rows: list[tuple[str, str]]) -> list[tuple[Network, str]]:
    """Networks and codes, without those that are no networks."""
    found = list[tuple[Network, str]]()
    for text, code in rows:
        try:
            found.append((ipaddress.ip_network(text), code))
        except ValueError as error:
            log.error("unit %s: network %r left out: %s", code, text, error)  # noqa: TRY400  no traceback needed
    return found
