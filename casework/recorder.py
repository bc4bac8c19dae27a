"""The recorder's work, without sockets: batches in, each exactly once, into the ledger; then on into the sightings.

No reactor and no SQL here. All of it runs in one thread (casework.intake calls it); only `status` may be asked from
another. What counts is on disk: after any error everything is opened again and read from there.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from casework import boots
from casework.attribution import UnitTable
from casework.client_table import Publisher
from casework.dayfiles import DayFiles
from casework.daywriter import DayWriter
from casework.folding import Folder
from casework.sightings import Sightings
from casework.store.engine import UnreadableFile, open_casework, open_evidence
from casework.store.ledger import Mark
from contracts.control import RunFolder
from contracts.hit import Batch, Hello

log = logging.getLogger(__name__)


class Arrival(NamedTuple):
    """A batch and who sent it."""

    hello: Hello
    batch: Batch


class Tally:
    """What happened since this process started."""

    COUNTS = ("rows", "hits", "batches", "duplicates", "gaps", "refused")

    def __init__(self) -> None:
        self.rows = self.hits = self.batches = self.duplicates = self.gaps = self.refused = 0
        self.last_commit: float | None = None

    def add(self, other: Tally) -> None:
        """Take over what a commit did."""
        for name in self.COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))


class Recorder:
    """Opened lazily, so that a locked database or a full disk at start is met like one at any other time."""

    def __init__(self, state: Path, node: str, zone: ZoneInfo, clock: Callable[[], float] = time.time) -> None:
        self.tally = Tally()
        self._state = state
        self._node = node
        self._zone = zone
        self._clock = clock
        self._files = DayFiles(state, node)
        self._folder = Folder()
        self._publisher = Publisher(state, zone)
        self._watch = boots.Watch(RunFolder(state).folder, node)
        self._marks: dict[str, Mark] = {}
        self._marks_read = False
        self._met = set[str]()  # boots that have sent us something
        self._day: DayWriter | None = None
        self._sightings: Sightings | None = None
        self._behind: deque[tuple[Path, int]] = deque()  # finished files, and their last row, to roll up first
        self._look_again = False

    def committed(self, boot: str) -> int:
        """The last batch of a boot that is in the ledger."""
        mark = self._marks.get(boot)
        return mark.batch if mark else 0

    def commit(self, arrivals: Sequence[Arrival]) -> None:
        """Bring batches into the ledger, all or none. Raises what went wrong; the same batches may then come again."""
        with self._writing():
            if arrivals:
                self._commit(arrivals, self._clock())

    def _commit(self, arrivals: Sequence[Arrival], now: float) -> None:
        day, carried = self._day_at(now)
        tally = Tally()
        changed = {mark.boot: mark for mark in carried}
        for hello, batch in arrivals:
            known = self._known(hello, batch, changed.get(hello.boot) or self._marks.get(hello.boot))
            if batch.number <= known.batch:
                tally.duplicates += 1
                continue
            tally.batches += 1
            tally.gaps += batch.number - known.batch - 1
            hits, refused = day.add(batch.rows, int(now))
            tally.hits += hits
            tally.refused += refused
            changed[hello.boot] = known._replace(
                batch=batch.number, made=batch.made, counted=known.counted + hits, updated=int(now)
            )
        tally.rows = day.commit(list(changed.values()))
        self._marks.update(changed)
        self._met.update(hello.boot for hello, _ in arrivals)
        self.tally.add(tally)
        self.tally.last_commit = now

    def roll_up(self) -> bool:
        """Take one step from the ledger into the sightings; whether more waits."""
        try:
            return self._roll_up(self._clock())
        except UnreadableFile as error:
            self._leave_out(error)
            return True

    def _roll_up(self, now: float) -> bool:
        sightings = self._open_sightings()
        given = sightings.refresh_units(now, again=self._look_again)
        self._look_again = False
        if given:
            log.info("%d hosts without a unit belong to one now", given)
        if self._behind:
            path, last = self._behind[0]
            if not sightings.roll_up(path, last):
                self._behind.popleft()
            return True
        if self._day is None:
            return False
        closed = self._day.closed_up_to(int(now))
        sightings.roll_up(self._day.path, closed)
        return sightings.rolled_up(self._day.path) < closed

    def publish(self) -> None:
        """Publish the client table where there is something new in it."""
        self._publisher.look(self._clock())

    def settle(self, busy: Mapping[str, int]) -> None:
        """Close the accounts of boots that ended; `busy` are those that did not (boot -> worker)."""
        now = self._clock()
        with self._writing():
            settlements = self._watch.settle(self._marks, busy, now)
            if not settlements:
                return
            day, carried = self._day_at(now)
            changed = {mark.boot: mark for mark in carried} | {one.mark.boot: one.mark for one in settlements}
            day.commit(list(changed.values()))
            self._marks.update(changed)
        for mark, file in settlements:
            if mark.lost:
                log.warning("worker %d died: %d hits of its boot %s never came", mark.worker, mark.lost, mark.boot)
            file.unlink(missing_ok=True)

    def reload(self) -> None:
        """Read the units again at the next step, whether or not they seem to have changed."""
        self._look_again = True

    def close(self) -> None:
        """Close all files."""
        self._forget()
        self._publisher.close()
        if self._sightings is not None:
            self._sightings.close()
            self._sightings = None

    def status(self) -> dict[str, Any]:
        """For `sinkhole status`."""
        day = self._day
        found = {name: getattr(self.tally, name) for name in (*Tally.COUNTS, "last_commit")}
        lost = [_account(mark) for mark in list(self._marks.values()) if mark.lost]
        return {
            **found,
            "behind": self._waiting(),
            "ledger": day.path.name if day else None,
            "lost": lost,
            "unreadable": self._files.unreadable(),
        }

    def _waiting(self) -> int:
        """Ledger rows that are not in the sightings yet."""
        files = dict(self._behind)
        if self._day is not None:
            files[self._day.path] = self._day.last_seq
        if self._sightings is None:
            return sum(files.values())
        return sum(max(0, last - self._sightings.rolled_up(path)) for path, last in files.items())

    def _read_marks(self) -> None:
        """Read from disk what was committed, unless that is in memory.

        What was in memory stays: it was committed too, perhaps to a file that cannot be read any more.
        """
        if self._marks_read:
            return
        for mark in self._files.marks(self._clock()):
            known = self._marks.get(mark.boot)
            if known is None or (mark.batch, mark.final or 0) >= (known.batch, known.final or 0):
                self._marks[mark.boot] = mark
        self._marks_read = True

    def _known(self, hello: Hello, batch: Batch, mark: Mark | None) -> Mark:
        """How far a boot is committed, before this batch of it.

        A worker sends what was not acknowledged, so the first batch we meet follows on what was committed. Where a
        file cannot be read, our mark may be older than that: then the worker's count says what is in that file.
        """
        known = mark or Mark(hello.boot, hello.node, hello.worker)
        if hello.boot in self._met or batch.number <= known.batch + 1 or not self._files.unreadable():
            return known
        counted = batch.made - sum(count for _, _, _, count, _ in batch.rows)
        return known._replace(batch=batch.number - 1, counted=max(known.counted, counted))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """With the marks at hand; after any error what is on disk counts, and a damaged file is out of the way."""
        try:
            self._read_marks()
            yield
        except BaseException as error:
            self._forget()
            if isinstance(error, UnreadableFile):
                self._leave_out(error)
            raise

    def _leave_out(self, error: UnreadableFile) -> None:
        """Go on without a file that cannot be read; raises where that is today's and might be readable again."""
        if self._day is not None and self._day.path == error.path:
            self._forget()
        self._files.leave_out(error, self._clock())
        self._behind = deque(one for one in self._behind if one[0] != error.path)

    def _day_at(self, now: float) -> tuple[DayWriter, list[Mark]]:
        """The writer of this day's file and, when it was just opened, the marks that its first transaction carries."""
        if self._day is not None and self._files.is_of_day(self._day.path, now):
            return self._day, []
        if self._day is not None:
            finished, self._day = self._day, None
            self._behind.append((finished.path, finished.last_seq))
            with closing(finished):
                finished.finish()
        self._day = DayWriter(self._files.to_write(now), self._folder)
        log.info("recording into %s", self._day.path.name)
        return self._day, self._watch.carried(self._marks.values(), now)

    def _open_sightings(self) -> Sightings:
        if self._sightings is None:
            # Rows of the file under way may still grow: they are rolled up as they close.
            behind = self._files.ends(self._clock(), self._day.path if self._day else None)
            units = UnitTable(open_casework(self._state, readonly=True), self._zone)
            self._sightings = Sightings(open_evidence(self._state), units)
            self._behind = deque(behind)
        return self._sightings

    def _forget(self) -> None:
        """Drop what is in memory: the next commit reads the disk. Rows already there do not grow any more."""
        self._marks_read = False
        if self._day is not None:
            forgotten, self._day = self._day, None
            self._behind.append((forgotten.path, forgotten.last_seq))
            forgotten.close()


def _account(mark: Mark) -> dict[str, Any]:
    """A dead boot's account, for people."""
    return {
        "worker": mark.worker,
        "boot": mark.boot,
        "made": mark.final,
        "counted": mark.counted,
        "dropped": mark.dropped,
        "lost": mark.lost,
        "settled": mark.updated,
    }
