"""YAML with the line of every value: what is found, and what is a problem instead of a silent choice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import yamlio


def test_every_value_has_its_line():
    document = yamlio.read("a: 1\nb:\n  - x\n  - c: true\n    d: ~\n")
    assert document.data == {"a": 1, "b": ["x", {"c": True, "d": None}]}
    assert document.problems == []
    assert document.lines == {
        (): 1,
        ("a",): 1,
        ("b",): 2,
        ("b", 0): 3,
        ("b", 1): 4,
        ("b", 1, "c"): 4,
        ("b", 1, "d"): 5,
    }


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\nb: 2\na: 3\n", "line 3: a: given twice, first on line 1"),
        ("a: {b: 1,\n  b: 2}\n", "line 2: a.b: given twice, first on line 1"),
        ("a: &x 1\nb: *x\n", "line 1: b: aliases (*name) are not supported here"),
        ("a: [1\n", "line 2: not YAML: expected ',' or ']', but got '<stream end>'"),
        ("a: b: c\n", "line 1: not YAML: mapping values are not allowed here"),
        ("a: 1\n\tb: 2\n", "line 2: not YAML: found character '\\t' that cannot start any token"),
        ("a: 2026-13-45\n", "line 1: a: cannot read '2026-13-45': month must be in 1..12"),
        ("a: !!python/name:os.system\n", "line 1: a: cannot read '': could not determine a constructor"),
        ("--- a\n--- b\n", "line 2: not YAML: but found another document"),
    ],
)
def test_problems_have_their_place(text, problem):
    (found,) = yamlio.read(text).problems
    assert str(found).startswith(problem)


def test_an_endless_alias_is_no_endless_loop():
    assert "aliases" in str(yamlio.read("a: &a [*a]\n").problems[0])


def test_nothing_is_an_empty_document():
    assert yamlio.read("# only words\n").data == {}


@given(st.text(max_size=200))
def test_no_text_raises(text):
    for problem in yamlio.read(text).problems:
        assert problem.line >= 1
        assert "\n" not in str(problem)
