"""When the source of each list is looked at next: every so often, a little off, later and later while it fails.

Clock and randomness are passed in; nothing is fetched here. One at a time, the one that has waited longest first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

RETRY = 60.0  # seconds after the first failure; twice that after the next, up to `every`
JITTER = 0.1  # of the interval, to either side: not all of the country asks at the same second


class Entry(NamedTuple):
    """A source: seconds between two looks, the last look (0: none yet), failures in a row since."""

    every: float
    tried: float
    failures: int


class Schedule:
    """Names and the times at which they are due. `random` gives numbers of [0, 1)."""

    def __init__(self, clock: Callable[[], float], random: Callable[[], float]) -> None:
        self._clock = clock
        self._random = random
        self._every = dict[str, float]()
        self._due = dict[str, float]()
        self._failures = dict[str, int]()

    def follow(self, entries: Mapping[str, Entry]) -> None:
        """Take the sources of (new) settings, with what is known of each from before."""
        self._every = {name: entry.every for name, entry in entries.items()}
        self._failures = {name: entry.failures for name, entry in entries.items()}
        self._due = {
            name: entry.tried + self._wait(name) if entry.tried else self._clock() for name, entry in entries.items()
        }

    def next(self) -> str | None:
        """Whose time has come, the longest ago first."""
        now = self._clock()
        for name, due in self._due.items():  # a clock that was set back must not silence a feed until it is there again
            self._due[name] = min(due, now + self._every[name] * (1 + JITTER))
        waiting = [name for name, due in self._due.items() if due <= now]
        return min(waiting, key=lambda name: self._due[name], default=None)

    def done(self, name: str, *, well: bool, every: float | None = None) -> None:
        """It was looked at just now; from now on it is looked at so often, where that is said."""
        if name in self._every:  # else settings changed meanwhile
            self._every[name] = every or self._every[name]
            self._failures[name] = 0 if well else self._failures[name] + 1
            self._due[name] = self._clock() + self._wait(name)

    def due(self, name: str) -> float | None:
        """When it is looked at next."""
        return self._due.get(name)

    def _wait(self, name: str) -> float:
        every, failures = self._every[name], self._failures[name]
        wait = min(every, RETRY * 2.0 ** min(failures - 1, 30)) if failures else every
        return wait * (1 + JITTER * (2 * self._random() - 1))
