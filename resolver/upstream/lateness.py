"""Who has waited so long for an upstream that something older may serve: RFC 8767 section 5, its client response timer.

What they are given is not decided here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic

from resolver.upstream.question import Key, Question, Waiter

LATE_SECONDS = 1.8


class Lateness(Generic[Waiter]):
    """`late(key, waiters)` is told once of everyone who waits; it returns those who go on waiting."""

    def __init__(self, under_way: dict[Key, Question[Waiter]],
                 late: Callable[[Key, list[Waiter]], list[Waiter]] | None) -> None:  # fmt: skip
        self._under_way = under_way
        self._late = late
        self._ages: deque[tuple[float, Key]] = deque()  # when they were opened, of those not late yet
        self._news: deque[Question[Waiter]] = deque()  # what a bug of ours leaves here is told with the next tick

    def opened(self, key: Key, now: float) -> None:
        """A question was opened."""
        self._ages.append((now, key))

    def joined(self, question: Question[Waiter]) -> None:
        """Somebody joined a question that is late already: he is told at the next tick."""
        self._news.append(question)

    def tell(self, now: float) -> None:
        """Tell of all who have waited long by now."""
        ages, news = self._ages, self._news
        while ages and ages[0][0] <= now - LATE_SECONDS:
            opened, key = ages.popleft()
            question = self._under_way.get(key)
            if question is not None and question.opened == opened:
                question.told_late = 0
                news.append(question)
        while news:
            self._tell(news.popleft())

    def _tell(self, question: Question[Waiter]) -> None:
        told = question.told_late or 0
        waiters = question.waiters[told:]
        if self._late is not None and waiters and self._under_way.get(question.key) is question:
            question.told_late = told + len(waiters)
            question.waiters[told : told + len(waiters)] = still = self._late(question.key, waiters)
            question.told_late = told + len(still)
