"""One day file of the ledger: what the recorder writes in one transaction, and how rows are read back.

Which file is the right one, and what a batch means, is casework.ledger's and casework.recorder's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from casework.store.engine import Row, Store, insert_many, telling_unreadable

_FACTS = (
    "qname, qtype, transport, action, address, indicator, subdomains, kind, family, list, version, line, campaign,"
    " letter, source, serial, step, verified"
)
_ROW = (
    "SELECT h.seq, h.time, h.client, h.count, f.qname, f.qtype, f.transport, f.action, f.address, f.indicator,"
    " f.subdomains, f.kind, f.family, f.list, f.version, f.line, f.campaign, f.letter, f.source, f.serial, f.step,"
    " f.verified, c.via, c.how, c.mac, c.cpe_id FROM hits h JOIN facts f ON f.id = h.facts"
    " LEFT JOIN hit_claims hc ON hc.seq = h.seq LEFT JOIN claims c ON c.id = hc.claim"
)
_MARK = "boot, node, worker, batch, made, counted, final, dropped, updated"


# (client, facts, hour, hits, first time, last time)
Sums = Iterator[tuple[str, int, int, int, int, int]]


class LedgerRow(msgspec.Struct, frozen=True):
    """One row as readers see it: a hit with its count, and all its facts."""

    file: str
    seq: int
    time: int
    client: str
    count: int
    qname: str
    qtype: int
    transport: str
    action: str
    address: str
    indicator: str
    subdomains: bool
    kind: str
    family: str
    list: str
    version: int
    line: int
    campaign: str
    letter: str
    source: str
    serial: int
    step: str  # what the indicator was found in: name, alias, answer or client
    verified: bool  # the client has shown that it reads what is sent to its address
    via: str = ""  # who named the client or a device behind it: address of a proxy or forwarder
    how: str = ""  # how it named the client: proxy, ecs; "" not at all
    mac: str = ""
    cpe_id: str = ""


class Mark(NamedTuple):
    """How far one boot of a worker is in the ledger. `final` is None while the boot lives."""

    boot: str
    node: str
    worker: int
    batch: int = 0
    made: int = 0
    counted: int = 0
    final: int | None = None
    dropped: int = 0
    updated: int = 0

    @property
    def lost(self) -> int:
        """Hits that died with the worker: made, not dropped knowingly, and never committed."""
        return max(0, (self.final or 0) - self.counted - self.dropped)


class Part(NamedTuple):
    """Rows of a client and a UTC hour whose numbers lie between `first` and `last`, both included."""

    client: str
    hour: int
    first: int
    last: int


class Change(NamedTuple):
    """All that one group of batches changes in a day file."""

    facts: list[tuple[Any, ...]]  # (id, digest, *columns)
    hits: Sequence[Sequence[int | str]]  # (seq, time, client, facts, count)
    claims: Sequence[Sequence[int | str]]  # (id, via, how, mac, cpe_id)
    claimed: Sequence[Sequence[int]]  # (seq, claim)
    growth: list[tuple[int, int]]  # (more, seq)
    hours: list[tuple[int, int, int, int, int]]  # (hour, first_seq, last_seq, first, last)
    marks: Iterable[Mark]


class DayFile:
    """A day file opened for writing. Only one process and one thread may."""

    def __init__(self, path: Path, busy_seconds: float) -> None:
        self.path = path
        with telling_unreadable(path):
            self.store = Store(path, "ledger", busy_seconds=busy_seconds)
            try:
                self.next_seq = self._next("hits", "seq")
                self.next_facts = self._next("facts", "id")
                self.next_claim = self._next("claims", "id")
            except BaseException:
                self.store.close()
                raise

    def _next(self, table: str, column: str) -> int:
        row = self.store.connection.execute(f"SELECT coalesce(max({column}), 0) + 1 FROM {table}").fetchone()  # noqa: S608
        return int(row[0])

    def find_facts(self, digest: bytes) -> int | None:
        """The id of facts already in the file."""
        with telling_unreadable(self.path):
            row = self.store.connection.execute("SELECT id FROM facts WHERE digest = ?", (digest,)).fetchone()
        return None if row is None else int(row[0])

    def find_claim(self, key: Sequence[str]) -> int | None:
        """The id of a claim (via, how, mac, cpe_id) already in the file."""
        with telling_unreadable(self.path):
            row = self.store.connection.execute(
                "SELECT id FROM claims WHERE via = ? AND how = ? AND mac = ? AND cpe_id = ?", key
            ).fetchone()
        return None if row is None else int(row[0])

    def write(self, change: Change) -> None:
        """Commit a change, wholly or not at all. After an error only a fresh DayFile knows what the file holds."""
        with telling_unreadable(self.path), self.store.transaction() as run:
            insert_many(run, f"INSERT INTO facts (id, digest, {_FACTS})", 20, change.facts)
            insert_many(run, "INSERT INTO hits (seq, time, client, facts, count)", 5, change.hits)
            insert_many(run, "INSERT INTO claims (id, via, how, mac, cpe_id)", 5, change.claims)
            insert_many(run, "INSERT INTO hit_claims (seq, claim)", 2, change.claimed)
            run.executemany("UPDATE hits SET count = count + ? WHERE seq = ?", change.growth)
            run.executemany(
                "INSERT INTO hours VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET last_seq = excluded.last_seq,"
                " first = min(first, excluded.first), last = max(last, excluded.last)",
                change.hours,
            )
            run.executemany(
                f"INSERT OR REPLACE INTO marks ({_MARK}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
                change.marks,
            )
        self.next_seq += len(change.hits)
        self.next_facts += len(change.facts)
        self.next_claim += len(change.claims)

    def finish(self) -> None:
        """The day is over: index the rows by client, once, where an index kept up all day would cost too much."""
        with telling_unreadable(self.path):
            self.store.connection.execute("CREATE INDEX IF NOT EXISTS hits_client ON hits (client, seq)")

    def close(self) -> None:
        """Close the file."""
        self.store.close()


def open_day(path: Path) -> Store:
    """A day file for reading."""
    with telling_unreadable(path):
        return Store(path, "ledger", readonly=True)


def marks(store: Store) -> list[Mark]:
    """Every boot this file knows."""
    with telling_unreadable(store.path):
        return [Mark(*row) for row in store.connection.execute(f"SELECT {_MARK} FROM marks ORDER BY updated, boot")]  # noqa: S608


def span(store: Store) -> tuple[int, int] | None:
    """First and last time of a file's hits, None when it has none."""
    first, last = store.connection.execute("SELECT first, last FROM span").fetchone()
    return None if first is None else (first, last)


def last_seq(store: Store) -> int:
    """Number of the newest row, 0 when there is none."""
    with telling_unreadable(store.path):
        return int(store.connection.execute("SELECT coalesce(max(seq), 0) FROM hits").fetchone()[0])


def rows(
    store: Store, since: int | None, until: int | None, client: str, below: int | None, limit: int
) -> Iterator[LedgerRow]:
    """The newest rows first, of a time range (both included) and a client if given, with a seq below `below`."""
    first, last = _seqs(store, since, until)
    conditions, values = _conditions(since, until, client)
    top = last if below is None else min(last, below - 1)
    found = store.connection.execute(
        f"{_ROW} WHERE h.seq BETWEEN ? AND ?{conditions} ORDER BY h.seq DESC LIMIT ?",
        (first, top, *values, limit),
    )
    return (_row(store, row) for row in found)


def count_of(store: Store, part: Part) -> int:
    """How many rows a part has."""
    text, values = _of_part(store, part)
    return int(store.connection.execute(f"SELECT count(*) {text}", values).fetchone()[0])


def rows_of(store: Store, part: Part, offset: int, limit: int) -> list[LedgerRow]:
    """Rows of a part, the newest first, behind the first `offset` of them."""
    text, values = _of_part(store, part)
    found = store.connection.execute(
        f"{_ROW} WHERE h.seq IN (SELECT seq {text} ORDER BY seq DESC LIMIT ? OFFSET ?) ORDER BY h.seq DESC",
        (*values, limit, offset),
    )
    return [_row(store, row) for row in found]


def _of_part(store: Store, part: Part) -> tuple[str, tuple[int | str, ...]]:
    start, end = part.hour * 3600, part.hour * 3600 + 3599
    first, last = _seqs(store, start, end)
    return (
        "FROM hits WHERE client = ? AND seq BETWEEN ? AND ? AND time BETWEEN ? AND ?",
        (part.client, max(first, part.first), min(last, part.last), start, end),
    )


def rows_after(store: Store, seq: int, before: int, client: str, limit: int) -> tuple[list[LedgerRow], int]:
    """Rows behind `seq`, oldest first, and the seq to go on from; stops at rows that may still grow (`before`)."""
    run = store.connection.execute
    growing = run("SELECT min(seq) FROM hits WHERE seq > ? AND time >= ?", (seq, before)).fetchone()[0]
    end = max(seq, last_seq(store) if growing is None else growing - 1)
    conditions, values = _conditions(None, None, client)
    found = run(
        f"{_ROW} WHERE h.seq > ? AND h.seq <= ?{conditions} ORDER BY h.seq LIMIT ?",
        (seq, end, *values, limit),
    )
    rows = [_row(store, row) for row in found]
    return rows, rows[-1].seq if len(rows) == limit else end


def _row(store: Store, row: Sequence[Any]) -> LedgerRow:
    values: tuple[Any, ...] = (*row[:10], bool(row[10]), *row[11:21], bool(row[21]))
    if row[22] is not None:
        values += (*row[22:],)
    return LedgerRow(store.path.name, *values)


def _seqs(store: Store, since: int | None, until: int | None) -> tuple[int, int]:
    """Where in the file the hours of a time range lie: late hits may stand far behind their hour."""
    first, last = store.connection.execute(
        "SELECT min(first_seq), max(last_seq) FROM hours WHERE hour BETWEEN ? AND ?",
        (0 if since is None else since // 3600, (1 << 62) if until is None else until // 3600),
    ).fetchone()
    return (1, 0) if first is None else (first, last)


def _conditions(since: int | None, until: int | None, client: str) -> tuple[str, list[Any]]:
    text, values = "", list[Any]()
    for condition, value in (("h.time >= ?", since), ("h.time <= ?", until), ("h.client = ?", client or None)):
        if value is not None:
            text += f" AND {condition}"
            values.append(value)
    return text, values


def facts_behind(store: Store, facts: int) -> Iterator[Row]:
    """Facts with a number above `facts`: id, action, indicator, list, campaign, kind, family, letter, source."""
    with telling_unreadable(store.path):
        yield from store.connection.execute(
            "SELECT id, action, indicator, list, campaign, kind, family, letter, source FROM facts WHERE id > ?"
            " ORDER BY id",
            (facts,),
        )


def sums_between(store: Store, after: int, up_to: int) -> Sums:
    """Hits, first and last time per (client, facts, UTC hour) of the rows with after < seq <= up_to."""
    cursor = store.connection.cursor()
    cursor.row_factory = None
    with telling_unreadable(store.path):
        yield from cursor.execute(
            "SELECT client, facts, time / 3600, sum(count), min(time), max(time) FROM hits"
            " WHERE seq > ? AND seq <= ? GROUP BY 1, 2, 3",
            (after, up_to),
        )
