"""Points in time as people write them."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casework.moments import BadMoment, iso, moment
from tests.casework.making import NOON, ZONE


def utc(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("text", "second"),
    [
        ("30m", NOON - 1800),
        ("7d", NOON - 7 * 86400),
        ("2026-11-23", utc(2026, 11, 22, 17)),
        ("2026-11-23 08:00", utc(2026, 11, 23, 1)),
        ("2026-11-23T08:00:00+00:00", utc(2026, 11, 23, 8)),
    ],
)
def test_what_is_understood(text, second):
    assert moment(text, ZONE, NOON) == second


def test_the_last_day_of_a_range_counts_whole():
    assert moment("2026-11-23", ZONE, NOON, end=True) == utc(2026, 11, 23, 16, 59, 59)
    assert iso(moment("2026-11-23", ZONE, NOON, end=True), ZONE) == "2026-11-23T23:59:59+07:00"


@pytest.mark.parametrize("text", ["", "yesterday", "7y", "2026-13-01", "2026-11-23 25:00", "-1d"])
def test_anything_else_is_told(text):
    with pytest.raises(BadMoment, match="is no time: write"):
        moment(text, ZONE, NOON)


@given(st.text())
def test_any_text_is_a_second_or_told(text):
    with contextlib.suppress(BadMoment):
        assert moment(text, ZONE, NOON) >= 0
