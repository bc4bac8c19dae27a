"""What one version of a list holds, for people who judge it: its first rows, lines not taken, names that many visit.

SQL that only reads, on the connection of blocklists.library. Comparing two versions is blocklists.comparison's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from blocklists.commons import popular_names
from blocklists.holds import Holds
from blocklists.library import Library
from blocklists.report import Row, Version

NotTaken = Literal["bad", "unsupported", "held", "refused"]
NOT_TAKEN: tuple[NotTaken, ...] = ("bad", "unsupported", "held", "refused")
_ASKED = 500  # names in one query
# The rows are chosen first: a version may have millions.
_FIRST = [
    "SELECT rows.line AS line, indicator, subdomains, client, kind, family, letter, source, action, target,"  # noqa: S608  constants
    f" coalesce(note, '') AS note FROM ({rows} WHERE version = :version ORDER BY line LIMIT :limit) AS rows"
    " JOIN labels ON labels.id = rows.label"
    " LEFT JOIN notes ON notes.version = :version AND notes.line = rows.line"
    for rows in (
        "SELECT name AS indicator, subdomains, 0 AS client, line, label FROM names",
        (
            "SELECT network || CASE port WHEN 0 THEN '' ELSE ' port ' || port END AS indicator, 0 AS subdomains,"
            " client, line, label FROM addresses"
        ),
    )
]


class Entry(msgspec.Struct, frozen=True):
    """One name or address of a version as it was read; an empty action is what the mode says."""

    line: int
    indicator: str
    subdomains: bool
    client: bool
    kind: str
    family: str
    letter: str
    source: str
    action: str
    target: str
    note: str


def first_entries(library: Library, version: Version, limit: int = 100) -> list[Entry]:
    """The entries of the first lines, in the order of the file."""
    bound = {"version": version.id, "limit": limit}
    found = [msgspec.convert(row, Entry, strict=False) for one in _FIRST for row in library.db.query(one, bound)]
    return sorted(found, key=lambda entry: (entry.line, entry.indicator))[:limit]


def not_taken(library: Library, version: Version, limit: int = -1) -> Iterator[tuple[NotTaken, Row]]:
    """Lines that were not taken, as far as they are kept (library.KEPT_REJECTED of each)."""
    for what in NOT_TAKEN:
        for row in _waiting(library, version, limit) if what == "held" else library.rejected(version.id, what, limit):
            yield what, row


def _waiting(library: Library, version: Version, limit: int) -> list[Row]:
    found = Holds(library).rows(version)
    waiting = [Row(row.line, row.indicator, row.reason) for row in found if row.state == "waiting"]
    return waiting[:limit] if limit >= 0 else waiting


def visited_by_many(library: Library, version: Version) -> list[tuple[int, str]]:
    """Line and name of what the version has of the most visited names; the guard takes them, a person should look."""
    if version.kind in {"unwanted", "kill-switch"}:
        return []
    found, popular = list[tuple[int, str]](), sorted(popular_names())
    for start in range(0, len(popular), _ASKED):
        names = popular[start : start + _ASKED]
        found += library.db.execute(_named(names), [version.id, *names]).fetchall()
    return sorted(found)


def _named(names: Sequence[str]) -> str:
    marks = ", ".join("?" * len(names))
    return (
        "SELECT rows.line, rows.name FROM names AS rows JOIN labels ON labels.id = rows.label"  # noqa: S608  marks only
        f" WHERE rows.version = ? AND labels.action <> 'passthru' AND rows.name IN ({marks})"
    )
