"""One SQLite file as a Store: opened safely by several processes at once, migrated, with explicit transactions.

No queries of any noun: those stand in the other files of this folder, one noun each.
"""

from __future__ import annotations

import os
import sqlite3  # noqa: TID251  this is the door
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Any, Literal, NamedTuple

from casework.store.text import plain

# For the callers' annotations and `except` clauses: they may not import sqlite3 themselves.
Connection = sqlite3.Connection
Row = sqlite3.Row
DatabaseError = sqlite3.Error
IntegrityError = sqlite3.IntegrityError

Synchronous = Literal["NORMAL", "FULL"]
MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_SECONDS = 10.0
_AT_ONCE = 100
_MAPPED = 1 << 30  # octets of a file read through the page cache of the system, which all processes share
_PASSING = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_NOMEM}
_FILE_MODE = 0o640
_FOLDER_MODE = 0o750


class WrongDatabase(Exception):
    """The file cannot be used by this program; the message says why and what to do."""


class UnreadableFile(sqlite3.DatabaseError):
    """The file at `path` cannot be used, and trying again will not help."""

    def __init__(self, path: Path, error: Exception) -> None:
        super().__init__(f"{path.name}: {error}")
        self.path = path
        self.is_damaged = _code(error) in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class Migration(NamedTuple):
    """One step of a database's schema; `number` becomes its `user_version`."""

    number: int
    name: str
    text: str


class Store:
    """One SQLite file, opened by one thread. `database` names its folder of migrations."""

    def __init__(
        self,
        path: Path,
        database: str,
        *,
        readonly: bool = False,
        synchronous: Synchronous = "FULL",
        busy_seconds: float = BUSY_SECONDS,
    ) -> None:
        """Open and migrate. Raises WrongDatabase or DatabaseError.

        A reader never changes rows, but where it comes before the first writer it makes or migrates the file first.
        """
        self.path = path
        steps = migrations(database)
        if readonly:
            if not path.exists():
                Store(path, database).close()
            self.connection = _reader(path, database, steps, busy_seconds)
            return
        _create(path)
        self.connection = _connect(path, False, busy_seconds)
        try:
            _use_wal(self.connection, busy_seconds)
            self.connection.execute(f"PRAGMA synchronous = {synchronous}")
            _migrate(self.connection, path, steps)
        except BaseException:
            self.connection.close()
            raise

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Everything inside is committed together, or not at all. Takes the write lock at once; cannot be nested."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield self.connection
            self.connection.execute("COMMIT")
        except BaseException:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Close the connection; the last one to close a file folds its write-ahead log in."""
        self.connection.close()


@contextmanager
def telling_unreadable(path: Path) -> Iterator[None]:
    """Raise UnreadableFile for a file that cannot be used, but not where waiting helps (a lock, a full disk)."""
    try:
        yield
    except (UnreadableFile, sqlite3.IntegrityError, sqlite3.ProgrammingError):
        raise
    except (sqlite3.Error, WrongDatabase, OSError) as error:
        if _code(error) in _PASSING:
            raise
        raise UnreadableFile(path, error) from error


def _code(error: Exception) -> int:
    """SQLite's own number, without what it adds for the particular place."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def open_casework(state: Path, *, readonly: bool = False, busy_seconds: float = BUSY_SECONDS) -> Store:
    """casework.db: units, campaigns, accounts, cases. Written by casework and admin."""
    return Store(state / "casework.db", "casework", readonly=readonly, busy_seconds=busy_seconds)


def open_evidence(state: Path, *, readonly: bool = False) -> Store:
    """evidence.db: hosts and sightings, written by the recorder only. Readers see casework.db attached as `casework`.

    NORMAL is enough: after a power cut the roll-up stands a little back and is repeated from the ledger.
    """
    if not readonly:
        return Store(state / "evidence.db", "evidence", synchronous="NORMAL")
    open_casework(state, readonly=True).close()  # made and migrated, so that it can be attached
    store = Store(state / "evidence.db", "evidence", readonly=True)
    store.connection.execute("ATTACH ? AS casework", (f"{(state / 'casework.db').absolute().as_uri()}?mode=ro",))
    return store


class Stores:
    """The databases of a state folder; each thread gets connections of its own. Pages only read the evidence."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self._local = threading.local()

    @property
    def casework(self) -> Store:
        """This thread's casework.db, for reading and writing."""
        if not hasattr(self._local, "casework"):
            self._local.casework = open_casework(self.state)
        store: Store = self._local.casework
        return store

    @property
    def evidence(self) -> Store:
        """This thread's evidence.db, read-only, with casework.db attached."""
        if not hasattr(self._local, "evidence"):
            self._local.evidence = open_evidence(self.state, readonly=True)
        store: Store = self._local.evidence
        return store

    def close(self) -> None:
        """Close what this thread has open."""
        for store in self._local.__dict__.values():
            store.close()
        self._local.__dict__.clear()


def migrations(database: str) -> list[Migration]:
    """The steps of a database in order: files `NNNN_name.sql` without gaps, from 0001."""
    found = []
    for path in sorted((MIGRATIONS / database).glob("*.sql")):
        number, _, name = path.stem.partition("_")
        found.append(Migration(int(number), name, path.read_text(encoding="utf-8")))
    if [step.number for step in found] != list(range(1, len(found) + 1)):
        raise WrongDatabase(f"the migrations of {database} are not numbered 1 to {len(found)}")
    return found


def _reader(path: Path, database: str, steps: list[Migration], busy_seconds: float) -> sqlite3.Connection:
    connection = _connect(path, True, busy_seconds)
    try:
        _check_version(connection, path, steps)
        if _version(connection) < len(steps):
            Store(path, database).close()
    except BaseException:
        connection.close()
        raise
    return connection


def _create(path: Path) -> None:
    """Make folder and file with our modes; SQLite gives its -wal and -shm files the mode of the file.

    A file that is there is not opened: closing it again would give up the POSIX locks that other connections of this
    process hold on it. Whichever process leaves next then believes to be the last, and removes the write-ahead log
    that we are using.
    """
    path.parent.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, _FILE_MODE))


def _connect(path: Path, readonly: bool, busy_seconds: float) -> sqlite3.Connection:
    address = f"{path.absolute().as_uri()}?mode={'ro' if readonly else 'rw'}"
    try:
        connection = sqlite3.connect(address, timeout=busy_seconds, isolation_level=None, uri=True)
    except sqlite3.OperationalError as error:
        raise WrongDatabase(f"{path}: {error}") from error
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA mmap_size = {_MAPPED}")
    connection.create_function("plain", 1, plain, deterministic=True)
    return connection


def _use_wal(connection: sqlite3.Connection, busy_seconds: float) -> None:
    """Switch to write-ahead logging. SQLite does not wait for this lock by itself when two processes come first."""
    deadline = time.monotonic() + busy_seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def _check_version(connection: sqlite3.Connection, path: Path, steps: list[Migration]) -> None:
    version = _version(connection)
    if version > len(steps):
        raise WrongDatabase(
            f"{path} is of version {version}, this program knows {len(steps)}: it was written by a newer release. "
            "Install that release, or restore a backup made before the upgrade."
        )


def _migrate(connection: sqlite3.Connection, path: Path, steps: list[Migration]) -> None:
    _check_version(connection, path, steps)
    while _version(connection) < len(steps):
        connection.execute("BEGIN IMMEDIATE")
        try:
            version = _version(connection)  # again: another process may have been faster
            _check_version(connection, path, steps)
            if version < len(steps):
                step = steps[version]
                for statement in statements(step.text):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {step.number}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def insert_many(
    run: sqlite3.Connection, insert: str, columns: int, rows: Sequence[Sequence[Any]], after: str = ""
) -> None:
    """`insert` ("INSERT INTO t (a, b)") all rows, many in one statement; `after` is its ON CONFLICT part.

    SQLite then gives up Python's lock once for _AT_ONCE rows instead of once a row. Beside a busy reactor thread that
    is the difference between waiting for the lock a few times and all the time (bench/recorder.py).
    """
    one = f"({', '.join('?' * columns)})"
    whole = len(rows) - len(rows) % _AT_ONCE
    if whole:
        text = f"{insert} VALUES {', '.join([one] * _AT_ONCE)} {after}"
        for at in range(0, whole, _AT_ONCE):
            run.execute(text, tuple(chain.from_iterable(rows[at : at + _AT_ONCE])))
    run.executemany(f"{insert} VALUES {one} {after}", rows[whole:])


def statements(text: str) -> Iterator[str]:
    """Single statements of a script. `executescript` would commit our transaction before the first one."""
    pending = ""
    for line in text.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""
    if pending.strip():
        raise WrongDatabase(f"a statement without its end: {pending.strip()[:80]!r}")
