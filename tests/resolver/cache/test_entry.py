"""A kept answer: TTLs counted down by whole seconds, until it expires."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from resolver.cache.entry import CachedAnswer
from resolver.wire import answer, reply
from resolver.wire.constants import HEADER
from resolver.wire.query import parse
from tests.resolver.making import answer_to, query, understood

ASKED = query("www.example")
READ = parse(ASKED)
RECORDS = ("www.example. 10 IN CNAME a.example.", "a.example. 4 IN A 192.0.2.1")


def cached(now=1000.0):
    key = READ.name + READ.question[-4:]
    found = answer.read(answer_to(ASKED, *RECORDS).to_wire(), key, 86400, 3600)
    return CachedAnswer(found, HEADER + len(key), now)


def ttls(entry, now):
    written = understood(reply.write(READ, entry.records(now), entry.rcode, 512, 1232))
    return [one.ttl for one in written.answer]


@pytest.mark.parametrize(
    ("age", "expected", "until"),
    [(0, [10, 4], 1), (0.999, [10, 4], 1), (1, [9, 3], 2), (2.5, [8, 2], 3), (3.999, [7, 1], 4)],
)
def test_countdown(age, expected, until):
    entry = cached()
    assert ttls(entry, 1000 + age) == expected
    assert entry.next_second(1000 + age) == 1000 + until
    assert entry.fresh(1000 + age)


def test_expiry_is_at_the_smallest_ttl():
    entry = cached()
    assert entry.expires == 1004
    assert not entry.fresh(1004)
    assert entry.fresh(1003.999)


def test_a_stale_answer_lives_thirty_seconds_for_its_takers():
    """RFC 8767 section 4; the rest of the answer is untouched, and a fresh one never looks like that."""
    entry = cached()
    written = understood(reply.write(READ, entry.stale_records(), entry.rcode, 512, 1232))
    assert [one.ttl for one in written.answer] == [30, 30]
    assert ttls(entry, 1000) == [10, 4]


def test_the_last_tenth_is_told_once():
    key = READ.name + READ.question[-4:]
    found = answer.read(answer_to(ASKED, "www.example. 100 IN A 192.0.2.1").to_wire(), key, 86400, 3600)
    entry = CachedAnswer(found, HEADER + len(key), 1000.0)
    assert [entry.due(now) for now in (1000, 1089.9, 1090, 1090, 1099)] == [False, False, True, False, False]


def test_what_lives_for_seconds_only_is_not_asked_ahead_of_time():
    entry = cached()
    assert not entry.due(1003.9)


@pytest.mark.parametrize(("texts", "weight"), [(1, 1), (8, 4)])
def test_weight_is_in_steps_of_512_octets(texts, weight):
    key = READ.name + b"\0\x10\0\1"
    lines = [f'www.example. 100 IN TXT "{number}{"x" * 240}"' for number in range(texts)]
    found = answer.read(answer_to(query("www.example", "TXT"), *lines).to_wire(max_size=9999), key, 86400, 3600)
    assert CachedAnswer(found, HEADER + len(key), 1000.0).weight == weight


def test_within_one_second_the_work_is_done_once():
    entry = cached()
    first = entry.records(1001.1)
    assert entry.records(1001.9) is first
    assert entry.records(1002.0) is not first


@example(1.2992578358426923, [3.0])
@given(st.floats(0, 1e6), st.lists(st.floats(0, 3.99), min_size=1, max_size=8))
def test_what_is_given_until_next_second_has_the_same_ttls(start, ages):
    """Also when looked at in any order, and wherever the clock stands when it came."""
    entry = cached(start)
    for age in ages:
        now = start + age
        until = entry.next_second(now)
        assert now <= until <= entry.expires  # equal where a rounding error hides a second's end: made again, no harm
        if until > now + 1e-6:
            assert ttls(entry, now) == ttls(entry, until - 1e-6)
