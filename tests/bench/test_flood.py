"""The flood measurement without servers: who asks, what came of it, percentiles, the ledger's bound, tables."""

from __future__ import annotations

import socket
import threading

import pytest

from bench import flood, floodreport, stored, works
from bench.asker import PER_SOCKET, Asker, Order, Outcome, packets_of
from bench.clients import PATIENCE
from bench.flood import Result, Run, Seen
from bench.stored import Rows

NAMES = list(works.listed_names(2000))


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.mark.parametrize(("percent", "expected"), [(50, 5.0), (95, 10.0), (99, 10.0), (100, 10.0), (10, 1.0)])
def test_percentiles_by_nearest_rank(percent, expected):
    assert flood.percentile([float(number) for number in range(1, 11)], percent) == expected
    assert flood.percentile([7.0], percent) == 7.0


def test_a_lost_question_counts_its_whole_wait():
    """Else a server that answers only what is easy would look fast."""
    seen = flood.seen(Outcome(sent=100, truncated=1, failed=2, latencies=[0.003] * 60 + [0.001] * 38), 2.0)
    assert (seen.asked, seen.answered, seen.lost, seen.failed, seen.per_second) == (100, 98, 2, 3, 49.0)
    assert (seen.p50, seen.p95, seen.p99, seen.worst) == (3.0, 3.0, PATIENCE * 1000, PATIENCE * 1000)


def test_others_ask_the_mix_and_nothing_new_twice(tmp_path):
    asked = {}
    for tag in ("1-alone", "1-listed"):
        works.write_others(NAMES, tmp_path / "others", tag, 5000)
        asked[tag] = [line.removesuffix(" A") for line in (tmp_path / "others").read_text().splitlines()]
        listed = sum(name in set(NAMES[: works.HOT_NAMES]) for name in asked[tag])
        cached = sum(name.startswith("h") and name.endswith(works.ZONE) for name in asked[tag])
        new = [name for name in asked[tag] if name.startswith("o")]
        assert listed + cached + len(new) == len(asked[tag]) == 5000
        assert (listed / 5000, cached / 5000) == pytest.approx((0.4, 0.5), abs=0.03)
        assert len(set(new)) == len(new)
    assert not {name for name in asked["1-alone"] if name.startswith("o")} & set(asked["1-listed"])


def test_a_flood_never_repeats_itself(tmp_path):
    lines = set()
    for tag in ("1-unlisted", "2-unlisted"):
        works.write_flood(works.FLOODED, tmp_path / "flood", tag, 3000)
        lines.update((tmp_path / "flood").read_text().splitlines())
    assert len(lines) == 6000
    assert all(line.endswith(f".{works.FLOODED} A") for line in lines)


def test_what_a_client_may_add_to_the_ledger():
    assert stored.bound(set()) == 0
    assert stored.bound({119}) == 66
    assert stored.bound({119, 120, 121}) == 2 * 64 + 6  # a minute ended meanwhile


@pytest.fixture
def server():
    """Answers by the first letter of the name: a fine, t truncated, s SERVFAIL, n not at all."""
    link = socket.socket(type=socket.SOCK_DGRAM)
    link.bind(("127.0.0.1", 0))

    def serve():
        while True:
            packet, client = link.recvfrom(512)
            if packet == b"end":
                return
            flags = {b"a": b"\x81\x80", b"t": b"\x83\x80", b"s": b"\x81\x82"}.get(packet[13:14])
            if flags:
                link.sendto(packet[:2] + flags + packet[4:], client)
                link.sendto(packet[:2] + flags + packet[4:], client)  # twice: it counts once

    thread = threading.Thread(target=serve)
    thread.start()
    port = link.getsockname()[1]
    yield port
    with socket.socket(type=socket.SOCK_DGRAM) as ending:
        ending.sendto(b"end", ("127.0.0.1", port))
    thread.join()
    link.close()


def ask(port, names, per_second, seconds):
    order = Order(port, "127.10.0.5", "", "", per_second, seconds, 0.3, 3)
    return Asker(order, packets_of(names, 3)).run()


def test_each_answer_is_taken_for_its_question(server):
    outcome = ask(server, [f"{'aatsn'[number % 5]}{number}.example" for number in range(100)], 5000, 5.0)
    assert (outcome.sent, outcome.answered, outcome.truncated, outcome.failed) == (100, 80, 20, 20)
    assert all(0 < latency < 0.3 for latency in outcome.latencies)


def test_it_asks_at_its_rate_and_stops_in_time(server):
    outcome = ask(server, [f"a{number}.example" for number in range(1000)], 200, 0.5)
    assert 50 <= outcome.sent <= 101
    assert outcome.answered == outcome.sent


def test_nobody_listens():
    with socket.socket(type=socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        port = gone.getsockname()[1]
    outcome = ask(port, ["a.example"] * 20, 1000, 1.0)
    assert (outcome.sent, outcome.answered) == (20, 0)


def test_every_question_has_an_id_of_its_own():
    packets = packets_of(["a.example"] * 10, 3)
    assert len({(number % 3, packet[:2]) for number, packet in enumerate(packets)}) == 10
    assert PER_SOCKET < 65536


def run(p99, *, sent=0, **more):
    seen = Seen(200, 200, 0, 0, 100.0, 1.0, 2.0, p99, p99)
    given = {"worker": 50.0, "strangers": 1.0, "load_core": 60.0, "recorder": None, "pss": 80.0, **more}
    return Run(seen, flood_sent=sent, flood_answered=sent, flood_per_second=sent / 2, **given)


def results(**listed):
    us = {"recorder": 5.0, "limited": 0, "written": 2048}
    found = []
    for case, p99 in (("alone", 4.0), ("unlisted", 8.0), ("listed", 6.0)):
        sent = 0 if case == "alone" else 1000
        rows = {"listed": Rows(1000, 1000, 65) if listed.get("unbounded") else Rows(65, 1000, 65),
                "unlisted": Rows(0, 0, 0)}.get(case)  # fmt: skip
        mine = {**us, "limited": 700 if case == "unlisted" else 0, "rows": rows, "dropped": 0}
        found.append(Result(case, "Unbound", [run(p99 * 2, sent=sent, written=9216), run(p99 * 4, sent=sent)]))
        found.append(Result(case, "us", [run(p99, sent=sent, listed=case == "listed", **mine)] * 2))
    return found


def test_one_line_for_each_server_and_case():
    lines = floodreport.case_table(results()).splitlines()
    rows = [dict(zip(cells(lines[0]), cells(line), strict=True)) for line in lines[2:]]
    assert [(row["case"], row["server"]) for row in rows[:2]] == [("alone", "Unbound"), ("alone", "us")]
    mine = next(row for row in rows if (row["case"], row["server"]) == ("unlisted", "us"))
    assert (mine["p99 ms"], mine["flood q/s"], mine["answered %"], mine["limited %"]) == ("8.00", "500", "100", "70")
    theirs = rows[0]
    assert (theirs["p99 ms"], theirs["p99 min-max"], theirs["flood q/s"]) == ("12.00", "8.00-16.00", "-")


def test_ratios_beside_itself_and_beside_peers():
    found = {tuple(cells(line)[:2]): cells(line)[4] for line in floodreport.ratio_table(results()).splitlines()[2:]}
    assert found["unlisted", "us / alone"] == "2.00 (2.00-2.00)"
    assert found["unlisted", "us / Unbound"] == "0.38 (0.25-0.50)"  # within a round each
    assert set(found) == {
        ("unlisted", "Unbound / alone"), ("unlisted", "us / alone"), ("listed", "Unbound / alone"),
        ("listed", "us / alone"), ("alone", "us / Unbound"), ("unlisted", "us / Unbound"), ("listed", "us / Unbound"),
    }  # fmt: skip


def test_what_was_stored():
    lines = [cells(line) for line in floodreport.stored_table(results()).splitlines()[2:]]
    assert ["listed", "us", "1", "1,000", "1,000", "65", "65", "2"] in lines
    assert ["alone", "Unbound", "1", "0", "-", "-", "-", "9"] in lines


@pytest.mark.parametrize(
    ("rows", "dropped", "kept"),
    [(Rows(65, 1000, 65), 0, True), (Rows(66, 1000, 65), 0, False), (Rows(65, 999, 65), 0, False),
     (Rows(65, 1001, 65), 0, False), (Rows(65, 1000, 65), 1, False)],
)  # fmt: skip
def test_each_hit_is_in_the_ledger_and_the_rows_have_an_end(rows, dropped, kept):
    assert run(1.0, sent=1000, listed=True, rows=rows, dropped=dropped).kept == kept


def test_an_unlisted_flood_leaves_no_row():
    assert run(1.0, sent=1000, rows=Rows(0, 0, 0), dropped=0).kept
    assert not run(1.0, sent=1000, rows=Rows(1, 1, 65), dropped=0).kept
    assert run(1.0).kept  # of a peer nothing is known


def test_the_verdict_names_what_is_wrong():
    unlisted, listed = floodreport.verdicts(results())
    assert unlisted.endswith("as it must be")
    assert listed == "listed flood, us: 2,000 asked, 2,000 answered, 2,000 hits recorded, 0 dropped: as it must be"
    assert floodreport.verdicts(results(unbounded=True))[1].endswith("MORE ROWS THAN BOUNDED")
