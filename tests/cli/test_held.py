"""`sinkhole lists held`, `approve`, `refuse` and `show`: what they print, and their exit codes."""

from __future__ import annotations

import json

import pytest

from contracts import config
from tests.admin.populate import populate
from tests.cli.test_main import run


@pytest.fixture
def lists(settings_file):
    """Run a `lists` command under the settings of these tests."""

    def command(*words):
        return run("--config", settings_file, "lists", *words)

    return command


@pytest.fixture
def letter(tmp_path, lists):
    """A letter of which three rows are held."""
    file = tmp_path / "letter.txt"
    file.write_text("c2.evil.example\ngoogle.com\ngov.vn\n*.com.vn\n", encoding="utf-8")
    told = lists("import", file)
    assert told.exit_code == 0, "the rest of it is live"
    return told


def test_an_import_says_what_is_held_and_how_to_go_on(letter):
    for words in (
        "letter: Version 1 is live",
        "held         3",
        "Held, `sinkhole lists approve letter LINE` lets one through:",
        "line 2  google.com is among the most visited",
    ):
        assert words in letter.output


def test_rows_are_shown_approved_and_refused(lists, letter):
    told = lists("held").output
    for words in ("letter", "google.com", "popular", "waiting", "protected domain gov.vn", "com.vn"):
        assert words in told
    done = lists("approve", "letter", "2", "none.example", "--reason", "x")
    assert done.exit_code == 1
    assert "holds no row 'none.example'" in done.output
    done = lists("approve", "letter", "2", "hxxp://gov[.]vn", "--reason", "công văn 12")
    assert (done.exit_code, done.stdout) == (
        0,
        "letter: version 1: approved: google.com, gov.vn; no resolver worker is running\n",
    )
    assert lists("refuse", "letter", "com.vn", "--reason", "nhầm").exit_code == 0
    assert lists("held").output == "no rows wait for a person\n"
    rows = json.loads(lists("held", "letter", "--version", "1", "--json").stdout)
    assert [(row["indicator"], row["state"], row["why"]) for row in rows] == [
        ("google.com", "approved", "công văn 12"),
        ("gov.vn", "approved", "công văn 12"),
        ("com.vn", "refused", "nhầm"),
    ]
    assert lists("search", "www.google.com").exit_code == 0
    assert "held" not in lists("search", "google.com").output


def test_a_search_says_that_a_row_is_held(lists, letter):
    told = lists("search", "google.com").output
    assert "held: google.com is among the most visited" in told


def test_wrong_use(lists, letter):
    assert lists("held", "none").exit_code == 2
    assert lists("held", "--version", "1").exit_code == 2
    assert lists("held", "letter", "--version", "9").exit_code == 2
    assert lists("approve", "letter", "2").exit_code == 2, "no reason"
    assert lists("approve", "letter", "2", "--reason", " ").exit_code == 2
    assert lists("approve", "letter", "--reason", "x").exit_code == 2
    assert lists("show", "none").exit_code == 2


def test_two_people(lists, settings_file, tmp_path):
    with settings_file.open("a", encoding="utf-8") as file:
        file.write("guard: {two_person: true}\n")
    (tmp_path / "letter.txt").write_text("a.example\ngoogle.com\n")
    told = lists("import", tmp_path / "letter.txt")
    assert told.exit_code == 1
    assert "must activate it; `sinkhole lists activate letter 1` makes it live" in told.output
    for words in (("activate", "letter"), ("approve", "letter", "2", "--reason", "x")):
        told = lists(*words)
        assert told.exit_code == 1
        assert "another person must let it go (guard.two_person)" in told.output
    assert lists("import", tmp_path / "letter.txt", "--name", "other", "--hold").exit_code == 0, "as asked"


def test_show_says_whom_a_watched_list_would_have_blocked(lists, settings_file, tmp_path):
    populate(config.read(settings_file), list="letter")
    (tmp_path / "letter.txt").write_text("c2.evil.example\nphish.example\n")
    lists("import", tmp_path / "letter.txt", "--mode", "monitor")
    told = lists("show", "letter").output
    for words in ("version 1, monitor", "would have blocked  2 machines of", "7 hits", "rows held           none"):
        assert words in told
    assert json.loads(lists("show", "letter", "--json").stdout)["found"]["machines"] == 2
