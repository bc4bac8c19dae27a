"""The library of lists: every version with its rows, and the audit, in library.db. The only SQL of this folder.

No parsing, no judgement, no files but the database. The lists process writes; anyone may read.

Rows lie in the order of their names within a version (WITHOUT ROWID), so that a million of them need no second index:
a search asks each version for the name and its parents.
"""

from __future__ import annotations

import datetime
import sqlite3  # noqa: TID251  this is the door
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import sqlite_utils  # noqa: TID251  this is the door
from sqlite_utils.migrations import Migrations  # noqa: TID251  this is the door

from blocklists.report import Audited, Found, ListStatus, Row, State, Version

FILE = "library.db"
LOCK = "lists.lock"  # held by the one who writes
SEED_ACTOR = "system:seed"
KEPT_VERSIONS = 10
KEPT_REJECTED = 10_000  # rows kept per version and kind; the totals count all
# For the callers' `except` clauses: they may not import sqlite3 themselves.
DatabaseError = sqlite3.Error

NameRow = tuple[str, int, int, int]  # name, subdomains, line, label
AddressRow = tuple[str, int, int, int]  # network, port, line, label
Label = tuple[str, str, str, str, str]  # kind, family, letter, source, listed

migrations = Migrations("library")


_SCHEMA_1 = """
CREATE TABLE lists (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, position INTEGER, created TEXT);
CREATE TABLE versions (
    id INTEGER PRIMARY KEY, list_id INTEGER NOT NULL REFERENCES lists (id), number INTEGER,
    state TEXT NOT NULL CHECK (state IN ('held', 'live', 'old')), mode TEXT, campaign TEXT, kind TEXT, format TEXT,
    format_reason TEXT, file TEXT, digest TEXT, guard TEXT, actor TEXT, created TEXT, live_since TEXT,
    lines INTEGER, names INTEGER, addresses INTEGER, duplicates INTEGER, bad INTEGER, refused INTEGER, rows INTEGER,
    UNIQUE (list_id, number));
CREATE UNIQUE INDEX one_live_version ON versions (list_id) WHERE state = 'live';
CREATE TABLE labels (
    id INTEGER PRIMARY KEY, kind TEXT, family TEXT, letter TEXT, source TEXT, listed TEXT,
    UNIQUE (kind, family, letter, source, listed));
CREATE TABLE names (
    version INTEGER, name TEXT, subdomains INTEGER, line INTEGER, label INTEGER,
    PRIMARY KEY (version, name)) WITHOUT ROWID;
CREATE TABLE addresses (
    version INTEGER, network TEXT, port INTEGER, line INTEGER, label INTEGER,
    PRIMARY KEY (version, network, port)) WITHOUT ROWID;
CREATE TABLE notes (version INTEGER, line INTEGER, note TEXT, PRIMARY KEY (version, line)) WITHOUT ROWID;
CREATE TABLE rejected (version INTEGER, what TEXT, line INTEGER, text TEXT, reason TEXT);
CREATE INDEX rejected_of_version ON rejected (version, what, line);
CREATE INDEX rejected_text ON rejected (text);
CREATE TABLE segments (version INTEGER PRIMARY KEY, guard TEXT, file TEXT, digest TEXT, names INTEGER);
CREATE TABLE audit (id INTEGER PRIMARY KEY, time TEXT, actor TEXT, action TEXT, object TEXT, detail TEXT);
CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER);
"""


@migrations(name="0001_lists")
def _lists(db: sqlite_utils.Database) -> None:
    db.executescript(_SCHEMA_1)


class SegmentRow(msgspec.Struct, frozen=True):
    """Which file a version was compiled to, and under which guard."""

    version: int
    guard: str
    file: str
    digest: str
    names: int


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
        found = dict[str, list[Version]]()
        positions = dict(self.db.execute("SELECT name, position FROM lists").fetchall())
        for version in self._versions("ORDER BY versions.kind <> 'kill-switch', position, number DESC"):
            found.setdefault(version.list, []).append(version)
        return [
            ListStatus(
                name, positions[name], next((one for one in versions if one.state == "live"), None), (*versions,)
            )
            for name, versions in found.items()
        ]

    def _versions(self, where: str, values: Sequence[Any] = ()) -> list[Version]:
        query = f"SELECT versions.*, lists.name AS list FROM versions JOIN lists ON lists.id = versions.list_id {where}"  # noqa: S608  constants
        return [msgspec.convert(row, Version, strict=False) for row in self.db.query(query, values)]

    # Rows

    def label(self, label: Label) -> int:
        """The number of what many rows have in common: few distinct labels stand for millions of rows."""
        self._connection.execute(
            "INSERT OR IGNORE INTO labels (kind, family, letter, source, listed) VALUES (?, ?, ?, ?, ?)", label
        )
        where = "kind = ? AND family = ? AND letter = ? AND source = ? AND listed = ?"
        return int(self._value(f"SELECT id FROM labels WHERE {where}", label))  # noqa: S608  constants

    def add_names(self, version: int, rows: Iterable[NameRow]) -> int:
        """Returns how many were new to the version; of equal names the first stays."""
        return self._connection.executemany(
            f"INSERT OR IGNORE INTO names VALUES ({int(version)}, ?, ?, ?, ?)",  # noqa: S608  a number
            rows,
        ).rowcount

    def add_addresses(self, version: int, rows: Iterable[AddressRow]) -> int:
        """Returns how many were new to the version."""
        return self._connection.executemany(
            f"INSERT OR IGNORE INTO addresses VALUES ({int(version)}, ?, ?, ?, ?)",  # noqa: S608  a number
            rows,
        ).rowcount

    def add_notes(self, version: int, notes: Iterable[tuple[int, str]]) -> None:
        """Remarks by line; a line keeps its first."""
        self._connection.executemany(
            f"INSERT OR IGNORE INTO notes VALUES ({int(version)}, ?, ?)",  # noqa: S608  a number
            notes,
        )

    def add_rejected(self, version: int, what: str, rows: Iterable[Row]) -> None:
        """Keep lines that were not taken; `what` is "bad" or "refused"."""
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

    def names(self, version: int) -> Iterator[tuple[str, int, int, str, str, str, str]]:
        """(name, subdomains, line, kind, family, letter, source) of a version, for the compiler."""
        labels = {
            row[0]: row[1:] for row in self._connection.execute("SELECT id, kind, family, letter, source FROM labels")
        }
        query = "SELECT name, subdomains, line, label FROM names WHERE version = ? ORDER BY name"
        for name, subdomains, line, label in self._connection.execute(query, (version,)):
            yield name, subdomains, line, *labels[label]

    def find_names(self, names: Sequence[str]) -> list[Found]:
        """Rows of these names (the one asked first, then its parents) in every version that still has its rows."""
        found = self._find("names", "rows.name", names)
        return [one for one in found if one.subdomains or one.indicator == names[0]]

    def find_addresses(self, networks: Sequence[str]) -> list[Found]:
        """Rows of these addresses or networks in every version that still has its rows."""
        return self._find("addresses", "rows.network || CASE port WHEN 0 THEN '' ELSE ' port ' || port END", networks)

    def _find(self, table: str, shown: str, keys: Sequence[str]) -> list[Found]:
        column, subdomains = ("name", "rows.subdomains") if table == "names" else ("network", "0")
        marks = ", ".join("?" * len(keys))
        query = (
            f"SELECT lists.name AS list, versions.number AS version, state, mode, campaign, {shown} AS indicator,"  # noqa: S608  constants
            f" {subdomains} AS subdomains, rows.line AS line, labels.kind AS kind, family, letter, source, listed,"
            f" coalesce(note, '') AS note, file, versions.created AS created"
            " FROM versions JOIN lists ON lists.id = versions.list_id"
            f" JOIN {table} AS rows ON rows.version = versions.id AND rows.{column} IN ({marks})"
            " JOIN labels ON labels.id = rows.label"
            " LEFT JOIN notes ON notes.version = rows.version AND notes.line = rows.line"
            " ORDER BY state <> 'live', versions.kind <> 'kill-switch', position, number DESC"
        )
        return [msgspec.convert(row, Found, strict=False) for row in self.db.query(query, [*keys])]

    def find_refused(self, text: str) -> list[Found]:
        """Where exactly this name or address stood and was refused."""
        query = (
            "SELECT lists.name AS list, number AS version, state, mode, campaign, text AS indicator, 0 AS subdomains,"
            " line, kind, '' AS family, '' AS letter, '' AS source, '' AS listed, '' AS note, file,"
            " versions.created AS created, reason AS refused FROM rejected"
            " JOIN versions ON versions.id = rejected.version JOIN lists ON lists.id = versions.list_id"
            " WHERE what = 'refused' AND text = ? ORDER BY position, number DESC"
        )
        return [msgspec.convert(row, Found, strict=False) for row in self.db.query(query, (text,))]

    def prune(self, name: str, keep: int = KEPT_VERSIONS) -> list[int]:
        """Drop the rows of all but the newest versions; the live one keeps them. Returns the numbers."""
        old = [one for one in self.versions(name)[keep:] if one.rows and one.state != "live"]
        for version in old:
            for table in ("names", "addresses", "notes", "rejected", "segments"):
                self.db.table(table).delete_where("version = ?", [version.id])
            state: State = "old"
            self.db.table("versions").update(version.id, {"rows": 0, "state": state})
        return [version.number for version in old]

    # Segments, serial, audit

    def segment(self, version: int) -> SegmentRow | None:
        """What the version was compiled to."""
        rows = self.db.query("SELECT version, guard, file, digest, names FROM segments WHERE version = ?", (version,))
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
