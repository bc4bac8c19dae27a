"""Reading the ledger: newest first over the files, only the files that are needed, by place, and as it grows."""

from __future__ import annotations

import pytest

from casework import ledger
from casework.store import ledger as sql
from casework.store.engine import UnreadableFile
from tests.casework.making import NOON, Clock, arrival, damage, recorder_in, rolled_up, row

DAY = 86400
CLIENTS = ("127.10.0.1", "127.10.0.2")


@pytest.fixture
def state(settings):
    """Ten days with an hourly hit of each of two machines; on the last day one hit of three days before comes late."""
    clock = Clock()
    recorder = recorder_in(settings.state, clock)
    number = 0
    for day in range(10):
        for hour in range(0, 24, 6):
            number += 1
            second = NOON // DAY * DAY + day * DAY + hour * 3600
            clock.now = second
            late = [row("127.10.0.1", second - 3 * DAY)] if (day, hour) == (9, 18) else []
            recorder.commit([arrival(number, [row(client, second) for client in CLIENTS] + late)])
    rolled_up(recorder, clock)
    recorder.close()
    return settings.state


def test_newest_first_with_a_limit(state):
    found = list(ledger.rows(state, limit=12))
    assert len(found) == 12
    assert [(one.file, one.seq) for one in found] == sorted(((one.file, one.seq) for one in found), reverse=True)
    assert len(list(ledger.rows(state, limit=1000))) == 81


def test_pages_join_without_gap_or_repeat(state):
    whole = list(ledger.rows(state, limit=1000))
    joined: list[ledger.LedgerRow] = []
    while page := list(ledger.rows(state, limit=7, before=(joined[-1].file, joined[-1].seq) if joined else None)):
        joined += page
    assert joined == whole


@pytest.mark.parametrize("client", ["", "127.10.0.1"])
@pytest.mark.parametrize(
    ("since", "until"), [(NOON, NOON + 2 * DAY), (None, NOON), (NOON + 5 * DAY, None), (0, 1), (NOON + 99 * DAY, None)]
)
def test_a_range_gives_what_a_full_look_gives(state, since, until, client):
    every = ledger.rows(state, limit=1000)
    wanted = [
        one
        for one in every
        if (since is None or one.time >= since) and (until is None or one.time <= until)
        if not client or one.client == client
    ]
    assert list(ledger.rows(state, since, until, client, limit=1000)) == wanted


def test_files_of_other_days_are_not_opened(state, monkeypatch):
    opened = []
    real = sql.open_day

    def note(path):
        opened.append(path.name[:10])
        return real(path)

    monkeypatch.setattr(sql, "open_day", note)
    list(ledger.rows(state, NOON + 8 * DAY, None, limit=1000))
    assert opened == ["2026-12-02", "2026-12-01"]


def test_following_gives_every_row_once_and_waits_for_those_that_may_grow(settings, clock, recorder):
    place = ledger.end(settings.state)
    seen = []
    for number in range(1, 6):
        clock.now = NOON + number * DAY / 2
        second = int(clock.now)
        recorder.commit([arrival(number, [row("127.10.0.1", second), row("127.10.0.2", second)])])
        rows, place = ledger.follow(settings.state, place, second, "127.10.0.1")
        assert all(one.time < second for one in rows)
        seen += rows
    while True:
        rows, place = ledger.follow(settings.state, place, int(clock.now) + 1, "127.10.0.1")
        if not rows:
            break
        seen += rows
    assert [one.time for one in seen] == [NOON + number * DAY // 2 for number in range(1, 6)]
    assert {one.client for one in seen} == {"127.10.0.1"}


GARBAGE = b"not a database at all, " * 300
MIDDLE = "2026-11-27-node1.db"


@pytest.mark.parametrize("how", ["garbage", "bad pages"])
def test_a_damaged_file_is_left_out_and_told_where_that_is_wanted(state, how):
    whole = list(ledger.rows(state, limit=1000))
    path = ledger.folder(state) / MIDDLE
    path.write_bytes(GARBAGE) if how == "garbage" else damage(path)
    left_out: ledger.LeftOut = {}
    found = list(ledger.rows(state, limit=1000, left_out=left_out))
    assert found == [one for one in whole if one.file != MIDDLE]
    assert list(left_out) == [MIDDLE]
    assert left_out[MIDDLE].startswith(f"{MIDDLE}: ")
    assert ("not a database" if how == "garbage" else "malformed") in left_out[MIDDLE]
    with pytest.raises(UnreadableFile, match=MIDDLE):
        list(ledger.rows(state, limit=1000))
    left_out = {}
    ledger.lost_boots(state, None, left_out)
    assert list(left_out) == [MIDDLE]
    with pytest.raises(UnreadableFile):
        ledger.lost_boots(state)


def test_a_damaged_file_that_is_not_asked_for_is_no_news(state):
    (ledger.folder(state) / MIDDLE).write_bytes(GARBAGE)
    left_out: ledger.LeftOut = {}
    assert len(list(ledger.rows(state, NOON + 7 * DAY, None, limit=1000, left_out=left_out))) == 22
    assert len(list(ledger.rows(state, limit=20, left_out=left_out))) == 20
    assert left_out == {}


def test_rows_before_a_bad_page_are_given_and_the_file_is_told(settings, clock):
    recorder = recorder_in(settings.state, clock)
    recorder.commit([arrival(1, [row(f"127.10.{one // 200}.{one % 200}", NOON) for one in range(4000)])])
    recorder.close()
    (path,) = ledger.day_files(settings.state)
    damage(path, 0.4, 0.6)
    left_out: ledger.LeftOut = {}
    found = [one.seq for one in ledger.rows(settings.state, limit=9999, left_out=left_out)]
    assert 100 < len(found) < 3900
    assert found == list(range(4000, 4000 - len(found), -1))
    assert "malformed" in left_out[path.name]


def test_following_goes_on_behind_a_damaged_file(settings, clock):
    for day in range(3):
        clock.now = NOON + day * DAY
        recorder = recorder_in(settings.state, clock)
        recorder.commit([arrival(1, [row("127.10.0.1", int(clock.now))], f"{day:016x}")])
        recorder.close()
        if day == 0:
            place = ledger.end(settings.state)
    (ledger.folder(settings.state) / "2026-11-24-node1.db").write_bytes(GARBAGE)
    left_out: ledger.LeftOut = {}
    rows, place = ledger.follow(settings.state, place, int(clock.now) + 1, left_out=left_out)
    assert [one.file for one in rows] == ["2026-11-25-node1.db"]
    assert list(left_out) == ["2026-11-24-node1.db"]
    assert ledger.follow(settings.state, place, int(clock.now) + 1) == ([], place), "it lies behind"
    damage(ledger.folder(settings.state) / place[0])
    left_out = {}
    assert ledger.follow(settings.state, place, int(clock.now) + 1, left_out=left_out) == ([], place)
    assert ledger.end(settings.state, left_out) == ("2026-11-23-node1.db", 1)
    assert sorted(left_out) == ["2026-11-24-node1.db", "2026-11-25-node1.db"]


def test_nothing_recorded_yet(tmp_path):
    assert list(ledger.rows(tmp_path)) == []
    assert ledger.end(tmp_path) == ("", 0)
    assert ledger.follow(tmp_path, ("", 0), NOON) == ([], ("", 0))
    assert ledger.lost_boots(tmp_path) == []
