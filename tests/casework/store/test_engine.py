"""Stores: opened by several processes at once, migrated once, with transactions that hold."""

from __future__ import annotations

import stat
import subprocess
import sys
import threading

import pytest

from casework.store import engine
from casework.store.engine import DatabaseError, Store, Stores, WrongDatabase, open_casework, open_evidence
from tests.conftest import REPO

FIRST = "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT) STRICT;\n"
SECOND = """\
-- with a trigger: semicolons inside must not end the statement
CREATE TABLE more (id INTEGER PRIMARY KEY) STRICT;
CREATE TRIGGER echo AFTER INSERT ON notes BEGIN
    INSERT INTO more VALUES (NULL);
    INSERT INTO more VALUES (NULL);
END;
"""


@pytest.fixture
def steps(tmp_path, monkeypatch):
    """A folder of migrations to write into."""
    monkeypatch.setattr(engine, "MIGRATIONS", tmp_path / "migrations")
    folder = tmp_path / "migrations" / "thing"
    folder.mkdir(parents=True)
    (folder / "0001_notes.sql").write_text(FIRST)
    return folder


def versions(store: Store) -> int:
    return int(store.connection.execute("PRAGMA user_version").fetchone()[0])


def tables(store: Store) -> set[str]:
    return {row["name"] for row in store.connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}


def test_a_new_file_is_made_tight_in_wal_mode_with_all_steps(tmp_path, steps):
    (steps / "0002_more.sql").write_text(SECOND)
    store = Store(tmp_path / "state" / "thing.db", "thing")
    assert versions(store) == 2
    assert store.connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert store.connection.execute("PRAGMA foreign_keys").fetchone()[0] == 1
    assert stat.S_IMODE(store.path.stat().st_mode) & ~0o640 == 0
    assert stat.S_IMODE(store.path.parent.stat().st_mode) & 0o007 == 0
    with store.transaction() as run:
        run.execute("INSERT INTO notes (text) VALUES ('x')")
    assert store.connection.execute("SELECT count(*) FROM more").fetchone()[0] == 2
    store.close()


def test_an_old_file_gets_the_steps_it_lacks_and_keeps_its_rows(tmp_path, steps):
    store = Store(tmp_path / "thing.db", "thing")
    store.connection.execute("INSERT INTO notes (text) VALUES ('kept')")
    store.close()
    (steps / "0002_more.sql").write_text(SECOND)
    store = Store(tmp_path / "thing.db", "thing")
    assert [row["text"] for row in store.connection.execute("SELECT text FROM notes")] == ["kept"]
    assert versions(store) == 2
    store.close()


def test_a_step_that_fails_leaves_nothing_behind(tmp_path, steps):
    (steps / "0002_bad.sql").write_text("CREATE TABLE half (id INTEGER);\nCREATE TABLE notes (id INTEGER);\n")
    with pytest.raises(DatabaseError, match="already exists"):
        Store(tmp_path / "thing.db", "thing")
    (steps / "0002_bad.sql").unlink()
    store = Store(tmp_path / "thing.db", "thing")
    assert versions(store) == 1
    assert tables(store) == {"notes"}
    store.close()


def test_a_newer_database_is_refused_for_writing_and_reading(tmp_path, steps):
    (steps / "0002_more.sql").write_text(SECOND)
    Store(tmp_path / "thing.db", "thing").close()
    (steps / "0002_more.sql").unlink()
    for readonly in (False, True):
        with pytest.raises(WrongDatabase, match=r"thing\.db is of version 2, this program knows 1"):
            Store(tmp_path / "thing.db", "thing", readonly=readonly)


def test_gaps_in_the_numbers_and_unfinished_statements_are_told(tmp_path, steps):
    (steps / "0003_late.sql").write_text(SECOND)
    with pytest.raises(WrongDatabase, match="not numbered 1 to 2"):
        Store(tmp_path / "thing.db", "thing")
    with pytest.raises(WrongDatabase, match="without its end"):
        list(engine.statements("CREATE TABLE a (b);\nCREATE TABLE c (d)"))


def test_a_file_that_is_no_database_is_an_error_not_a_crash(tmp_path, steps):
    (tmp_path / "thing.db").write_bytes(b"no database at all, " * 100)
    with pytest.raises(DatabaseError, match="not a database"):
        Store(tmp_path / "thing.db", "thing")


def test_several_processes_may_open_a_new_state_folder_at_once(tmp_path):
    code = (
        "import sys; from pathlib import Path; from casework.store.engine import *\n"
        "sys.stdin.readline()\n"
        "for opened in (open_casework(Path(sys.argv[1])), open_evidence(Path(sys.argv[1]))):\n"
        "    print(opened.connection.execute('PRAGMA user_version').fetchone()[0])"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "state")],
            cwd=REPO, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for _ in range(4)
    ]  # fmt: skip
    for process in started:
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = {process.communicate(timeout=60)[0] for process in started}
    assert all(process.returncode == 0 for process in started)
    newest = [len(engine.migrations(name)) for name in ("casework", "evidence")]
    assert answers == {f"{newest[0]}\n{newest[1]}\n"}


def test_a_transaction_is_whole_or_not_at_all_and_shuts_others_out(tmp_path, steps):
    store = Store(tmp_path / "thing.db", "thing")
    with pytest.raises(DatabaseError, match="no such table"), store.transaction() as run:
        run.execute("INSERT INTO notes (text) VALUES ('never')").execute("INSERT INTO nowhere VALUES (1)")
    other = Store(tmp_path / "thing.db", "thing", busy_seconds=0.05)
    with store.transaction():
        with pytest.raises(DatabaseError, match="locked"), other.transaction():
            pass
        assert other.connection.execute("SELECT count(*) FROM notes").fetchone()[0] == 0
    with other.transaction() as run:
        run.execute("INSERT INTO notes (text) VALUES ('free again')")
    assert store.connection.execute("SELECT text FROM notes").fetchone()["text"] == "free again"
    store.close()
    other.close()


def test_a_reader_makes_missing_databases_but_cannot_write(tmp_path):
    store = open_evidence(tmp_path / "state", readonly=True)
    assert store.connection.execute("SELECT count(*) FROM casework.units").fetchone()[0] == 0
    for table in ("hosts", "casework.units"):
        with pytest.raises(DatabaseError, match="readonly"):
            store.connection.execute(f"DELETE FROM {table}")
    store.close()


def test_a_file_whose_maker_was_killed_before_the_first_step_is_no_hindrance(tmp_path, steps):
    (tmp_path / "thing.db").touch()
    store = Store(tmp_path / "thing.db", "thing", readonly=True)
    assert store.connection.execute("SELECT count(*) FROM notes").fetchone()[0] == 0
    store.close()


def test_each_thread_has_its_own_connections(tmp_path):
    stores = Stores(tmp_path)
    mine, seen = stores.casework, []

    def look() -> None:
        seen.append(stores.casework is mine)
        seen.append(stores.evidence.connection.execute("SELECT count(*) FROM hosts").fetchone()[0])
        stores.close()

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [False, 0]
    assert stores.casework is mine
    stores.close()
    assert stores.casework is not mine
    stores.close()


@pytest.mark.parametrize("rows", [0, 1, 99, 100, 101, 250])
def test_many_rows_in_few_statements(tmp_path, steps, rows):
    store = Store(tmp_path / "thing.db", "thing")
    wanted = [(number, f"n{number}") for number in range(rows)]
    with store.transaction() as run:
        engine.insert_many(run, "INSERT INTO notes (id, text)", 2, wanted)
        engine.insert_many(
            run, "INSERT INTO notes (id, text)", 2, wanted, "ON CONFLICT DO UPDATE SET text = notes.text || '!'"
        )
    found = store.connection.execute("SELECT id, text FROM notes ORDER BY id")
    assert [tuple(row) for row in found] == [(number, f"{text}!") for number, text in wanted]
    store.close()


def test_casework_opens_with_units(tmp_path):
    store = open_casework(tmp_path)
    assert {"units", "unit_networks", "campaigns"} <= tables(store)
    store.close()


def test_a_second_connection_leaves_the_locks_of_the_first(tmp_path):
    """A POSIX lock goes when its process closes *any* descriptor of the file (sqlite.org/howtocorrupt.html, 2.2).

    Then another process believes to be the last one, and takes the write-ahead log away from under the first.
    """
    first = open_casework(tmp_path)
    open_casework(tmp_path).close()
    passing = "import sqlite3, sys; run = sqlite3.connect(sys.argv[1]); run.execute('SELECT count(*) FROM units')"
    subprocess.run([sys.executable, "-c", f"{passing}.fetchall(); run.close()", tmp_path / "casework.db"], check=True)
    assert (tmp_path / "casework.db-wal").exists()
    assert first.connection.execute("SELECT count(*) FROM units").fetchone()[0] == 0
    first.close()
