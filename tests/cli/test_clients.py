"""`sinkhole clients`: what a person decides is kept, audited, published and live; what is wrong is one sentence."""

from __future__ import annotations

import json
import time

import pytest

from casework.store import audit
from casework.store.engine import open_casework
from contracts.clients import ClientFolder
from tests.cli.answers import answering
from tests.cli.test_main import run


@pytest.fixture
def state(settings_file):
    return settings_file.parent / "var"


def clients(settings_file, *words):
    return run("--config", settings_file, "clients", *words)


def test_a_network_is_watched_for_a_week(settings_file, state):
    with answering(state / "run" / "resolver-0.sock", {"reload": {"serial": 0, "clients": 1}}) as asked:
        ran = clients(settings_file, "monitor", "127.10.5.0/24", "--reason", "làm quen", "--for", "7d")
    assert ran.exit_code == 0, ran.output
    assert ran.stdout.startswith("127.10.5.0/24 is monitor until ")
    assert ran.stderr == "client table 1, live on 1 of 1 workers\n"
    assert [request.op for request in asked] == ["reload"]
    (standing,) = ClientFolder(state).read().standings
    assert (standing.network, standing.standing, standing.reason) == ("127.10.5.0/24", "monitor", "làm quen")
    assert standing.until == pytest.approx(time.time() + 7 * 86400, abs=60)
    store = open_casework(state)
    (entry,) = audit.latest(store, 1)
    store.close()
    assert (entry.action, entry.object, entry.detail["reason"]) == ("clients.monitor", "127.10.5.0/24", "làm quen")
    assert entry.actor.startswith("os:")
    (listed,) = json.loads(clients(settings_file, "ls", "--json").stdout)
    assert listed["network"] == "127.10.5.0/24"
    assert listed["until"].endswith("+07:00")


def test_exempt_for_ever_and_normal_again(settings_file, state):
    made = json.loads(
        clients(settings_file, "exempt", "127.10.0.9", "--reason", "máy đo", "--for", "ever", "--json").stdout
    )
    assert (made["standing"]["network"], made["standing"]["until"], made["serial"], made["of"]) == (
        "127.10.0.9/32", None, 1, 0,
    )  # fmt: skip
    assert "for ever" in clients(settings_file, "ls").stdout
    ran = clients(settings_file, "normal", "127.10.0.9", "--reason", "xong")
    assert (ran.exit_code, ran.stdout) == (0, "treated as all others again\n")
    assert ClientFolder(state).read().standings == ()
    assert clients(settings_file, "ls").stderr == "all clients are treated alike\n"


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (["monitor", "127.10.5.0/24", "--for", "7d"], 2, "--reason"),
        (["exempt", "127.10.5.0/24", "--reason", "x"], 2, "--for"),
        (["exempt", "127.10.5.0/24", "--reason", "x", "--for", "soon"], 2, "no length of time"),
        (["exempt", "127.10.5.0/24", "--reason", "x", "--for", "0d"], 2, "no length of time"),
        (["exempt", "so-mau", "--reason", "x", "--for", "1d"], 2, "no address or network"),
        (["exempt", "0.0.0.0/0", "--reason", "x", "--for", "1d"], 2, "too wide"),
        (["normal", "127.10.5.0/24", "--reason", "x"], 1, "treated as all others already"),
    ],
)
def test_what_is_wrong_is_one_sentence(settings_file, state, words, code, why):
    ran = clients(settings_file, *words)
    assert (ran.exit_code, why in ran.stderr) == (code, True), ran.output
    assert "Traceback" not in ran.output
    assert ClientFolder(state).read() is None


def test_a_folder_that_is_none_is_told(settings_file, state):
    state.mkdir()
    (state / "clients").write_text("no folder")
    ran = clients(settings_file, "exempt", "127.10.0.9", "--reason", "x", "--for", "1d")
    assert ran.exit_code == 1
    assert "noted, but not published yet" in ran.stderr
    assert len(json.loads(clients(settings_file, "ls", "--json").stdout)) == 1
