"""A bounded dict of two generations: full young one becomes the old one; what is asked again is promoted.

Deleting the oldest key of a big dict one by one is quadratic in CPython (90 us a query were measured); dropping a whole
generation is not. No expiry here: entries know their own time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class TwoGenerations(Generic[Key, Value]):
    """Holds the `size` entries used last and never more than 3 x `size`. The hot loop reads `young` directly.

    The old generation goes only when there are 2 x `size` in both: promoting does not add to that, so a working set of
    up to 2 x `size` stays whole, however it is walked through.
    """

    __slots__ = ("old", "size", "young")

    def __init__(self, size: int) -> None:
        self.size = size
        self.young: dict[Key, Value] = {}
        self.old: dict[Key, Value] = {}

    def get(self, key: Key) -> Value | None:
        """The entry, promoted to the young generation where it stood in the old one."""
        found = self.young.get(key)
        if found is None:
            found = self.old.pop(key, None)
            if found is not None:
                self.put(key, found)
        return found

    def put(self, key: Key, value: Value) -> None:
        """Insert or replace."""
        young = len(self.young)
        if young >= self.size and young + len(self.old) >= 2 * self.size:
            self.old = self.young
            self.young = {}
        self.young[key] = value

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
