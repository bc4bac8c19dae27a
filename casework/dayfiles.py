"""The ledger's files as their writer meets them: which one is written, and what becomes of those that cannot be read.

No rows and no batches (casework.daywriter, casework.recorder). Readers have casework.ledger.
"""

from __future__ import annotations

import datetime
import logging
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path
from typing import TypeVar

from casework import ledger
from casework.store import ledger as sql
from casework.store.engine import UnreadableFile
from casework.store.ledger import Mark

MARKS_FROM = 8  # newest readable files whose marks are read at start; more than one, in case the clock was set back
Found = TypeVar("Found")
log = logging.getLogger(__name__)


class DayFiles:
    """Only the writer's thread changes anything; `unreadable` may be asked from another.

    A file that cannot be read is left out and told, and all goes on. One that only has to wait (locked, full disk) is
    waited for: without its marks, hits would be counted twice.
    """

    def __init__(self, state: Path, node: str) -> None:
        self._state = state
        self._node = node
        self._left_out: dict[Path, str] = {}

    def to_write(self, now: float) -> Path:
        """The file that takes what is recorded now: a part of the day's, the first unless that was set aside.

        No name is used twice, not even that of a file set aside: the evidence knows by name and row what it has seen.
        """
        part = 1
        while _is_aside(self._path(now, part)) or self._path(now, part + 1).exists():
            part += 1
        return self._path(now, part)

    def is_of_day(self, path: Path, now: float) -> bool:
        """Whether a file that was being written may be gone on with."""
        return path.name[:10] == self._path(now, 1).name[:10]

    def _path(self, now: float, part: int) -> Path:
        return ledger.day_path(self._state, now, self._node, part)

    def marks(self, now: float) -> Iterator[Mark]:
        """What the newest files know of each boot, oldest file first."""
        newest = list(islice(self._readable(ledger.day_files(self._state), _marks, now), MARKS_FROM))
        for _, marks in reversed(newest):
            yield from marks

    def ends(self, now: float, under_way: Path | None) -> list[tuple[Path, int]]:
        """Every file but the one under way with its last row, the oldest first."""
        paths = [path for path in reversed(ledger.day_files(self._state)) if path != under_way]
        return list(self._readable(paths, _end, now))

    def _readable(self, paths: list[Path], read: Callable[[Path], Found], now: float) -> Iterator[tuple[Path, Found]]:
        for path in paths:
            try:
                yield path, read(path)
            except UnreadableFile as error:
                self.leave_out(error, now)

    def leave_out(self, error: UnreadableFile, now: float) -> None:
        """Go on without a file. Raises `error` where that is today's and nothing says that it is damaged.

        A damaged file of today is set aside, unchanged, and a new one begun: while it stood in the way nothing could
        be committed, and hits would be lost, since workers keep a bounded number of them. What was committed to it and
        not rolled up yet is missing from the pages until somebody has looked into it, and status says so until then.
        """
        if error.path != self.to_write(now):
            if error.path not in self._left_out:
                log.error("ledger file left out, %s", error)
            self._left_out[error.path] = str(error)
        elif error.is_damaged:
            log.error("%s; set aside as %s, a new file is begun", error, _set_aside(error.path, now).name)
        else:
            raise error

    def unreadable(self) -> list[str]:
        """A sentence on each file that cannot be read, for as long as it lies here."""
        aside = [
            f"ledger file {path.name} was damaged and set aside: its hits are missing from the pages"
            for path in sorted(ledger.folder(self._state).glob("*.db.damaged-*"))
            if not path.name.endswith(("-wal", "-shm"))
        ]
        return aside + [f"ledger file left out, {why}" for path, why in list(self._left_out.items()) if path.exists()]


def _is_aside(path: Path) -> bool:
    return any(path.parent.glob(f"{path.name}.damaged-*"))


def _set_aside(path: Path, now: float) -> Path:
    name = f"{path.name}.damaged-{datetime.datetime.fromtimestamp(now, datetime.UTC):%Y%m%dT%H%M%SZ}"
    for suffix in ("-wal", "-shm", ""):  # SQLite finds the log by the name of its file, also of the renamed one
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(path.with_name(name + suffix))
    return path.with_name(name)


def _marks(path: Path) -> list[Mark]:
    with closing(sql.open_day(path)) as store:
        return sql.marks(store)


def _end(path: Path) -> int:
    with closing(sql.open_day(path)) as store:
        return sql.last_seq(store)
