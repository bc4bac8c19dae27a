"""The small words of the list folder."""

from __future__ import annotations

import unicodedata

from blocklists.indicator import KINDS, SHOWN, bad_line, folded


def test_a_long_bad_line_is_cut():
    assert bad_line(7, "x" * 500, "why").text == "x" * (SHOWN - 1) + "…"
    assert bad_line(7, "short", "why").text == "short"


def test_folding_makes_words_comparable():
    assert folded("  Lừa   ĐẢO. ") == "lừa đảo"
    assert folded(unicodedata.normalize("NFD", "Điều khiển")) == "điều khiển"


def test_every_word_for_a_kind_is_folded():
    assert [word for word in KINDS if folded(word) != word] == []
