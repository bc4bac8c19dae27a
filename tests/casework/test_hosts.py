"""Hosts as pages ask for them: every filter against a plain look over the ledger, orders, pages, series, evidence."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import pairwise, product

import pytest

from casework import hosts, ledger
from casework.hosts import HostFilter, get_host, host_evidence, host_series, iter_hosts, list_hosts
from casework.store.engine import Store, open_casework, open_evidence
from casework.store.text import plain
from tests.casework.making import NOON, ZONE, Clock, arrival, facts, recorder_in, rolled_up, row, seeded

DAY = 86400
UNITS = {"10": ("so-mau", "Sở Khoa học và Công nghệ"), "20": ("xa-mau", "Ủy ban nhân dân xã Mẫu"), "30": ("", "")}
KINDS = [
    ("evil.example", {"campaign": "demo-2026", "family": "Emotet", "list": "sample"}),
    ("bad.example", {"campaign": "other", "family": "Qakbot", "list": "sample"}),
    ("ugly.example", {"campaign": "demo-2026", "family": "Đen", "list": "second"}),
]


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    """Forty machines over ten days, each with a random choice of listed names and times."""
    settings = seeded(tmp_path_factory.mktemp("hosts"))
    choose, clock = random.Random(5), Clock()
    recorder = recorder_in(settings.state, clock)
    for day in range(10):
        clock.now = NOON + day * DAY
        rows = []
        for _ in range(60):
            client = f"127.{choose.choice(list(UNITS))}.0.{choose.randrange(1, 14)}"
            name, about = choose.choice(KINDS)
            second = int(clock.now) - choose.randrange(6 * 3600)
            rows.append(row(client, second, choose.randrange(1, 5), facts(name, indicator=name, **about)))
        recorder.commit([arrival(day + 1, rows)])
        rolled_up(recorder, clock)
    recorder.close()
    return settings.state


@pytest.fixture
def store(state) -> Iterator[Store]:
    made = open_evidence(state, readonly=True)
    yield made
    made.close()


@pytest.fixture(scope="module")
def every(state) -> list[ledger.LedgerRow]:
    return list(ledger.rows(state, limit=1 << 60))


def wanted_rows(every: Iterable[ledger.LedgerRow], wanted: HostFilter) -> dict[str, list[ledger.LedgerRow]]:
    """The rule of HostFilter, over plain ledger rows: client -> rows of the matching indicators."""
    by_pair: dict[tuple[str, str], list[ledger.LedgerRow]] = {}
    for one in every:
        by_pair.setdefault((one.client, one.indicator), []).append(one)
    found: dict[str, list[ledger.LedgerRow]] = {}
    for (client, _), rows in by_pair.items():
        about = rows[0]
        same = all(
            not value or getattr(about, key) == value
            for key, value in (("campaign", wanted.campaign), ("family", wanted.family), ("list", wanted.list))
        )
        within = any(
            (wanted.since is None or one.time >= wanted.since) and (wanted.until is None or one.time <= wanted.until)
            for one in rows
        )
        if same and within:
            found.setdefault(client, []).extend(rows)
    code = {"": None, hosts.NO_UNIT: ""}.get(wanted.unit, wanted.unit)
    texts: dict[str, str] = {}
    for one in every:
        unit = " ".join(UNITS[one.client.split(".")[1]])
        texts[one.client] = texts.get(one.client, f"{one.client} {unit}") + f" {one.indicator} {one.family}"
    return {
        client: rows
        for client, rows in found.items()
        if code is None or UNITS[client.split(".")[1]][0] == code
        if not wanted.text or plain(wanted.text) in plain(texts[client])
    }


FILTERS = [
    HostFilter(),
    HostFilter(campaign="demo-2026"),
    HostFilter(campaign="none"),
    HostFilter(unit="so-mau"),
    HostFilter(unit=hosts.NO_UNIT),
    HostFilter(family="Qakbot", unit="xa-mau"),
    HostFilter(list="second"),
    HostFilter(text="SO KHOA"),
    HostFilter(text="Mẫu"),
    HostFilter(text="127.30.0.1"),
    HostFilter(text="ugly"),
    HostFilter(text="den"),
    HostFilter(text="' OR 1=1 --"),
    HostFilter(text="100%_"),
    HostFilter(since=NOON + 9 * DAY - 3600),
    HostFilter(until=NOON - 3 * 3600),
    HostFilter(since=NOON + 4 * DAY - 9000, until=NOON + 4 * DAY - 3000),
    HostFilter(since=NOON - 99 * DAY, until=NOON + 99 * DAY),
    HostFilter(since=NOON - 99 * DAY, until=NOON),
    HostFilter(since=NOON + 8 * DAY, until=NOON + 99 * DAY),
    HostFilter(since=NOON + 99 * DAY, until=NOON + 100 * DAY),
    HostFilter(since=0, until=1),
    HostFilter("demo-2026", "so-mau", "Emotet", "sample", "evil", NOON + DAY, NOON + 5 * DAY),
]


@pytest.mark.parametrize("wanted", FILTERS, ids=str)
@pytest.mark.parametrize("sort", hosts.SORTS)
def test_filters_agree_with_the_ledger(store, every, wanted, sort):
    expected = wanted_rows(every, wanted)
    page = list_hosts(store, wanted, sort=sort, per_page=1000)
    assert page.total == len(page.rows) == len(expected)
    for found in page.rows:
        rows = expected[found.address]
        assert (found.first_seen, found.last_seen, found.hits) == (
            min(one.time for one in rows), max(one.time for one in rows), sum(one.count for one in rows),
        )  # fmt: skip
        if not wanted.text:
            assert {one.domain for one in found.indicators} == {one.indicator for one in rows}
        assert (found.unit_code, found.unit_name) == UNITS[found.address.split(".")[1]]
    assert list(iter_hosts(store, wanted, sort=sort)) == page.rows


def octets(address: str) -> tuple[int, ...]:
    return tuple(map(int, address.split(".")))


KEYS = {
    "last_seen": lambda one: one.last_seen,
    "first_seen": lambda one: one.first_seen,
    "hits": lambda one: one.hits,
    "address": lambda one: octets(one.address),
    "unit": lambda one: plain(one.unit_name),
}


@pytest.mark.parametrize(("sort", "descending"), list(product(hosts.SORTS, (True, False))))
@pytest.mark.parametrize("wanted", [HostFilter(), HostFilter(campaign="demo-2026")], ids=["all", "campaign"])
def test_orders_and_pages(store, sort, descending, wanted):
    whole = list_hosts(store, wanted, sort=sort, descending=descending, per_page=1000).rows
    keys = [KEYS[sort](one) for one in whole]
    assert keys == sorted(keys, reverse=descending)
    paged = []
    for page in range(1, 9):
        found = list_hosts(store, wanted, sort=sort, descending=descending, page=page, per_page=7)
        assert found.total == len(whole)
        paged += found.rows
    assert paged == whole


def test_units_without_marks_come_in_the_order_of_their_letters(tmp_path):
    settings = seeded(tmp_path)
    casework = open_casework(settings.state)
    with casework.transaction() as run:
        for number, name in enumerate(("Đắk Nông", "An Giang", "Điện Biên", "Cà Mau")):
            unit = run.execute("INSERT INTO units (code, name) VALUES (?, ?)", (f"u{number}", name)).lastrowid
            run.execute(
                "INSERT INTO unit_networks (unit, network, first, last) VALUES (?, ?, x'', x'')",
                (unit, f"10.{number}.0.0/16"),
            )
    casework.close()
    clock = Clock()
    recorder = recorder_in(settings.state, clock)
    recorder.commit([arrival(1, [row(f"10.{number}.0.1") for number in range(4)])])
    rolled_up(recorder, clock)
    recorder.close()
    store = open_evidence(settings.state, readonly=True)
    found = list_hosts(store, sort="unit", descending=False).rows
    assert [one.unit_name for one in found] == ["An Giang", "Cà Mau", "Đắk Nông", "Điện Biên"]
    assert [one.unit_name for one in list_hosts(store, HostFilter(text="ĐIỆN b")).rows] == ["Điện Biên"]
    assert [one.unit_name for one in list_hosts(store, HostFilter(text="dien b")).rows] == ["Điện Biên"]
    store.close()


def test_a_page_behind_the_last_is_empty_but_knows_the_total(store):
    everything = list_hosts(store).total
    assert list_hosts(store, page=99) == hosts.HostPage([], everything)
    assert list_hosts(store, page=0).rows == list_hosts(store, page=1).rows


def test_one_host(store):
    for one in list_hosts(store, per_page=5).rows:
        assert get_host(store, one.id) == one
    assert get_host(store, 999_999) is None
    assert host_evidence(store, 999_999) == hosts.EvidencePage([], False)


def test_evidence_of_a_host_in_pages(store, every):
    host = max(list_hosts(store, per_page=1000).rows, key=lambda one: one.hits)
    mine = [one for one in every if one.client == host.address]
    found, page = [], 0
    while True:
        page += 1
        part = host_evidence(store, host.id, page, per_page=4)
        found += part.rows
        if not part.more:
            break
    assert sorted(found, key=lambda one: (one.file, one.seq)) == sorted(mine, key=lambda one: (one.file, one.seq))
    assert [one.time // 3600 for one in found] == sorted((one.time // 3600 for one in found), reverse=True)


@pytest.mark.parametrize("step", ["hour", "day"])
def test_a_series_has_no_gaps_and_every_hit(store, step):
    for host in list_hosts(store, per_page=3).rows:
        points = host_series(store, host.id, host.first_seen, host.last_seen, step, "Asia/Ho_Chi_Minh")
        assert sum(point.hits for point in points) == host.hits
        length = {"hour": 3600, "day": DAY}[step]
        assert {later.start - point.start for point, later in pairwise(points)} <= {length}
        assert points[0].start <= host.first_seen < points[0].start + length
        assert points[-1].start <= host.last_seen < points[-1].start + length
        if step == "day":
            assert {datetime.fromtimestamp(point.start, ZONE).hour for point in points} == {0}


def test_a_series_over_the_change_to_summer_time(store):
    host = list_hosts(store).rows[0].id
    begin = int(datetime.fromisoformat("2026-03-28T00:00+01:00").timestamp())
    points = host_series(store, host, begin, begin + 3 * DAY, "day", "Europe/Berlin")
    assert [later.start - point.start for point, later in pairwise(points)] == [
        DAY, DAY - 3600, DAY,
    ]  # fmt: skip


def test_a_series_the_wrong_way_round_is_one_step(store):
    host = list_hosts(store).rows[0].id
    assert len(host_series(store, host, NOON, NOON - DAY)) == 1


@pytest.fixture
def let_through(tmp_path) -> Iterator[Store]:
    """Machines that were let through: by a list alone, and once sinkholed, once watched, once by a kill-switch list."""
    settings, clock = seeded(tmp_path), Clock()
    passed = facts("ok.example", indicator="ok.example", action="passthru", list="ours", campaign="other")
    recorder = recorder_in(settings.state, clock)
    recorder.commit(
        [
            arrival(
                1,
                [
                    row("127.10.0.1", NOON, 2, passed),
                    row("127.10.0.2", NOON, 3, passed),
                    row("127.10.0.2", NOON, 4),
                    row("127.10.0.3", NOON, 1, facts(action="monitor")),
                    row("127.10.0.4", NOON, 1, facts("kill.example", action="passthru", kind="kill-switch")),
                ],
            )
        ]
    )
    rolled_up(recorder, clock)
    recorder.close()
    store = open_evidence(settings.state, readonly=True)
    yield store
    store.close()


@pytest.mark.parametrize("sort", hosts.SORTS)
@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (HostFilter(), "1234"),
        (HostFilter(suspected=True), "234"),
        (HostFilter(text="127.10", suspected=True), "234"),
        (HostFilter(list="ours"), "12"),
        (HostFilter(list="ours", suspected=True), ""),
        (HostFilter(list="sample", suspected=True), "234"),
        (HostFilter(since=NOON + 1, suspected=True), ""),
        (HostFilter(until=NOON, unit="so-mau", suspected=True), "234"),
    ],
    ids=str,
)
def test_a_machine_that_lists_only_let_through_is_no_suspect(let_through, wanted, found, sort):
    page = list_hosts(let_through, wanted, sort=sort)
    assert sorted(one.address[-1] for one in page.rows) == list(found)
    assert page.total == len(found)
    assert list(iter_hosts(let_through, wanted, sort=sort)) == page.rows


def test_a_suspect_is_shown_with_all_its_hits(let_through):
    host = next(one for one in list_hosts(let_through, hosts.SUSPECTED).rows if one.address == "127.10.0.2")
    assert (host.hits, {one.action for one in host.indicators}) == (7, {"passthru", "sinkhole"})


def test_choices_are_what_occurs(store):
    found = hosts.filter_choices(store)
    assert found.campaigns == [("demo-2026", "Chiến dịch thử"), ("other", "other")]
    assert found.units == [
        (hosts.NO_UNIT, ""), ("so-mau", "Sở Khoa học và Công nghệ"), ("xa-mau", "Ủy ban nhân dân xã Mẫu"),
    ]  # fmt: skip
    assert [family for family, _ in found.families] == ["Emotet", "Qakbot", "Đen"]
    assert [one for one, _ in found.lists] == ["sample", "second"]


def test_an_empty_service(tmp_path):
    store = open_evidence(tmp_path, readonly=True)
    assert list_hosts(store) == hosts.HostPage([], 0)
    assert list_hosts(store, HostFilter(campaign="x", since=1, until=2), sort="unit", page=3) == hosts.HostPage([], 0)
    assert hosts.filter_choices(store) == hosts.Choices([], [], [], [])
    store.close()
