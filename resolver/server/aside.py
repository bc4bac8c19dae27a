"""Questions of machines that ask much just now, put aside until those of everybody else have been looked after.

Nothing is answered here: how is resolver.server.udp's. Who floods fills this queue, and not the way of the others.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, TypeVar

HELD = 4096  # at most so many wait; the longest question that is read has 4,096 octets
AT_ONCE = 64  # between two looks at what else has come; as many as an outbox holds
SECONDS = 0.001  # and for at most so long
PAUSE = 0.001  # seconds that the first waits for more: a few at a time cost much less than each by itself

Item = TypeVar("Item")


class Aside(Generic[Item]):
    """First come, first served, but who asks more than its share comes last.

    Neither `do` (one) nor `flush` (ends a few of them) may raise.
    """

    def __init__(self, reactor: Any, do: Callable[[Item], None], flush: Callable[[], None]) -> None:
        self._reactor = reactor
        self._do = do
        self._flush = flush
        self._waiting: deque[Item] = deque()
        self._last: deque[Item] = deque()
        self._call: Any = None

    def put(self, item: Item, *, last: bool = False) -> None:
        """Do this soon, between looks at what else has come. Where too many wait, some are done at once."""
        if len(self) >= HELD:
            self._some()
        (self._last if last else self._waiting).append(item)
        if self._call is None:
            self._call = self._reactor.callLater(PAUSE, self._turn)

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting) + len(self._last)

    def finish(self) -> None:
        """Do all that still wait, now."""
        while len(self):
            self._some()
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _turn(self) -> None:
        self._call = None
        self._some()
        if len(self):
            self._call = self._reactor.callLater(0, self._turn)

    def _some(self) -> None:
        until = time.perf_counter() + SECONDS
        for _ in range(min(AT_ONCE, len(self))):
            self._do((self._waiting or self._last).popleft())
            if time.perf_counter() > until:
                break
        self._flush()
