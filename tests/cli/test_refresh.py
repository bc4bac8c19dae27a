"""`sinkhole lists refresh` without a lists process: what it prints, and its exit codes."""

from __future__ import annotations

import json

import pytest

from tests.blocklists.feeds.serving import serving
from tests.cli.test_main import run


@pytest.fixture
def refresh(settings_file):
    """Run the command with these lists in the settings."""
    plain = settings_file.read_text()

    def command(lists, *words):
        settings_file.write_text(plain + "lists:\n" + lists)
        return run("--config", settings_file, "lists", "refresh", *words)

    return command


def test_what_came_of_each_list(refresh, tmp_path, settings_file):
    (settings_file.parent / "two.txt").write_text("two.example\n")
    with serving() as server:
        one = f"  - {{name: one, url: '{server.url('t0ken/one.txt?key=s3cret', 'lan:p4ss@')}'}}\n"
        lists = one + "  - {name: two, path: two.txt}\n"
        told = refresh(lists)
        assert told.exit_code == 0, told.output
        for words in ("one: Version 1 is live", "two: Version 1 is live", "indicators   2 (2 names)"):
            assert words in told.output
        again = refresh(lists, "one")
        assert again.exit_code == 0
        assert again.output.startswith("one: nothing new: it holds what it held before, version 1 (http://127.0.0.1:")
    failed = refresh(lists)
    assert failed.exit_code == 1
    assert "one: failed: 127.0.0.1:" in failed.output
    assert "two: nothing new: " in failed.output
    as_json = refresh(lists, "two", "--json")
    assert [found["state"] for found in json.loads(as_json.stdout)] == ["known"]
    everything = told.output + again.output + failed.output + as_json.output
    assert not any(secret in everything for secret in ("s3cret", "p4ss", "t0ken"))


def test_a_page_instead_of_a_list_and_a_list_of_nothing(refresh):
    for body, words in ((b"<html>", "a page (HTML) came"), (b"0.0.0.0\n", "one: Refused: no usable indicator")):
        with serving(lambda one, body=body: one.reply(body)) as server:
            told = refresh(f"  - {{name: one, url: '{server.url()}'}}\n")
        assert told.exit_code == 1
        assert words in told.output


def test_no_such_list(refresh):
    told = refresh("  - {name: one, path: one.txt}\n", "two")
    assert told.exit_code == 1
    assert "no list of the settings is called 'two'; known: one" in told.output
