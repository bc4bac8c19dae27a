"""A bounded dict of two generations: full young one becomes the old one; what is asked again is promoted.

Deleting the oldest key of a big dict one by one is quadratic in CPython (90 us a query were measured); dropping a whole
generation is not. No expiry here: entries know their own time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


def _one(_value: object) -> int:
    return 1


class TwoGenerations(Generic[Key, Value]):
    """Holds the `size` entries used last and never more than 3 x `size`. The hot loop reads `young` directly.

    The old generation goes only when there are 2 x `size` in both: promoting does not add to that, so a working set of
    up to 2 x `size` stays whole, however it is walked through. `weigh` makes big values count as several entries.
    """

    __slots__ = ("_old_weight", "_weigh", "_young_weight", "old", "size", "young")

    def __init__(self, size: int, weigh: Callable[[Value], int] = _one) -> None:
        self.size = size
        self.young: dict[Key, Value] = {}
        self.old: dict[Key, Value] = {}
        self._weigh = weigh
        self._young_weight = 0  # replaced and removed entries count on until the generation goes: never too little
        self._old_weight = 0

    def get(self, key: Key) -> Value | None:
        """The entry, promoted to the young generation where it stood in the old one."""
        found = self.young.get(key)
        if found is None:
            found = self.old.pop(key, None)
            if found is not None:
                self._old_weight -= self._weigh(found)
                self.put(key, found)
        return found

    def put(self, key: Key, value: Value) -> None:
        """Insert or replace."""
        if self._young_weight >= self.size and self._young_weight + self._old_weight >= 2 * self.size:
            self.old, self._old_weight = self.young, self._young_weight
            self.young, self._young_weight = {}, 0
        self.young[key] = value
        self._young_weight += self._weigh(value)

    def remove(self, key: Key) -> None:
        """Forget an entry, if it is there."""
        self.young.pop(key, None)
        self.old.pop(key, None)

    def __len__(self) -> int:
        """Entries in both generations."""
        return len(self.young) + len(self.old)

    def __iter__(self) -> Iterator[Key]:
        """Keys, young ones first."""
        yield from self.young
        yield from self.old
