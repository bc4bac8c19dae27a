"""A worker's counter file: how many hits it has made in this boot, readable by others even after a kill -9.

No decisions here: the worker counts (resolver.hits), the recorder settles the account of dead boots (casework.boots).

Three unsigned 64-bit numbers in the machine's own byte order: hits made, hits known dropped, process id. The file is
memory-mapped, so that counting is one item assignment and survives the process.
"""

from __future__ import annotations

import mmap
import os
import re
import struct
from pathlib import Path
from typing import NamedTuple

_NUMBERS = struct.Struct("=QQQ")
_NAME = re.compile(r"^(?P<part>[a-z]+)-(?P<worker>\d{1,4})\.(?P<boot>[0-9a-f]{16})\.count$")


class Counter(NamedTuple):
    """What a counter file says: `made` includes those `dropped`."""

    part: str
    worker: int
    boot: str
    made: int
    dropped: int
    pid: int


class CounterFile:
    """The worker's side: `values[0]` = made, `values[1]` = dropped; assign to them."""

    def __init__(self, path: Path) -> None:
        """Create the file, all zero but our process id."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        with path.open("w+b") as file:
            os.fchmod(file.fileno(), 0o640)
            file.write(_NUMBERS.pack(0, 0, os.getpid()))
            file.flush()
            self._map = mmap.mmap(file.fileno(), _NUMBERS.size)
        self._whole = memoryview(self._map)
        self._cast = self._whole.cast("Q")
        self.values = self._cast[:2]

    def close(self) -> None:
        """Unmap. The file stays: the recorder removes it when the account is settled."""
        for view in (self.values, self._cast, self._whole):
            view.release()
        self._map.close()


def counter_path(run: Path, worker: int, boot: str, part: str = "resolver") -> Path:
    """`<run>/resolver-0.0123456789abcdef.count`."""
    return run / f"{part}-{worker}.{boot}.count"


def read_counter(path: Path) -> Counter | None:
    """None when it is gone, or no counter file."""
    named = _NAME.match(path.name)
    if named is None:
        return None
    try:
        raw = path.read_bytes()
    except OSError:
        return None
    if len(raw) != _NUMBERS.size:
        return None
    made, dropped, pid = _NUMBERS.unpack(raw)
    return Counter(named["part"], int(named["worker"]), named["boot"], made, dropped, pid)


def find_counters(run: Path) -> dict[Path, Counter]:
    """All counter files of a run folder."""
    found = {path: read_counter(path) for path in sorted(run.glob("*.count"))}
    return {path: counter for path, counter in found.items() if counter is not None}
