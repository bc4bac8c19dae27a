"""Questions that no upstream answered, and when each may be asked again (RFC 9520 section 3.2).

No answers here: what a client gets meanwhile is resolver.engine's business.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from resolver.cache.table import TwoGenerations

Key = TypeVar("Key")

FIRST_SECONDS = 5.0
STALE_SECONDS = 30.0  # where a stale answer is at hand: RFC 8767 section 5, failure recheck timer
LONGEST_SECONDS = 30.0  # RFC 9520 allows five minutes; but when a province's line is back, its names must be back soon
KEPT = 10_000  # failed questions in mind: a bound, for random names below a dead zone never end


class Failures(Generic[Key]):
    """`now` is monotonic seconds."""

    __slots__ = ("_table",)

    def __init__(self) -> None:
        self._table: TwoGenerations[Key, tuple[float, float]] = TwoGenerations(KEPT)  # (until, for how long)

    def failed(self, key: Key, now: float, *, stale: bool) -> None:
        """Every upstream failed on it: wait, and twice as long as the last time if that was just now."""
        before = self._table.get(key)
        first = STALE_SECONDS if stale else FIRST_SECONDS
        seconds = first if before is None or now > before[0] + before[1] else max(first, before[1] * 2)
        seconds = min(seconds, LONGEST_SECONDS)
        self._table.put(key, (now + seconds, seconds))

    def answered(self, key: Key) -> None:
        """It can be asked again at any time."""
        if self._table.young or self._table.old:
            self._table.remove(key)

    def until(self, key: Key, now: float) -> float | None:
        """Until when it must not be asked; None: ask."""
        if not (self._table.young or self._table.old):
            return None
        found = self._table.get(key)
        return found[0] if found is not None and now < found[0] else None
