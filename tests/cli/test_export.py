"""`sinkhole lists export`: files of the live policy, whole or not at all."""

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
def filled(lists, tmp_path):
    """With one list in force."""
    file = tmp_path / "letter.txt"
    file.write_text("evil.example\n203.0.113.7\n", encoding="utf-8")
    assert lists("import", file, "--name", "letter", "--addresses", "enforce").exit_code == 0
    return lists


@pytest.mark.parametrize(
    ("form", "line"),
    [
        ("rpz", "*.evil.example.rpz.sinkhole. A "),
        ("names", "evil.example"),
        ("unbound", 'local-zone: "evil.example." always_nxdomain'),
        ("csv", "evil.example,name,sinkhole,letter,1,1,"),
        ("addresses", "203.0.113.7,address,sinkhole,letter,1,2,"),
        ("nftables", "  203.0.113.7"),
    ],
)
def test_each_form_goes_to_standard_output(filled, form, line):
    told = filled("export", form)
    assert told.exit_code == 0, told.output
    assert any(one.startswith(line) for one in told.stdout.splitlines()), told.stdout


def test_a_file_is_replaced_whole_and_what_was_written_is_told(filled, tmp_path):
    file = tmp_path / "policy.rpz"
    file.write_text("old")
    told = filled("export", "rpz", "--output", file, "--zone", "Blocked.Test.")
    assert told.exit_code == 0, told.output
    text = file.read_text()
    assert "evil.example.blocked.test. A " in text
    assert f"{len(text.splitlines())} lines, response policy zone, policy " in told.output
    report = json.loads(filled("export", "csv", "--output", file, "--json").stdout)
    lines = len(file.read_text().splitlines())
    assert (report["form"], report["file"], report["lines"], report["bypassed"]) == ("csv", str(file), lines, False)
    assert os.listdir(tmp_path).count("policy.rpz") == 1
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".new")]


def test_what_cannot_be_written_is_said_and_changes_nothing(filled, tmp_path):
    told = filled("export", "rpz", "--output", tmp_path / "no" / "folder")
    assert told.exit_code == 1
    assert "cannot be written: No such file or directory" in told.output


def test_before_the_first_policy_there_is_nothing(lists):
    told = lists("export", "names")
    assert told.exit_code == 1
    assert "no policy was ever made" in told.output


def test_a_damaged_policy_is_said(filled, settings_file):
    (manifest,) = settings_file.parent.rglob("policy.json")
    manifest.write_text("{")
    told = filled("export", "names")
    assert told.exit_code == 1
    assert "the live policy cannot be read" in told.output


@pytest.mark.parametrize("words", [("rpz", "--zone", "a..b"), ("names", "--json"), ("hosts",)])
def test_wrong_use(filled, words):
    assert filled("export", *words).exit_code == 2
