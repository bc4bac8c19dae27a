"""Writing evidence.db: interned indicators, hosts, and the sums that one roll-up of ledger rows adds.

What is summed up, and from where, is casework.sightings'. Readers' queries stand in casework.store.hosts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from casework.store.engine import Connection, Store, insert_many


class LedgerMark(NamedTuple):
    """How far a ledger file is rolled up, and the times of its hits."""

    file: str
    seq: int
    first: int
    last: int


_MERGE = (
    "hits = hits + excluded.hits, first_seen = min(first_seen, excluded.first_seen),"
    " last_seen = max(last_seen, excluded.last_seen)"
)


def tune(store: Store) -> None:
    """A page cache that holds the busy part of the tables: the roll-up visits them in key order again and again."""
    store.connection.execute("PRAGMA cache_size = -65536")


def ledger_marks(store: Store) -> dict[str, int]:
    """Last row rolled up, by ledger file."""
    return {row[0]: row[1] for row in store.connection.execute("SELECT file, seq FROM ledgers")}


def set_ledger_mark(run: Connection, mark: LedgerMark) -> None:
    """Move a ledger file's mark on."""
    run.execute(
        "INSERT INTO ledgers (file, seq, first, last) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET seq = excluded.seq,"
        " first = min(first, excluded.first), last = max(last, excluded.last)",
        mark,
    )


def intern_indicator(run: Connection, key: tuple[str, ...]) -> int:
    """The id of (name, list, campaign, kind, family, letter, source)."""
    run.execute(
        "INSERT INTO indicators (name, list, campaign, kind, family, letter, source) VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        key,
    )
    row = run.execute(
        "SELECT id FROM indicators WHERE name = ? AND list = ? AND campaign = ? AND kind = ? AND family = ?"
        " AND letter = ? AND source = ?",
        key,
    ).fetchone()
    return int(row[0])


def intern_host(run: Connection, address: str, packed: bytes, unit: str, seen: int) -> int:
    """The id of the host at an address within a unit."""
    run.execute(
        "INSERT INTO hosts (address, packed, unit, first_seen, last_seen, hits) VALUES (?, ?, ?, ?, ?, 0)"
        " ON CONFLICT DO NOTHING",
        (address, packed, unit, seen, seen),
    )
    row = run.execute("SELECT id FROM hosts WHERE address = ? AND unit = ?", (address, unit)).fetchone()
    return int(row[0])


def note_move(run: Connection, address: str, file: str, seq: int, host: int) -> None:
    """From this row of a ledger file on, an address is this host; kept where it was or may have been another before."""
    run.execute(
        "INSERT INTO moves (address, file, seq, host) SELECT :address, :file, :seq, :host"
        " WHERE EXISTS (SELECT 1 FROM hosts WHERE address = :address AND id != :host)"
        " AND :host IS NOT"
        " (SELECT host FROM moves WHERE address = :address AND file = :file ORDER BY seq DESC LIMIT 1)",
        {"address": address, "file": file, "seq": seq, "host": host},
    )


def add_sightings(run: Connection, rows: Sequence[Sequence[int]]) -> None:
    """Add (host, indicator, hour, hits, first, last)."""
    columns = "host, indicator, hour, hits, first_seen, last_seen"
    insert_many(run, f"INSERT INTO sightings ({columns})", 6, rows, f"ON CONFLICT DO UPDATE SET {_MERGE}")


def add_host_indicators(run: Connection, rows: Sequence[Sequence[int]]) -> None:
    """Add (host, indicator, hits, first, last, strongest action)."""
    columns = "host, indicator, hits, first_seen, last_seen, action"
    merge = f"ON CONFLICT DO UPDATE SET {_MERGE}, action = max(action, excluded.action)"
    insert_many(run, f"INSERT INTO host_indicators ({columns})", 6, rows, merge)


def add_hosts(run: Connection, rows: Sequence[Sequence[int]]) -> None:
    """Add (hits, first, last, host) to the hosts' own numbers."""
    run.executemany(
        "UPDATE hosts SET hits = hits + ?, first_seen = min(first_seen, ?), last_seen = max(last_seen, ?) WHERE id = ?",
        rows,
    )


def hosts_without_unit(run: Connection) -> list[tuple[int, bytes]]:
    """(id, packed address) of the hosts whose network no unit had."""
    return [(row[0], row[1]) for row in run.execute("SELECT id, packed FROM hosts WHERE unit = ''")]


def give_unit(run: Connection, hosts: Iterable[tuple[int, str]]) -> int:
    """Put hosts without a unit into one: (id, unit code). Where the unit already knows the address, both stay."""
    before = run.total_changes
    run.executemany("UPDATE OR IGNORE hosts SET unit = ? WHERE id = ?", ((unit, host) for host, unit in hosts))
    return run.total_changes - before
