"""`sinkhole hosts`: tables for people, JSON for programs, over hits that casework's own code recorded."""

from __future__ import annotations

import json
import shutil

import pytest
from click.testing import CliRunner

from admin.cli.main import main
from casework.store.engine import open_casework
from tests.casework.making import NOON, Clock, arrival, facts, recorder_in, rolled_up, row, seeded


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A state folder with four machines, one of them asking for a hostile name."""
    folder = tmp_path_factory.mktemp("cli")
    settings, clock = seeded(folder), Clock()
    recorder = recorder_in(settings.state, clock)
    recorder.commit(
        [
            arrival(
                1,
                [
                    row("127.10.0.1", NOON, 4),
                    row("127.10.0.1", NOON + 60, 1, facts("x.bad.example", indicator="bad.example", family="Qakbot")),
                    row("127.20.0.9", NOON + 30, 2),
                    row("9.9.9.9", NOON + 10, 1, facts(family="\x1b[31mred\u202e")),
                    *(row("fd00:10::5", NOON, 1, facts(f"n{n}.example", indicator=f"n{n}.example")) for n in range(5)),
                ],
            )
        ]
    )
    clock.now += 120
    rolled_up(recorder, clock)
    recorder.close()
    return folder


def run(folder, *words: str):
    return CliRunner().invoke(main, ["--config", str(folder / "config.yaml"), *words])


def test_the_table(recorded):
    shown = run(recorded, "hosts")
    assert shown.exit_code == 0, shown.output
    lines = shown.stdout.splitlines()
    assert lines[0].split() == ["LAST", "SEEN", "ADDRESS", "UNIT", "HITS", "FIRST", "SEEN", "NAMES"]
    assert lines[1].startswith("2026-11-23 09:14:20  127.10.0.1")
    assert "Sở Khoa học và Công nghệ" in lines[1]
    assert "bad.example (Qakbot), evil.example (Emotet)" in lines[1]
    assert any("and 2 more" in line for line in lines)
    assert "\x1b" not in shown.stdout
    assert "\u202e" not in shown.stdout


def test_json_for_programs(recorded):
    found = json.loads(run(recorded, "hosts", "--json", "--sort", "address", "--unit", "so-mau").stdout)
    assert [host["address"] for host in found] == ["127.10.0.1", "fd00:10::5"]
    host = found[0]
    assert {key: host[key] for key in ("unit", "unit_name", "first_seen", "last_seen", "hits")} == {
        "unit": "so-mau",
        "unit_name": "Sở Khoa học và Công nghệ",
        "first_seen": "2026-11-23T09:13:20+07:00",
        "last_seen": "2026-11-23T09:14:20+07:00",
        "hits": 5,
    }
    assert host["indicators"][0] == {
        "domain": "bad.example",
        "family": "Qakbot",
        "kind": "c2",
        "list": "sample",
        "campaign": "demo-2026",
        "action": "sinkhole",
        "first_seen": "2026-11-23T09:14:20+07:00",
        "last_seen": "2026-11-23T09:14:20+07:00",
        "hits": 1,
        "letter": "01/CV",
        "withdrawn": False,
    }


@pytest.mark.parametrize(
    ("words", "addresses"),
    [
        (["--family", "Qakbot"], ["127.10.0.1"]),
        (["--unit", "-"], ["9.9.9.9"]),
        (["--text", "uy ban"], ["127.20.0.9"]),
        (["--campaign", "demo-2026", "--sort", "hits"], ["127.10.0.1", "fd00:10::5", "127.20.0.9", "9.9.9.9"]),
        (["--unit", "phong-mau"], []),
        (["--since", "2026-11-23 09:14"], ["127.10.0.1"]),
        (["--until", "2026-11-22"], []),
        (["--since", "2026-11-23", "--until", "2026-11-23", "--text", "emotet", "--unit", "xa-mau"], ["127.20.0.9"]),
    ],
)
def test_filters(recorded, words, addresses):
    found = json.loads(run(recorded, "hosts", "--json", *words).stdout)
    assert sorted(host["address"] for host in found) == sorted(addresses)


def test_what_was_only_let_through_makes_no_machine_suspected(tmp_path):
    settings, clock = seeded(tmp_path), Clock()
    recorder = recorder_in(settings.state, clock)
    recorder.commit([arrival(1, [row("127.10.0.1", NOON, 2, facts(action="passthru"))])])
    rolled_up(recorder, clock)
    shown = run(tmp_path, "hosts")
    assert (shown.exit_code, shown.stdout) == (0, "")
    assert shown.stderr == "no hosts; 1 were only let through: --let-through shows them\n"
    assert json.loads(run(tmp_path, "hosts", "--json").stdout) == []
    assert "evil.example (Emotet, passthru)" in run(tmp_path, "hosts", "--let-through").stdout
    recorder.commit([arrival(2, [row("127.10.0.2", NOON, 2, facts(action="monitor"))])])
    rolled_up(recorder, clock)
    recorder.close()
    lines = run(tmp_path, "hosts").stdout.splitlines()[1:]
    assert [line.split()[2] for line in lines] == ["127.10.0.2"]
    assert "evil.example (Emotet, monitor)" in lines[0]


def test_what_is_left_out_is_told(recorded):
    shown = run(recorded, "hosts", "--limit", "1", "--json")
    assert len(json.loads(shown.stdout)) == 1
    assert "1 of 4 hosts" in shown.stderr
    assert len(json.loads(run(recorded, "hosts", "--limit", "0", "--json").stdout)) == 4


def test_nothing_yet_and_nothing_found(tmp_path, recorded):
    shutil.copy(recorded / "config.yaml", tmp_path)
    for folder, words in ((tmp_path, ()), (recorded, ("--family", "none"))):
        shown = run(folder, "hosts", *words)
        assert (shown.exit_code, shown.stdout, shown.stderr) == (0, "", "no hosts\n")
        assert json.loads(run(folder, "hosts", "--json", *words).stdout) == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--unit", "so-khong-co"], "--unit: no unit is called 'so-khong-co'; known: -, phong-mau, so-mau, xa-mau"),
        (["--campaign", "demo-2025"], "--campaign: no campaign is called 'demo-2025'; known: demo-2026"),
        (["--list", "nothing"], "--list: no list is called 'nothing'; known: sample"),
        (["--list", "\x1b[31m"], "no list is called '\\x1b[31m'"),
        (["--since", "2026-11-24", "--until", "2026-11-23"], "--until is before --since"),
    ],
)
@pytest.mark.parametrize("form", [[], ["--json"]], ids=["table", "JSON"])
def test_what_can_match_nothing_is_no_all_clear(recorded, words, says, form):
    shown = run(recorded, "hosts", *words, *form)
    assert (shown.exit_code, shown.stdout) == (2, ""), shown.output
    assert says in shown.stderr
    assert "\x1b" not in shown.stderr


def test_what_is_over_is_known_with_its_hits_or_without(recorded, tmp_path):
    shutil.copytree(recorded, tmp_path, dirs_exist_ok=True)
    store = open_casework(tmp_path / "var")
    store.connection.execute("UPDATE units SET valid_to = '2026-01-01' WHERE code = 'phong-mau'")
    store.close()
    file = tmp_path / "old.txt"
    file.write_text("old.example\n")
    assert run(tmp_path, "lists", "import", str(file)).exit_code == 0
    assert run(tmp_path, "lists", "withdraw", "old").exit_code == 0
    for words in (["--unit", "phong-mau"], ["--list", "old"]):
        shown = run(tmp_path, "hosts", *words)
        assert (shown.exit_code, shown.stderr) == (0, "no hosts\n"), shown.output
    assert run(tmp_path, "hosts", "--list", "sample").exit_code == 0, "of hits alone, without a list in the library"
    assert "known: kill-switch, old, sample" in run(tmp_path, "hosts", "--list", "ol").stderr


def test_names_of_a_list_that_was_withdrawn_are_marked(recorded, tmp_path):
    shutil.copytree(recorded, tmp_path, dirs_exist_ok=True)
    file = tmp_path / "sample.txt"
    file.write_text("evil.example\n")
    assert run(tmp_path, "lists", "import", str(file)).exit_code == 0
    assert "withdrawn" not in run(tmp_path, "hosts").stdout
    assert run(tmp_path, "lists", "withdraw", "sample").exit_code == 0
    assert "evil.example (Emotet, list withdrawn)" in run(tmp_path, "hosts").stdout
    found = json.loads(run(tmp_path, "hosts", "--json").stdout)
    assert all(one["withdrawn"] for host in found for one in host["indicators"])


def test_of_many_units_the_closest_are_named(recorded, tmp_path):
    shutil.copytree(recorded, tmp_path, dirs_exist_ok=True)
    store = open_casework(tmp_path / "var")
    with store.transaction() as transaction:
        transaction.executemany(
            "INSERT INTO units (code, name) VALUES (?, ?)", [(f"xa-{number}", "Xã") for number in range(200)]
        )
    store.close()
    told = run(tmp_path, "hosts", "--unit", "so-mauu").stderr
    assert "known: so-mau, " in told
    assert "and 184 others" in told


def test_bad_words_are_told(recorded, tmp_path):
    shown = run(recorded, "hosts", "--since", "last tuesday")
    assert shown.exit_code == 2
    assert "'last tuesday' is no time" in shown.stderr
    shutil.copytree(recorded / "var", tmp_path / "var")
    shutil.copy(recorded / "config.yaml", tmp_path)
    store = open_casework(tmp_path / "var")
    store.connection.execute("PRAGMA user_version = 999")
    store.close()
    shown = run(tmp_path, "hosts")
    assert shown.exit_code == 1
    assert "is of version 999" in shown.stderr
    assert "Traceback" not in shown.output
