"""The table of two generations against a simple model: bounds, newest values, and nothing lost while it is in use."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from resolver.cache.table import TwoGenerations

KEYS = st.integers(0, 12)


class AgainstModel(RuleBasedStateMachine):
    """The model remembers every value ever put and how many entries went in since a key was last used."""

    @initialize(size=st.integers(1, 5))
    def start(self, size):
        self.size = size
        self.table = TwoGenerations(size)
        self.newest = {}
        self.used = {}  # key -> insertions seen when it was last used
        self.insertions = 0

    @rule(key=KEYS, value=st.integers())
    def put(self, key, value):
        self.table.put(key, value)
        self.insertions += 1
        self.newest[key] = value
        self.used[key] = self.insertions

    @rule(key=KEYS)
    def get(self, key):
        promoted = key in self.table.old and key not in self.table.young
        found = self.table.get(key)
        self.insertions += promoted  # a promotion takes a place in the young generation
        if key not in self.newest:
            assert found is None
        elif found is None:
            assert self.insertions - self.used[key] > self.size, "an entry in use was lost"
            del self.newest[key]
        else:
            assert found == self.newest[key]
            self.used[key] = self.insertions

    @rule(key=KEYS)
    def remove(self, key):
        self.table.remove(key)
        self.newest.pop(key, None)
        assert self.table.get(key) is None

    @invariant()
    def bounds(self):
        if hasattr(self, "table"):
            assert len(self.table) <= 3 * self.size
            assert len(self.table.young) <= 2 * self.size
            assert set(self.table) == set(self.table.young) | set(self.table.old)


TestAgainstModel = AgainstModel.TestCase
TestAgainstModel.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)


def test_what_is_asked_all_the_time_outlives_any_number_of_others():
    table = TwoGenerations(10)
    table.put("asked", 1)
    for number in range(1000):
        table.put(number, number)
        if number % 9 == 0:
            assert table.get("asked") == 1
    assert len(table) <= 30


def test_a_working_set_of_two_generations_stays_whole():
    """Walked through in the same order again and again, which is the worst there is for what forgets the oldest."""
    table = TwoGenerations(100)
    for number in range(200):
        table.put(number, number)
    for _ in range(3):
        assert [table.get(number) for number in range(200)] == list(range(200))


@pytest.mark.parametrize("size", [1, 3])
def test_what_is_not_asked_goes(size):
    table = TwoGenerations(size)
    for number in range(4 * size):
        table.put(number, number)
    assert table.get(0) is None
    assert table.get(4 * size - 1) == 4 * size - 1


def test_a_new_value_hides_the_old_generation():
    table = TwoGenerations(1)
    table.put("key", "old")
    table.put("other", 0)
    table.put("third", 0)
    assert "key" in table.old
    table.put("key", "new")
    assert table.get("key") == "new"
    table.remove("key")
    assert table.get("key") is None


def test_big_values_count_as_several():
    table = TwoGenerations(10, weigh=len)
    for number in range(100):
        table.put(number, "x" * 5)
        assert sum(map(len, table.young.values())) + sum(map(len, table.old.values())) <= 3 * 10 + 5
    assert table.get(99) == "xxxxx"
    assert table.get(97) == "xxxxx"
    assert table.get(50) is None


def test_promoting_big_values_loses_none_of_a_working_set():
    table = TwoGenerations(10, weigh=len)
    for number in range(4):
        table.put(number, "x" * 5)
    for _ in range(5):
        assert [table.get(number) for number in range(4)] == ["xxxxx"] * 4
