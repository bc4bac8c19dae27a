"""Evidence of hosts that share an address: every row shows with the unit it was counted for, and with no other.

Names tell whose a row is: each is asked under the code of the unit that has the address at that moment.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

import pytest

from casework import hosts, ledger, sightings
from casework.recorder import Recorder
from casework.store import ledger as sql
from casework.store.engine import open_casework, open_evidence
from tests.casework.making import NOON, Clock, arrival, damage, facts, recorder_in, rolled_up, row

ADDRESS = "127.20.0.1"
CODES = ("so-mau", "xa-mau", "phong-mau")


class Sharing:
    """One address that changes its unit, and what it asks for."""

    def __init__(self, settings, recorder: Recorder, clock: Clock) -> None:
        self.state, self.clock, self.recorder = settings.state, clock, recorder
        self.casework = open_casework(settings.state)
        self.code = "xa-mau"
        self.number = 0

    def moves_to(self, code: str) -> None:
        self.code = code
        with self.casework.transaction() as run:
            run.execute(
                "UPDATE unit_networks SET unit = (SELECT id FROM units WHERE code = ?)"
                " WHERE network = '127.20.0.0/16'", (code,),
            )  # fmt: skip

    def asks(self, count: int = 1, ago: int = 0, *, roll_up: bool = True) -> None:
        self.number += 1
        second = int(self.clock.now) - ago
        rows = [row(ADDRESS, second - one, 1, facts(f"n{self.number}-{one}.{self.code}")) for one in range(count)]
        self.recorder.commit([arrival(self.number, rows)])
        if roll_up:
            rolled_up(self.recorder, self.clock)

    def restart(self) -> None:
        self.recorder.close()
        self.recorder = recorder_in(self.state, self.clock)
        self.recorder.commit([])

    def shown(self, per_page: int = 50) -> dict[str, list[str]]:
        """By unit code: the names of its evidence, over all pages."""
        return {one.unit_code: self._names(one, per_page) for one in self._listed()}

    def unclear(self) -> dict[str, int]:
        return {code: page.unclear for code, page in self.pages(1, 1 << 30).items()}

    def pages(self, page: int, per_page: int) -> dict[str, hosts.EvidencePage]:
        store = open_evidence(self.state, readonly=True)
        found = {one.unit_code: hosts.host_evidence(store, one.id, page, per_page) for one in self._listed()}
        store.close()
        return found

    def hits(self) -> dict[str, int]:
        return {one.unit_code: one.hits for one in self._listed()}

    def _listed(self) -> list[hosts.HostRow]:
        store = open_evidence(self.state, readonly=True)
        found = hosts.list_hosts(store, hosts.HostFilter(text=ADDRESS)).rows
        store.close()
        return found

    def _names(self, host: hosts.HostRow, per_page: int) -> list[str]:
        store, found, page = open_evidence(self.state, readonly=True), [], 1
        while True:
            part = hosts.host_evidence(store, host.id, page, per_page)
            found += [one.qname for one in part.rows]
            page += 1
            if not part.more:
                store.close()
                return found


@pytest.fixture
def sharing(settings, recorder, clock) -> Iterator[Sharing]:
    made = Sharing(settings, recorder, clock)
    yield made
    made.recorder.close()
    made.casework.close()


def test_a_change_of_unit_within_an_hour_shows_nobody_the_other_ones_rows(sharing):
    sharing.asks()
    sharing.moves_to("so-mau")
    sharing.asks()
    sharing.moves_to("xa-mau")
    sharing.asks()
    assert sharing.shown() == {"xa-mau": ["n3-0.xa-mau", "n1-0.xa-mau"], "so-mau": ["n2-0.so-mau"]}


@pytest.mark.parametrize("how", ["bad pages", "garbage"])
def test_a_damaged_file_is_left_out_and_told_and_pages_join_over_it(sharing, how):
    for day in range(3):
        sharing.clock.now = NOON + day * 86400
        sharing.asks(5)
    sharing.recorder.close()
    name = "2026-11-24-node1.db"
    path = ledger.folder(sharing.state) / name
    damage(path) if how == "bad pages" else path.write_bytes(b"no database" * 1000)
    assert sharing.shown(per_page=2) == {
        "xa-mau": [f"n{day}-{one}.xa-mau" for day in (3, 1) for one in reversed(range(5))]
    }
    (whole,) = sharing.pages(1, 50).values()
    assert whole.left_out == (name,)
    (first,) = sharing.pages(1, 2).values()
    assert first.left_out == (), "not looked at for this page"


def test_of_a_file_that_is_damaged_in_part_the_rest_shows(sharing):
    for hour in range(20):
        sharing.clock.now = NOON + hour * 3600 // 2
        sharing.asks(200)
    sharing.recorder.close()
    (path,) = ledger.day_files(sharing.state)
    damage(path, 0.45, 0.55)
    (whole,) = sharing.pages(1, 1 << 30).values()
    assert whole.left_out == (path.name,)
    assert 0 < len(whole.rows) < 4000
    assert all(newer.time // 3600 >= older.time // 3600 for newer, older in pairwise(whole.rows))


@pytest.mark.parametrize("seed", range(6))
def test_every_row_shows_with_the_unit_it_was_counted_for(sharing, monkeypatch, seed):
    monkeypatch.setattr(sightings, "_REMEMBERED", 1 + seed % 3)
    monkeypatch.setattr(sightings, "STEP", 1 + seed)
    choose = random.Random(seed)
    for _ in range(60):
        act = choose.randrange(8)
        if act == 0:
            sharing.moves_to(choose.choice(CODES))
        elif act == 1:
            sharing.restart()
        elif act == 2:
            sharing.clock.now += choose.choice((1800, 40_000))
        else:
            sharing.asks(choose.randrange(1, 5), choose.choice((0, 0, 4000, 90_000)))
    shown = sharing.shown(per_page=3)
    assert {code: {name.split(".")[1] for name in names} for code, names in shown.items()} == {
        code: {code} for code in shown
    }
    assert {code: len(names) for code, names in shown.items()} == sharing.hits()
    every = Counter(one.qname for one in ledger.rows(sharing.state, limit=1 << 30))
    assert sum((Counter(names) for names in shown.values()), Counter()) == every
    assert set(sharing.unclear().values()) == {0}


def test_a_row_is_nobodys_before_it_is_counted(sharing):
    sharing.asks()
    sharing.moves_to("so-mau")
    sharing.asks(roll_up=False)
    assert sharing.shown() == {"xa-mau": ["n1-0.xa-mau"]}
    rolled_up(sharing.recorder, sharing.clock)
    assert sharing.shown() == {"xa-mau": ["n1-0.xa-mau"], "so-mau": ["n2-0.so-mau"]}


def test_what_was_never_noted_is_left_out_and_said_where_it_may_be_anothers(sharing):
    """Databases made before moves were noted; in hours that only one unit was seen in there is no doubt."""
    sharing.asks()
    sharing.clock.now += 7200
    sharing.asks(2)
    sharing.moves_to("so-mau")
    sharing.asks(3)
    sharing.recorder.close()
    store = open_evidence(sharing.state)
    store.connection.execute("DROP TABLE moves")
    store.connection.execute("UPDATE host_indicators SET action = action / 10")
    store.connection.execute("PRAGMA user_version = 1")
    store.close()
    sharing.restart()
    assert (sharing.shown(), sharing.unclear()) == (
        {"xa-mau": ["n1-0.xa-mau"], "so-mau": []}, {"xa-mau": 5, "so-mau": 5},
    )  # fmt: skip
    sharing.asks()
    assert sharing.shown() == {"xa-mau": ["n1-0.xa-mau"], "so-mau": ["n4-0.so-mau"]}


def test_hosts_without_a_unit_keep_their_rows_when_they_get_one(sharing):
    sharing.casework.connection.execute("DELETE FROM unit_networks WHERE network = '127.20.0.0/16'")
    sharing.asks()
    assert list(sharing.shown()) == [""]
    sharing.casework.connection.execute(
        "INSERT INTO unit_networks (unit, network, first, last) VALUES (3, '127.20.0.0/16', x'', x'')"
    )
    sharing.asks()
    assert sharing.shown() == {"xa-mau": ["n2-0.xa-mau", "n1-0.xa-mau"]}


@pytest.mark.parametrize("finished", [False, True], ids=["the day under way", "a day that is over"])
def test_a_far_page_reads_only_its_own_rows(sharing, monkeypatch, finished):
    for ago in (0, 4000, 8000):
        sharing.asks(400, ago)
    if finished:
        sharing.clock.now = NOON + 86_400
        sharing.recorder.commit([arrival(sharing.number + 1, [row("127.10.0.1", int(sharing.clock.now))])])
    whole = [one.qname for one in sharing.pages(1, 2000)["xa-mau"].rows]
    assert len(whole) == 1200
    read = []
    real = sql._row
    monkeypatch.setattr(sql, "_row", lambda *row: read.append(row) or real(*row))
    page = sharing.pages(118, 10)["xa-mau"]
    assert [one.qname for one in page.rows] == whole[1170:1180]
    assert page.more
    assert len(read) == 11
    last = sharing.pages(120, 10)["xa-mau"]
    assert ([one.qname for one in last.rows], last.more) == (whole[1190:], False)
    assert sharing.pages(10_000, 10)["xa-mau"].rows == []


def test_only_files_that_hold_its_hours_are_opened(sharing, monkeypatch):
    for _ in range(6):
        sharing.asks()
        sharing.clock.now += 86_400
    opened = []
    real = sql.open_day
    monkeypatch.setattr(sql, "open_day", lambda path: opened.append(path.name) or real(path))
    sharing.pages(1, 3)
    assert opened == [f"2026-11-{day}-node1.db" for day in (28, 27, 26, 25)], "and one row more, to know of a next page"
    del opened[:]
    sharing.pages(2, 3)
    assert len(opened) == 6
