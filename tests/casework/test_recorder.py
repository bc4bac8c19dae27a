"""Batches into the ledger exactly once: duplicates, gaps, midnight, failures, and boots that died."""

from __future__ import annotations

from contextlib import closing

import pytest

from casework import ledger
from casework.store import ledger as sql
from casework.store.engine import DatabaseError, Store
from contracts.control import RunFolder
from contracts.counter import CounterFile, counter_path
from tests.casework.making import BOOT, NOON, Clock, arrival, hits_in, recorder_in, rolled_up, row

OTHER = "00000000000000b2"
MIDNIGHT = 1_795_478_400  # 2026-11-24 00:00 UTC
DEAD_PID = (1 << 22) + 7  # above Linux' highest


def test_batches_are_taken_once_and_in_order(recorder, settings):
    recorder.commit([arrival(1, [row("127.10.0.1")]), arrival(2, [row("127.10.0.2", count=3)])])
    recorder.commit([arrival(2, [row("127.10.0.2", count=3)]), arrival(1, [row("127.10.0.1")])])
    recorder.commit([arrival(2, [row("127.10.0.2", count=3)]), arrival(3, [row("127.10.0.3")])])
    assert recorder.committed(BOOT) == 3
    assert hits_in(settings.state) == 5
    status = recorder.status()
    assert (status["batches"], status["duplicates"], status["hits"], status["rows"]) == (3, 3, 5, 3)


def test_another_recorder_goes_on_where_the_first_was_killed(recorder, settings):
    recorder.commit([arrival(1, [row("127.10.0.1")])])
    heir = recorder_in(settings.state)
    heir.commit([])
    assert heir.committed(BOOT) == 1
    heir.commit([arrival(1, [row("127.10.0.1")]), arrival(2, [row("127.10.0.1", NOON + 1)])])
    assert hits_in(settings.state) == 2
    heir.close()


def test_each_boot_counts_for_itself(recorder, settings):
    recorder.commit([arrival(1, [row("127.10.0.1")]), arrival(1, [row("127.10.0.1")], OTHER)])
    assert (recorder.committed(BOOT), recorder.committed(OTHER), hits_in(settings.state)) == (1, 1, 2)


def test_a_gap_is_counted_and_does_not_hold_up(recorder, settings):
    recorder.commit([arrival(1, [row("127.10.0.1")]), arrival(5, [row("127.10.0.1", NOON + 1)])])
    assert (recorder.committed(BOOT), recorder.status()["gaps"], hits_in(settings.state)) == (5, 3, 2)


def test_rows_without_sense_are_counted_and_their_batch_acknowledged(recorder):
    recorder.commit([arrival(1, [(b"bad", b"", NOON, 1, b"")])])
    assert (recorder.committed(BOOT), recorder.status()["refused"]) == (1, 1)


def test_midnight_begins_a_new_file_that_knows_the_old_marks(recorder, settings, clock):
    clock.now = MIDNIGHT - 1
    recorder.commit([arrival(1, [row("127.10.0.1", MIDNIGHT - 1)])])
    clock.now = MIDNIGHT
    late = arrival(2, [row("127.10.0.1", MIDNIGHT - 1), row("127.10.0.1", MIDNIGHT)])
    recorder.commit([arrival(1, [row("127.10.0.1", MIDNIGHT - 1)]), late])
    assert [path.name for path in ledger.day_files(settings.state)] == ["2026-11-24-node1.db", "2026-11-23-node1.db"]
    (settings.state / "ledger" / "2026-11-23-node1.db").rename(settings.state / "away.db")
    heir = recorder_in(settings.state, clock)
    heir.commit([late])
    assert heir.committed(BOOT) == 2
    assert heir.status()["duplicates"] == 1
    heir.close()
    (settings.state / "away.db").rename(settings.state / "ledger" / "2026-11-23-node1.db")
    found = list(ledger.rows(settings.state))
    assert [(one.file[:10], one.time - MIDNIGHT) for one in found] == [
        ("2026-11-24", 0), ("2026-11-24", -1), ("2026-11-23", -1),
    ]  # fmt: skip
    rolled_up(recorder, clock)
    assert recorder.status()["behind"] == 0


def test_marks_are_carried_even_when_a_quiet_boot_sends_nothing_that_day(recorder, settings, clock):
    recorder.commit([arrival(7, [row("127.10.0.1")])])
    for day in range(1, 4):
        clock.now = NOON + day * 86400
        recorder.commit([arrival(day, [row("127.10.0.2", int(clock.now))], OTHER)])
    for path in ledger.day_files(settings.state)[1:]:
        path.unlink()
    heir = recorder_in(settings.state, clock)
    heir.commit([])
    assert heir.committed(BOOT) == 7
    heir.close()


@pytest.mark.parametrize("sign", ["its counter file", "its connection"])
def test_a_boot_without_a_hit_for_weeks_is_known_as_long_as_it_is_there(recorder, settings, clock, sign):
    recorder.commit([arrival(5, [row("127.10.0.1", count=50)], made=50)])
    if sign == "its counter file":
        worker_counted(settings, 50).close()
    for day in range(1, 17):
        clock.now = NOON + day * 86400
        recorder.settle({BOOT: 0} if sign == "its connection" else {})
        recorder.commit([arrival(day, [row("127.10.0.2", int(clock.now))], OTHER, 1)])
    heir = recorder_in(settings.state, clock)
    heir.commit([arrival(6, [row("127.10.0.1", int(clock.now))], made=51)])
    assert (heir.status()["gaps"], ledger.lost_boots(settings.state)) == (0, [])
    killed(worker_counted(settings, 51))
    heir.settle({})
    heir.settle({})
    assert heir.status()["lost"] == []
    heir.close()


def test_a_boot_that_is_not_there_is_forgotten_after_a_week(recorder, clock):
    recorder.commit([arrival(5, [row("127.10.0.1")])])
    recorder.settle({})
    for day, known in ((6, True), (8, False)):
        clock.now = NOON + day * 86400
        recorder.commit([arrival(day, [row("127.10.0.2", int(clock.now))], OTHER, 1)])
        (newest, *_) = ledger.day_files(recorder._state)
        with closing(sql.open_day(newest)) as store:
            assert (BOOT in {mark.boot for mark in sql.marks(store)}) == known


def test_a_clock_set_back_forgets_nothing(recorder, settings, clock):
    recorder.commit([arrival(1, [row("127.10.0.1")])])
    clock.now = NOON - 3 * 86400
    recorder.commit([arrival(2, [row("127.10.0.1")])])
    heir = recorder_in(settings.state, Clock(NOON))
    heir.commit([arrival(2, [row("127.10.0.1")])])
    assert (heir.status()["duplicates"], hits_in(settings.state)) == (1, 2)
    heir.close()


def test_a_locked_ledger_takes_nothing_and_the_same_batches_come_again(recorder, settings, monkeypatch):
    monkeypatch.setattr("casework.daywriter.BUSY_SECONDS", 0.05)
    recorder.commit([arrival(1, [row("127.10.0.1")])])
    thief = Store(ledger.day_files(settings.state)[0], "ledger")
    thief.connection.execute("BEGIN IMMEDIATE")
    again = [arrival(2, [row("127.10.0.1", NOON + 1), row("127.10.0.9", NOON + 1)])]
    heir = recorder_in(settings.state)
    for one in (heir, heir):
        with pytest.raises(DatabaseError, match="locked"):
            one.commit(again)
        assert one.status()["hits"] == 0
    thief.connection.execute("ROLLBACK")
    thief.close()
    heir.commit(again)
    assert (heir.committed(BOOT), hits_in(settings.state)) == (2, 3)
    heir.close()


def test_a_full_disk_takes_nothing_and_recovers(recorder, settings, clock):
    recorder.commit([arrival(1, [row("127.10.0.1")])])
    run = recorder._day._file.store.connection
    pages = run.execute("PRAGMA page_count").fetchone()[0]
    run.execute(f"PRAGMA max_page_count = {pages}")
    much = [row(f"127.10.{number // 250}.{number % 250}") for number in range(5000)]
    with pytest.raises(DatabaseError, match="full"):
        recorder.commit([arrival(2, much)])
    assert hits_in(settings.state) == 1
    recorder.commit([arrival(2, much)])
    assert hits_in(settings.state) == 5001
    rolled_up(recorder, clock)
    assert recorder.status()["behind"] == 0


def worker_counted(settings, made: int, dropped: int = 0, boot: str = BOOT, worker: int = 0) -> CounterFile:
    counter = CounterFile(counter_path(RunFolder(settings.state).folder, worker, boot))
    counter.values[0], counter.values[1] = made, dropped
    return counter


def killed(counter: CounterFile) -> None:
    """As the file is when its process does not exist any more."""
    counter._cast[2] = DEAD_PID
    counter.close()


def test_what_died_with_a_worker_is_told(recorder, settings, clock):
    recorder.commit([arrival(1, [row("127.10.0.1", count=4)], made=4)])
    counter = worker_counted(settings, 10, 1)
    recorder.settle({})
    recorder.settle({})
    assert counter.path.exists(), "its process, ours, lives"
    killed(counter)
    recorder.settle({BOOT: 0})
    recorder.settle({BOOT: 0})
    assert counter.path.exists(), "it is still connected"
    recorder.settle({})
    assert recorder.status()["lost"] == [], "once is not enough: its last octets may be on their way"
    recorder.settle({})
    assert not counter.path.exists()
    (lost,) = recorder.status()["lost"]
    assert (lost["boot"], lost["made"], lost["counted"], lost["dropped"], lost["lost"]) == (BOOT, 10, 4, 1, 5)
    assert [mark.lost for mark in ledger.lost_boots(settings.state)] == [5]
    heir = recorder_in(settings.state)
    heir.commit([])
    assert [one["lost"] for one in heir.status()["lost"]] == [5]
    heir.close()


def test_a_worker_whose_number_is_taken_over_is_dead_whatever_its_pid_says(recorder, settings):
    worker_counted(settings, 3).close()
    for _ in range(2):
        recorder.settle({OTHER: 1})
    assert recorder.status()["lost"] == []
    for _ in range(2):
        recorder.settle({OTHER: 0})
    assert [one["lost"] for one in recorder.status()["lost"]] == [3]


def test_a_worker_that_ended_well_lost_nothing(recorder, settings):
    recorder.commit([arrival(1, [row("127.10.0.1", count=4)], made=4)])
    counter = worker_counted(settings, 4)
    killed(counter)
    recorder.settle({})
    recorder.settle({})
    assert not counter.path.exists()
    assert recorder.status()["lost"] == []


def test_hits_that_come_after_the_settlement_are_not_lost_any_more(recorder, settings):
    killed(worker_counted(settings, 10))
    recorder.settle({})
    recorder.settle({})
    recorder.commit([arrival(1, [row("127.10.0.1", count=10)], made=10)])
    assert recorder.status()["lost"] == []
    assert ledger.lost_boots(settings.state) == []
