"""Starts and ends the processes of a measurement: pinned to a core, bounded, logs kept for the error message.

What the processes are is bench.servers' business.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import dns.exception
import dns.flags
import dns.message
import dns.query

from bench.meters import BenchError, Load, parse_dnsperf

HOST = "127.0.0.1"
CLIENTS = 20
START_SECONDS = 180.0
STOP_SECONDS = 15.0


class Cores(NamedTuple):
    """The core of the measured server, and the one of everything else."""

    server: int
    load: int


def choose_cores() -> Cores:
    """Pin this process, and with it all that it starts, away from the server's core."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        raise BenchError("two CPU cores are needed: one for the server, one for the load")
    cores = Cores(allowed[0], allowed[1])
    os.sched_setaffinity(0, {cores.load})
    return cores


def find_program(name: str) -> str | None:
    """A program on PATH or where daemons lie."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/sbin")


class Process:
    """One child; `end` it by its id. Its output goes to a file."""

    def __init__(
        self, name: str, command: list[str], log: Path, *, core: int | None = None, tree: Path | None = None
    ) -> None:
        """Start; with a `core` pinned to it, with a `tree` as Python code of that source tree."""
        self.name = name
        self._log = log
        environment = dict(os.environ) if tree is None else {**os.environ, "PYTHONPATH": str(tree)}
        pinned = command if core is None else ["taskset", "-c", str(core), *command]
        with log.open("wb") as out:
            self._child = subprocess.Popen(
                pinned, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, env=environment, cwd=log.parent
            )
        self.pid = self._child.pid

    def wait_until(self, ready: Callable[[], bool]) -> float:
        """Until `ready()`; the seconds that it took. Raises BenchError with its last words when it ends or hangs."""
        started = time.monotonic()
        while not ready():
            if self._child.poll() is not None:
                raise BenchError(f"{self.name} ended with {self._child.returncode}:\n{self.last_words()}")
            if time.monotonic() - started > START_SECONDS:
                raise BenchError(f"{self.name} is not ready after {START_SECONDS:.0f} s:\n{self.last_words()}")
            time.sleep(0.05)
        return time.monotonic() - started

    def last_words(self) -> str:
        """The end of its output."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-15:])

    def finish(self, seconds: float) -> str:
        """Wait until it ends by itself; what it told. Raises BenchError where it fails or takes longer."""
        try:
            code = self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            raise BenchError(f"{self.name} is not done after {seconds:.0f} s:\n{self.last_words()}") from None
        if code:
            raise BenchError(f"{self.name} ended with {code}:\n{self.last_words()}")
        return self._log.read_text(errors="replace")

    def end(self) -> None:
        """Terminate, then kill."""
        self._child.terminate()
        try:
            self._child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()


def answers(port: int, name: str) -> bool:
    """Whether a server gives an A record for `name`."""
    query = dns.message.make_query(name, "A", use_edns=False)
    try:
        reply = dns.query.udp(query, HOST, timeout=0.5, port=port, ignore_unexpected=True)
    except (dns.exception.DNSException, OSError):
        return False
    return bool(reply.answer)


def run_dnsperf(port: int, questions: Path, seconds: float, outstanding: int, *, once: bool) -> Load:
    """Load a server; what came of it. `once` ends with the file instead of starting it again."""
    program = find_program("dnsperf") or "dnsperf"
    command = [program, "-s", HOST, "-p", str(port), "-d", str(questions), "-l", str(seconds), "-c", str(CLIENTS)]
    command += ["-T", "1", "-q", str(outstanding), *(["-n", "1"] if once else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + 60)
    if done.returncode:
        raise BenchError(f"dnsperf ended with {done.returncode}:\n{done.stderr.strip()}")
    load = parse_dnsperf(done.stdout)
    if not load.completed:
        raise BenchError(f"no question of {questions.name} was answered")
    return load
