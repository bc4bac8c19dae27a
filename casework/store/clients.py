"""How networks stand and which forwarders are registered, as rows of casework.db; the serial of what is published.

Rules, audit and publishing are casework.clients' and casework.client_table's.
"""

from __future__ import annotations

from typing import NamedTuple, cast

from casework.store.engine import Connection, Row
from contracts.clients import Standing, Trust


class StandingRow(NamedTuple):
    """A network that is not treated as all others. Times are UTC seconds; `until` 0 is for ever."""

    network: str
    standing: Standing
    reason: str
    actor: str
    since: int
    until: int


class ForwarderRow(NamedTuple):
    """A forwarder or proxy whose words are believed."""

    network: str
    unit: str
    trusts: tuple[Trust, ...]
    reason: str
    actor: str
    since: int


def standings(run: Connection, now: float) -> list[StandingRow]:
    """Those that are not over, in the order in which they were set."""
    rows = run.execute(
        "SELECT network, standing, reason, actor, since, until FROM standings WHERE until = 0 OR until > ? ORDER BY id",
        (now,),
    )
    return [StandingRow(*row) for row in rows]


def set_standing(run: Connection, row: StandingRow) -> None:
    """In place of what was said of this network before."""
    remove_standing(run, row.network)
    run.execute("INSERT INTO standings (network, standing, reason, actor, since, until) VALUES (?, ?, ?, ?, ?, ?)", row)


def remove_standing(run: Connection, network: str) -> None:
    """Nothing is said of this network any more."""
    run.execute("DELETE FROM standings WHERE network = ?", (network,))


def remove_over(run: Connection, now: float) -> None:
    """Standings that are over; the audit keeps them."""
    run.execute("DELETE FROM standings WHERE until != 0 AND until <= ?", (now,))


def forwarders(run: Connection) -> list[ForwarderRow]:
    """All, in the order in which they were added."""
    rows = run.execute("SELECT network, unit, trusts, reason, actor, since FROM forwarders ORDER BY id")
    return [_forwarder(row) for row in rows]


def add_forwarder(run: Connection, row: ForwarderRow) -> None:
    """Raises IntegrityError where the network is registered already."""
    run.execute(
        "INSERT INTO forwarders (network, unit, trusts, reason, actor, since) VALUES (?, ?, ?, ?, ?, ?)",
        (*row[:2], ",".join(row.trusts), *row[3:]),
    )


def remove_forwarder(run: Connection, network: str) -> bool:
    """Whether it was there."""
    return run.execute("DELETE FROM forwarders WHERE network = ?", (network,)).rowcount > 0


def serial(run: Connection) -> int:
    """Of the last table that was published."""
    return int(run.execute("SELECT serial FROM client_table").fetchone()[0])


def set_serial(run: Connection, number: int) -> None:
    """A table is published under this number."""
    run.execute("UPDATE client_table SET serial = ?", (number,))


def _forwarder(row: Row) -> ForwarderRow:
    network, unit, trusts, *rest = row
    return ForwarderRow(network, unit, cast("tuple[Trust, ...]", tuple(trusts.split(","))), *rest)
