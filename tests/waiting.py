"""Waiting for something to become true, with a deadline; and whether a process is alive.

For tests of real processes, instead of sleeping and hoping.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

DEADLINE = 20.0  # seconds


def until(condition: Callable[[], bool], what: str, seconds: float = DEADLINE) -> None:
    """Wait for `condition`, fail with `what` when it does not come true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
