"""Rows that the guard holds until a person decides, and what was decided: SQL on the connection of blocklists.library.

No judgement: why a row is held says blocklists.guard, who may decide blocklists.review. What is approved stands among
the names and addresses of its version, too, so that all else (compiling, searching, comparing) need not know of holds.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from blocklists.library import WILD, Library, now
from blocklists.report import Found, HeldRow, HeldState, Version


class Held(NamedTuple):
    """A row on its way into the library; in the order of the columns."""

    text: str  # a name, or *.name; or a network
    port: int
    address: int  # 1 where it is one
    subdomains: int
    line: int
    label: int
    rule: str
    reason: str


class Decision(NamedTuple):
    """What was decided of a row, who, when and why, and in which version."""

    state: HeldState
    actor: str
    decided: str
    why: str
    since: int


WAITING = Decision("waiting", "", "", "", 0)
# What a decision is about: text, port, subdomains, the guard's rule, what is asked for (Holds.same_rule).
Key = tuple[str, int, int, str, int]

_INDICATOR = "text || CASE port WHEN 0 THEN '' ELSE ' port ' || port END"
_SHOWN = (
    "SELECT lists.name AS list, versions.number AS version, held.line AS line,"  # noqa: S608  constants
    f" {_INDICATOR} AS indicator, rule, reason, held.state AS state,"
    " since, held.actor AS actor, decided, why, labels.kind AS kind, family, letter"
    " FROM held_rows AS held JOIN versions ON versions.id = held.version JOIN lists ON lists.id = versions.list_id"
    " JOIN labels ON labels.id = held.label"
)


class _Table(NamedTuple):
    """A table where rows stand that may be used, and the columns of held ones that go there."""

    name: str
    address: int
    key: str  # its columns that tell a row from others of a version
    columns: str  # of held rows, in the order of the table


_TABLES = (
    _Table("names", 0, "name", "text, subdomains, line, label"),
    _Table("addresses", 1, "network, client, port", "text, 0, port, line, label"),
)


class Holds:
    """The held rows of a library; writing is for who holds its lock, inside a transaction."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._run = library.db.execute

    def add(self, version: int, one: Held, decision: Decision) -> bool:
        """Put a row down; of equal ones the first stays. Whether it is new."""
        marks = ", ".join("?" * (1 + len(one) + 5))
        done = self._run(
            "INSERT OR IGNORE INTO held_rows (version, text, port, address, subdomains, line, label, rule,"  # noqa: S608  marks
            f" reason, state, actor, decided, why, since) VALUES ({marks})",
            (version, *one, *decision),
        )
        return bool(done.rowcount)

    def decisions(self, version: Version) -> dict[Key, Decision]:
        """The last word about each row of a list that was ever held, in versions that mean the same by it."""
        rows = self._run(
            "SELECT text, port, subdomains, rule, label, held_rows.state, held_rows.actor, decided, why,"
            " CASE since WHEN 0 THEN number ELSE since END FROM held_rows JOIN versions ON versions.id = version"
            " WHERE list_id = (SELECT list_id FROM versions WHERE id = ?) AND held_rows.state <> 'waiting'"
            " AND mode = ? AND address_mode = ? ORDER BY decided, number",
            (version.id, version.mode, version.address_mode),
        ).fetchall()
        return {(*row[:4], self.same_rule(row[4])): Decision(*row[5:]) for row in rows}

    def same_rule(self, label: int) -> int:
        """A number for what a label asks for: equal where two differ only in words for people."""
        query = (
            "SELECT min(same.id) FROM labels AS one JOIN labels AS same USING (action, target, data) WHERE one.id = ?"
        )
        return int(self._run(query, (label,)).fetchone()[0])

    def approved(self, version: int) -> frozenset[str]:
        """The texts of rows that a person let through."""
        query = "SELECT text FROM held_rows WHERE version = ? AND state = 'approved'"
        return frozenset(row[0] for row in self._run(query, (version,)))

    def rows(self, version: Version, limit: int = -1) -> list[HeldRow]:
        """Held rows of a version, those first that wait, in the order of the file."""
        query = f"{_SHOWN} WHERE held.version = ? ORDER BY held.state <> 'waiting', held.line, text LIMIT ?"
        return [msgspec.convert(row, HeldRow) for row in self._library.db.query(query, (version.id, limit))]

    def waiting(self, name: str | None = None) -> list[HeldRow]:
        """Rows that wait, of every list (or this one) and of each version that is live, or may still go live."""
        query = (
            f"{_SHOWN} WHERE held.state = 'waiting' AND versions.state <> 'old'"
            " AND lists.name = coalesce(?, lists.name) ORDER BY position, number DESC, held.line, text"
        )
        return [msgspec.convert(row, HeldRow) for row in self._library.db.query(query, (name,))]

    def decide(self, version: Version, row: HeldRow, decision: Decision) -> None:
        """Write a decision down, and take the row in among those of its version, or out of there."""
        which = {"version": version.id, "indicator": row.indicator}
        where = f"version = :version AND {_INDICATOR} = :indicator"
        self._run(
            "UPDATE held_rows SET state = :state, actor = :actor, decided = :decided, why = :why, since = :since"  # noqa: S608
            f" WHERE {where}",
            {**decision._asdict(), **which},
        )
        taken = dict[str, int]()
        for table in _TABLES:
            rows = f"FROM held_rows WHERE {where} AND address = {table.address}"
            if decision.state == "approved":
                query = f"INSERT OR IGNORE INTO {table.name} SELECT version, {table.columns} {rows}"
                taken[table.name] = self._run(query, which).rowcount
            else:
                held = table.columns.replace("subdomains, ", "")
                query = (
                    f"DELETE FROM {table.name} WHERE version = :version"  # noqa: S608  constants
                    f" AND ({table.key}, line, label) IN (SELECT {held} {rows})"
                )
                taken[table.name] = -self._run(query, which).rowcount
        self._run(
            "UPDATE versions SET names = names + :names, addresses = addresses + :addresses WHERE id = :version",
            {**taken, "version": version.id},
        )

    def settle(self, version: int) -> None:
        """Count what still waits. What was compiled is of rows that may have changed: it is forgotten."""
        self._run(
            "UPDATE versions SET waiting = (SELECT count(*) FROM held_rows WHERE version = versions.id"
            " AND held_rows.state = 'waiting') WHERE id = ?",
            (version,),
        )
        self._run("DELETE FROM segments WHERE version = ?", (version,))

    def find(self, text: str) -> list[Found]:
        """Where exactly this name (or `*.` and it) or network is held, or was refused by a person."""
        query = (
            "SELECT lists.name AS list, number AS version, versions.state AS state, mode, campaign, text AS indicator,"
            " held.subdomains AS subdomains, line, labels.kind AS kind, family, letter, source, listed, '' AS note,"
            " file, versions.created AS created,"
            " CASE held.state WHEN 'waiting' THEN 'held: ' ELSE '' END || reason AS refused"
            " FROM held_rows AS held JOIN versions ON versions.id = held.version JOIN lists ON lists.id = list_id"
            " JOIN labels ON labels.id = held.label"
            " WHERE held.state <> 'approved' AND text IN (?, ?) ORDER BY position, number DESC"
        )
        return [msgspec.convert(row, Found, strict=False) for row in self._library.db.query(query, (text, WILD + text))]


def decided(state: HeldState, actor: str, why: str) -> Decision:
    """A decision of this moment."""
    return Decision(state, actor, now(), why, 0)
