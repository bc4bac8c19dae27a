"""Rolls the ledger up into evidence.db: host x indicator x hour. A step moves its ledger mark in the same transaction.

Reads what the recorder has committed, and nothing else: a crash at any instant is made good by reading on from the
mark. No SQL (casework.store.evidence, casework.store.ledger).
"""

from __future__ import annotations

import ipaddress
from contextlib import closing
from pathlib import Path

from casework.attribution import UnitTable
from casework.store import evidence, ledger
from casework.store.engine import Connection, Store
from casework.store.evidence import LedgerMark, Sum

STRENGTH = {"passthru": 1, "monitor": 2, "nodata": 3, "sinkhole": 4}
STEP = 100_000  # ledger rows in one transaction
_REMEMBERED = 500_000

# (indicator id, strength of the action)
Meaning = tuple[int, int]


class Sightings:
    """The only writer of evidence.db."""

    def __init__(self, store: Store, units: UnitTable) -> None:
        self._store = store
        self._units = units
        self._marks = evidence.ledger_marks(store)
        self._hosts: dict[str, int] = {}  # address -> id, under the units of now
        self._indicators: dict[tuple[str, ...], int] = {}
        self._file = ""  # the day file that `_facts` is about
        self._facts: dict[int, Meaning] = {}
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
                self._intern_facts(run, day, path.name)
                sums = self._sum(run, ledger.hits_between(day, mark, end))
                _add(run, sums)
                first = min((one[1] for one in sums.values()), default=1 << 62)
                last = max((one[2] for one in sums.values()), default=0)
                evidence.set_ledger_mark(run, LedgerMark(path.name, end, first, last))
        except BaseException:
            self._forget()
            raise
        self._marks[path.name] = end
        return end - mark

    def refresh_units(self, now: float, *, again: bool = False) -> int:
        """Look whether units changed; then hosts that belonged to none get theirs. How many got one."""
        if not self._units.refresh(now, again=again):
            return 0
        self._hosts.clear()
        with self._store.transaction() as run:
            found = [(host, self._units.find(packed)) for host, packed in evidence.hosts_without_unit(run)]
            return evidence.give_unit(run, [(host, unit) for host, unit in found if unit])

    def close(self) -> None:
        """Close the databases."""
        self._store.close()
        self._units.close()

    def _forget(self) -> None:
        """What was interned in a transaction that failed is not there."""
        self._hosts.clear()
        self._indicators.clear()
        self._facts.clear()
        self._file = ""

    def _sum(self, run: Connection, rows: ledger.HitRows) -> dict[tuple[int, Meaning, int], Sum]:
        """Hits, first and last time per (host, meaning of the facts, hour)."""
        sums = dict[tuple[int, Meaning, int], Sum]()
        hosts, meanings = self._hosts, self._facts
        for time, client, facts, count in rows:
            host = hosts.get(client) or self._host(run, client, time)
            key = (host, meanings[facts], time // 3600)
            known = sums.get(key)
            if known is None:
                sums[key] = (count, time, time)
            else:
                hits, first, last = known
                sums[key] = (hits + count, min(first, time), max(last, time))
        return sums

    def _host(self, run: Connection, client: str, seen: int) -> int:
        if len(self._hosts) >= _REMEMBERED:
            self._hosts.clear()
        packed = ipaddress.ip_address(client).packed
        host = self._hosts[client] = evidence.intern_host(run, client, packed, self._units.find(packed), seen)
        return host

    def _intern_facts(self, run: Connection, day: Store, file: str) -> None:
        if file != self._file:
            self._file = file
            self._facts.clear()
        # Facts are never removed from a file, so their numbers have no gaps.
        for number, action, *key in ledger.facts_behind(day, len(self._facts)):
            indicator = self._indicators.get(tuple(key))
            if indicator is None:
                if len(self._indicators) >= _REMEMBERED:
                    self._indicators.clear()
                indicator = self._indicators[tuple(key)] = evidence.intern_indicator(run, tuple(key))
            self._facts[number] = (indicator, STRENGTH[action])


def _add(run: Connection, sums: dict[tuple[int, Meaning, int], Sum]) -> None:
    """Write the sums of one step, each table's rows in the order of its key."""
    sightings = dict[tuple[int, int, int], Sum]()
    pairs = dict[tuple[int, int], Sum]()
    strength = dict[tuple[int, int], int]()
    hosts = dict[int, Sum]()
    for (host, (indicator, strong), hour), one in sums.items():
        pair = (host, indicator)
        sightings[*pair, hour] = _merged(sightings.get((*pair, hour)), one)
        pairs[pair] = _merged(pairs.get(pair), one)
        strength[pair] = max(strength.get(pair, 0), strong)
        hosts[host] = _merged(hosts.get(host), one)
    evidence.add_sightings(run, sightings)
    evidence.add_host_indicators(run, pairs, strength)
    evidence.add_hosts(run, hosts)


def _merged(known: Sum | None, more: Sum) -> Sum:
    if known is None:
        return more
    return known[0] + more[0], min(known[1], more[1]), max(known[2], more[2])
