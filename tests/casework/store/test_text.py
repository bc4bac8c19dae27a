"""Text as people search it."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casework.store.text import plain


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sở Khoa học và Công nghệ", "so khoa hoc va cong nghe"),
        ("ĐẮK LẮK, đường", "dak lak, duong"),
        ("Ủy ban nhân dân xã Mẫu", "uy ban nhan dan xa mau"),
        ("evil.EXAMPLE", "evil.example"),
        ("Straße", "strasse"),
        ("", ""),
        (None, ""),
    ],
)
def test_without_case_and_marks(text, expected):
    assert plain(text) == expected


@given(st.text())
def test_any_text_and_both_ways_to_write_it(text):
    assert plain(unicodedata.normalize("NFC", text)) == plain(unicodedata.normalize("NFD", text))
