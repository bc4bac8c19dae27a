"""The library of lists: every version with its rows, and the audit, in library.db. The only SQL of this folder.

No parsing, no judgement, no files but the database. The lists process writes; anyone may read.

Rows lie in the order of their names within a version (WITHOUT ROWID), so that a million of them need no second index:
a search asks each version for the name and its parents. What is listed only below a name stands there as `*.name`.
"""

from __future__ import annotations

import datetime
import sqlite3  # noqa: TID251  this is the door
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import msgspec
import sqlite_utils  # noqa: TID251  this is the door
from sqlite_utils.migrations import Migrations  # noqa: TID251  this is the door

from blocklists import schema
from blocklists.report import Audited, Found, ListStatus, Row, SegmentRow, State, Version, live_of

FILE = "library.db"
LOCK = "lists.lock"  # held by the one who writes
SEED_ACTOR = "system:seed"
KEPT_VERSIONS = 10
KEPT_REJECTED = 10_000  # rows kept per version and kind; the totals count all
# For the callers' `except` clauses: they may not import sqlite3 themselves.
DatabaseError = sqlite3.Error

WILD = "*."  # before a name that is listed only with what is below it

NameRow = tuple[str, int, int, int]  # name, subdomains, line, label
AddressRow = tuple[str, int, int, int, int]  # network, 1 where it is the client's, port, line, label
LABEL = ("kind", "family", "letter", "source", "listed", "action", "target", "data")
Label = tuple[str, str, str, str, str, str, str, str]

# What a row of each table says by itself; addresses that are answered have a mode of their own.
_FOUND = {
    "names": (
        "name",
        "mode, rows.name AS indicator, rows.subdomains AS subdomains, substr(rows.name, 1, 2) <> '*.' AS itself",
    ),
    "addresses": (
        "network",
        """CASE WHEN client OR address_mode = 'enforce' THEN mode ELSE 'monitor' END AS mode, client,
        rows.network || CASE port WHEN 0 THEN '' ELSE ' port ' || port END AS indicator, 0 AS subdomains""",
    ),
}

_VERSIONS = "SELECT {}versions.*, lists.name AS list FROM versions JOIN lists ON lists.id = versions.list_id "

migrations = Migrations("library")


@migrations(name="0001_lists")
def _lists(db: sqlite_utils.Database) -> None:
    for statement in schema.statements(schema.LISTS_1):
        db.execute(statement)


@migrations(name="0002_rules")
def _rules(db: sqlite_utils.Database) -> None:
    for statement in schema.statements(schema.RULES_2):
        db.execute(statement)


@migrations(name="0003_holds")
def _holds(db: sqlite_utils.Database) -> None:
    for statement in schema.statements(schema.HOLDS_3):
        db.execute(statement)


class Library:
    """library.db, opened by one user at a time: a connection may change threads, never be shared."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.db = sqlite_utils.Database(connection)

    @classmethod
    def open(cls, state: Path) -> Library:
        """Open for writing, made and migrated. Only the holder of the writer lock does this."""
        state.mkdir(mode=0o750, parents=True, exist_ok=True)
        connection = sqlite3.connect(state / FILE, isolation_level=None, timeout=10.0, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA cache_size = -65536")
            connection.execute("PRAGMA journal_size_limit = 67108864")
            library = cls(connection)
            migrations.apply(library.db)
        except BaseException:
            connection.close()
            raise
        return library

    @classmethod
    def reader(cls, state: Path) -> Library:
        """Open for reading only. Before the first import there is no file: then an empty library."""
        path = state / FILE
        if path.exists():
            address = f"{path.absolute().as_uri()}?mode=ro"
            connection = sqlite3.connect(address, uri=True, isolation_level=None, timeout=10.0, check_same_thread=False)
            library = cls(connection)
            if library.db.table("meta").exists():
                return library
            connection.close()  # the very first start is just making it
        library = cls(sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False))
        migrations.apply(library.db)
        return library

    @property
    def is_current(self) -> bool:
        """False where a library of an older product is only read, before its writer has brought it up to date."""
        return not migrations.pending(self.db)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside is committed together, or not at all."""
        with self.db.atomic():
            yield

    # Lists and versions

    def list_id(self, name: str) -> int:
        """The list's id; a new list goes last."""
        found = self._value("SELECT id FROM lists WHERE name = ?", (name,))
        if found is not None:
            return int(found)
        position = self._value("SELECT coalesce(max(position), 0) + 1 FROM lists")
        made = self.db.table("lists").insert({"name": name, "position": position, "created": now()})
        return int(str(made.last_pk))

    def add_version(self, name: str, facts: dict[str, str]) -> tuple[int, int]:
        """A new version in state `held`, without rows. Returns its id and its number."""
        list_id = self.list_id(name)
        number = self._value("SELECT coalesce(max(number), 0) + 1 FROM versions WHERE list_id = ?", (list_id,))
        row = {"list_id": list_id, "number": number, "state": "held", "created": now(), "live_since": None, "rows": 1}
        counts = dict.fromkeys(("lines", "names", "addresses", "duplicates", "bad", "refused"), 0)
        made = self.db.table("versions").insert({**row, **facts, **counts})
        return int(str(made.last_pk)), int(number)

    def set_counts(self, version: int, counts: dict[str, int]) -> None:
        """Write down what an import counted."""
        self.db.table("versions").update(version, counts)

    def make_live(self, version: Version) -> None:
        """This version is live, whatever of its list was live before is old."""
        self.retire(version.list)
        self.db.table("versions").update(version.id, {"state": "live", "live_since": now()})

    def retire(self, name: str) -> None:
        """Nothing of this list is live."""
        self.db.execute(
            "UPDATE versions SET state = 'old'"
            " WHERE state = 'live' AND list_id = (SELECT id FROM lists WHERE name = ?)",
            (name,),
        )

    def versions(self, name: str) -> list[Version]:
        """All versions of a list, newest first."""
        return self._versions("WHERE lists.name = ? ORDER BY number DESC", (name,))

    def version(self, name: str, number: int) -> Version | None:
        """One version by its number."""
        return next(iter(self._versions("WHERE lists.name = ? AND number = ?", (name, number))), None)

    def live(self, name: str) -> Version | None:
        """The live version of a list."""
        return next(iter(self._versions("WHERE lists.name = ? AND state = 'live'", (name,))), None)

    def seeded(self, name: str) -> Version | None:
        """The version that the settings last came to, made by them or found there already."""
        number = self._value("SELECT value FROM meta WHERE key = ?", (f"seeded:{name}",))
        if number is None:  # a library from before this was noted
            return next((one for one in self.versions(name) if one.actor == SEED_ACTOR), None)
        return self.version(name, number)

    def set_seeded(self, name: str, number: int) -> None:
        """Remember what the settings came to, so that only what changes in them is followed."""
        self.db.table("meta").upsert({"key": f"seeded:{name}", "value": number}, pk="key")

    def live_versions(self) -> list[Version]:
        """What the policy consists of, in its order: kill-switch names first, then the lists as they were made."""
        return self._versions("WHERE state = 'live' ORDER BY versions.kind <> 'kill-switch', position")

    def statuses(self) -> list[ListStatus]:
        """All lists in policy order."""
        found = dict[tuple[str, int], list[Version]]()
        # one statement, so that all of it is of one moment: the writer may be making a list just now
        query = _VERSIONS.format("lists.position, ") + "ORDER BY versions.kind <> 'kill-switch', position, number DESC"
        for row in self.db.query(query):
            version = msgspec.convert(row, Version, strict=False)
            found.setdefault((version.list, row["position"]), []).append(version)
        return [
            ListStatus(name, position, live_of(versions), (*versions,)) for (name, position), versions in found.items()
        ]

    def withdrawn(self) -> frozenset[str]:
        """The lists of which no version is live."""
        query = (
            "SELECT name FROM lists WHERE NOT EXISTS"
            " (SELECT 1 FROM versions WHERE versions.list_id = lists.id AND state = 'live')"
        )
        return frozenset(row[0] for row in self.db.execute(query))

    def _versions(self, where: str, values: Sequence[Any] = ()) -> list[Version]:
        query = _VERSIONS.format("") + where
        return [msgspec.convert(row, Version, strict=False) for row in self.db.query(query, values)]

    # Rows

    def label(self, label: Label) -> int:
        """The number of what many rows have in common: few distinct labels stand for millions of rows."""
        columns, marks = ", ".join(LABEL), ", ".join("?" * len(LABEL))
        self._connection.execute(f"INSERT OR IGNORE INTO labels ({columns}) VALUES ({marks})", label)  # noqa: S608  constants
        where = " AND ".join(f"{column} = ?" for column in LABEL)
        return int(self._value(f"SELECT id FROM labels WHERE {where}", label))  # noqa: S608  constants

    def label_of(self, number: int) -> Label:
        """The label of a number."""
        columns = ", ".join(LABEL)
        found: Label = self._connection.execute(f"SELECT {columns} FROM labels WHERE id = ?", (number,)).fetchone()  # noqa: S608  constants
        return found

    def add_names(self, version: int, rows: Iterable[NameRow]) -> int:
        """Returns how many were new to the version; of equal names the first stays."""
        return self._connection.executemany(
            f"INSERT OR IGNORE INTO names VALUES ({int(version)}, ?, ?, ?, ?)",  # noqa: S608  a number
            rows,
        ).rowcount

    def put_names(self, version: int, rows: Sequence[NameRow]) -> int:
        """Rows that stand in place of equal ones. Returns how many names were new to the version."""
        gone = self._connection.executemany(
            "DELETE FROM names WHERE version = ? AND name = ?", ((version, row[0]) for row in rows)
        ).rowcount
        return self.add_names(version, rows) - gone

    def add_addresses(self, version: int, rows: Iterable[AddressRow]) -> int:
        """Returns how many were new to the version."""
        return self._connection.executemany(
            f"INSERT OR IGNORE INTO addresses VALUES ({int(version)}, ?, ?, ?, ?, ?)",  # noqa: S608  a number
            rows,
        ).rowcount

    def add_notes(self, version: int, notes: Iterable[tuple[int, str]]) -> None:
        """Remarks by line; a line keeps its first."""
        self._connection.executemany(
            f"INSERT OR IGNORE INTO notes VALUES ({int(version)}, ?, ?)",  # noqa: S608  a number
            notes,
        )

    def add_rejected(self, version: int, what: str, rows: Iterable[Row]) -> None:
        """Keep lines that were not taken; `what` is "bad", "unsupported" or "refused"."""
        self._connection.executemany(
            "INSERT INTO rejected (version, what, line, text, reason) VALUES (?, ?, ?, ?, ?)",
            ((version, what, row.line, row.text, row.reason) for row in rows),
        )

    def rejected(self, version: int, what: str, limit: int) -> list[Row]:
        """The first lines that were not taken."""
        rows = self.db.execute(
            "SELECT line, text, reason FROM rejected WHERE version = ? AND what = ? ORDER BY line LIMIT ?",
            (version, what, limit),
        )
        return [Row(*row) for row in rows]

    def names(self, version: int) -> Iterator[NameRow]:
        """The names of a version in their order, for the compiler."""
        query = "SELECT name, subdomains, line, label FROM names WHERE version = ? ORDER BY name"
        return iter(self._connection.execute(query, (version,)))

    def addresses(self, version: int) -> Iterator[tuple[str, int, int, int]]:
        """(network, 1 where it is the client's, line, label), one for all ports: the first line that names it."""
        query = "SELECT network, client, min(line), label FROM addresses WHERE version = ? GROUP BY network, client"
        return iter(self._connection.execute(query, (version,)))

    def count_clients(self, version: int) -> int:
        """How many addresses of a version are of clients rather than of answers."""
        query = "SELECT count(*) FROM addresses WHERE version = ? AND client = 1"
        return int(self._value(query, (version,)))

    def count_action(self, version: int, action: str) -> int:
        """How many names and addresses of a version have this action."""
        wanted = "label IN (SELECT id FROM labels WHERE action = ?)"
        query = (
            f"SELECT (SELECT count(*) FROM names WHERE version = ? AND {wanted})"  # noqa: S608  constants
            f" + (SELECT count(*) FROM addresses WHERE version = ? AND {wanted})"
        )
        return int(self._value(query, (version, action) * 2))

    def find_names(self, names: Sequence[str]) -> list[Found]:
        """Rows that cover a name (the one asked first, then its parents), in every version that still has its rows.

        Asked for `*.name`, with that as its last, also what is listed only below the name.
        """
        below = [WILD + name for name in names[1:] if not name.startswith(WILD)]
        found = self._find("names", [*names, *below])
        return [
            msgspec.structs.replace(one, indicator=one.indicator.removeprefix(WILD))
            for one in found
            if one.subdomains or one.indicator == names[0]
        ]

    def find_addresses(self, networks: Sequence[str]) -> list[Found]:
        """Rows of these addresses or networks in every version that still has its rows."""
        return self._find("addresses", networks)

    def _find(self, table: Literal["names", "addresses"], keys: Sequence[str]) -> list[Found]:
        marks = ", ".join("?" * len(keys))
        column, special = _FOUND[table]
        query = (
            "SELECT lists.name AS list, versions.number AS version, state, campaign, rows.line AS line,"  # noqa: S608  constants
            " labels.kind AS kind, family, letter, source, listed, coalesce(note, '') AS note, file,"
            f" versions.created AS created, action, target, {special}"
            " FROM versions JOIN lists ON lists.id = versions.list_id"
            f" JOIN {table} AS rows ON rows.version = versions.id AND rows.{column} IN ({marks})"
            " JOIN labels ON labels.id = rows.label"
            " LEFT JOIN notes ON notes.version = rows.version AND notes.line = rows.line"
            " ORDER BY state <> 'live', versions.kind <> 'kill-switch', position, number DESC"
        )
        return [msgspec.convert(row, Found, strict=False) for row in self.db.query(query, [*keys])]

    def find_refused(self, text: str) -> list[Found]:
        """Where exactly this name (or `*.` and it) or address stood and was refused."""
        query = (
            "SELECT lists.name AS list, number AS version, state, mode, campaign, text AS indicator, 0 AS subdomains,"
            " line, kind, '' AS family, '' AS letter, '' AS source, '' AS listed, '' AS note, file,"
            " versions.created AS created, reason AS refused FROM rejected"
            " JOIN versions ON versions.id = rejected.version JOIN lists ON lists.id = versions.list_id"
            " WHERE what = 'refused' AND text IN (?, ?) ORDER BY position, number DESC"
        )
        return [msgspec.convert(row, Found, strict=False) for row in self.db.query(query, (text, WILD + text))]

    def prune(self, name: str, keep: int = KEPT_VERSIONS) -> list[int]:
        """Drop the rows of all but the newest versions; the live one keeps them. Returns the numbers."""
        old = [one for one in self.versions(name)[keep:] if one.rows and one.state != "live"]
        for version in old:
            for table in ("names", "addresses", "notes", "rejected", "held_rows", "segments"):
                self.db.table(table).delete_where("version = ?", [version.id])
            state: State = "old"
            self.db.table("versions").update(version.id, {"rows": 0, "state": state, "waiting": 0})
        return [version.number for version in old]

    # Segments, serial, audit

    def segment(self, version: int) -> SegmentRow | None:
        """What the version was compiled to."""
        rows = self.db.query("SELECT * FROM segments WHERE version = ?", (version,))
        return next((msgspec.convert(row, SegmentRow) for row in rows), None)

    def set_segment(self, row: SegmentRow) -> None:
        """Remember what a version was compiled to."""
        self.db.table("segments").upsert(msgspec.to_builtins(row), pk="version")

    @property
    def serial(self) -> int:
        """The highest policy serial ever given out."""
        return int(self._value("SELECT value FROM meta WHERE key = 'serial'") or 0)

    @serial.setter
    def serial(self, value: int) -> None:
        self.db.table("meta").upsert({"key": "serial", "value": value}, pk="key")

    def write_audit(self, actor: str, action: str, target: str, detail: dict[str, object]) -> None:
        """Call it inside the transaction of the change."""
        text = msgspec.json.encode(detail).decode()
        self.db.table("audit").insert(
            {"time": now(), "actor": actor, "action": action, "object": target, "detail": text}
        )

    def audit(self, target: str | None = None, limit: int = 200) -> list[Audited]:
        """Changes, newest first; of one list when `target` is given."""
        return list(self.audit_each(target, limit))

    def audit_each(self, target: str | None = None, limit: int = -1) -> Iterator[Audited]:
        """The same, each read when it is taken; without a limit all."""
        where, values = ("object = ?", [target]) if target else (None, [])
        for row in self.db.table("audit").rows_where(where, values, order_by="id desc", limit=limit):
            yield Audited(**{**row, "detail": msgspec.json.decode(row["detail"])})

    def _value(self, query: str, values: Sequence[Any] = ()) -> Any:
        row = self._connection.execute(query, values).fetchone()
        return row[0] if row else None


def now() -> str:
    """UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
