"""Two versions of a list beside each other."""

from __future__ import annotations

import io

import pytest

from blocklists.comparison import compare, usual
from blocklists.service import ImportOptions, Lists
from runtime.control import Refused


def put(lists: Lists, text: str, **options: object) -> int:
    """A version of the list `a`; its number."""
    given = ImportOptions("a", **options)  # type: ignore[arg-type]
    return lists.import_file("os:tester", io.BytesIO(text.encode()), given).version


def said(lists: Lists, before: int, after: int, limit: int = 50) -> list[tuple[str, str, int]]:
    return [(one.what, one.indicator, one.line) for one in compare(lists.library, "a", before, after, limit).rows]


def test_what_came_what_went_and_what_is_meant_in_another_way(lists):
    put(lists, "domain,malware\na.example,emotet\nb.example,\nc.example,\n203.0.113.7,\n")
    put(lists, "domain,malware\nb.example,\na.example,qakbot\nd.example,\n203.0.113.7:80,\n")
    assert said(lists, 1, 2) == [
        ("added", "d.example", 4), ("added", "203.0.113.7 port 80", 5), ("removed", "c.example", 4),
        ("removed", "203.0.113.7", 5), ("changed", "a.example", 3),
    ]  # fmt: skip
    found = compare(lists.library, "a", 1, 2)
    assert (found.added, found.removed, found.changed, found.same) == (2, 2, 1, 1)
    assert found.rows[-1].family == "qakbot"
    back = compare(lists.library, "a", 2, 1)
    assert (back.added, back.removed, back.changed, back.same) == (2, 2, 1, 1)


def test_alone_or_with_what_is_below_is_a_change(lists):
    put(lists, "a.example\n")
    put(lists, "$ORIGIN z.\n@ SOA . . 1 1 1 1 1\na.example CNAME .\n", format="rpz")
    assert said(lists, 1, 2) == [("changed", "a.example", 3)]


def test_another_order_of_lines_is_no_difference(lists):
    put(lists, "a.example\nb.example\n")
    put(lists, "# new\nb.example\na.example\n")
    assert said(lists, 1, 2) == []
    assert compare(lists.library, "a", 1, 2).same == 2


def test_of_many_only_the_first_are_named_and_all_are_counted(lists):
    put(lists, "a.example\n")
    put(lists, "".join(f"x{number:03}.example\n" for number in range(200)))
    found = compare(lists.library, "a", 1, 2, limit=3)
    assert (found.added, found.removed) == (200, 1)
    assert [one.indicator for one in found.rows] == ["x000.example", "x001.example", "x002.example", "a.example"]


def test_which_two_are_meant(lists):
    with pytest.raises(Refused, match="no list is called"):
        usual(lists.library, "a")
    put(lists, "a.example\n")
    with pytest.raises(Refused, match="no two versions"):
        usual(lists.library, "a")
    put(lists, "b.example\n")
    assert usual(lists.library, "a") == (1, 2)
    put(lists, "c.example\n", hold=True)
    assert usual(lists.library, "a") == (2, 3), "what waits beside what is live"
    lists.rollback("os:tester", "a")
    assert usual(lists.library, "a") == (1, 3)


@pytest.mark.parametrize(("before", "after"), [(1, 9), (9, 1)])
def test_a_version_that_is_not_there(lists, before, after):
    put(lists, "a.example\n")
    with pytest.raises(Refused, match="no version 9"):
        compare(lists.library, "a", before, after)


def test_rows_that_are_no_longer_kept(lists):
    for number in range(12):
        put(lists, f"x{number}.example\n")
    with pytest.raises(Refused, match="rows of version 1 of a are no longer kept"):
        compare(lists.library, "a", 1, 12)
