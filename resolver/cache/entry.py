"""One kept upstream answer and its TTL countdown.

When and under which key it is kept is resolver.engine's business; the bytes are resolver.wire's.
"""

from __future__ import annotations

import struct

from resolver.wire.answer import Answer
from resolver.wire.reply import Records

_U32 = struct.Struct("!I")


class CachedAnswer:
    """An upstream answer with the monotonic second it came. `records(now)` has its TTLs counted down to the second."""

    __slots__ = ("_age", "_answer", "_question_end", "_records", "ad", "expires", "rcode", "stored")

    def __init__(self, answer: Answer, question_end: int, now: float) -> None:
        self.rcode = answer.rcode
        self.ad = answer.ad
        self.stored = now
        self.expires = now + answer.lifetime
        self._answer = answer
        self._question_end = question_end
        self._age = 0
        self._records = _patched(answer, question_end, 0)

    def fresh(self, now: float) -> bool:
        """Whether it may still be given."""
        return now < self.expires

    def records(self, now: float) -> Records:
        """Records with TTLs as of `now`; the same object within one second."""
        age = int(now - self.stored)
        if age != self._age:
            self._age = age
            self._records = _patched(self._answer, self._question_end, age)
        return self._records

    def next_second(self, now: float) -> float:
        """Until when what `records(now)` gives is right."""
        return min(self.stored + int(now - self.stored) + 1, self.expires)


def _patched(answer: Answer, question_end: int, age: int) -> Records:
    data = bytearray(answer.records.data)
    for offset, ttl in answer.ttls:
        _U32.pack_into(data, offset - question_end, max(ttl - age, 0))
    return answer.records._replace(data=bytes(data))
