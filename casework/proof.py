"""The ledger's rows that prove what a host asked for: its own, where its address belonged to several units in turn.

Whose a row is was decided by the roll-up, which noted it (casework.sightings): nothing is attributed again here. No SQL
(casework.store.hosts, casework.store.ledger).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from casework import ledger
from casework.ledger import LeftOut
from casework.store import hosts as sql
from casework.store import ledger as day
from casework.store.engine import Store
from casework.store.ledger import LedgerRow, Part


class Share(NamedTuple):
    """Rows of a file from `first` to `last`: the host's or, where that was not noted, of any host of its address."""

    first: int
    last: int
    is_noted: bool


class Proof(NamedTuple):
    """Rows, the newest first; `unclear` counts rows passed on the way that may be another unit's, and are left out.

    `left_out` are files on the way that could not be read, wholly or in part.
    """

    rows: list[LedgerRow]
    unclear: int
    left_out: LeftOut


def rows_of_host(store: Store, host: int, address: str, offset: int, limit: int) -> Proof:
    """Rows of a host from `offset` on, the newest hour first. Only those wanted are read; others are counted."""
    own = _Own(store, host, address)
    found, unclear, left_out = list[LedgerRow](), 0, LeftOut()
    for path, hours in own.places(store.path.parent):
        with ledger.reading(path, left_out), closing(day.open_day(path)) as file:
            for part, is_clear in _parts(own, path.name, hours, address):
                if not is_clear:
                    unclear += day.count_of(file, part)
                    continue
                if offset:
                    there = day.count_of(file, part)
                    if there <= offset:
                        offset -= there
                        continue
                found += day.rows_of(file, part, offset, limit - len(found))
                offset = 0
                if len(found) >= limit:
                    return Proof(found, unclear, left_out)
    return Proof(found, unclear, left_out)


def _parts(own: _Own, file: str, hours: list[int], address: str) -> Iterator[tuple[Part, bool]]:
    """Where to look in a file, the latest first, each with whether all of it is the host's."""
    for hour in hours:
        for share in own.shares(file):
            yield Part(address, hour, share.first, share.last), share.is_noted or own.alone_in(hour)


class _Own:
    """What the evidence knows of a host's rows."""

    def __init__(self, store: Store, host: int, address: str) -> None:
        self._host = host
        # Before all else: what is recorded from now on is nobody's yet, and is not looked at.
        self._files = sql.ledgers(store)
        self._hours = sql.ledger_hours_of(store, host)
        self._moves = sql.moves_of(store, address)
        self._first = sql.first_host_of(store, address)
        some_unknown = any(host is None for moves in self._moves.values() for _, host in moves)
        self._shared = sql.hours_of_others(store, host, address) if some_unknown else set[int]()

    def places(self, state: Path) -> Iterator[tuple[Path, list[int]]]:
        """Files and the hours to look for in them, both the latest first; late hits lie in files of later days."""
        files = [(path, *self._files[path.name]) for path in ledger.day_files(state) if path.name in self._files]
        for _, group in groupby(self._hours, key=lambda hour: hour // 24):
            hours = list(group)
            for path, _, first, last in files:
                if first < (hours[0] + 1) * 3600 and last >= hours[-1] * 3600:
                    yield path, hours

    def shares(self, file: str) -> Iterator[Share]:
        """The rows of a file, the last first, that are the host's or might be."""
        last = self._files[file][0]
        for first, host in reversed([(1, self._first), *self._moves.get(file, [])]):
            if host in {self._host, None} and first <= last:
                yield Share(first, last, host is not None)
            last = first - 1

    def alone_in(self, hour: int) -> bool:
        """Whether no other host of the address was seen in an hour, so that all its rows are this one's."""
        return hour not in self._shared
