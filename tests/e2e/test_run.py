"""The service's start and end as its owner sees them.

Restarts after a kill are in test_kill.
"""

from __future__ import annotations

import os
import signal
import stat
from pathlib import Path

import pytest

from tests.e2e.service import Service, wait_for
from tests.e2e.upstream import Upstream

pytestmark = pytest.mark.e2e


def running(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_the_end_is_clean(tmp_path, upstream: Upstream, number: int):
    service = Service(tmp_path, upstream.port).start()
    for i in range(50):
        service.ask(f"x{i}.evil-sample.example", client=f"127.10.9.{i + 1}")
    pids = service.pids()
    assert len(pids) == 5
    assert service.stop(number) == 0, service.tail()
    assert not [name for name, pid in pids.items() if running(pid)]
    assert not list((service.state / "run").glob("*.sock"))
    assert "Traceback" not in service.tail()
    rows = service.json("hits", "--limit", "1000")
    assert sum(row["count"] for row in rows) == 50, "every hit is in the ledger after the end"


def test_strangers_on_the_machine_read_nothing(tmp_path, upstream: Upstream):
    before = os.umask(0o022)  # as a shell has it
    try:
        service = Service(tmp_path, upstream.port).start()
    finally:
        os.umask(before)
    try:
        service.ask("x.evil-sample.example")
        service.cli("lists", "import", service.folder / "sample.txt", "--name", "other")
        service.cli("accounts", "add", "lan", "--role", "auditor")
        wait_for(lambda: list(service.state.glob("ledger/*.db")), "the ledger")
        modes = {path.relative_to(service.state).as_posix(): stat.S_IMODE(path.stat().st_mode)
                 for path in (service.state, *service.state.rglob("*"))}  # fmt: skip
    finally:
        assert service.stop() == 0
    assert {name for name, mode in modes.items() if mode & stat.S_IRWXO} == set()
    assert modes["."] == modes["run"] == modes["policy"] == 0o750
    assert modes["admin.key"] == 0o600
    databases = {name: mode for name, mode in modes.items() if name.endswith(".db")}
    assert {"casework.db", "evidence.db", "library.db"} < set(databases)
    assert set(databases.values()) == {0o640}


def test_a_second_service_on_the_same_state_is_refused(tmp_path, upstream: Upstream):
    service = Service(tmp_path, upstream.port).start()
    try:
        second = service.cli("run", check=False)
        assert second.returncode != 0
        assert str(service.process.pid) in second.stderr
    finally:
        assert service.stop() == 0


def test_five_different_errors_in_the_settings_give_five_lines_and_exit_2(tmp_path, upstream: Upstream):
    service = Service(tmp_path, upstream.port)
    text = service.config.read_text()
    text = text.replace("workers: 2", "workers: two").replace("timeout_ms: 400", "timeout: 400")
    text = text.replace("127.20.0.0/16", "127.10.5.0/24").replace("127.53.0.0/16", "127.53.0.300/16")
    text += "node: a\nnode: b\n"
    service.config.write_text(text)
    for words in (["run"], ["check-config"], ["status"]):
        done = service.cli(*words, check=False)
        assert done.returncode == 2
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        assert len(lines) == 5, done.stderr
        for line, part in zip(
            lines, ("dns.workers", "timeout", "sinkhole.ipv4_pool", "units[1].networks", "node"), strict=True
        ):
            assert part in line
            assert "line " in line


def test_sighup_reads_the_lists_again(tmp_path, upstream: Upstream):
    service = Service(tmp_path, upstream.port).start()
    try:
        (service.folder / "sample.txt").write_text("fresh.example\n")
        service.process.send_signal(signal.SIGHUP)

        def live_everywhere() -> bool:  # each question goes to one of two workers, by its source port
            return all(service.addresses("fresh.example") for _ in range(20))

        wait_for(live_everywhere, "the new list", 10)
        assert not any(service.addresses("evil-sample.example") for _ in range(20))
    finally:
        assert service.stop() == 0
