"""One kept upstream answer and its TTL countdown.

When and under which key it is kept is resolver.engine's business; the bytes are resolver.wire's.
"""

from __future__ import annotations

import math
import struct
from typing import Any

from resolver.wire.answer import Answer
from resolver.wire.contents import Contents, contents
from resolver.wire.reply import Records

_U32 = struct.Struct("!I")
STALE_TTL = 30  # seconds that a stale answer is given for: RFC 8767 section 4
_REFRESHED = 10  # answers that live for less are not worth asking ahead of time, seconds


class CachedAnswer:
    """An upstream answer with the monotonic second it came. `records(now)` has its TTLs counted down to the second."""

    __slots__ = (
        "_age", "_question_end", "_records", "_ttls", "ad", "expires", "judged", "leads", "rcode", "refresh_at",
        "remark", "stored",
    )  # fmt: skip

    def __init__(self, answer: Answer, question_end: int, now: float) -> None:
        self.rcode = answer.rcode
        self.ad = answer.ad
        self.remark = answer.remark
        self.leads = answer.leads
        self.judged: tuple[int, dict[Any, Any]] | None = None  # (epoch, group -> verdict): made once for each of them
        self.stored = now
        self.expires = now + answer.lifetime
        self.refresh_at = self.expires - answer.lifetime / 10 if answer.lifetime >= _REFRESHED else math.inf
        self._ttls = answer.ttls
        self._question_end = question_end
        self._age = 0
        self._records = answer.records if answer.exact else self._with_ttls(answer.records, 0)

    def contents(self, question: bytes) -> Contents:
        """Where the answer to `question` (name, type, class) leads."""
        return contents(question, self._records, [offset for offset, _ttl in self._ttls])

    def fresh(self, now: float) -> bool:
        """Whether it may still be given."""
        return now < self.expires

    def due(self, now: float) -> bool:
        """Whether its use in the last tenth of its life should renew it: true once, for the first who asks then."""
        if now < self.refresh_at:
            return False
        self.refresh_at = math.inf
        return True

    def stale_records(self) -> Records:
        """Records of an answer that is over, for when there is no better one."""
        return self._with_ttls(self._records, 0, STALE_TTL)

    def records(self, now: float) -> Records:
        """Records with TTLs as of `now`; the same object within one second."""
        age = int(now - self.stored)
        if age != self._age:
            self._age = age
            self._records = self._with_ttls(self._records, age)
        return self._records

    def next_second(self, now: float) -> float:
        """Until when what `records(now)` gives is right."""
        return min(self.stored + int(now - self.stored) + 1, self.expires)

    @property
    def weight(self) -> int:
        """What it takes in a cache whose size is counted in ordinary answers: one for each 512 octets begun."""
        return 1 + len(self._records.data) // 512

    def _with_ttls(self, records: Records, age: int, fixed: int | None = None) -> Records:
        data = bytearray(records.data)
        for offset, ttl in self._ttls:
            _U32.pack_into(data, offset - self._question_end, max(ttl - age, 0) if fixed is None else fixed)
        return Records(bytes(data), records.answers, records.authorities)
