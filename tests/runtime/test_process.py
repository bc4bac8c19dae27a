"""What every process does alike: signals, the drain, settings or exit 2, the log, the actor."""

from __future__ import annotations

import re
import signal
import subprocess
import sys

import pytest

from runtime import process
from runtime.control import ask
from tests.contracts.bad_settings import BASE
from tests.runtime.conftest import Server
from tests.waiting import until


@pytest.fixture
def own(tmp_path):
    """A server of this test's own, to be ended by it."""
    one = Server(tmp_path)
    yield one
    if one.process.poll() is None:
        one.process.kill()
        one.process.wait(20)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_then_ends(own, number):
    assert own.end(number) == 0
    words = [line for line in own.log.splitlines() if line in {"draining", "drained", "after the reactor"}]
    assert words == ["draining", "drained", "after the reactor"]


def test_a_second_signal_changes_nothing(own):
    own.process.send_signal(signal.SIGTERM)
    until(lambda: "draining" in own.log, "the drain begins")
    own.process.send_signal(signal.SIGTERM)
    own.process.send_signal(signal.SIGINT)
    assert own.process.wait(20) == 0
    assert own.log.count("draining") == 1
    assert own.log.count("stopping on SIGTERM") == 1


def test_hang_up_reloads_and_a_failed_reload_changes_nothing(own):
    own.process.send_signal(signal.SIGHUP)
    until(lambda: "reloaded" in own.log, "the reload")
    (own.folder / "break-reload").touch()
    own.process.send_signal(signal.SIGHUP)
    until(lambda: "reload failed, going on as before" in own.log, "the failed reload is told")
    assert "RuntimeError: reload is broken" in own.log
    assert ask(own.socket, "echo")["args"] == {}
    assert own.end() == 0


def test_log_lines_have_time_level_and_part(own):
    assert own.end() == 0
    assert re.search(
        r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} INFO server: stopping on SIGTERM$", own.log, re.MULTILINE
    )


def test_settings_or_every_error_and_exit_2(tmp_path):
    settings_file = tmp_path / "config.yaml"
    settings_file.write_text(BASE)
    code = "import sys; from runtime.process import settings_or_exit; settings_or_exit(sys.argv[1])"

    def start(file):
        return subprocess.run([sys.executable, "-c", code, file], capture_output=True, text=True, check=False)

    assert start(settings_file).returncode == 0
    settings_file.write_text("dns: 1\nnode: A B\n")
    refused = start(settings_file)
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 4  # dns, node, and the two sections that are missing
    missing = start(settings_file.with_name("none.yaml"))
    assert missing.returncode == 2
    assert missing.stderr.endswith("none.yaml: No such file or directory\n")


@pytest.mark.parametrize(
    ("given", "actor"),
    [({"USER": "lan"}, "os:lan"), ({"SUDO_USER": "minh", "USER": "root"}, "os:minh"), ({"LOGNAME": "an"}, "os:an")],
)
def test_the_actor_is_the_person_behind_sudo(monkeypatch, given, actor):
    for name in ("SUDO_USER", "USER", "LOGNAME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert process.actor() == actor


def test_without_any_name_the_actor_is_the_user_id(monkeypatch):
    for name in ("SUDO_USER", "USER", "LOGNAME"):
        monkeypatch.delenv(name, raising=False)
    assert re.fullmatch(r"os:\d+", process.actor())
