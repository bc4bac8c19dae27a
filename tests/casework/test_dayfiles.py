"""Ledger files that cannot be read: recording goes on without them, nothing is counted twice, all is told."""

from __future__ import annotations

from contextlib import suppress

import pytest

from casework import ledger
from casework.store.engine import DatabaseError, Store, UnreadableFile, open_evidence
from casework.store.ledger import DayFile
from contracts.control import RunFolder
from contracts.counter import CounterFile, counter_path
from tests.casework.making import BOOT, NOON, arrival, hits_in, recorder_in, rolled_up, row

GARBAGE = b"not a database at all, " * 300
TODAY, SECOND_PART = "2026-11-23-node1.db", "2026-11-23-node1~02.db"
DEAD_PID = (1 << 22) + 7


def in_ledger(settings, name: str):
    return settings.state / "ledger" / name


def names(settings) -> list[str]:
    return [path.name for path in ledger.day_files(settings.state)]


def aside(settings) -> list[str]:
    return sorted(path.name for path in (settings.state / "ledger").glob("*damaged*"))


def rolled_hits(settings) -> int:
    store = open_evidence(settings.state, readonly=True)
    found = store.connection.execute("SELECT coalesce(sum(hits), 0) FROM sightings").fetchone()[0]
    store.close()
    return int(found)


def spoil(recorder) -> None:
    """Overwrite all of today's file but its first page, as a bad disk may."""
    run = recorder._day._file.store.connection
    run.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = run.execute("PRAGMA page_size").fetchone()[0]
    with recorder._day.path.open("r+b") as file:
        length = file.seek(0, 2)
        file.seek(size)
        file.write(b"\xff" * (length - size))
    run.execute("PRAGMA shrink_memory")  # SQLite would go on with the pages it has


def dead(settings, made: int) -> None:
    """What a worker left behind that had made so many hits."""
    counter = CounterFile(counter_path(RunFolder(settings.state).folder, 0, BOOT))
    counter.values[0] = made
    counter._cast[2] = DEAD_PID
    counter.close()


def lost(recorder) -> list[int]:
    for _ in range(2):
        recorder.settle({})
    return [one["lost"] for one in recorder.status()["lost"]]


@pytest.mark.parametrize("newer", [0, 10], ids=["among the newest", "older than those whose marks are read"])
def test_a_damaged_old_file_is_left_out_and_told(settings, clock, newer):
    in_ledger(settings, "2025-12-31-node1.db").parent.mkdir(parents=True)
    first = recorder_in(settings.state, clock)
    first.commit([arrival(1, [row("127.10.0.1")])])
    first.close()
    for day in range(1, newer + 1):
        DayFile(in_ledger(settings, f"2026-01-{day:02}-node1.db"), 1).close()
    in_ledger(settings, "2025-12-31-node1.db").write_bytes(GARBAGE)
    recorder = recorder_in(settings.state, clock)
    recorder.commit([arrival(1, [row("127.10.0.1")]), arrival(2, [row("127.10.0.1", NOON + 1)])])
    rolled_up(recorder, clock)
    (told,) = recorder.status()["unreadable"]
    assert "2025-12-31-node1.db: file is not a database" in told
    assert (recorder.status()["duplicates"], rolled_hits(settings)) == (1, 2)
    assert in_ledger(settings, "2025-12-31-node1.db").read_bytes() == GARBAGE
    in_ledger(settings, "2025-12-31-node1.db").unlink()
    assert recorder.status()["unreadable"] == []
    recorder.close()


def test_files_of_a_newer_release_are_left_out_too(settings, recorder, clock):
    DayFile(in_ledger(settings, "2026-01-01-node1.db"), 1).close()
    store = Store(in_ledger(settings, "2026-01-01-node1.db"), "ledger")
    store.connection.execute("PRAGMA user_version = 99")
    store.close()
    recorder.commit([arrival(1, [row("127.10.0.1")])])
    rolled_up(recorder, clock)
    assert "newer release" in recorder.status()["unreadable"][0]
    assert rolled_hits(settings) == 1


def test_a_file_with_bad_pages_holds_up_no_other(settings, clock):
    for day in range(3):
        clock.now = NOON + day * 86400
        recorder = recorder_in(settings.state, clock)
        recorder.commit([arrival(1, [row(f"127.10.0.{one}", int(clock.now)) for one in range(200)], f"{day:016x}")])
        if day == 1:
            spoil(recorder)
        recorder.close()
    heir = recorder_in(settings.state, clock)
    rolled_up(heir, clock)
    assert "2026-11-24-node1.db" in heir.status()["unreadable"][0]
    assert (rolled_hits(settings), heir.status()["behind"]) == (400, 0)
    heir.close()


def test_a_locked_old_file_is_waited_for(settings, clock, monkeypatch):
    """It may hold the marks of batches that come again."""
    monkeypatch.setitem(Store.__init__.__kwdefaults__, "busy_seconds", 0.05)
    first = recorder_in(settings.state, clock)
    first.commit([arrival(1, [row("127.10.0.1")])])
    first.close()
    clock.now += 86400
    thief = Store(in_ledger(settings, TODAY), "ledger")
    thief.connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    thief.connection.execute("BEGIN IMMEDIATE")
    heir = recorder_in(settings.state, clock)
    with pytest.raises(DatabaseError, match="locked"):
        heir.commit([arrival(1, [row("127.10.0.1")])])
    assert heir.status()["unreadable"] == []
    thief.connection.execute("ROLLBACK")
    thief.close()
    heir.commit([arrival(1, [row("127.10.0.1")])])
    assert (heir.status()["duplicates"], hits_in(settings.state)) == (1, 1)
    heir.close()


def test_a_damaged_file_of_today_is_set_aside_and_a_new_one_begun(settings, clock):
    in_ledger(settings, TODAY).parent.mkdir(parents=True)
    in_ledger(settings, TODAY).write_bytes(GARBAGE)
    recorder = recorder_in(settings.state, clock)
    recorder.commit([arrival(1, [row("127.10.0.1")])])
    rolled_up(recorder, clock)
    assert (names(settings), aside(settings)) == ([SECOND_PART], [f"{TODAY}.damaged-20261123T021320Z"])
    assert in_ledger(settings, aside(settings)[0]).read_bytes() == GARBAGE
    assert (hits_in(settings.state), rolled_hits(settings)) == (1, 1)
    (told,) = recorder.status()["unreadable"]
    assert "set aside" in told
    recorder.close()
    heir = recorder_in(settings.state, clock)
    heir.commit([arrival(1, [row("127.10.0.1")]), arrival(2, [row("127.10.0.2")])])
    assert (names(settings), heir.status()["duplicates"]) == ([SECOND_PART], 1)
    assert heir.status()["unreadable"] == [told], "until somebody has looked"
    heir.close()


@pytest.mark.parametrize("restarted", [False, True], ids=["running", "restarted"])
def test_damage_while_recording_costs_no_later_hit_and_counts_none_twice(settings, recorder, clock, restarted):
    recorder.commit([arrival(1, [row(f"127.10.0.{one}") for one in range(200)], made=200)])
    recorder.commit([arrival(2, [row("127.10.1.1")], made=201)])
    rolled_up(recorder, clock)
    spoil(recorder)
    if restarted:
        recorder.close()
        recorder = recorder_in(settings.state, clock)
    after = [arrival(3, [row("127.10.1.2", int(clock.now))], made=202)]
    with suppress(UnreadableFile):  # found at the first write, if it was not at the first look
        recorder.commit(after)
    recorder.commit(after)
    assert recorder.committed(BOOT) == 3
    assert names(settings) == [SECOND_PART]
    if not restarted:
        recorder.commit([arrival(2, [row("127.10.1.1")], made=201)])
        assert recorder.status()["duplicates"] == 1
    rolled_up(recorder, clock)
    assert (hits_in(settings.state), rolled_hits(settings)) == (1, 202)
    dead(settings, 205)
    assert (recorder.status()["gaps"], lost(recorder)) == (0, [3]), "what was never sent, and no more"
    recorder.close()


def test_damage_found_by_the_roll_up_sets_today_aside_too(settings, recorder, clock):
    recorder.commit([arrival(1, [row(f"127.10.0.{one}") for one in range(200)])])
    spoil(recorder)
    clock.now += 5
    while recorder.roll_up():
        pass
    assert len(aside(settings)) >= 1
    recorder.commit([arrival(2, [row("127.10.0.1", int(clock.now))])])
    rolled_up(recorder, clock)
    assert (names(settings), rolled_hits(settings)) == ([SECOND_PART], 1)


def test_a_file_of_today_that_may_not_be_opened_blocks_and_is_not_moved(settings, recorder):
    in_ledger(settings, TODAY).mkdir(parents=True)
    for _ in range(2):
        with pytest.raises(UnreadableFile, match="2026-11-23"):
            recorder.commit([arrival(1, [row("127.10.0.1")])])
    in_ledger(settings, TODAY).rmdir()
    recorder.commit([arrival(1, [row("127.10.0.1")])])
    assert (names(settings), aside(settings)) == ([TODAY], [])


def test_a_name_is_never_used_twice(settings, clock):
    """The evidence knows a file by its name, and how far it has read it."""
    in_ledger(settings, TODAY).parent.mkdir(parents=True)
    for _ in range(3):
        recorder = recorder_in(settings.state, clock)
        recorder.commit([arrival(1, [row("127.10.0.1")])])
        path = recorder._day.path
        recorder.close()
        path.write_bytes(GARBAGE)
        clock.now += 1
    recorder = recorder_in(settings.state, clock)
    recorder.commit([arrival(1, [row("127.10.0.1")])])
    assert names(settings) == ["2026-11-23-node1~04.db"]
    in_ledger(settings, TODAY).touch()  # as a page does that looked for it just now
    recorder.close()
    recorder = recorder_in(settings.state, clock)
    recorder.commit([arrival(2, [row("127.10.0.1")])])
    assert recorder.status()["ledger"] == "2026-11-23-node1~04.db"
    recorder.close()
