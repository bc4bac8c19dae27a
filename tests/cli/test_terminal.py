"""What is printed: alignment with Vietnamese and wide letters, lengths of time, nothing that steers the terminal."""

from __future__ import annotations

import unicodedata
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from admin.cli.terminal import clean, local_time, span, table, width


@pytest.mark.parametrize("moment", [1_795_400_000, "2026-11-23T02:13:20Z", "2026-11-23T03:13:20+01:00"])
def test_times_are_of_the_zone_of_people(moment):
    assert local_time(moment, ZoneInfo("Asia/Ho_Chi_Minh")) == "2026-11-23 09:13:20"
    assert local_time(None, ZoneInfo("Asia/Ho_Chi_Minh")) == ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("Sở Khoa học", "Sở Khoa học"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("a\nb\rc\td", "a\\x0ab\\x0dc\\x09d"),
        ("abc\u202exe.gpj", "abc\\u202exe.gpj"),
        ("\x9b31m", "\\x9b31m"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_clean_shows_what_could_steer(text, shown):
    assert clean(text) == shown


@given(st.text())
def test_clean_text_is_harmless_and_clean_stays_clean(text):
    once = clean(text)
    assert not {unicodedata.category(char) for char in once} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert clean(once) == once


def test_a_table_is_aligned_for_the_eye():
    assert table([("Sở", 5, None), ("漢字", 1000, "x\x1b")], ("unit", "hits", "note")).splitlines() == [
        "unit  hits  note",
        "Sở       5",
        "漢字  1000  x\\x1b",
    ]
    assert table([]) == ""
    assert width(unicodedata.normalize("NFD", "Sở")) == 2


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(-3, "0 s"), (8.9, "8 s"), (119, "119 s"), (150, "2 min"), (7200, "2 h"), (12000, "3 h 20 min"),
     (172800, "2 d"), (180000, "2 d 2 h")],
)  # fmt: skip
def test_span(seconds, shown):
    assert span(seconds) == shown
