"""The ledger as readers see it: which day files there are, and their rows newest first across the files.

Written by casework.recorder only. No SQL (casework.store.ledger); readers never change a file.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from casework.store import ledger as sql
from casework.store.engine import Store, UnreadableFile, telling_unreadable
from casework.store.ledger import LedgerRow, Mark

__all__ = ["Cursor", "LedgerRow", "LeftOut", "Mark", "day_files", "day_path", "follow", "lost_boots", "reading", "rows"]

# A place in the ledger: file name and row number.
Cursor = tuple[str, int]
# Files that could not be read: name -> why. Readers that are given one go on without such a file; others raise.
LeftOut = dict[str, str]


def folder(state: Path) -> Path:
    """Where the day files lie."""
    return state / "ledger"


def day_path(state: Path, second: float, node: str, part: int = 1) -> Path:
    """The day file that takes what is recorded at this UTC second. There are later parts where one was damaged."""
    day = datetime.datetime.fromtimestamp(second, datetime.UTC).date()
    return folder(state) / f"{day.isoformat()}-{node}{'' if part == 1 else f'~{part:02}'}.db"


def day_files(state: Path) -> list[Path]:
    """All day files, the newest first."""
    return sorted(folder(state).glob("????-??-??-*.db"), reverse=True)


def rows(
    state: Path,
    since: int | None = None,
    until: int | None = None,
    client: str = "",
    *,
    limit: int = 100,
    before: Cursor | None = None,
    left_out: LeftOut | None = None,
) -> Iterator[LedgerRow]:
    """The newest rows first (by recording), streamed over the files; `before` continues behind a row already seen.

    Hits are recorded after they were made, so files of days before `since` are never opened.
    """
    for path in day_files(state):
        if limit <= 0 or (since is not None and _day_ends(path) <= since):
            return
        if before is not None and path.name > before[0]:
            continue
        below = before[1] if before is not None and path.name == before[0] else None
        with reading(path, left_out), closing(sql.open_day(path)) as store:
            if not _touches(store, since, until):
                continue
            for row in sql.rows(store, since, until, client, below, limit):
                yield row
                limit -= 1


def follow(
    state: Path, after: Cursor, before: int, client: str = "", limit: int = 1000, *, left_out: LeftOut | None = None
) -> tuple[list[LedgerRow], Cursor]:
    """Rows behind a place, oldest first, and the place to go on from; rows from the second `before` on must wait."""
    for path in reversed(day_files(state)):
        if path.name < after[0]:
            continue
        with reading(path, left_out), closing(sql.open_day(path)) as store:
            rows_, seq = sql.rows_after(store, after[1] if path.name == after[0] else 0, before, client, limit)
            if rows_ or seq < sql.last_seq(store):
                return rows_, (path.name, seq)
            after = (path.name, seq)
    return [], after


def end(state: Path, left_out: LeftOut | None = None) -> Cursor:
    """The place behind the newest row."""
    for path in day_files(state):
        with reading(path, left_out), closing(sql.open_day(path)) as store:
            return path.name, sql.last_seq(store)
    return "", 0


def lost_boots(state: Path, since: int | None = None, left_out: LeftOut | None = None) -> list[Mark]:
    """Dead workers whose last hits never came, as the files from `since` on tell it."""
    found = dict[str, Mark]()
    for path in reversed(day_files(state)):
        if since is not None and _day_ends(path) <= since:
            continue
        with reading(path, left_out), closing(sql.open_day(path)) as store:
            found.update({mark.boot: mark for mark in sql.marks(store)})
    return [mark for mark in found.values() if mark.lost]


@contextmanager
def reading(path: Path, left_out: LeftOut | None) -> Iterator[None]:
    """Reading inside ends where a file turns out to be damaged, which is noted; raises UnreadableFile without."""
    try:
        with telling_unreadable(path):
            yield
    except UnreadableFile as error:
        if left_out is None:
            raise
        left_out[path.name] = str(error)


def _day_ends(path: Path) -> int:
    """The UTC second after the file's day; an hour later, so that a clock set back does not hide rows."""
    day = datetime.datetime.strptime(path.name[:10], "%Y-%m-%d").replace(tzinfo=datetime.UTC)
    return int(day.timestamp()) + 25 * 3600


def _touches(store: Store, since: int | None, until: int | None) -> bool:
    held = sql.span(store)
    if held is None:
        return False
    return (since is None or held[1] >= since) and (until is None or held[0] <= until)
