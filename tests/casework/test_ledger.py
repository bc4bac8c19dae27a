"""Reading the ledger: newest first over the files, only the files that are needed, by place, and as it grows."""

from __future__ import annotations

import pytest

from casework import ledger
from casework.store import ledger as sql
from tests.casework.making import NOON, Clock, arrival, recorder_in, rolled_up, row

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


def test_nothing_recorded_yet(tmp_path):
    assert list(ledger.rows(tmp_path)) == []
    assert ledger.end(tmp_path) == ("", 0)
    assert ledger.follow(tmp_path, ("", 0), NOON) == ([], ("", 0))
    assert ledger.lost_boots(tmp_path) == []
