"""`sinkhole hits`: the newest rows, rows as they come, and what died with a worker."""

from __future__ import annotations

import json
import signal
import subprocess
import time

import pytest
from click.testing import CliRunner

from admin.cli.main import main
from casework import ledger
from contracts.control import RunFolder
from contracts.counter import CounterFile, counter_path
from contracts.hit import Claim
from tests.casework.making import BOOT, NOON, arrival, damage, facts, recorder_in, row, seeded
from tests.cli.conftest import SINKHOLE
from tests.waiting import DEADLINE, until


@pytest.fixture
def recorded(tmp_path):
    """Three hits, one with a hostile name."""
    settings = seeded(tmp_path)
    recorder = recorder_in(settings.state)
    recorder.commit(
        [
            arrival(
                1,
                [
                    row("127.10.0.1", NOON, 4),
                    row("127.20.0.9", NOON + 1, 2, facts("\x1b]0;x\x07.evil.example", qtype=28)),
                    row("fd00:10::1", NOON + 2, 1, facts(qtype=4711, action="nodata", address="")),
                ],
            )
        ]
    )
    recorder.close()
    return tmp_path


def run(folder, *words: str):
    return CliRunner().invoke(main, ["--config", str(folder / "config.yaml"), "hits", *words])


def test_the_table_newest_first(recorded):
    shown = run(recorded)
    lines = shown.stdout.splitlines()
    assert [line[:19] for line in lines[1:]] == [f"2026-11-23 09:13:2{second}" for second in (2, 1, 0)]
    assert "TYPE4711" in lines[1]
    assert "\\027]0;x\\007.evil.example" in lines[2]
    assert "sinkhole 127.53.1.2" in lines[3]
    assert "evil.example (Emotet)" in lines[3]
    assert "\x1b" not in shown.output


def test_json_and_filters(recorded):
    (found,) = json.loads(run(recorded, "--json", "--client", "FD00:10:0::1").stdout)
    assert (found["client"], found["count"], found["time"], found["letter"]) == (
        "fd00:10::1", 1, "2026-11-23T09:13:22+07:00", "01/CV",
    )  # fmt: skip
    assert len(json.loads(run(recorded, "--json", "--limit", "2").stdout)) == 2
    assert len(json.loads(run(recorded, "--json", "--since", "2026-11-23T09:13:21+07:00").stdout)) == 2


def test_who_named_the_machine_and_what_was_listed(recorded):
    recorder = recorder_in(recorded / "var")
    named = Claim(b"\x0a\0\0\x35", "ecs", b"\0\1\2\3\4\5", "tầng 2\x1b[2J")
    what = facts("www.other.example", indicator="192.0.2.7", step="answer", verified=True)
    recorder.commit(
        [arrival(2, [row("127.10.0.9", NOON + 3, 1, what, named), row("127.10.0.8", claim=Claim(b"\x7f\0\0\1"))])]
    )
    recorder.close()
    (found,) = json.loads(run(recorded, "--json", "--client", "127.10.0.9").stdout)
    assert {key: found[key] for key in ("step", "verified", "via", "how", "mac", "cpe_id")} == {
        "step": "answer", "verified": True, "via": "10.0.0.53", "how": "ecs", "mac": "00:01:02:03:04:05",
        "cpe_id": "tầng 2\\027[2J",
    }  # fmt: skip
    (line,) = run(recorded, "--client", "127.10.0.9").stdout.splitlines()[1:]
    assert "127.10.0.9 (ecs 10.0.0.53, 00:01:02:03:04:05, tầng 2\\027[2J)" in line
    assert "udp+cookie" in line
    assert "192.0.2.7 (Emotet), answer" in line
    assert "127.10.0.8 (told by 127.0.0.1)" in run(recorded, "--client", "127.10.0.8").stdout


def test_a_list_that_was_withdrawn_since_is_marked(recorded):
    file = recorded / "sample.txt"
    file.write_text("evil.example\n")

    def lists(*words):
        assert CliRunner().invoke(main, ["--config", str(recorded / "config.yaml"), "lists", *words]).exit_code == 0

    assert "withdrawn" not in run(recorded).stdout, "of a list that is not in the library nobody can tell"
    lists("import", str(file), "--name", "sample")
    assert "withdrawn" not in run(recorded).stdout
    assert not any(one["withdrawn"] for one in json.loads(run(recorded, "--json").stdout))
    lists("withdraw", "sample")
    assert all(line.endswith("sample v3 (withdrawn)") for line in run(recorded).stdout.splitlines()[1:])
    assert all(one["withdrawn"] for one in json.loads(run(recorded, "--json").stdout))
    (recorded / "var" / "library.db").write_bytes(b"no database" * 1000)
    shown = run(recorded)
    assert (shown.exit_code, shown.stdout.count("sample v3\n")) == (0, 3), "hits are shown whatever the library is like"


def test_nothing_and_bad_words(tmp_path, recorded):
    assert run(recorded, "--client", "127.99.0.1").stderr == "no hits\n"
    shown = run(recorded, "--client", "everybody")
    assert shown.exit_code == 2
    assert "'everybody' is no IP address" in shown.stderr


def damaged_day_before(folder):
    """A file of the day before with a hit in it, then damaged."""
    recorder = recorder_in(folder / "var", lambda: NOON - 86400)
    recorder.commit([arrival(1, [row("127.10.0.1", NOON - 86400)], "00000000000000b2")])
    recorder.close()
    path = ledger.day_files(folder / "var")[-1]
    damage(path)
    return path


@pytest.mark.parametrize("words", [[], ["--json"]], ids=["table", "JSON"])
def test_a_damaged_day_file_is_left_out_and_told(recorded, words):
    path = damaged_day_before(recorded)
    shown = run(recorded, *words)
    assert shown.stderr == f"left out: ledger file {path.name}: database disk image is malformed\n"
    assert shown.exit_code == 1, "what is shown is not everything"
    if words:
        assert [one["count"] for one in json.loads(shown.stdout)] == [1, 2, 4]
    else:
        assert len(shown.stdout.splitlines()) == 4
    unasked = run(recorded, *words, "--limit", "1")
    assert "left out" in unasked.stderr, "who is lost is asked of every file"


def test_where_no_file_can_be_read_it_is_not_said_that_there_are_no_hits(recorded):
    (path,) = ledger.day_files(recorded / "var")
    path.write_bytes(b"no database" * 1000)
    shown = run(recorded)
    assert (shown.exit_code, shown.stdout) == (1, "")
    assert shown.stderr == f"left out: ledger file {path.name}: file is not a database\n"


def test_following_goes_on_beside_a_damaged_file_and_tells_it_once(recorded):
    path = damaged_day_before(recorded)
    following = subprocess.Popen(
        [str(SINKHOLE), "--config", str(recorded / "config.yaml"), "hits", "--follow", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert following.stdout is not None
    assert [json.loads(following.stdout.readline())["count"] for _ in range(3)] == [4, 2, 1]
    following.send_signal(signal.SIGINT)
    _rest, told = following.communicate(timeout=DEADLINE)
    assert told == f"left out: ledger file {path.name}: database disk image is malformed\n"


def test_hits_that_died_with_a_worker_are_told(recorded):
    counter = CounterFile(counter_path(RunFolder(recorded / "var").folder, 0, BOOT))
    counter.values[0], counter.values[1] = 12, 2
    counter.close()
    recorder = recorder_in(recorded / "var")
    for _ in range(2):
        recorder.settle({"another boot of worker 0": 0})
    recorder.close()
    shown = run(recorded)
    assert f"lost: 3 of 12 hits, when worker 0 died (boot {BOOT}" in shown.stderr


def test_following(recorded):
    following = subprocess.Popen(
        [str(SINKHOLE), "--config", str(recorded / "config.yaml"), "hits", "--follow", "--json", "--limit", "2"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert following.stdout is not None
    first = [json.loads(following.stdout.readline()) for _ in range(2)]
    assert [one["count"] for one in first] == [2, 1], "the newest two, oldest first"
    recorder = recorder_in(recorded / "var", time.time)
    now = int(time.time())
    recorder.commit([arrival(2, [row("127.10.0.7", now)])])
    recorder.commit([arrival(3, [row("127.10.0.7", now, 5), row("127.10.0.8", now)])])
    recorder.close()
    seen = [json.loads(following.stdout.readline()) for _ in range(2)]
    assert [(one["client"], one["count"]) for one in seen] == [("127.10.0.7", 6), ("127.10.0.8", 1)]
    following.send_signal(signal.SIGINT)
    until(lambda: following.poll() is not None, "it ends on Ctrl-C")
    assert following.wait(DEADLINE) == 0
    following.stdout.close()
