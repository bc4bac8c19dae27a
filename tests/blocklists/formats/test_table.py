"""What a heading row says, and what a row below it lists."""

from __future__ import annotations

import random
import re

import pytest

from blocklists.formats import table
from blocklists.indicator import BadLine, Indicator, folded
from blocklists.normalise import visible


@pytest.mark.parametrize(
    ("heading", "role"),
    [
        ("Domain", "indicator"), ("Tên miền/IP độc hại", "indicator"), ("TÊN MIỀN MÃ ĐỘC", "indicator"),
        ("Họ mã độc", "family"), ("Malware", "family"), ("Phân loại", "kind"), ("Date added", "listed"),
        ("Nguồn tin", "source"), ("Số công văn", "letter"), ("Ghi chú:", "note"), ("STT", ""), ("", ""),
    ],
)  # fmt: skip
def test_headings(heading, role):
    assert table.role_of(heading) == role


def reference_role(heading: str) -> str:
    """The rule as it is said: the longest phrase that stands in the heading as words; of equals the first."""
    text, best = folded(visible(heading)), ("", "")
    for role, phrases in table.HEADINGS.items():
        for phrase in phrases:
            if re.search(rf"(?<!\w){re.escape(phrase)}(?!\w)", text) and len(phrase) > len(best[1]):
                best = role, phrase
    return best[0]


def test_roles_are_those_of_the_longest_phrase():
    words = sorted({word for phrases in table.HEADINGS.values() for phrase in phrases for word in phrase.split()})
    chosen = random.Random(1)
    for _ in range(3000):
        heading = chosen.choice([" ", "/", "-", ""]).join(chosen.choices(words, k=chosen.randint(1, 5)))
        if len(heading) <= 60:
            assert table.role_of(heading) == reference_role(heading), heading


def test_a_title_is_no_heading():
    assert table.columns(["DANH SÁCH TÊN MIỀN ĐỘC HẠI", "", ""]) is None
    assert table.columns(["STT", "Tên miền", "Mã độc"]) == table.Columns(
        ("STT", "Tên miền", "Mã độc"), ("", "indicator", "family")
    )


def test_the_row_that_names_most_is_the_heading_the_first_of_equals():
    rows = [["Tên miền", ""], ["Tên miền", "Mã độc"], ["Domain", "Malware"]]
    assert table.best(rows) == (1, table.Columns(("Tên miền", "Mã độc"), ("indicator", "family")))
    assert table.best([["a"], []]) is None
    assert table.best([["Tên miền"] * (table.MAX_COLUMNS + 1)]) is None


def test_a_formula_is_told_whole_and_nothing_in_it_is_taken():
    layout = table.Columns(("Domain", "Note"), ("indicator", "note"))
    found = list(table.row(7, ['=IF(1;"a.example";"b.example")', ""], layout, place="S!7"))
    assert found == [
        BadLine(7, '=IF(1;"a.example";"b.example")', "a formula; write what it gives as text", place="S!7")
    ]


def test_place_goes_with_what_is_taken_and_what_is_not():
    layout = table.Columns(("Domain", "Note"), ("indicator", "note"))
    assert list(table.row(3, ["a.example", "x"], layout, place="S!3")) == [
        Indicator(3, "a.example", note="x", place="S!3")
    ]
    assert list(table.row(4, ["", "x"], layout, place="S!4")) == [
        BadLine(4, "| x", "no indicator in this row", place="S!4")
    ]
