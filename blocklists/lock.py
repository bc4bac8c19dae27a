"""One writer of library and policy at a time: a lock on a file that the kernel gives back when its holder dies.

Nothing about what the holder does.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

FILE = "lists.lock"


class Busy(Exception):
    """Another process holds the lock; the message names it."""


class WriterLock:
    """Held from its making to `close`; a context manager."""

    def __init__(self, state: Path) -> None:
        state.mkdir(mode=0o750, parents=True, exist_ok=True)
        self._file = os.open(state / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._file, 20, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._file)
            raise Busy(f"process {holder} is writing the lists of {state}") from error
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def close(self) -> None:
        """Let the next one in. The file stays: removing it would let two hold the lock."""
        os.close(self._file)

    def __enter__(self) -> WriterLock:
        """The lock is held already."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Let the next one in."""
        self.close()
