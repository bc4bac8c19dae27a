"""Rolls the ledger up into evidence.db: host x indicator x hour. A step moves its ledger mark in the same transaction.

Reads what the recorder has committed, and nothing else: a crash at any instant is made good by reading on from the
mark. No SQL (casework.store.evidence, casework.store.ledger).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from casework.attribution import UnitTable
from casework.store import evidence, ledger
from casework.store.engine import Connection, Store
from casework.store.evidence import LedgerMark
from contracts.hit import Action

# How much of an answer was kept from the machine; above all what shows itself at the sinkhole.
STRENGTH: dict[Action, int] = {
    "passthru": 10, "monitor": 20, "tcp-only": 22, "nodata": 30, "nxdomain": 32, "drop": 34, "alias": 36, "local": 38,
    "sinkhole": 40,
}  # fmt: skip
STEP = 500_000  # ledger rows in one transaction: about a second's work, shared by all repeats among them
_REMEMBERED = 500_000

# (indicator id, strength of the action)
Meaning = tuple[int, int]
# (host, indicator, hour, hits, first time, last time, strength of the action)
Sighting = tuple[int, int, int, int, int, int, int]


class Sightings:
    """The only writer of evidence.db."""

    def __init__(self, store: Store, units: UnitTable) -> None:
        self._store = store
        self._units = units
        self._marks = evidence.ledger_marks(store)
        self._hosts: dict[str, int] = {}  # address -> id, under the units of now
        self._indicators: dict[tuple[str, ...], int] = {}
        self._file, self._first = "", 1  # the day file that `_facts` and `_hosts` are about, and where the step begins
        self._facts: dict[int, Meaning] = {}
        self._units_due = False  # units changed, and the hosts without one have not got theirs yet
        evidence.tune(store)

    def rolled_up(self, path: Path) -> int:
        """Number of the last row of a day file that is rolled up."""
        return self._marks.get(path.name, 0)

    def roll_up(self, path: Path, up_to: int) -> int:
        """Roll up the rows behind the mark, as far as `up_to` and at most STEP of them; how many those were."""
        mark = self.rolled_up(path)
        end = min(mark + STEP, up_to)
        if end <= mark:
            return 0
        try:
            with closing(ledger.open_day(path)) as day, self._store.transaction() as run:
                self._begin(path.name, mark + 1)
                self._intern_facts(run, day)
                rows = self._sum(run, ledger.sums_between(day, mark, end))
                _add(run, rows)
                first = min((row[4] for row in rows), default=1 << 62)
                last = max((row[5] for row in rows), default=0)
                evidence.set_ledger_mark(run, LedgerMark(path.name, end, first, last))
        except BaseException:
            self._forget()
            raise
        self._marks[path.name] = end
        return end - mark

    def refresh_units(self, now: float, *, again: bool = False) -> int:
        """Look whether units changed; then hosts that belonged to none get theirs. How many got one.

        A change is done with when that is committed, not when it is read: after an error it is due again.
        """
        if self._units.refresh(now, again=again):
            self._units_due = True
            self._hosts.clear()
        if not self._units_due:
            return 0
        with self._store.transaction() as run:
            found = [(host, self._units.find(packed)) for host, packed in evidence.hosts_without_unit(run)]
            given = evidence.give_unit(run, [(host, unit) for host, unit in found if unit])
        self._units_due = False
        return given

    def close(self) -> None:
        """Close the databases."""
        self._store.close()
        self._units.close()

    def _begin(self, file: str, first: int) -> None:
        """A step from that row on; what is remembered of another file does not hold in this one."""
        if file != self._file:
            self._file = file
            self._facts.clear()
            self._hosts.clear()  # each file is told for itself where an address changed hands
        self._first = first

    def _forget(self) -> None:
        """What was interned in a transaction that failed is not there."""
        self._hosts.clear()
        self._indicators.clear()
        self._facts.clear()
        self._file = ""

    def _sum(self, run: Connection, found: ledger.Sums) -> list[Sighting]:
        """What to add, in the order of the tables' keys."""
        sums = dict[tuple[int, int, int], tuple[int, int, int, int]]()
        hosts, meanings = self._hosts, self._facts
        for client, facts, hour, hits, first, last in found:
            indicator, strength = meanings[facts]
            key = (hosts.get(client) or self._host(run, client, first), indicator, hour)
            known = sums.get(key)
            sums[key] = (hits, first, last, strength) if known is None else _merged(known, hits, first, last, strength)
        return [(*key, *sums[key]) for key in sorted(sums)]

    def _host(self, run: Connection, client: str, seen: int) -> int:
        if len(self._hosts) >= _REMEMBERED:
            self._hosts.clear()
        packed = ipaddress.ip_address(client).packed
        host = self._hosts[client] = evidence.intern_host(run, client, packed, self._units.find(packed), seen)
        evidence.note_move(run, client, self._file, self._first, host)
        return host

    def _intern_facts(self, run: Connection, day: Store) -> None:
        # Facts are never removed from a file, so their numbers have no gaps.
        for number, action, *key in ledger.facts_behind(day, len(self._facts)):
            indicator = self._indicators.get(tuple(key))
            if indicator is None:
                if len(self._indicators) >= _REMEMBERED:
                    self._indicators.clear()
                indicator = self._indicators[tuple(key)] = evidence.intern_indicator(run, tuple(key))
            self._facts[number] = (indicator, STRENGTH[action])


def _add(run: Connection, rows: list[Sighting]) -> None:
    evidence.add_sightings(run, [row[:6] for row in rows])
    pairs, hosts = list[tuple[int, ...]](), list[tuple[int, ...]]()
    for (host, indicator), sums in _together([(row[:2], row[3:]) for row in rows]):
        pairs.append((host, indicator, *sums))
    for (host,), (hits, first, last, _) in _together([(pair[:1], pair[2:]) for pair in pairs]):
        hosts.append((hits, first, last, host))
    evidence.add_host_indicators(run, pairs)
    evidence.add_hosts(run, hosts)


def _together(rows: list[tuple[tuple[int, ...], tuple[int, ...]]]) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Neighbours of the same key as one row."""
    if not rows:
        return
    at, sums = rows[0]
    for key, more in rows[1:]:
        if key == at:
            sums = _merged(sums, *more)
        else:
            yield at, sums
            at, sums = key, more
    yield at, sums


def _merged(known: Sequence[int], hits: int, first: int, last: int, strength: int) -> tuple[int, int, int, int]:
    return known[0] + hits, min(known[1], first), max(known[2], last), max(known[3], strength)
