"""One at a time: a lock on a file, which the kernel gives back when its holder dies. The file says who holds it.

Nothing about what the holder does. The folder is there already (runtime.state).
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class Held(Exception):
    """Another process holds the lock; `holder` is its process id."""

    def __init__(self, path: Path, holder: str) -> None:
        super().__init__(f"process {holder} holds {path}")
        self.holder = holder


class FileLock:
    """Held from its making to `close`; a context manager. Raises Held."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._file, 20, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._file)
            raise Held(path, holder) from error
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def close(self) -> None:
        """Let the next one in. The file stays: removing it would let two hold the lock."""
        os.close(self._file)

    def __enter__(self) -> FileLock:
        """The lock is held already."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Let the next one in."""
        self.close()
