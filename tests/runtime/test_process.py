"""What every process does alike: signals, the drain, settings or exit 2, the log, systemd."""

from __future__ import annotations

import os
import re
import signal
import socket
import stat
import subprocess
import sys

import pytest

from runtime import notify, process
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


@pytest.fixture
def listener(tmp_path, monkeypatch):
    """A call that gives what systemd hears next; it bears half a second of silence."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
        link.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "500000")

        def hear(seconds=20.0):
            link.settimeout(seconds)
            return link.recv(1000).decode()

        yield hear


def test_systemd_hears_that_it_is_ready_and_then_that_it_lives(listener, tmp_path):
    one = Server(tmp_path)
    assert listener() == "READY=1\nWATCHDOG_USEC=500000"
    assert [listener() for _ in range(3)] == ["WATCHDOG=1"] * 3
    one.process.send_signal(signal.SIGSTOP)
    while True:  # beats that were sent before the stop
        try:
            assert listener(0.5) == "WATCHDOG=1"
        except TimeoutError:
            break
    one.process.send_signal(signal.SIGCONT)
    assert listener() == "WATCHDOG=1"
    one.process.send_signal(signal.SIGTERM)
    while (told := listener()) == "WATCHDOG=1":
        pass
    assert told == "STOPPING=1"
    assert one.process.wait(20) == 0


def test_a_start_may_take_its_time(listener, tmp_path, monkeypatch):
    (tmp_path / "config.yaml").write_text(BASE)
    process.settings_or_exit(str(tmp_path / "config.yaml"))
    assert listener() == "WATCHDOG_USEC=3600000000"


def test_a_watchdog_for_another_process_is_not_ours(listener, monkeypatch):
    assert notify.watchdog_seconds() == 0.5
    for whose in ("1", "x"):
        monkeypatch.setenv("WATCHDOG_PID", whose)
        assert notify.watchdog_seconds() is None
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    assert notify.watchdog_seconds() == 0.5


def test_without_systemd_nobody_is_told(monkeypatch, tmp_path):
    for path in ("", str(tmp_path / "nobody")):
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        notify.ready()
        notify.alive()


def test_log_lines_have_time_level_and_part(own):
    assert own.end() == 0
    assert re.search(
        r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} INFO server: stopping on SIGTERM$", own.log, re.MULTILINE
    )


@pytest.fixture
def strangers_allowed():
    """A process as a shell starts it."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_a_process_makes_its_state_for_its_owner_alone(tmp_path, strangers_allowed):
    (tmp_path / "config.yaml").write_text(BASE)
    settings = process.settings_or_exit(str(tmp_path / "config.yaml"))
    (settings.state / "any").touch()
    modes = [
        stat.S_IMODE(path.stat().st_mode) for path in (settings.state, settings.state / "run", settings.state / "any")
    ]
    assert [f"{mode:o}" for mode in modes] == ["750", "750", "640"]


def test_a_process_refuses_the_state_of_another_user(tmp_path, capsys, monkeypatch):
    (tmp_path / "config.yaml").write_text(BASE)
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    with pytest.raises(SystemExit) as ended:
        process.settings_or_exit(str(tmp_path / "config.yaml"))
    assert ended.value.code == 2
    assert "sudo -u " in capsys.readouterr().err
    assert list((tmp_path / "var").iterdir()) == []


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
