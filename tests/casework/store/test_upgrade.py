"""Databases of an earlier release: what was in them is read as it was meant."""

from __future__ import annotations

import shutil

import pytest

from casework import hosts, ledger
from casework.daywriter import DayWriter
from casework.folding import Folder
from casework.store import engine
from casework.store.engine import Store, open_evidence
from tests.casework.making import NOON, facts, row

DAY = "2026-11-23-node1.db"


@pytest.fixture
def of_release(tmp_path, monkeypatch):
    """Makes a database of the first so many steps only."""

    def make(path, database, steps):
        folder = tmp_path / "old" / database
        folder.mkdir(parents=True)
        for file in sorted((engine.MIGRATIONS / database).glob("*.sql"))[:steps]:
            shutil.copy(file, folder)
        with monkeypatch.context() as patch:
            patch.setattr(engine, "MIGRATIONS", tmp_path / "old")
            return Store(path, database)

    return make


@pytest.fixture
def old_day(tmp_path, of_release):
    """A day file of 0.2.0 with one hit."""
    store = of_release(tmp_path / "ledger" / DAY, "ledger", 1)
    with store.transaction() as run:
        run.execute(
            "INSERT INTO facts VALUES (1, x'00', 'evil.example', 1, 'tcp', 'nodata', '', 'evil.example', 1, 'c2',"
            " 'Emotet', 'sample', 3, 12, 'demo-2026', '01/CV', 'Đơn vị', 7)"
        )
        run.execute("INSERT INTO hits VALUES (1, ?, '127.10.0.1', 1, 5)", (NOON,))
        run.execute("INSERT INTO hours VALUES (?, 1, 1, ?, ?)", (NOON // 3600, NOON, NOON))
    store.close()
    return tmp_path


def test_an_old_day_file_is_read(old_day):
    (found,) = ledger.rows(old_day)
    assert (found.qname, found.count, found.action, found.serial) == ("evil.example", 5, "nodata", 7)
    assert (found.step, found.verified, found.via, found.how, found.mac, found.cpe_id) == (
        "name",
        False,
        "",
        "",
        "",
        "",
    )
    assert [one.seq for one in ledger.rows(old_day, client="127.10.0.1")] == [1]


def test_an_old_day_file_is_gone_on_with(old_day):
    day = DayWriter(old_day / "ledger" / DAY, Folder())
    day.add([row("127.10.0.1", what=facts(step="alias"))], NOON)
    day.commit([])
    day.close()
    assert [(one.seq, one.step) for one in ledger.rows(old_day)] == [(2, "alias"), (1, "name")]


def test_strengths_of_before_are_the_same_answers(tmp_path, of_release):
    store = of_release(tmp_path / "evidence.db", "evidence", 2)
    with store.transaction() as run:
        run.execute("INSERT INTO hosts VALUES (1, '127.10.0.1', x'7f0a0001', '', 1, 1, 4)")
        for number in range(1, 5):
            run.execute("INSERT INTO indicators VALUES (?, ?, 'l', '', 'c2', '', '', '')", (number, f"n{number}"))
            run.execute("INSERT INTO host_indicators VALUES (1, ?, 1, 1, 1, ?)", (number, number))
    store.close()
    open_evidence(tmp_path).close()
    reader = open_evidence(tmp_path, readonly=True)
    (host,) = hosts.list_hosts(reader).rows
    reader.close()
    assert {one.domain: one.action for one in host.indicators} == {
        "n1": "passthru", "n2": "monitor", "n3": "nodata", "n4": "sinkhole",
    }  # fmt: skip
