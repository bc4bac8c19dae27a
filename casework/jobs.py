"""One kind of work of the recorder's writer thread: when its turn is, and what went wrong with it last.

No threads and no reactor: casework.intake runs the work.
"""

from __future__ import annotations

import logging
import time

from casework.store.engine import DatabaseError

FIRST_BACKOFF, MAX_BACKOFF = 0.1, 5.0  # seconds
EXPECTED = (DatabaseError, OSError)  # the disk's fault: no traceback needed
log = logging.getLogger(__name__)


class Job:
    """When the writer may do a kind of work again, and what went wrong last."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.error = ""
        self.retries = 0
        self._backoff = 0.0
        self._not_before = 0.0

    @property
    def waits(self) -> bool:
        """Whether its time has not come."""
        return time.monotonic() < self._not_before

    def overdue(self, seconds: float) -> bool:
        """Whether its time came at least so long ago."""
        return time.monotonic() >= self._not_before + seconds

    def put_off(self, seconds: float) -> None:
        """Not before that; a longer back-off stands."""
        self._not_before = max(self._not_before, time.monotonic() + seconds)

    def failed(self, error: Exception) -> None:
        """Try again after a while that doubles each time."""
        self._backoff = min(max(self._backoff * 2, FIRST_BACKOFF), MAX_BACKOFF)
        self._not_before = time.monotonic() + self._backoff
        self.retries += 1
        text = "; ".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())])
        if text != self.error:
            log.error("%s failed, trying again: %s", self.name, text, exc_info=not isinstance(error, EXPECTED))
        self.error = text

    def succeeded(self) -> None:
        """Back to normal."""
        if self.error:
            log.info("%s works again", self.name)
        self.error = ""
        self._backoff = 0.0
