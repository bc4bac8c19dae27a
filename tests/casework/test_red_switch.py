"""The red switch while casework.db cannot be written: it holds at once, and is recorded once, as what it was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from casework import client_table, decisions, red_switch, unrecorded
from casework.client_table import Publisher
from casework.decision_rules import DecisionError
from casework.store import audit
from casework.store import decisions as rows
from casework.store.audit import Origin
from casework.store.engine import DatabaseError, open_casework
from contracts.decisions import Bypass, DecisionsFile, Unrecorded
from runtime.lock import FileLock
from tests.casework.making import NOON, ZONE
from tests.waiting import DEADLINE, until

WHO = Origin("os:lan", NOON)
SOON = 2.0  # seconds that the switch may take here; the command around it has its own measure in tests/e2e


PATIENCE = red_switch.BUSY_SECONDS


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """Waits of a second that time out add up; where it is about time, PATIENCE is put back."""
    monkeypatch.setattr(red_switch, "BUSY_SECONDS", 0.05)
    monkeypatch.setattr(client_table, "BUSY_SECONDS", 0.05)


@pytest.fixture
def store(settings):
    made = open_casework(settings.state)
    yield made
    made.close()


@pytest.fixture
def state(settings, store):
    """A state whose database is there."""
    return settings.state


@pytest.fixture
def file(state):
    return DecisionsFile(state)


def later(seconds, actor="os:lan"):
    return Origin(actor, NOON + seconds)


def entries(store):
    """The audit of the switch, oldest first, without what every late entry has."""
    found = reversed(audit.latest(store, 50, text="bypass."))
    return [(one.time, one.actor, one.action, one.detail["reason"], one.detail.get("recorded")) for one in found]


def switched_while_locked(store, state, origin=WHO):
    with store.transaction():
        return red_switch.on(state, 1800, "a wrong list", origin)


def test_with_a_database_it_is_recorded_at_once(store, state, file):
    done = red_switch.on(state, 1800, "a wrong list", WHO)
    assert (done.serial, done.outstanding) == (1, "")
    assert file.read().unrecorded == ()
    assert entries(store) == [(NOON, "os:lan", "bypass.on", "a wrong list", None)]
    assert red_switch.off(state, "found it", later(60)).outstanding == ""
    assert file.read().bypass is None


def test_it_holds_while_the_database_is_locked(store, state, file, monkeypatch):
    monkeypatch.setattr(red_switch, "BUSY_SECONDS", PATIENCE)
    started = time.monotonic()
    done = switched_while_locked(store, state)
    assert time.monotonic() - started < SOON
    assert "locked" in done.outstanding
    found = file.read()
    assert (found.bypass, found.serial) == (Bypass(NOON + 1800.0, "a wrong list"), done.serial)
    (one,) = found.unrecorded
    assert (one.what, one.actor, one.time, one.reason, one.until) == (
        "on", "os:lan", NOON, "a wrong list", NOON + 1800,
    )  # fmt: skip
    assert rows.holding(store.connection, NOON) == []


def test_it_is_recorded_once_as_what_it_was(store, state, file):
    switched_while_locked(store, state)
    number = file.read().unrecorded[0].number
    publisher = Publisher(state, ZONE)
    for second in (5, 6, 7):
        publisher.look(NOON + second)
    publisher.close()
    assert file.read().bypass == Bypass(NOON + 1800.0, "a wrong list")
    assert file.read().unrecorded == ()
    (row,) = rows.latest(store.connection, "bypass", 5)
    assert (row.actor, row.since, row.until, row.reason, row.ended) == (
        "os:lan", NOON, NOON + 1800, "a wrong list", None,
    )  # fmt: skip
    (entry,) = audit.latest(store, 5, text="bypass.")
    assert (entry.time, entry.actor, entry.action, entry.object) == (NOON, "os:lan", "bypass.on", "policy")
    assert entry.detail == {
        "reason": "a wrong list", "ends": NOON + 1800, "recorded": NOON + 5, "number": number,
    }  # fmt: skip


def test_nothing_is_removed_while_the_lock_is_held(store, state, file):
    switched_while_locked(store, state)
    publisher = Publisher(state, ZONE)
    with store.transaction(), pytest.raises(DatabaseError):
        publisher.look(NOON + 1)
    publisher.close()
    assert file.read().bypass is not None
    assert len(file.read().unrecorded) == 1


def test_what_is_over_when_it_can_be_recorded_is_recorded_all_the_same(store, state, file):
    switched_while_locked(store, state)
    assert decisions.repair(store, state, NOON + 7200)
    assert file.read().unrecorded == ()
    assert file.read().bypass is None
    assert entries(store) == [(NOON, "os:lan", "bypass.on", "a wrong list", NOON + 7200)]
    assert not decisions.repair(store, state, NOON + 7201)


def test_off_works_too_and_both_are_recorded_in_their_order(store, state, file):
    with store.transaction():
        red_switch.on(state, 1800, "a wrong list", WHO)
        assert red_switch.off(state, "found it", later(60, "os:minh")).outstanding
        assert file.read().bypass is None
        with pytest.raises(DecisionError, match="not bypassed"):
            red_switch.off(state, "again", later(61))
        red_switch.on(state, 600, "another one", later(120))
    assert decisions.repair(store, state, NOON + 200)
    assert entries(store) == [
        (NOON, "os:lan", "bypass.on", "a wrong list", NOON + 200),
        (NOON + 60, "os:minh", "bypass.off", "found it", NOON + 200),
        (NOON + 120, "os:lan", "bypass.on", "another one", NOON + 200),
    ]
    newest, first = rows.latest(store.connection, "bypass", 5)
    assert (first.ended, first.ended_by, newest.until, newest.ended) == (NOON + 60, "os:minh", NOON + 720, None)
    assert file.read().bypass == Bypass(NOON + 720.0, "another one")


def test_off_of_what_the_database_knows(store, state, file):
    red_switch.on(state, 1800, "a wrong list", WHO)
    decisions.allow(store, state, "good.example", 3600, "false alarm", WHO)
    with store.transaction():
        red_switch.off(state, "found it", later(60))
    assert file.read().bypass is None
    assert decisions.repair(store, state, NOON + 61)
    assert rows.latest(store.connection, "bypass", 5)[0].ended == NOON + 60
    assert [one.name for one in file.read().allowed] == ["good.example"]


def test_the_next_decision_records_what_is_outstanding_first(store, state, file):
    switched_while_locked(store, state)
    decisions.allow(store, state, "good.example", 3600, "false alarm", later(30))
    assert [(one.time, one.action) for one in audit.latest(store, 2)] == [
        (NOON + 30, "allow.add"),
        (NOON, "bypass.on"),
    ]
    assert file.read().bypass is not None
    assert file.read().unrecorded == ()
    red_switch.off(state, "", later(31))
    assert file.read().bypass is None


def test_a_fault_between_database_and_file_makes_no_second_entry(store, state, file, monkeypatch):
    switched_while_locked(store, state)
    with monkeypatch.context() as patch:
        patch.setattr(DecisionsFile, "publish", lambda *_given: (_ for _ in ()).throw(OSError("disk full")))
        with pytest.raises(OSError, match="disk full"):
            decisions.repair(store, state, NOON + 1)
    assert len(entries(store)) == 1
    assert len(file.read().unrecorded) == 1
    assert decisions.repair(store, state, NOON + 2)
    assert len(entries(store)) == 1
    assert len(rows.latest(store.connection, "bypass", 5)) == 1
    assert file.read().unrecorded == ()


def test_several_at_once_record_it_once(store, state, file):
    switched_while_locked(store, state)

    def put_right():
        mine = open_casework(state)
        decisions.repair(mine, state, NOON + 1)
        mine.close()

    threads = [threading.Thread(target=put_right) for _ in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(entries(store)) == 1
    assert file.read().unrecorded == ()


def test_a_database_that_cannot_be_opened_keeps_nobody_from_it(store, state, file):
    store.close()
    (state / "casework.db").unlink()
    (state / "casework.db").write_bytes(b"no database at all, but long enough to be looked at" * 20)
    assert "not a database" in red_switch.on(state, 1800, "a wrong list", WHO).outstanding
    assert file.read().bypass is not None


def test_a_file_that_cannot_be_written_is_told_with_the_database(store, state, monkeypatch):
    monkeypatch.setattr(DecisionsFile, "publish", lambda *_given: (_ for _ in ()).throw(OSError("disk full")))
    with store.transaction(), pytest.raises(DecisionError, match=r"locked.*disk full"):
        red_switch.on(state, 1800, "a wrong list", WHO)


def test_a_damaged_file_does_not_keep_it_from_working(store, state, file):
    decisions.allow(store, state, "good.example", 3600, "false alarm", WHO)
    file.path.write_bytes(b"{")
    with store.transaction():
        red_switch.on(state, 1800, "a wrong list", later(1))
    assert file.read().bypass is not None
    assert decisions.repair(store, state, NOON + 2)
    assert [one.name for one in file.read().allowed] == ["good.example"]
    assert file.read().bypass is not None


@pytest.mark.parametrize(("seconds", "reason", "words"), [(59, "fire", "how long"), (600, " ", "reason")])
def test_rules_hold_without_a_database(store, state, file, seconds, reason, words):
    with store.transaction(), pytest.raises(DecisionError, match=words):
        red_switch.on(state, seconds, reason, WHO)
    assert not file.path.exists()


SOUND = Unrecorded("001122334455", "on", "os:lan", NOON, "a wrong list", NOON + 600)


@pytest.mark.parametrize(
    "changed",
    [
        {"until": NOON + 366 * 86400},
        {"until": NOON},
        {"reason": "x" * 501},
        {"reason": ""},
        {"actor": ""},
        {"actor": "x" * 500},
        {"number": "x" * 500},
        {"time": 1 << 70, "until": (1 << 70) + 600},
        {"time": -5, "until": 600},
    ],
)
def test_what_no_command_wrote_is_not_recorded(store, state, file, changed, caplog):
    """A sealed file that says what our own commands never do. It is told, and does not hold."""
    odd = Unrecorded(**{**{name: getattr(SOUND, name) for name in SOUND.__struct_fields__}, **changed})
    found = file.read()
    file.publish(unrecorded.applied(found, (odd,), 1, NOON))
    assert decisions.repair(store, state, NOON + 1)
    assert entries(store) == []
    assert (file.read().unrecorded, file.read().bypass) == ((), None)
    assert "not recorded" in caplog.text


def test_two_who_cannot_wait_lose_nothing(store, state, file):
    """Without the lock of the database, the lock of the file is all that keeps them apart."""
    with store.transaction():
        threads = [
            threading.Thread(target=red_switch.on, args=(state, 600, f"reason {number}", later(number)))
            for number in range(6)
        ]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    assert sorted(one.reason for one in file.read().unrecorded) == [f"reason {number}" for number in range(6)]
    assert file.read().serial == 6


def test_who_holds_the_file_does_not_keep_it_from_working(store, state, file, monkeypatch):
    monkeypatch.setattr(red_switch, "BUSY_SECONDS", PATIENCE)
    file.path.parent.mkdir()
    started = time.monotonic()
    with store.transaction(), FileLock(unrecorded.lock_of(file)):
        red_switch.on(state, 600, "a wrong list", WHO)
    assert time.monotonic() - started < SOON
    assert file.read().bypass is not None


def test_what_was_read_before_the_switch_does_not_replace_it(store, state, file, monkeypatch):
    """Somebody was stopped between reading the file and replacing it, and goes on behind the switch."""
    decisions.allow(store, state, "good.example", 3600, "false alarm", WHO)
    real = DecisionsFile.read

    def overtaken(self):
        found = real(self)
        with monkeypatch.context() as patch:
            patch.setattr(DecisionsFile, "read", real)
            unrecorded.add(state, SOUND)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(DecisionsFile, "read", overtaken)
        with pytest.raises(OSError, match="changed"), store.transaction() as run:
            decisions.publish(run, state, NOON + 1)
    assert file.read().bypass is not None
    assert len(file.read().unrecorded) == 1


def test_a_stopped_process_with_the_write_lock(store, state, file):
    """The real thing: another process took the lock and was stopped."""
    held = "import sqlite3, sys; run = sqlite3.connect(sys.argv[1], isolation_level=None);"
    held += "run.execute('BEGIN IMMEDIATE'); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", held, state / "casework.db"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.readline() == b"held\n"
        os.kill(other.pid, signal.SIGSTOP)
        try:
            assert "locked" in red_switch.on(state, 600, "a wrong list", WHO).outstanding
        finally:
            os.kill(other.pid, signal.SIGCONT)
            other.stdin.close()
            other.wait(DEADLINE)
    publisher = Publisher(state, ZONE)
    publisher.look(NOON + 5)
    publisher.close()
    until(lambda: len(entries(store)) == 1, "recorded")
    assert file.read().bypass is not None
