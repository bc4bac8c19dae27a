"""One supervisor per state folder: a file lock that dies with its holder.

Nothing about what is supervised.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import TextIO


class AlreadyRuns(Exception):
    """Another supervisor holds the lock; the message names its process id."""


def take_lock(path: Path) -> TextIO:
    """Lock `path` and write our process id into it; the lock is held until the returned file is closed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.seek(0)
        pid = file.read().strip() or "unknown"
        file.close()
        raise AlreadyRuns(f"already running on this state folder, process id {pid} (lock {path})") from error
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file
