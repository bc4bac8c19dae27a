"""Settles the account of dead workers: what a boot made against what was committed of it.

Only decides: the numbers come from contracts.counter and the marks, the recorder writes the result.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import NamedTuple

from casework.store.ledger import Mark
from contracts.counter import Counter, find_counters

FORGET_SECONDS = 7 * 86400  # a boot that is not there and was silent for so long is not carried over any more


class Settlement(NamedTuple):
    """The end of a boot: its mark with the final number, and the counter file that is not needed any more."""

    mark: Mark
    file: Path


class Watch:
    """Finds boots that ended. A boot must look dead twice in a row: its last octets may just be on their way."""

    def __init__(self, run: Path, node: str, alive: Callable[[int], bool] | None = None) -> None:
        self._run = run
        self._node = node
        self._alive = alive or process_lives
        self._suspects = set[str]()
        self._busy = frozenset[str]()  # as of the last settlement

    def settle(self, marks: Mapping[str, Mark], busy: Mapping[str, int], now: float) -> list[Settlement]:
        """Boots that ended for good. `busy` names the boots still connected or queued, with their worker's number."""
        self._busy = frozenset(busy)
        counters = find_counters(self._run)
        dead = {path: counter for path, counter in counters.items() if self._is_dead(counter, busy)}
        sure = {path: counter for path, counter in dead.items() if counter.boot in self._suspects}
        self._suspects = {counter.boot for counter in dead.values()}
        return [self._settlement(path, counter, marks, int(now)) for path, counter in sure.items()]

    def carried(self, marks: Collection[Mark], now: float) -> list[Mark]:
        """The marks that a new day's file must know: of boots that have not ended, however long they had no hit.

        A worker without a hit for weeks is a good sign, and lives: forgotten, its next hit would look like the first
        after many that were lost. It is there while its counter file is, or its connection.
        """
        there = self._busy | {counter.boot for counter in find_counters(self._run).values()}
        since = now - FORGET_SECONDS
        return [mark for mark in marks if mark.final is None and (mark.boot in there or mark.updated > since)]

    def _is_dead(self, counter: Counter, busy: Mapping[str, int]) -> bool:
        if counter.boot in busy:
            return False
        replaced = counter.part == "resolver" and counter.worker in busy.values()
        return replaced or not self._alive(counter.pid)

    def _settlement(self, path: Path, counter: Counter, marks: Mapping[str, Mark], now: int) -> Settlement:
        known = marks.get(counter.boot) or Mark(counter.boot, self._node, counter.worker)
        made = max(counter.made, known.made)
        return Settlement(known._replace(final=made, dropped=counter.dropped, updated=now), path)


def process_lives(pid: int) -> bool:
    """Whether there is such a process."""
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
