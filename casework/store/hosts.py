"""Queries about hosts over evidence.db with casework.db attached (engine.open_evidence, readonly): SQL only.

What the answers mean, paging and the ledger's rows stand in casework.hosts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from casework.store.engine import Row, Store

# The living unit of a code, or the last one that had it. One row a code.
UNITS = """
    units AS (SELECT code, name, plain(name) AS plain_name, max(coalesce(valid_to, '9999')) FROM casework.units
              GROUP BY code)
"""
# `host` breaks ties, so that no row shows on two pages.
ORDERS = {
    "last_seen": "last_seen {0}, host {0}",
    "first_seen": "first_seen {0}, host {0}",
    "hits": "hits {0}, host {0}",
    "address": "length(packed) {0}, packed {0}, host {0}",
    "unit": "plain_name {0}, unit {0}, length(packed), packed, host",
}


class Wanted(NamedTuple):
    """Conditions on a page of hosts; '' and None mean any. Times are UTC seconds, both included."""

    campaign: str
    unit: str | None  # '' = hosts that belong to no unit
    family: str
    list: str
    text: str  # already `plain`
    since: int | None
    until: int | None

    @property
    def by_indicator(self) -> bool:
        """Whether hits and times of a row are those of some indicators only."""
        return bool(self.campaign or self.family or self.list) or self.since is not None or self.until is not None


def page(store: Store, wanted: Wanted, sort: str, descending: bool, limit: int, offset: int) -> list[Row]:
    """Rows of `host, address, unit, unit_name, first_seen, last_seen, hits`. A negative limit means all."""
    source, values = _source(wanted)
    order = ORDERS[sort].format("DESC" if descending else "ASC")
    names = " LEFT JOIN units ON units.code = found.unit" if sort == "unit" else ""
    with_units = f"{UNITS}," if sort == "unit" else ""
    # Names are joined to the rows of the page only, unless the order needs them.
    return store.connection.execute(
        f"WITH {with_units} found AS ({source}),"  # noqa: S608  fixed texts only
        f" few AS (SELECT found.* FROM found{names} ORDER BY {order} LIMIT :limit OFFSET :offset)"
        f" SELECT few.*, coalesce((SELECT name FROM casework.units WHERE code = few.unit"
        f" ORDER BY coalesce(valid_to, '9999') DESC LIMIT 1), '') AS unit_name FROM few",
        {**values, "limit": limit, "offset": offset},
    ).fetchall()


def count(store: Store, wanted: Wanted) -> int:
    """How many hosts `page` has in all."""
    source, values = _source(wanted)
    row = store.connection.execute(f"SELECT count(*) FROM ({source})", values).fetchone()  # noqa: S608
    return int(row[0])


def one(store: Store, host: int) -> Row | None:
    """A single host, in the columns of `page`."""
    row: Row | None = store.connection.execute(
        "SELECT id AS host, address, packed, unit, first_seen, last_seen, hits,"
        " coalesce((SELECT name FROM casework.units WHERE code = unit"
        " ORDER BY coalesce(valid_to, '9999') DESC LIMIT 1), '') AS unit_name FROM hosts WHERE id = ?",
        (host,),
    ).fetchone()
    return row


def indicators_of(store: Store, hosts: Sequence[int], wanted: Wanted | None = None) -> Iterator[Row]:
    """The indicators each of these hosts asked for, the latest first; only those that `wanted` names."""
    numbers = ",".join(map(str, hosts))
    conditions, values = _indicator_conditions(wanted) if wanted is not None else ([], {})
    also = "".join(f" AND {condition}" for condition in conditions)
    return iter(
        store.connection.execute(
            "SELECT hi.host, i.name, i.family, i.kind, i.list, i.campaign, i.letter, hi.action, hi.first_seen,"  # noqa: S608
            " hi.last_seen, hi.hits FROM host_indicators hi JOIN indicators i ON i.id = hi.indicator"
            f" WHERE hi.host IN ({numbers}){also} ORDER BY hi.host, hi.last_seen DESC, i.name",
            values,
        )
    )


def hours_of(store: Store, host: int, since: int, until: int) -> list[tuple[int, int]]:
    """(UTC hour, hits) of a host, both bounds included, hours without hits left out."""
    rows = store.connection.execute(
        "SELECT hour, sum(hits) FROM sightings WHERE host = ? AND hour BETWEEN ? AND ? GROUP BY hour ORDER BY hour",
        (host, since, until),
    )
    return [(row[0], row[1]) for row in rows]


def ledger_hours_of(store: Store, host: int) -> list[int]:
    """The UTC hours in which a host was seen, the latest first."""
    rows = store.connection.execute("SELECT DISTINCT hour FROM sightings WHERE host = ? ORDER BY hour DESC", (host,))
    return [row[0] for row in rows]


def choices(store: Store) -> dict[str, list[tuple[str, str]]]:
    """What occurs, as (value, label) pairs by noun, in the order of labels."""
    run = store.connection.execute
    return {
        "campaigns": _pairs(
            run(
                "SELECT campaign, coalesce(c.title, campaign) AS label FROM (SELECT DISTINCT campaign FROM indicators)"
                " LEFT JOIN casework.campaigns c ON c.id = campaign WHERE campaign != '' ORDER BY plain(label)"
            )
        ),
        "units": _pairs(
            run(
                f"WITH {UNITS} SELECT unit, coalesce(units.name, unit) FROM (SELECT DISTINCT unit FROM hosts)"  # noqa: S608
                " LEFT JOIN units ON units.code = unit ORDER BY plain_name, unit"
            )
        ),
        "families": _pairs(run("SELECT DISTINCT family, family FROM indicators WHERE family != '' ORDER BY 1")),
        "lists": _pairs(run("SELECT DISTINCT list, list FROM indicators ORDER BY 1")),
    }


def _pairs(rows: Any) -> list[tuple[str, str]]:
    return [(row[0], row[1]) for row in rows]


def _source(wanted: Wanted) -> tuple[str, dict[str, Any]]:
    """SELECT of `host, address, packed, unit, first_seen, last_seen, hits` for every host that is wanted."""
    conditions, values = _host_conditions(wanted)
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    if not wanted.by_indicator:
        return f"SELECT h.id AS host, address, packed, unit, first_seen, last_seen, hits FROM hosts h{where}", values  # noqa: S608
    inner, more = _indicator_conditions(wanted)
    sums = (
        "SELECT hi.host, min(hi.first_seen) AS first_seen, max(hi.last_seen) AS last_seen, sum(hi.hits) AS hits"  # noqa: S608
        f" FROM host_indicators hi WHERE {' AND '.join(inner)} GROUP BY hi.host"
    )
    columns = "host, address, packed, unit, sums.first_seen, sums.last_seen, sums.hits"
    return f"SELECT {columns} FROM ({sums}) sums JOIN hosts h ON h.id = sums.host{where}", {**values, **more}  # noqa: S608


def _host_conditions(wanted: Wanted) -> tuple[list[str], dict[str, Any]]:
    conditions, values = [], dict[str, Any]()
    if wanted.unit is not None:
        conditions.append("h.unit = :unit")
        values["unit"] = wanted.unit
    if wanted.text:
        conditions.append(
            "(instr(h.address, :text)"
            " OR h.unit IN (SELECT code FROM casework.units WHERE instr(plain(name), :text) OR instr(code, :text))"
            " OR h.id IN (SELECT host FROM host_indicators WHERE indicator IN"
            " (SELECT id FROM indicators WHERE instr(name, :text) OR instr(plain(family), :text))))"
        )
        values["text"] = wanted.text
    return conditions, values


def _indicator_conditions(wanted: Wanted) -> tuple[list[str], dict[str, Any]]:
    """Conditions on `hi`, a row of host_indicators."""
    conditions, values = [], dict[str, Any]()
    for column in ("campaign", "family", "list"):
        if value := getattr(wanted, column):
            conditions.append(f"hi.indicator IN (SELECT id FROM indicators WHERE {column} = :{column})")  # noqa: S608
            values[column] = value
    if wanted.since is not None:
        conditions.append("hi.last_seen >= :since")
        values["since"] = wanted.since
    if wanted.until is not None:
        conditions.append("hi.first_seen <= :until")
        values["until"] = wanted.until
    if wanted.since is not None and wanted.until is not None:
        # Seen before and after: only the hours know whether it was seen in between.
        conditions.append(
            "(hi.first_seen >= :since OR hi.last_seen <= :until OR EXISTS (SELECT 1 FROM sightings s"
            " WHERE s.host = hi.host AND s.indicator = hi.indicator AND s.hour BETWEEN :since / 3600 AND :until / 3600"
            " AND s.last_seen >= :since AND s.first_seen <= :until))"
        )
    return conditions, values
