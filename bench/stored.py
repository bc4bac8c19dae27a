"""What the recorder's files hold: their octets, and the rows of one client beside the most that folding lets it have.

Only reads, as any page does; nothing is timed here.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import msgspec

from casework import ledger
from casework.folding import MAX_NAMES
from casework.store.engine import Store
from casework.store.ledger import open_day

_ALL = 1 << 62


class Rows(msgspec.Struct, frozen=True):
    """One client's rows in the ledger."""

    rows: int
    hits: int  # the sum of their counts
    bound: int  # rows that a client may have under one listed name in that time: names a minute, counts a second


def octets(state: Path) -> int:
    """Of the ledger and the sightings, by their pages: what the write-ahead logs hold on the way is counted once."""
    evidence = state / "evidence.db"
    stores = [open_day(path) for path in ledger.day_files(state)]
    if evidence.exists():
        stores.append(Store(evidence, "evidence", readonly=True))
    total = 0
    for store in stores:
        with closing(store):
            run = store.connection.execute
            total += run("PRAGMA page_count").fetchone()[0] * run("PRAGMA page_size").fetchone()[0]
    return total


def rows_of(state: Path, client: str, since: int) -> Rows:
    """Those of one client from a UTC second on."""
    found = [(row.time, row.count) for row in ledger.rows(state, since=since, client=client, limit=_ALL)]
    times = {time for time, _count in found}
    return Rows(len(found), sum(count for _time, count in found), bound(times))


def bound(times: set[int]) -> int:
    """Of rows whose hits came in these seconds: one that counts what was answered, one for what was over its share."""
    return MAX_NAMES * len({time // 60 for time in times}) + 2 * len(times)
