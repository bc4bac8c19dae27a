"""Two versions of a list beside each other: what came, what went, what is meant in another way. SQL that only reads.

No decision which versions are meant (who asks says so) and no connection of its own: that is blocklists.library's.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec

from blocklists.library import Library
from blocklists.report import Version, live_of, once_live
from runtime.control import Refused

What = Literal["added", "removed", "changed"]
_WHATS: tuple[What, ...] = ("added", "removed", "changed")


class Change(msgspec.Struct, frozen=True):
    """One row that differs; of a changed one the facts are those of the later version."""

    what: What
    indicator: str
    line: int  # in the version that has it, the later one where both do
    kind: str
    family: str
    letter: str
    source: str
    action: str


class Difference(msgspec.Struct, frozen=True):
    """Counts of all rows that differ, and the first of them."""

    list: str
    before: int
    after: int
    added: int
    removed: int
    changed: int
    same: int
    rows: tuple[Change, ...]


class _Table(NamedTuple):
    """What rows of a table are shown as, when two are of the same indicator, and how they may differ all the same."""

    name: str
    shown: str
    same: str
    differs: str


_TABLES = (
    _Table("names", "rows.name", "other.name = rows.name", "rows.subdomains <> other.subdomains"),
    _Table(
        "addresses",
        "rows.network || CASE rows.port WHEN 0 THEN '' ELSE ' port ' || rows.port END",
        "other.network = rows.network AND other.client = rows.client AND other.port = rows.port",
        "0",
    ),
)


def compare(library: Library, name: str, before: int, after: int, limit: int = 50) -> Difference:
    """Between two versions of a list; `limit` rows of each kind are named. Refused where one has no rows any more."""
    earlier, later = _version(library, name, before), _version(library, name, after)
    added, removed, changed = (_count(library, what, earlier, later) for what in _WHATS)
    rows = [row for what in _WHATS for row in _rows(library, what, earlier, later, limit)]
    same = later.names + later.addresses - added - changed
    return Difference(name, before, after, added, removed, changed, same, tuple(rows))


def usual(library: Library, name: str) -> tuple[int, int]:
    """The two versions that people mean who name none: what is live and what waits, else what was live before."""
    versions = library.versions(name)
    if not versions:
        raise Refused(f"no list is called {name!r}")
    live = live_of(versions)
    held = next((one for one in versions if one.state == "held" and one.rows), None)
    if held is not None and live is not None and held.number > live.number:
        return live.number, held.number
    shown = live or versions[0]
    earlier = once_live(versions, shown)
    if earlier is None:
        raise Refused(f"{name} has no two versions to compare")
    return earlier.number, shown.number


def _version(library: Library, name: str, number: int) -> Version:
    found = library.version(name, number)
    if found is None:
        raise Refused(f"{name} has no version {number}")
    if not found.rows:
        raise Refused(f"the rows of version {number} of {name} are no longer kept")
    return found


def _from(what: What, table: _Table, *, labelled: bool = False) -> str:
    """FROM and WHERE of the rows of one table; bound are the version whose rows they are, and the other one."""
    joins = " JOIN labels ON labels.id = rows.label" if labelled else ""
    other = f"{table.name} AS other"
    if what == "changed":
        joins += f" JOIN {other} ON other.version = :other AND {table.same}"
        condition = f"(rows.label <> other.label OR {table.differs})"
    else:
        condition = f"NOT EXISTS (SELECT 1 FROM {other} WHERE other.version = :other AND {table.same})"  # noqa: S608  constants
    return f"FROM {table.name} AS rows{joins} WHERE rows.version = :one AND {condition}"


def _bound(what: What, earlier: Version, later: Version) -> dict[str, int]:
    one, other = (earlier, later) if what == "removed" else (later, earlier)
    return {"one": one.id, "other": other.id}


def _count(library: Library, what: What, earlier: Version, later: Version) -> int:
    queries = [f"SELECT count(*) {_from(what, table)}" for table in _TABLES]
    return sum(library.db.execute(query, _bound(what, earlier, later)).fetchone()[0] for query in queries)


def _rows(library: Library, what: What, earlier: Version, later: Version, limit: int) -> list[Change]:
    found = list[Change]()
    for table in _TABLES:
        query = (
            f"SELECT '{what}' AS what, {table.shown} AS indicator, rows.line AS line, kind, family, letter, source,"
            f" action {_from(what, table, labelled=True)} ORDER BY indicator LIMIT {limit - len(found)}"
        )
        found += [msgspec.convert(row, Change) for row in library.db.query(query, _bound(what, earlier, later))]
    return found
