"""When a question that nobody could answer may be asked again: RFC 9520."""

from __future__ import annotations

import pytest

from resolver.cache.failures import FIRST_SECONDS, KEPT, LONGEST_SECONDS, STALE_SECONDS, Failures

NOW = 1000.0


@pytest.fixture
def failures() -> Failures[str]:
    return Failures()


def test_nothing_failed(failures):
    assert failures.until("a", NOW) is None
    failures.answered("a")


@pytest.mark.parametrize(("stale", "seconds"), [(False, FIRST_SECONDS), (True, STALE_SECONDS)])
def test_one_failure(failures, stale, seconds):
    failures.failed("a", NOW, stale=stale)
    assert failures.until("a", NOW + seconds - 0.01) == NOW + seconds
    assert failures.until("a", NOW + seconds) is None
    assert failures.until("b", NOW) is None


def test_failing_on_waits_longer_and_longer_but_never_more_than_half_a_minute(failures):
    now, waits = NOW, []
    for _ in range(9):
        failures.failed("a", now, stale=False)
        until = failures.until("a", now)
        waits.append(until - now)
        now = until + 0.1
    assert waits == pytest.approx([5, 10, 20, 30, 30, 30, 30, 30, 30])
    assert max(waits) == pytest.approx(LONGEST_SECONDS)


def test_a_failure_long_ago_is_forgotten(failures):
    failures.failed("a", NOW, stale=False)
    failures.failed("a", NOW + 3 * FIRST_SECONDS, stale=False)
    assert failures.until("a", NOW + 3 * FIRST_SECONDS) == NOW + 4 * FIRST_SECONDS


def test_an_answer_ends_it(failures):
    failures.failed("a", NOW, stale=False)
    failures.answered("a")
    assert failures.until("a", NOW) is None
    failures.failed("a", NOW, stale=False)
    assert failures.until("a", NOW) == NOW + FIRST_SECONDS


def test_random_names_of_a_dead_zone_are_bounded(failures):
    for number in range(4 * KEPT):
        failures.failed(str(number), NOW, stale=False)
    assert failures.until(str(4 * KEPT - 1), NOW) is not None
    assert failures.until("0", NOW) is None
