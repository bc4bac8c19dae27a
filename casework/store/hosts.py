"""Queries about hosts over evidence.db with casework.db attached (engine.open_evidence, readonly): SQL only.

What the answers mean, paging and the ledger's rows stand in casework.hosts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from casework.store.engine import Row, Store

# The living unit of a code, or the last one that had it, with its place among the names. One row a code.
UNITS = """
    units AS MATERIALIZED (
        SELECT code, name, row_number() OVER (ORDER BY plain(name), code) AS place
        FROM (SELECT code, name, max(coalesce(valid_to, '9999')) FROM casework.units GROUP BY code))
"""
NAME = """
    coalesce((SELECT name FROM casework.units u WHERE u.code = h.unit
              ORDER BY coalesce(valid_to, '9999') DESC LIMIT 1), '')
"""
# What each order looks at in hosts `h`; `host` breaks ties, so that no row shows on two pages.
ORDERS = {
    "last_seen": ("h.last_seen",),
    "first_seen": ("h.first_seen",),
    "hits": ("h.hits",),
    "address": ("length(h.packed)", "h.packed"),
    "unit": ("(SELECT place FROM units WHERE units.code = h.unit)", "length(h.packed)", "h.packed"),
}
# The same where only some indicators count: sums of host_indicators `hi` per host.
SUMS = {"last_seen": "max(hi.last_seen)", "first_seen": "min(hi.first_seen)", "hits": "sum(hi.hits)"}

# That a row of host_indicators `hi` makes its host suspected: not all was let through, or it was a kill-switch name.
SUSPECT = "(hi.action > 10 OR hi.indicator IN (SELECT id FROM indicators WHERE kind = 'kill-switch'))"


class Wanted(NamedTuple):
    """Conditions on a page of hosts; '' and None mean any. Times are UTC seconds, both included."""

    campaign: str
    unit: str | None  # '' = hosts that belong to no unit
    family: str
    list: str
    text: str  # already `plain`
    since: int | None
    until: int | None
    suspected: bool  # with at least one indicator that is SUSPECT among those meant

    @property
    def by_indicator(self) -> bool:
        """Whether hits and times of a row are those of some indicators only."""
        return bool(self.campaign or self.family or self.list) or self.since is not None or self.until is not None


def page(store: Store, wanted: Wanted, sort: str, descending: bool, limit: int, offset: int) -> tuple[list[int], int]:
    """Ids of the hosts of a page, in order, and how many there are in all. A negative limit means all.

    What is found is made once, with nothing but ids and the order's keys, and then counted and sorted: at 100 000
    hosts that is what these pages cost.
    """
    direction = "DESC" if descending else "ASC"
    with_units, found, keys, values = _found(wanted, sort)
    order = ", ".join(f"{key} {direction}" for key in (*keys, "host"))
    # Everything of a kind is only worth keeping where it took conditions to find.
    kept, total = ("MATERIALIZED", "found") if values or wanted.suspected else ("NOT MATERIALIZED", "hosts")
    rows = store.connection.execute(
        f"WITH {with_units} found AS {kept} ({found})"  # noqa: S608  fixed texts only
        f" SELECT host, (SELECT count(*) FROM {total}) FROM found ORDER BY {order} LIMIT :limit OFFSET :offset",
        {**values, "limit": limit, "offset": offset},
    ).fetchall()
    if rows or not offset:
        return [row[0] for row in rows], rows[0][1] if rows else 0
    return [], page(store, wanted, sort, descending, 1, 0)[1]  # behind the last page


def _found(wanted: Wanted, sort: str) -> tuple[str, str, tuple[str, ...], dict[str, Any]]:
    """(the units if the order needs them, SELECT of `host` and the keys, the keys' names, values)."""
    conditions, values = _host_conditions(wanted)
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    inner, more = _indicator_conditions(wanted)
    some = " AND ".join(inner)
    values |= more
    if wanted.suspected and not some:
        conditions.append(f"EXISTS (SELECT 1 FROM host_indicators hi WHERE hi.host = h.id AND {SUSPECT})")  # noqa: S608
        where = f" WHERE {' AND '.join(conditions)}"
    if some and sort in SUMS:
        # The plus keeps the planner from looking up every host with every indicator.
        among = f" AND +hi.host IN (SELECT h.id FROM hosts h{where})" if conditions else ""  # noqa: S608
        found = f"SELECT hi.host, {SUMS[sort]} AS key1 FROM host_indicators hi WHERE {some}{among} GROUP BY hi.host"  # noqa: S608
        if wanted.suspected:
            found += f" HAVING max({SUSPECT})"
        return "", found, ("key1",), values
    if some:
        also = f" AND {SUSPECT}" if wanted.suspected else ""
        seen = f"h.id IN (SELECT hi.host FROM host_indicators hi WHERE {some}{also})"  # noqa: S608
        where = f" WHERE {' AND '.join([*conditions, seen])}"
    keys = tuple(f"key{number}" for number in range(1, len(ORDERS[sort]) + 1))
    columns = ", ".join(f"{column} AS {key}" for column, key in zip(ORDERS[sort], keys, strict=True))
    found = f"SELECT h.id AS host, {columns} FROM hosts h{where}"  # noqa: S608
    return f"{UNITS}," if sort == "unit" else "", found, keys, values


def asked_for(store: Store, name: str) -> tuple[int, int, int]:
    """(machines, units of theirs, hits) of what a list found, whatever was answered."""
    row = store.connection.execute(
        "SELECT count(DISTINCT hi.host), count(DISTINCT nullif(h.unit, '')), coalesce(sum(hi.hits), 0)"
        " FROM indicators i JOIN host_indicators hi ON hi.indicator = i.id JOIN hosts h ON h.id = hi.host"
        " WHERE i.list = ?",
        (name,),
    ).fetchone()
    return row[0], row[1], row[2]


def times(store: Store) -> tuple[int, int] | None:
    """First and last time of all hits, None when there are none."""
    first, last = store.connection.execute("SELECT min(first), max(last) FROM ledgers").fetchone()
    return None if first is None else (first, last)


def details(store: Store, hosts: Sequence[int]) -> dict[int, Row]:
    """`host, address, unit, first_seen, last_seen, hits, unit_name` by host."""
    numbers = ",".join(map(str, hosts))
    rows = store.connection.execute(
        f"SELECT h.id AS host, address, unit, first_seen, last_seen, hits, {NAME} AS unit_name FROM hosts h"  # noqa: S608
        f" WHERE h.id IN ({numbers})"
    )
    return {row["host"]: row for row in rows}


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


def ledgers(store: Store) -> dict[str, tuple[int, int, int]]:
    """By ledger file: the last row rolled up, first and last time of its hits."""
    rows = store.connection.execute("SELECT file, seq, first, last FROM ledgers")
    return {row["file"]: (row["seq"], row["first"], row["last"]) for row in rows}


def moves_of(store: Store, address: str) -> dict[str, list[tuple[int, int | None]]]:
    """By ledger file: the rows from which on an address was another host's (None: of one of its hosts), in order."""
    found = dict[str, list[tuple[int, int | None]]]()
    for file, *move in store.connection.execute(
        "SELECT file, seq, host FROM moves WHERE address = ? ORDER BY file, seq", (address,)
    ):
        found.setdefault(file, []).append((move[0], move[1]))
    return found


def first_host_of(store: Store, address: str) -> int:
    """The host that an address was before it had several."""
    return int(store.connection.execute("SELECT min(id) FROM hosts WHERE address = ?", (address,)).fetchone()[0])


def hours_of_others(store: Store, host: int, address: str) -> set[int]:
    """The UTC hours in which other hosts of an address were seen."""
    rows = store.connection.execute(
        "SELECT DISTINCT hour FROM sightings WHERE host IN (SELECT id FROM hosts WHERE address = ? AND id != ?)",
        (address, host),
    )
    return {row[0] for row in rows}


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
                " LEFT JOIN units ON units.code = unit ORDER BY place, unit"
            )
        ),
        "families": _pairs(run("SELECT DISTINCT family, family FROM indicators WHERE family != '' ORDER BY 1")),
        "lists": _pairs(run("SELECT DISTINCT list, list FROM indicators ORDER BY 1")),
    }


def known(store: Store) -> dict[str, set[str]]:
    """By noun what a filter may be about, seen or not: also what is over by now, since its evidence stays."""
    queries = {
        "campaign": "SELECT campaign FROM indicators UNION SELECT id FROM casework.campaigns",
        "unit": "SELECT unit FROM hosts UNION SELECT code FROM casework.units",
        "list": "SELECT list FROM indicators",
    }
    return {noun: {row[0] for row in store.connection.execute(query)} - {""} for noun, query in queries.items()}


def _pairs(rows: Any) -> list[tuple[str, str]]:
    return [(row[0], row[1]) for row in rows]


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
