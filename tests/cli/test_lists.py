"""`sinkhole lists` without a lists process: what it prints, and its exit codes."""

from __future__ import annotations

import json
import os

import pytest

from tests.cli.test_main import run


@pytest.fixture
def lists(settings_file):
    """Run a `lists` command under the settings of these tests."""

    def command(*words):
        return run("--config", settings_file, "lists", *words)

    return command


@pytest.fixture
def letter(tmp_path):
    file = tmp_path / "Công văn 12.txt"
    file.write_text("evil.example\nnot good\nevil\x1b[2J.example\ncom.vn\n203.0.113.7\n", encoding="utf-8")
    return file


def test_import_tells_what_was_taken_and_what_not(lists, letter):
    told = lists("import", letter, "--name", "letter-12", "--mode", "monitor")
    assert told.exit_code == 0, told.output
    for words in (
        "letter-12: Version 1 is live",
        "2 (1 names)",
        "1 (monitor: only recorded)",
        "line 2  more than one word",
        "line 4  a public suffix",
        "mode         monitor, kind c2",
        "no resolver worker is running",
    ):
        assert words in told.output
    assert "\x1b" not in told.output
    assert "evil\\x1b[2J.example" in told.output


def test_import_as_json_is_the_whole_report(lists, letter):
    report = json.loads(lists("import", letter, "--name", "letter", "--json").stdout)
    assert (report["state"], report["names"], report["bad_total"], report["waiting_total"]) == ("live", 1, 2, 1)
    assert report["bad"][0] == {
        "line": 2,
        "text": "not good",
        "reason": "more than one word: no single name or address",
    }
    assert report["workers"] == {"live": 0, "of": 0, "seconds": 0.0}


def test_a_zone_is_imported_and_found(lists, tmp_path):
    file = tmp_path / "feed.rpz"
    file.write_text(
        "*.evil.example.rpz.test. CNAME garden.example.\n32.7.113.0.203.rpz-ip.rpz.test. CNAME .\n"
        "ok.example.rpz.test. CNAME rpz-passthru.\nns.rpz-nsip.rpz.test. CNAME .\n"
    )
    told = lists("import", file, "--zone", "rpz.test", "--addresses", "enforce").output
    for words in (
        "format       rpz (",
        "zone         rpz.test (as asked)",
        "3 (2 names)",
        "addresses    1 (as the list: enforce)",
        "passthru     1",
        "unsupported  1",
        "Unsupported: a forwarder cannot follow these:",
        "line 4  rpz-nsip:",
    ):
        assert words in told
    found = lists("search", "x.evil.example").output
    for words in ("*.evil.example  feed", "enforce  alias garden.example below only  "):
        assert words in found
    assert "enforce  nxdomain" in lists("search", "203.0.113.7").output
    assert "THEIR MODE" in lists("ls").output


def test_the_zone_of_an_import_is_told_to_people_and_programs(lists, tmp_path, letter):
    file = tmp_path / "feed.rpz"
    file.write_text("evil.example.rpz.test. CNAME .\n")
    lists("import", file, "--zone", "rpz.test")
    file.write_text("evil.example.rpz.test. CNAME .\nbad.example.rpz.test. CNAME .\n")
    report = json.loads(lists("import", file, "--json").stdout)
    assert report["zone"] == "rpz.test"
    assert report["zone_reason"] == "as version 1 was imported; --zone names another"
    told = lists("import", letter, "--zone", "rpz.test")
    assert "no response policy zone: domains (" in told.output
    assert told.exit_code == 2
    assert "zone" not in lists("import", letter).output


def test_the_name_comes_from_the_file(lists, letter):
    assert json.loads(lists("import", letter, "--json").stdout)["list"] == "cong-van-12"


def test_nothing_usable_is_exit_1(lists, tmp_path):
    file = tmp_path / "empty.txt"
    file.write_text("0.0.0.0\n")
    told = lists("import", file)
    assert told.exit_code == 1
    assert "Refused: no usable indicator in it" in told.output
    assert "line 1  no address of a machine" in told.output


def test_wrong_use_is_exit_2(lists, tmp_path, letter):
    assert lists("import", tmp_path / "none.txt").exit_code == 2
    assert lists("import", letter, "--mode", "panic").exit_code == 2
    assert lists("search", "not a name").exit_code == 2
    assert lists("rollback").exit_code == 2


def test_what_cannot_be_is_exit_1_with_a_sentence(lists):
    told = lists("rollback", "letter")
    assert (told.exit_code, "no list is called 'letter'" in told.output) == (1, True)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--campaign", "none-such"), "no campaign has the id 'none-such'; known: none"),
        (("--name", "Bad Name"), "'Bad Name' is no list name"),
        (("--name", "kill-switch"), "comes with the product"),
        (("--kind", "kill-switch", "--mode", "enforce"), "must resolve"),
        (("--zone", "a..b"), "no name of a zone"),
        (("--zone", "rpz.test"), "leave --zone out"),
    ],
)
def test_what_can_never_be_meant_so_is_exit_2_with_a_sentence(lists, letter, words, says):
    told = lists("import", letter, *words)
    assert (told.exit_code, says in told.stderr) == (2, True), told.output


def test_another_users_state_is_left_alone(lists, letter, settings_file, monkeypatch):
    state = settings_file.parent / "var"
    state.mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    for words in (("import", letter), ("rollback", "letter"), ("activate", "letter"), ("withdraw", "letter")):
        told = lists(*words)
        assert told.exit_code == 2
        assert "use `sudo -u " in told.stderr
    assert list(state.iterdir()) == []


def test_ls_and_search(lists, letter):
    assert "no lists yet" in lists("ls").output
    lists("import", letter, "--name", "letter")
    told = lists("ls").output.splitlines()
    assert [line.split()[:3] for line in told] == [
        ["LIST", "LIVE", "MODE"], ["kill-switch", "1", "passthru"], ["letter", "1", "enforce"],
    ]  # fmt: skip
    assert lists("ls", "letter").output.splitlines()[1].split()[:2] == ["1", "live"]
    assert lists("ls", "other").exit_code == 1
    found = lists("search", "www.evil.example")
    assert found.exit_code == 0
    assert "evil.example and below  letter" in found.output
    assert json.loads(lists("search", "203.0.113.7", "--json").stdout)[0]["indicator"] == "203.0.113.7"
    missing = lists("search", "good.example")
    assert (missing.exit_code, "in no list" in missing.output) == (1, True)


def test_people_read_their_own_time_and_programs_one_with_its_zone(lists, letter, settings_file, monkeypatch):
    monkeypatch.setattr("blocklists.library.now", lambda: "2026-11-23T20:13:20Z")
    lists("import", letter, "--name", "letter")
    for words in (("ls",), ("ls", "letter")):
        assert "2026-11-24 03:13:20  " in lists(*words).output
    (found,) = json.loads(lists("ls", "letter", "--json").stdout)
    assert (found["live"]["created"], found["live"]["live_since"]) == ("2026-11-23T20:13:20Z",) * 2
    with settings_file.open("a") as file:
        file.write("time_zone: Europe/Berlin\n")
    assert "2026-11-23 21:13:20  " in lists("ls").output


def test_ls_says_where_a_person_decided_against_the_settings(lists, settings_file):
    from blocklists.library import Library
    from blocklists.service import Lists
    from contracts import config

    with settings_file.open("a") as file:
        file.write("lists: [{name: one, path: one.txt}]\n")
    for content in ("a.example\n", "b.example\n"):
        (settings_file.parent / "one.txt").write_text(content)
        settings = config.read(settings_file)
        library = Library.open(settings.state)
        Lists(settings, library).seed()
        library.close()
    assert "note:" not in lists("ls").output
    lists("rollback", "one")
    assert "note: list one: settings and live version differ" in lists("ls").output
    assert "settings lead to version 2" in lists("ls", "one").output


def test_hold_activate_rollback_withdraw(lists, letter):
    lists("import", letter, "--name", "letter")
    letter.write_text("other.example\n")
    assert "Version 2 is held: as asked" in lists("import", letter, "--name", "letter", "--hold").output
    assert "letter: version 2 is live (version 1 was)" in lists("activate", "letter").output
    assert "letter: version 1 is live (version 2 was)" in lists("rollback", "letter").output
    assert json.loads(lists("activate", "letter", "2", "--json").stdout)["before"] == 1
    assert "letter: nothing is live (version 2 was)" in lists("withdraw", "letter").output
