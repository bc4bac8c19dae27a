"""Turns the rows of batches into one change of a day file: cleaned, folded, numbered. Committed by casework.recorder.

No SQL (casework.store.ledger), no batches, no marks. After an error a writer is thrown away: only the file knows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from casework.folding import Folder, Known, Who, clean
from casework.store.ledger import Change, DayFile, Mark
from contracts.hit import MAX_CPE_ID, BadFrame, Claim, HitRow, unpack_claim
from contracts.networks import address_text

BUSY_SECONDS = 2.0
MAX_TIME = 253_402_300_799  # the last second of the year 9999
MAX_COUNT = 1 << 40
_GROWING = 2  # seconds for which rows are kept in mind; a row stops growing when it is rolled up
_MAX_GROWING = 10  # seconds, while the roll-up cannot go on
_REMEMBERED = 300_000


class _Second:
    """Rows of one second: which there are, and where those of the change under way lie."""

    __slots__ = ("first", "last", "rows")

    def __init__(self) -> None:
        self.rows: dict[tuple[str, int, int], int] = {}  # (client, claim, facts) -> seq
        self.first = self.last = 0


class DayWriter:
    """One day file under way."""

    def __init__(self, path: Path, folder: Folder) -> None:
        self.path = path
        self._file = DayFile(path, BUSY_SECONDS)
        self._folder = folder
        self._ids: dict[bytes, int] = {}  # packed facts, cleaned -> id
        self._plain: dict[bytes, int] = {}  # packed facts as they come -> id, where no names are counted
        self._had_facts = self._file.next_facts > 1
        self._clients: dict[bytes, str] = {}
        self._claim_ids: dict[bytes, int] = {}  # packed claims as they come -> id
        self._claim_keys: dict[tuple[str, ...], int] = {}  # the same, cleaned
        self._growing: dict[int, _Second] = {}
        self._starts: dict[int, int] = {}  # growing second -> its first row in the file
        self._clear()

    def _clear(self) -> None:
        self._facts: list[tuple[object, ...]] = []
        self._hits: list[tuple[int, int, str, int, int]] = []
        self._claims: list[tuple[int, str, str, str, str]] = []
        self._claimed: list[tuple[int, int]] = []
        self._growth: dict[int, int] = {}
        self._seconds: dict[int, _Second] = {}

    @property
    def last_seq(self) -> int:
        """Number of the newest committed row."""
        return self._file.next_seq - 1

    def add(self, rows: Iterable[HitRow], now: int) -> tuple[int, int]:
        """Add rows to the change under way; returns (hits taken, rows refused because they make no sense)."""
        taken = refused = 0
        base, hits, growth, seconds = self._file.next_seq, self._hits, self._growth, self._seconds
        plain, clients = self._plain, self._clients
        # The hot loop (bench/recorder.py): two look-ups for what is known, one for the row.
        for packed_client, packed_claim, second, count, packed in rows:
            try:
                if not 0 < count <= MAX_COUNT:
                    raise BadFrame("a count out of range")
                client = clients.get(packed_client) or self._client(packed_client)
                claim = self._claim(packed_claim) if packed_claim else 0
                facts = plain.get(packed) or self._facts_of(packed, (client, claim), second)
                at = seconds.get(second) or self._second(second, now)
            except BadFrame:
                refused += 1
                continue
            key = (client, claim, facts)
            seq = at.rows.get(key)
            taken += count
            if seq is None:
                seq = at.rows[key] = at.last = base + len(hits)
                at.first = at.first or seq
                hits.append((seq, second, client, facts, count))
                if claim:
                    self._claimed.append((seq, claim))
            elif seq < base:
                growth[seq] = growth.get(seq, 0) + count
            else:
                row = hits[seq - base]
                hits[seq - base] = (*row[:4], row[4] + count)
        return taken, refused

    def commit(self, marks: Sequence[Mark]) -> int:
        """Write the change with the marks of its batches; how many rows were new."""
        for second, at in self._seconds.items():
            if second in self._growing and at.first:
                self._starts.setdefault(second, at.first)
        self._file.write(
            Change(
                self._facts, self._hits, self._claims, self._claimed,
                [(more, seq) for seq, more in self._growth.items()], self._hours(), marks,
            )
        )  # fmt: skip
        rows = len(self._hits)
        for at in self._seconds.values():
            at.first = at.last = 0
        self._clear()
        if len(self._ids) >= _REMEMBERED:
            self._ids.clear()
            self._plain.clear()
            self._had_facts = True
        if len(self._claim_ids) >= _REMEMBERED:
            self._claim_ids.clear()
            self._claim_keys.clear()
        while len(self._growing) > _MAX_GROWING:
            del self._growing[next(iter(self._growing))]
        return rows

    def closed_up_to(self, now: int) -> int:
        """The last row up to which none will change: all of them before the second `now`, which goes on."""
        closed = min((seq for second, seq in self._starts.items() if second >= now), default=self._file.next_seq) - 1
        self._growing = {second: at for second, at in self._growing.items() if second >= now}
        self._starts = {second: seq for second, seq in self._starts.items() if second >= now}
        return closed

    def finish(self) -> None:
        """The day is over."""
        self._file.finish()

    def close(self) -> None:
        """Close the file; a change under way is forgotten."""
        self._file.close()

    def _second(self, second: int, now: int) -> _Second:
        if not 0 <= second <= MAX_TIME:
            raise BadFrame("a time outside our calendar")
        at = self._growing.get(second) or _Second()
        if abs(second - now) <= _GROWING:
            self._growing[second] = at
        self._seconds[second] = at
        return at

    def _client(self, packed: bytes) -> str:
        if len(packed) not in {4, 16}:
            raise BadFrame(f"a client address of {len(packed)} octets")
        if len(self._clients) >= _REMEMBERED:
            self._clients.clear()
        text = self._clients[packed] = address_text(packed)
        return text

    def _claim(self, packed: bytes) -> int:
        """The number of a claim in the file."""
        found = self._claim_ids.get(packed)
        if found is None:
            found = self._claim_ids[packed] = self._intern_claim(unpack_claim(packed))
        return found

    def _intern_claim(self, claim: Claim) -> int:
        key = (address_text(claim.via), claim.how, claim.mac.hex(":"), clean(claim.cpe_id, MAX_CPE_ID))
        found = self._claim_keys.get(key) or self._file.find_claim(key)
        if found is None:
            found = self._file.next_claim + len(self._claims)
            self._claims.append((found, *key))
        self._claim_keys[key] = found
        return found

    def _facts_of(self, packed: bytes, who: Who, second: int) -> int:
        known = self._folder.know(packed)
        if known.group is not None:
            return self._intern(self._folder.fold(who, second, known))
        facts = self._plain[packed] = self._intern(known)
        return facts

    def _intern(self, known: Known) -> int:
        found = self._ids.get(known.packed)
        if found is None:
            digest = hashlib.blake2b(known.packed, digest_size=16).digest()
            found = self._file.find_facts(digest) if self._had_facts else None
            if found is None:
                found = self._file.next_facts + len(self._facts)
                self._facts.append((found, digest, *msgspec.structs.astuple(known.facts)))
            self._ids[known.packed] = found
        return found

    def _hours(self) -> list[tuple[int, int, int, int, int]]:
        """Where each hour's rows of this change lie."""
        found = dict[int, tuple[int, int, int, int, int]]()
        for second, at in self._seconds.items():
            if not at.first:
                continue
            hour = second // 3600
            _, first_seq, last_seq, first, last = found.get(hour, (hour, at.first, at.last, second, second))
            found[hour] = (
                hour,
                min(first_seq, at.first),
                max(last_seq, at.last),
                min(first, second),
                max(last, second),
            )
        return list(found.values())
