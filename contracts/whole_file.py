"""A small file that other processes read: replaced whole, so that none of them ever sees a half of it.

Octets only; what they mean is the callers'.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path


def replace_file(path: Path, content: bytes, check: Callable[[], None] = lambda: None) -> None:
    """Written beside, synced, renamed over, folder synced. Raises OSError; then the old file is still there.

    `check` is called last before the old file is gone, and may raise. The new one is written under a name of this
    process's own: one that was stopped while it wrote would otherwise go on in the middle of ours.
    """
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        with fresh.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        check()
        fresh.rename(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
