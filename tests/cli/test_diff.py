"""`sinkhole lists diff`."""

from __future__ import annotations

import json

import pytest

from tests.cli.test_main import run


@pytest.fixture
def lists(settings_file, tmp_path):
    """Run a `lists` command; `letter` has two versions."""

    def command(*words):
        return run("--config", settings_file, "lists", *words)

    for text in ("evil.example\nold.example\n", "evil.example\nnew.example\n"):
        (tmp_path / "letter.txt").write_text(text)
        assert command("import", tmp_path / "letter.txt", "--name", "letter").exit_code == 0
    return command


def test_what_the_live_version_brought(lists):
    told = lists("diff", "letter")
    assert told.exit_code == 0
    assert "letter: version 2 beside version 1: 1 added, 1 removed, 0 changed, 1 the same" in told.output
    assert "+  new.example  line 2" in told.output
    assert "-  old.example  line 2" in told.output


def test_two_that_are_named_and_one(lists):
    assert "version 1 beside version 2: 1 added" in lists("diff", "letter", "2", "1").output
    assert "version 2 beside version 1: 1 added" in lists("diff", "letter", "1").output


def test_as_json(lists):
    report = json.loads(lists("diff", "letter", "--json").stdout)
    assert (report["added"], report["removed"], report["before"], report["after"]) == (1, 1, 1, 2)
    assert report["rows"][0]["indicator"] == "new.example"


def test_a_limit_says_that_there_is_more(lists):
    told = lists("diff", "letter", "--limit", "0")
    assert "the first 0 of 2" in told.output
    assert "new.example" not in told.output


@pytest.mark.parametrize("words", [("nothing",), ("letter", "1", "7"), ("letter", "7")])
def test_wrong_use(lists, words):
    told = lists("diff", *words)
    assert told.exit_code == 2
    assert "no list is called" in told.output or "has no version 7" in told.output


def test_nothing_to_compare_with(lists):
    assert lists("withdraw", "letter").exit_code == 0
    told = lists("diff", "letter", "1")
    assert told.exit_code == 2
    assert "nothing of letter is live" in told.output
