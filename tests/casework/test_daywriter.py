"""Rows of batches in one day file: folded within a second, counted exactly, refused where they make no sense."""

from __future__ import annotations

import ipaddress
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from casework import ledger
from casework.daywriter import MAX_COUNT, MAX_TIME, DayWriter
from casework.folding import Folder
from contracts.hit import Claim, pack_facts
from tests.casework.making import NOON, facts, hits_in, row

PATH = "2026-11-23-node1.db"


@pytest.fixture
def day(tmp_path):
    made = DayWriter(tmp_path / "ledger" / PATH, Folder())
    yield made
    made.close()


def written(tmp_path) -> list[tuple[int, str, str, int]]:
    return [(row.time, row.client, row.qname, row.count) for row in reversed(list(ledger.rows(tmp_path, limit=10_000)))]


def test_equal_hits_of_a_second_are_one_row_within_and_across_commits(tmp_path, day):
    assert day.add([row("127.10.0.1", count=2), row("127.10.0.2"), row("127.10.0.1", count=3)], NOON) == (6, 0)
    assert day.commit([]) == 2
    day.add([row("127.10.0.1", count=4), row("127.10.0.1", NOON + 1)], NOON)
    assert day.commit([]) == 1
    assert written(tmp_path) == [
        (NOON, "127.10.0.1", "evil.example", 9),
        (NOON, "127.10.0.2", "evil.example", 1),
        (NOON + 1, "127.10.0.1", "evil.example", 1),
    ]


def test_other_facts_are_another_row(tmp_path, day):
    day.add([row("127.10.0.1", what=facts(qtype=kind)) for kind in (1, 28, 1)], NOON)
    day.commit([])
    assert [count for *_, count in written(tmp_path)] == [2, 1]


PROXY = Claim(ipaddress.ip_address("127.10.0.53").packed, "proxy")
DEVICE = Claim(PROXY.via, "", b"\0\x11\x22\xaa\xbb\xcc", "tầng\n2")


def test_another_claim_is_another_row_and_is_stored_once(tmp_path, day):
    for _commit in (1, 2):
        day.add([row("127.10.0.1", claim=claim) for claim in (None, PROXY, DEVICE, PROXY)], NOON)
        day.commit([])
    day.add([row("127.10.0.2", claim=DEVICE)], NOON)
    day.commit([])
    found = [(one.client, one.count, one.via, one.how, one.mac, one.cpe_id) for one in ledger.rows(tmp_path)]
    device = ("127.10.0.53", "", "00:11:22:aa:bb:cc", "tầng\\0102")
    assert found == [
        ("127.10.0.2", 1, *device), ("127.10.0.1", 2, *device), ("127.10.0.1", 4, "127.10.0.53", "proxy", "", ""),
        ("127.10.0.1", 2, "", "", "", ""),
    ]  # fmt: skip
    again = DayWriter(day.path, Folder())
    again.add([row("127.10.0.3", claim=claim) for claim in (PROXY, DEVICE)], NOON)
    again.commit([])
    again.close()
    assert again._file.next_claim == 3, "known from before"
    assert [one.how for one in ledger.rows(tmp_path, limit=2)] == ["", "proxy"]


def test_what_was_found_where_and_whether_the_client_reads(tmp_path, day):
    day.add([row("127.10.0.1", what=facts(step="answer", verified=True)), row("127.10.0.1")], NOON)
    day.commit([])
    assert [(one.step, one.verified) for one in ledger.rows(tmp_path)] == [("name", False), ("answer", True)]


def test_each_machine_behind_a_claim_has_its_own_names(tmp_path, day):
    for claim in (None, DEVICE):
        day.add([row("127.10.0.1", what=facts(f"n{n}.evil.example"), claim=claim) for n in range(70)], NOON)
    day.commit([])
    names = Counter((one.qname == "*.evil.example", one.via) for one in ledger.rows(tmp_path, limit=1000))
    assert names == {(False, ""): 64, (True, ""): 1, (False, "127.10.0.53"): 64, (True, "127.10.0.53"): 1}


def test_a_row_that_was_rolled_up_grows_no_more(tmp_path, day):
    day.add([row("127.10.0.1")], NOON)
    day.commit([])
    assert day.closed_up_to(NOON) == 0, "its second goes on"
    assert day.closed_up_to(NOON + 1) == 1
    day.add([row("127.10.0.1")], NOON + 1)
    day.commit([])
    assert [count for *_, count in written(tmp_path)] == [1, 1]


def test_only_rows_before_the_first_open_second_are_closed(day):
    day.add([row("127.10.0.1", NOON), row("127.10.0.1", NOON + 1), row("127.10.0.2", NOON)], NOON + 1)
    day.commit([])
    assert day.closed_up_to(NOON + 1) == 1
    assert day.closed_up_to(NOON + 2) == 3


def test_hits_of_a_clock_far_ahead_hold_nothing_up(day):
    day.add([row("127.10.0.1", NOON + 9999), row("127.10.0.1", NOON)], NOON)
    day.commit([])
    assert day.closed_up_to(NOON + 1) == 2


def test_facts_are_stored_once_also_after_a_restart(tmp_path, day):
    day.add([row("127.10.0.1")], NOON)
    day.commit([])
    again = DayWriter(day.path, Folder())
    again.add([row("127.10.0.2"), row("127.10.0.3", what=facts(family="Other"))], NOON)
    again.commit([])
    again.close()
    assert [one.family for one in ledger.rows(tmp_path)] == ["Other", "Emotet", "Emotet"]
    assert [one.seq for one in ledger.rows(tmp_path)] == [3, 2, 1]


@pytest.mark.parametrize(
    "bad",
    [
        (b"abc", b"", NOON, 1, pack_facts(facts())),
        (b"\x7f\0\0\1", b"", -1, 1, pack_facts(facts())),
        (b"\x7f\0\0\1", b"", MAX_TIME + 1, 1, pack_facts(facts())),
        (b"\x7f\0\0\1", b"", 1 << 80, 1, pack_facts(facts())),
        (b"\x7f\0\0\1", b"", NOON, 0, pack_facts(facts())),
        (b"\x7f\0\0\1", b"", NOON, MAX_COUNT + 1, pack_facts(facts())),
        (b"\x7f\0\0\1", b"", NOON, 1, b"no facts"),
        (b"\x7f\0\0\1", b"no claim", NOON, 1, pack_facts(facts())),
        (b"\x7f\0\0\1", b"", NOON, 1, pack_facts(facts(line=(1 << 64) - 1))),
    ],
)
def test_a_row_without_sense_is_refused_and_the_others_taken(tmp_path, day, bad):
    assert day.add([row("127.10.0.1"), bad, row("127.10.0.2")], NOON) == (2, 1)
    day.commit([])
    assert [client for _, client, *_ in written(tmp_path)] == ["127.10.0.1", "127.10.0.2"]


def test_a_mapped_address_is_its_ipv4_address(tmp_path, day):
    day.add([row("::ffff:127.10.0.1"), row("127.10.0.1"), row("fd00:10::1")], NOON)
    day.commit([])
    assert [(client, count) for _, client, _, count in written(tmp_path)] == [("127.10.0.1", 2), ("fd00:10::1", 1)]


def test_each_hour_knows_where_its_rows_are(tmp_path, day):
    hour = 3600
    for second in (NOON, NOON + hour, NOON, NOON + 2 * hour):
        day.add([row("127.10.0.1", second)], NOON + 3 * hour)
        day.commit([])
    for since, until, seqs in [
        (NOON, NOON, [3, 1]),
        (NOON + hour, NOON + hour, [2]),
        (NOON + 1, None, [4, 2]),
        (None, NOON - 1, []),
    ]:
        assert [one.seq for one in ledger.rows(tmp_path, since, until)] == seqs


clients = st.sampled_from(["127.10.0.1", "127.10.0.2", "fd00:10::1"])
asked = st.tuples(clients, st.integers(NOON, NOON + 3), st.integers(1, 5), st.integers(0, 90))


@examples(max_examples=40, deadline=None)
@given(st.lists(st.lists(asked, max_size=60), max_size=6))
def test_counts_stay_exact_however_hits_are_cut_into_commits(tmp_path_factory, groups):
    folder = tmp_path_factory.mktemp("day")
    day = DayWriter(folder / "ledger" / PATH, Folder())
    wanted = Counter[tuple[str, int]]()
    for number, group in enumerate(groups):
        for client, second, count, name in group:
            wanted[str(ipaddress.ip_address(client)), second] += count
            day.add([row(client, second, count, facts(f"n{name}.evil.example"))], NOON + number)
        day.commit([])
        day.closed_up_to(NOON + number)
    found = Counter[tuple[str, int]]()
    for one in ledger.rows(folder, limit=10_000):
        found[one.client, one.time] += one.count
    day.close()
    assert found == wanted
    assert hits_in(folder) == wanted.total()
