"""`sinkhole bypass` and `sinkhole allow` against a state folder without a service: words, exit codes, JSON, audit."""

from __future__ import annotations

import json
import time
from contextlib import closing

import pytest

from casework.store.engine import open_casework
from contracts.decisions import DecisionsFile
from tests.cli.answers import answering
from tests.cli.test_main import run


@pytest.fixture
def state(settings_file):
    return settings_file.parent / "var"


@pytest.fixture
def cli(settings_file):
    """A command of this state."""
    return lambda *words: run("--config", settings_file, *words)


def test_the_workers_that_took_it_over_are_counted(cli, state):
    with answering(state / "run" / "resolver-0.sock", {"reload": {"serial": 0, "decisions": 1}}) as asked:
        done = cli("bypass", "on", "--reason", "a wrong list")
    assert done.stderr == "live on 1 of 1 workers\n"
    assert [request.op for request in asked] == ["reload"]


def test_on_ls_and_off(cli, state):
    done = cli("bypass", "on", "--for", "10m", "--reason", "a wrong list")
    assert done.exit_code == 0
    assert "nothing is blocked" in done.stdout
    assert "no resolver worker is running" in done.stderr
    assert DecisionsFile(state).read().bypass.reason == "a wrong list"
    (row,) = json.loads(cli("bypass", "ls", "--json").stdout)
    assert (row["state"], row["reason"], row["name"]) == ("holds", "a wrong list", None)
    assert json.loads(cli("bypass", "off", "--json").stdout)["bypassed"] is False
    assert DecisionsFile(state).read().bypass is None
    assert cli("bypass", "off").exit_code == 1
    assert "ended" in cli("bypass", "ls").stdout


@pytest.fixture
def locked(state):
    """casework.db, whose write lock somebody else holds."""
    with closing(open_casework(state)) as store, store.transaction():
        yield store


def test_it_works_while_the_database_is_locked(cli, state, locked):
    started = time.monotonic()
    done = cli("bypass", "on", "--for", "10m", "--reason", "a wrong list")
    assert time.monotonic() - started < 2.0
    assert done.exit_code == 0, done.output
    assert "nothing is blocked" in done.stdout
    assert "record in the database is outstanding (database is locked)" in done.stderr
    assert DecisionsFile(state).read().bypass.reason == "a wrong list"
    told = cli("bypass", "ls")
    assert "outstanding" in told.stderr
    assert "a wrong list" in told.stderr
    done = json.loads(cli("bypass", "off", "--reason", "found it", "--json").stdout)
    assert (done["bypassed"], done["recorded"]) == (False, False)
    assert DecisionsFile(state).read().bypass is None
    assert cli("bypass", "off").exit_code == 1


def test_what_was_recorded_says_so(cli, state):
    done = cli("bypass", "on", "--reason", "a wrong list", "--json")
    assert json.loads(done.stdout)["recorded"] is True
    assert "outstanding" not in done.stderr
    assert "outstanding" not in cli("bypass", "ls").stderr


@pytest.mark.parametrize(
    "words",
    [
        ("bypass", "on"),
        ("bypass", "on", "--reason", "x" * 9, "--for", "soon"),
        ("allow", "add", "good.example", "--reason", "false alarm"),
        ("allow", "add", "--for", "7d", "--reason", "false alarm"),
    ],
)
def test_wrong_use(cli, words):
    assert cli(*words).exit_code == 2


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("bypass", "on", "--reason", "fire", "--for", "ever"), 2, "no length of time"),
        (("bypass", "on", "--reason", "fire", "--for", "3d"), 2, "for how long"),
        (("allow", "add", "vn", "--reason", "all of it", "--for", "1d"), 2, "top-level"),
        (("allow", "add", "gov[.]vn", "--reason", "all of it", "--for", "1d"), 2, "gov.vn is a public suffix"),
        (("allow", "remove", "good.example"), 1, "not allowed by itself"),
    ],
)
def test_what_cannot_be(cli, words, code, told):
    done = cli(*words)
    assert (done.exit_code, told in done.stderr) == (code, True), done.output


def test_a_name_as_letters_write_it(cli, state):
    assert cli("allow", "add", "good[.]example", "--reason", "false alarm", "--for", "7d").exit_code == 0
    assert [one.name for one in DecisionsFile(state).read().allowed] == ["good.example"]
    assert "good.example" in cli("allow", "ls").stdout
    done = json.loads(cli("allow", "remove", "GOOD.example", "--json").stdout)
    assert (done["name"], done["allowed"]) == ("GOOD.example", False)
    assert DecisionsFile(state).read().allowed == ()


def test_a_name_is_allowed_as_zones_write_it_too(cli, state):
    """`*.` is what RPZ users write and lists print: what is below a name is allowed with it."""
    assert cli("allow", "add", "*.Needed.example", "--reason", "false alarm", "--for", "1d").exit_code == 0
    assert [one.name for one in DecisionsFile(state).read().allowed] == ["needed.example"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["bypass", "on", "--reason", "x"], "too short, at least 3 letters"),
        (["bypass", "on", "--reason", "a wrong list", "--for", "2d"], "to 1 day"),
        (["allow", "add", "needed.example", "--reason", "false alarm", "--for", "ever"], "no length of time"),
        (["allow", "add", "*", "--reason", "false alarm", "--for", "1d"], "top-level domain"),
    ],
)
def test_what_can_never_be_is_wrong_use(cli, state, words, why):
    done = cli(*words)
    assert (done.exit_code, why in done.stderr) == (2, True), done.output
    assert DecisionsFile(state).read().serial == 0
