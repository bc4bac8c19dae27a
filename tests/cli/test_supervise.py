"""The supervisor over scripted processes: starting, restarting, draining, giving up, leaving nothing behind.

Real processes, signals and sockets; the real parts together are tests/e2e's business.
"""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import time

import pytest

from runtime.control import Unreachable, ask
from tests.cli.conftest import SINKHOLE
from tests.waiting import DEADLINE, alive, until

pytestmark = pytest.mark.e2e


def test_starts_everything_and_says_what_to_try(service):
    up = service()
    up.wait_until_up()
    assert "127.0.0.1:1153" in up.output
    assert "dig -p 1153 -b 127.10.0.5 @127.0.0.1" in up.output
    assert "staff pages" not in up.output  # admin was not asked for
    for part, number in (("recorder", None), ("lists", None), ("resolver", 0), ("resolver", 1)):
        assert ask(up.run_folder.control(part, number), "status")["problems"] == []
    assert up.end() == 0


def test_the_first_workers_wait_for_the_first_policy_but_not_for_ever(service, settings_file):
    up = service(lists="slow")
    until(lambda: up.pids("lists"), "lists runs")
    began = time.monotonic()
    until(lambda: up.pids("resolver@0"), "the workers start")
    assert time.monotonic() - began > 3
    up.wait_until_up()
    assert up.end() == 0
    (settings_file.parent / "var" / "policy").mkdir()
    (settings_file.parent / "var" / "policy" / "policy.json").touch()
    again = service(lists="slow")  # with any policy there is nothing to wait for
    until(lambda: again.pids("lists"), "lists runs")
    began = time.monotonic()
    until(lambda: again.pids("resolver@0"), "the workers start")
    assert time.monotonic() - began < 3
    assert again.end() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_end_drains_all_and_the_recorder_last(service, number):
    up = service()
    up.wait_until_up()
    assert up.end(number) == 0
    noted = up.noted()
    ends = [line.split()[0] for line in noted if line.endswith(" end")]
    assert sorted(ends) == ["lists", "recorder", "resolver@0", "resolver@1"]
    assert noted.index("recorder stop") > max(noted.index(f"{name} end") for name in ("resolver@0", "resolver@1"))
    assert not any(alive(pid) for pid in up.all_pids())


def test_a_killed_worker_is_back_within_a_second(service):
    up = service()
    up.wait_until_up()
    os.kill(up.pids("resolver@1")[0], signal.SIGKILL)
    killed = time.monotonic()
    until(lambda: len(up.pids("resolver@1")) == 2, "the second life of resolver@1")
    assert time.monotonic() - killed < 1.0
    assert len(up.pids("resolver@0")) == 1  # its neighbour never noticed
    until(lambda: _pid_of(up, 1) == up.pids("resolver@1")[1], "resolver@1 answers again")
    assert "resolver@1 was ended by signal 9" in up.output
    assert up.end() == 0


def _pid_of(up, worker):
    try:
        return ask(up.run_folder.control("resolver", worker), "status", timeout=2)["pid"]
    except Unreachable:
        return None


def test_hang_up_reaches_every_process(service):
    up = service()
    up.wait_until_up()
    up.process.send_signal(signal.SIGHUP)
    reloads = {f"{name} reload" for name in ("recorder", "lists", "resolver@0", "resolver@1")}
    until(lambda: reloads <= set(up.noted()), "everyone reloads")
    assert up.end() == 0


def test_nothing_survives_a_killed_supervisor(service):
    up = service()
    up.wait_until_up()
    assert up.end(signal.SIGKILL) == -signal.SIGKILL
    until(lambda: not any(alive(pid) for pid in up.all_pids()), "all processes end")


def test_a_closed_terminal_is_the_end_and_no_reload(service):
    up = service(start=False)
    pid, terminal = pty.fork()
    if not pid:
        os.execve(up.command[0], up.command, up.environment)
    os.set_blocking(terminal, False)
    until(lambda: b"The sinkhole is running" in _read(terminal), "the welcome on the terminal")
    os.close(terminal)
    until(lambda: not any(alive(one) for one in up.all_pids()), "all processes end")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert "recorder end" in up.noted()
    assert "recorder reload" not in up.noted()


def _read(terminal):
    try:
        return os.read(terminal, 65536)
    except BlockingIOError:
        return b""


def test_a_process_that_does_not_end_is_killed(service):
    up = service(lists="deaf")
    up.wait_until_up()
    assert up.end() == 0
    assert "lists end" not in up.noted()
    assert "recorder end" in up.noted()
    assert not any(alive(pid) for pid in up.all_pids())


def test_refused_settings_end_everything_at_once(service):
    up = service(lists="exit2")
    assert up.process.wait(DEADLINE) == 2
    assert len(up.pids("lists")) == 1
    assert "lists refuses its settings" in up.output
    assert not any(alive(pid) for pid in up.all_pids())


def test_a_worker_that_cannot_start_ends_everything(service):
    up = service(resolver="exit1")
    assert up.process.wait(DEADLINE) == 1
    assert max(len(up.pids("resolver@0")), len(up.pids("resolver@1"))) == 3
    assert "resolver@0: scripted to fail" in up.output
    assert "cannot start; it says why above; ending everything" in up.output
    assert not any(alive(pid) for pid in up.all_pids())


@pytest.mark.parametrize("part", ["recorder", "lists"])
def test_another_part_that_cannot_start_is_tried_again_and_dns_goes_on(service, part):
    up = service(start=False)
    (up.notes.with_name(f"broken-{part}")).write_text("exit1")
    up.start()
    up.wait_until_up()
    assert f"{part} cannot start; it says why above. The others go on" in up.output
    assert f"not there   {part}: see the log above" in up.output
    assert len(up.pids("resolver@0")) == len(up.pids("resolver@1")) == 1
    until(lambda: len(up.pids(part)) >= 5, "more attempts")
    assert f"{part} ended with exit code 1; starting it again in 0.8 s" in up.output, "each later than the one before"
    up.notes.with_name(f"broken-{part}").unlink()
    until(lambda: f"{part} answers now" in up.output, "it is there as soon as it can")
    assert len(up.pids("resolver@0")) == len(up.pids("resolver@1")) == 1
    assert up.end() == 0


def test_settings_broken_while_it_runs_cost_only_who_reads_them(service):
    up = service()
    up.wait_until_up()
    up.notes.with_name("broken-lists").write_text("exit2")
    os.kill(up.pids("lists")[0], signal.SIGKILL)
    until(lambda: "lists ended with exit code 2; starting it again" in up.output, "it is tried again")
    assert _pid_of(up, 0) == up.pids("resolver@0")[0]
    assert up.end() == 0


def test_a_worker_that_hangs_is_killed_and_a_busy_part_is_not(service):
    up = service(lists="busy")
    up.wait_until_up()
    os.kill(up.pids("resolver@1")[0], signal.SIGSTOP)
    until(lambda: len(up.pids("resolver@1")) == 2, "the second life of resolver@1")
    assert "resolver@1 is there but does not answer; killing it" in up.output
    until(lambda: _pid_of(up, 1) == up.pids("resolver@1")[1], "resolver@1 answers again")
    assert len(up.pids("lists")) == len(up.pids("resolver@0")) == 1, "work in a thread is no silence"
    assert up.end() == 0


def test_one_supervisor_per_state_folder(service):
    first = service()
    first.wait_until_up()
    second = service()
    assert second.process.wait(DEADLINE) == 1
    assert f"process id {first.process.pid}" in second.output
    assert second.noted() == []
    assert first.end() == 0
    third = service()
    third.wait_until_up()
    assert third.end() == 0


def test_the_settings_are_checked_before_anything_starts(settings_file):
    settings_file.write_text(settings_file.read_text().replace("workers: 2", "workers: none"))
    ran = subprocess.run([SINKHOLE, "--config", settings_file, "run"], capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert "line 3: dns.workers" in ran.stderr
    assert not (settings_file.parent / "var").exists()


@pytest.mark.parametrize(
    ("part", "said"), [("rekorder", "no part 'rekorder'"), ("resolver@7", "resolver@0 to resolver@1")]
)
def test_an_unknown_part_is_named(settings_file, part, said):
    ran = subprocess.run(
        [SINKHOLE, "--config", settings_file, "run", part], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 2
    assert said in ran.stderr
