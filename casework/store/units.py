"""Units and their networks in casework.db.

No settings here: casework.seed turns config.yaml into these rows, once.
"""

from __future__ import annotations

from collections.abc import Iterable

from casework.store.engine import Connection, Store
from contracts.networks import Network


def is_empty(run: Connection, milestone: str) -> bool:
    """Whether neither units nor campaigns were ever there."""
    row = run.execute(
        "SELECT EXISTS (SELECT 1 FROM units) OR EXISTS (SELECT 1 FROM campaigns)"
        " OR EXISTS (SELECT 1 FROM milestones WHERE name = ?)",
        (milestone,),
    ).fetchone()
    return not row[0]


def reach(run: Connection, milestone: str, second: int) -> None:
    """Note that this happened."""
    run.execute("INSERT INTO milestones (name, reached) VALUES (?, ?)", (milestone, second))


def add_unit(run: Connection, code: str, name: str, parent: str, networks: Iterable[Network]) -> None:
    """A unit with its networks, valid from ever."""
    unit = run.execute("INSERT INTO units (code, name, parent) VALUES (?, ?, ?)", (code, name, parent)).lastrowid
    run.executemany(
        "INSERT INTO unit_networks (unit, network, first, last) VALUES (?, ?, ?, ?)",
        [
            (unit, str(network), network.network_address.packed, network.broadcast_address.packed)
            for network in dict.fromkeys(networks)
        ],
    )


def networks_on(store: Store, day: str) -> list[tuple[str, str]]:
    """(network, unit code) of the units that exist on a day."""
    return [
        (row[0], row[1])
        for row in store.connection.execute(
            "SELECT n.network, u.code FROM unit_networks n JOIN units u ON u.id = n.unit"
            " WHERE u.valid_from <= ? AND (u.valid_to IS NULL OR u.valid_to >= ?) ORDER BY u.id, n.id",
            (day, day),
        )
    ]


def exists(run: Connection, code: str) -> bool:
    """Whether there is a unit of this code now."""
    row = run.execute("SELECT EXISTS (SELECT 1 FROM units WHERE code = ? AND valid_to IS NULL)", (code,)).fetchone()
    return bool(row[0])


def data_version(store: Store) -> int:
    """Changes whenever another connection has changed the database."""
    return int(store.connection.execute("PRAGMA data_version").fetchone()[0])
