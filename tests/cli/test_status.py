"""`sinkhole status`: what is asked, what is compared, and when the exit code says that something is wrong."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack

import pytest

from contracts.decisions import Allowed, Bypass, Decisions, DecisionsFile, Unrecorded
from contracts.policy import Manifest, ManifestEntry, PolicyFolder
from tests.cli.answers import answering
from tests.cli.test_main import run


def worker(number, **changed):
    return {
        "worker": number,
        "pid": 100 + number,
        "boot": "00112233445566aa",
        "started": time.time() - 65,
        "serial": 4,
        "counters": {"udp_queries": 1000 + number, "listed": 12, "malformed": 0},
        "clients": {"serial": 2, "units": 1, "networks": 3, "monitor": 1, "exempt": 0, "forwarders": 2},
        "hits": {"made": 12, "acknowledged": 10, "buffered": 2, "dropped": 0, "connected": True},
        "cache": {"entries": 5},
        "upstreams": [],
        "problems": [],
        **changed,
    }


def part(pid, **changed):
    return {"pid": pid, "started": time.time() - 4000, "problems": [], **changed}


@pytest.fixture
def status(settings_file):
    """Ask for the status of a service in which everything answers, but for what is changed."""
    state = settings_file.parent / "var"
    entry = ManifestEntry("letter-7", 3, "enforce", "demo-2026", "a.seg", "00", 120, 4)
    PolicyFolder(state / "policy").publish(Manifest(4, time.time() - 600, (entry,)))

    def ask(*options, **changed):
        replies = {
            "resolver-0": worker(0),
            "resolver-1": worker(1),
            "recorder": part(
                7, queue=3, behind=1, last_commit=time.time() - 2, ledger="2026-11-23-node1.db", lost=[{"lost": 2}]
            ),
            "lists": part(8),
            "admin": part(9),
            **changed,
        }
        with ExitStack() as up:
            for name, reply in replies.items():
                if reply is not None:
                    up.enter_context(answering(state / "run" / f"{name}.sock", {"status": reply}))
            return run("--config", settings_file, "status", *options)

    return ask


def test_all_is_well(status):
    ran = status()
    assert ran.exit_code == 0, ran.output
    assert "all is well" in ran.stdout
    assert "resolver@1  answers  101  65 s" in ran.stdout
    assert "made 24, acknowledged 20, buffered 4, dropped 0" in ran.stdout
    assert "letter-7        3  enforce    120  demo-2026" in ran.stdout
    assert "udp queries  2001" in ran.stdout
    assert "malformed" not in ran.stdout  # none
    assert "queue 3, last commit 2 s ago, not yet in the pages 1, lost in crashes 2, ledger 2026" in ran.stdout


def test_a_decision_that_is_not_recorded_is_a_problem(status, settings_file):
    one = Unrecorded("001122334455", "on", "os:lan", 1_795_400_000, "a wrong \x1b list", 1_795_401_800)
    file = DecisionsFile(settings_file.parent / "var")
    file.publish(Decisions(1, unrecorded=(one,)))
    ran = status()
    assert ran.exit_code == 1
    line = next(line for line in ran.stdout.splitlines() if "outstanding" in line)
    assert line.startswith("problem: the record of `bypass on` by os:lan at 2026-11-23 09:13:20 is outstanding")
    assert "\x1b" not in line
    file.path.write_bytes(b"{")
    assert "outstanding" not in status().stdout  # that it is damaged the workers tell


def test_names_that_are_allowed_are_counted_while_they_are(status, settings_file):
    file, now = DecisionsFile(settings_file.parent / "var"), time.time()
    allowed = [
        Allowed(f"n{number}.example", now + seconds, "", "Phòng Mẫu") for number, seconds in enumerate((600, 600, -600))
    ]
    told = {1: "1 name is allowed", 2: "2 names are allowed"}
    for count, words in told.items():
        file.publish(Decisions(count, allowed=tuple(allowed[2 - count :])))
        ran = status()
        assert ran.exit_code == 0
        (told_now,) = notes(ran)
        assert told_now.startswith(f"{words} for a time: no list decides about them (sinkhole allow ls); n")
        assert told_now.endswith(" (Phòng Mẫu)")
    file.publish(Decisions(3, allowed=tuple(allowed[2:]), bypass=Bypass(now + 600, "")))
    assert notes(status()) == []
    assert json.loads(status("--json").stdout)["decisions"] == {"allowed": 0, "bypassed": True}


def test_tcp_places_of_all_workers_are_told(status):
    counters = {"tcp_turned_away": 3, "tcp_displaced": 700}
    ran = status(**{
        "resolver-0": worker(0, tcp={"limit": 1000, "insiders": 30, "strangers": 7}, counters=counters),
        "resolver-1": worker(1, tcp={"limit": 1000, "insiders": 1000, "strangers": 0}, counters=counters),
    })  # fmt: skip
    assert ran.exit_code == 0
    assert "TCP       1 037 of 2 000 places taken, 7 by strangers; 6 turned away, 1 400 lost their place" in ran.stdout


def test_tcp_places_for_programs(status):
    given = {"limit": 1000, "insiders": 37, "strangers": 0}
    told = json.loads(status("--json", **{"resolver-1": worker(1, tcp=given)}).stdout)
    assert told["processes"]["resolver@1"]["tcp"] == given
    assert told["tcp"] == given  # the other worker is not one that tells it


def test_feeds_are_told(status):
    feed = {"list": "one", "url": "https://lists.example/one.txt", "every": 3600, "failures": 0, "error": ""}
    feeds = [feed | {"fetched": time.time() - 7200, "checked": time.time() - 60, "tried": 0, "next": 0}]
    feeds.append(feeds[0] | {"list": "two", "fetched": 0.0, "checked": 0.0})
    told = [line.split() for line in status(lists=part(8, feeds=feeds)).stdout.splitlines()]
    assert ["one", "2", "h", "ago", "60", "s", "ago", "https://lists.example/one.txt"] in told
    assert ["two", "never", "never", "https://lists.example/one.txt"] in told


def test_programs_get_everything(status):
    told = json.loads(status("--json").stdout)
    assert told["problems"] == []
    assert told["processes"]["resolver@0"]["pid"] == 100
    assert told["policy"]["serial"] == 4
    assert told["policy"]["workers"] == {"resolver@0": 4, "resolver@1": 4}
    assert told["policy"]["lists"][0]["addresses"] == 4
    assert told["hits"]["counters"] == {"udp_queries": 2001, "listed": 24, "malformed": 0}


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"recorder": None}, "recorder does not answer"),
        ({"resolver-1": None}, "resolver@1 does not answer"),
        ({"resolver-1": worker(1, serial=3)}, "resolver@1: answers under policy 3, on disk is 4"),
        ({"lists": part(8, problems=["letter-9 waits for approval"])}, "lists: letter-9 waits for approval"),
        ({"admin": ValueError("out of order")}, "admin: out of order"),
    ],
)
def test_what_is_wrong_is_said_and_counts(status, changed, problem):
    ran = status(**changed)
    assert ran.exit_code == 1
    assert f"problem: {problem}" in ran.stdout


def upstream(address, problem="", *, scope=".", up=None, failures=0):
    up = not problem if up is None else up
    return {"address": address, "scope": scope, "up": up, "failures": failures, "problem": problem}


def notes(ran):
    return [line.removeprefix("note: ") for line in ran.stdout.splitlines() if line.startswith("note: ")]


def test_an_upstream_that_is_down_is_told_once_and_is_no_problem_while_another_answers(status):
    servers = [upstream("tls://10.1.1.1:853#dns.example", "a\x1b[31m bad certificate"), upstream("10.1.1.2:53")]
    ran = status(**{f"resolver-{number}": worker(number, upstreams=servers) for number in (0, 1)})
    assert ran.exit_code == 0
    assert notes(ran) == [
        "upstream tls://10.1.1.1:853#dns.example (all names) is down for all workers: a\\x1b[31m bad certificate"
    ]
    assert ran.stdout.endswith("\nno problems; see the notes above\n")
    assert "all is well" not in ran.stdout


@pytest.mark.parametrize(
    ("first", "second", "note"),
    [
        (
            [upstream("10.1.1.1:53")],
            [upstream("10.1.1.1:53", "connection refused", failures=3)],
            "upstream 10.1.1.1:53 (all names) is down for resolver@1: connection refused",
        ),
        (
            [upstream("10.1.1.1:53", "no answer to the last 3 questions", failures=3)],
            [upstream("10.1.1.1:53", "no answer to the last 7 questions", failures=7)],
            "upstream 10.1.1.1:53 (all names) is down for all workers: no answer to the last 7 questions",
        ),
        (
            [upstream("10.1.1.1:53", "silence", failures=3), upstream("10.1.1.1:53", "silence", scope="ad.vn")],
            [upstream("10.1.1.1:53"), upstream("10.1.1.1:53", scope="ad.vn")],
            "upstream 10.1.1.1:53 (all names, forward zone ad.vn) is down for resolver@0: silence",
        ),
        (
            [upstream("10.1.1.1:53", up=False)],
            [],
            "upstream 10.1.1.1:53 (all names) is down for resolver@0: it is silent",
        ),
        (
            [upstream("10.1.1.1:53", "connection refused", up=True)],
            [upstream("10.1.1.1:53")],
            "upstream 10.1.1.1:53 (all names) is up, but its last connection failed for resolver@0: connection refused",
        ),
    ],
)
def test_what_workers_see_of_one_server_is_one_note(status, first, second, note):
    ran = status(**{"resolver-0": worker(0, upstreams=first), "resolver-1": worker(1, upstreams=second)})
    assert ran.exit_code == 0
    assert notes(ran) == [note]


def test_the_only_worker_that_answers_is_named(status):
    servers = [upstream("10.1.1.1:53", "silence")]
    ran = status(**{"resolver-0": worker(0, upstreams=servers), "resolver-1": None})
    assert notes(ran) == ["upstream 10.1.1.1:53 (all names) is down for resolver@0: silence"]
    assert ran.exit_code == 1  # for the worker that does not answer


def dropping(count):
    return {"made": 12, "acknowledged": 10, "buffered": 2, "dropped": count, "connected": True}


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        (
            {"resolver-0": worker(0, hits=dropping(12_000)), "resolver-1": worker(1, hits=dropping(345))},
            "12 345 hits were dropped",
        ),
        ({"resolver-1": worker(1, counters={"internal_errors": 2})}, "2 packets met a fault of our own"),
        ({"recorder": part(7, gaps=7)}, "7 batches of hits are missing"),
        ({"recorder": part(7, refused=99)}, "99 rows of hits were refused"),
        ({"recorder": part(7, bad_frames=1)}, "1 frames of hits could not be read"),
    ],
)
def test_what_was_lost_is_a_problem_with_its_number(status, changed, problem):
    ran = status(**changed)
    assert ran.exit_code == 1
    assert f"problem: {problem} since the" in ran.stdout


def test_a_persons_decision_against_the_settings_is_a_note_and_no_problem(status):
    ran = status(lists=part(8, notes=["list one: settings and live version differ"]))
    assert ran.exit_code == 0
    assert "note: list one: settings and live version differ\nno problems; see the notes above" in ran.stdout


def test_a_service_that_never_ran(settings_file):
    ran = run("--config", settings_file, "status", "--json")
    assert ran.exit_code == 1
    told = json.loads(ran.stdout)
    assert [name for name, reply in told["processes"].items() if reply["answers"]] == []
    assert "no policy was ever made: names are resolved plainly" in told["problems"]


def test_a_broken_manifest_is_a_problem_and_no_traceback(status, settings_file):
    (settings_file.parent / "var" / "policy" / "policy.json").write_text("{}")
    ran = status()
    assert ran.exit_code == 1
    assert "problem: the policy on disk cannot be read" in ran.stdout


def test_the_zone_that_others_take_has_a_line():
    from admin.cli.status import _transfer_lines

    counts = {"listen": ["127.0.0.1:5354"], "transfers": 12, "refused": 3, "busy": 0}
    assert _transfer_lines(None) == []
    (line, blank) = _transfer_lines(counts | {"zone": "rpz.example", "serial": 7, "records": 9})
    assert line.startswith("transfer  zone rpz.example serial 7, 9 records, 12 transfers, 3 refused, 0 too many")
    assert blank == ""
    assert "zone" not in _transfer_lines(counts)[0]
