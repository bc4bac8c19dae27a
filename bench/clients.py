"""The two kinds of client in the flood measurement: the others at a modest rate, and the one that floods.

They begin at the same moment. Which server they ask, and when, is bench.flood's; how they ask is bench.asker's.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from bench.asker import READY, Order, Outcome
from bench.meters import BenchError
from bench.ours import REPO
from bench.processes import CLIENTS, Process

OTHERS = "127.10.0.5"
PATIENCE = 2.0  # seconds: stub resolvers wait longer, but none of their users likes it
_FLOOD_SOCKETS = 4
_GRACE = 30.0


def flooder(number: int) -> str:
    """The address that floods in this round: a network of its own, so that its allowance is whole at the beginning."""
    return f"127.66.{number % 250}.1"


class Clients:
    """Ready to ask one server; `begin` lets them, `end` ends them by their ids."""

    def __init__(self, port: int, folder: Path, seconds: float) -> None:
        self._port, self._folder, self._seconds = port, folder, seconds
        self._go = folder / "go"
        self._go.unlink(missing_ok=True)
        self._processes: dict[str, Process] = {}

    def others(self, questions: Path, per_second: int) -> None:
        """Those who ask as on any day."""
        self._add("others", [], questions, OTHERS, per_second, CLIENTS)

    def flood(self, questions: Path, address: str, per_second: int) -> None:
        """The one. It yields the load's core to all others there: theirs would be latencies of waiting for it."""
        self._add("flood", ["nice", "-n", "19"], questions, address, per_second, _FLOOD_SOCKETS)

    def _add(self, name: str, before: list[str], questions: Path, address: str, per_second: int, sockets: int) -> None:
        order = Order(self._port, address, str(questions), str(self._go), per_second, self._seconds, PATIENCE, sockets)
        command = [*before, sys.executable, "-P", "-m", "bench.asker", msgspec.json.encode(order).decode()]
        log = self._folder / f"{name}.out"
        process = self._processes[name] = Process(name, command, log, tree=REPO)
        process.wait_until(lambda: log.read_text().startswith(READY))

    def begin(self) -> None:
        """All at once."""
        self._go.touch()

    def outcome(self, name: str) -> Outcome:
        """Wait for its end. Raises BenchError where it asked nothing."""
        told = self._processes[name].finish(self._seconds + PATIENCE + _GRACE)
        found = msgspec.json.decode(told.removeprefix(READY), type=Outcome)
        if not found.sent:
            raise BenchError(f"{name}: no question was sent")
        return found

    def end(self) -> None:
        """Whatever still runs."""
        for process in self._processes.values():
            process.end()
