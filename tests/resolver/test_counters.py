"""The counters of a worker: complete, from zero, by name."""

from __future__ import annotations

from resolver.counters import Counters


def test_every_declared_count_starts_at_zero_and_is_told():
    counters = Counters()
    assert counters.as_dict() == dict.fromkeys(Counters.__annotations__, 0)
    counters.listed += 3
    assert counters.as_dict()["listed"] == 3
