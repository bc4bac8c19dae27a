"""Pages of long lists: numbers and where they end.

Links that keep the filter are tested with the pages they stand on.
"""

from __future__ import annotations

import pytest
from flask import Flask

from admin.paging import MAX_PAGES, Pager, asked_page


@pytest.mark.parametrize(
    ("pager", "last", "following"),
    [
        (Pager(1, 50, 0), 1, False),
        (Pager(1, 50, 50), 1, False),
        (Pager(1, 50, 51), 2, True),
        (Pager(2, 50, 51), 2, False),
        (Pager(7, 50, 0, more=True), None, True),
        (Pager(7, 50, 0, more=False), None, False),
    ],
)
def test_the_last_page(pager: Pager, last: int | None, following: bool) -> None:
    assert (pager.last, pager.has_next) == (last, following)


def test_no_link_leads_to_a_page_that_is_not_given() -> None:
    assert not Pager(MAX_PAGES, 50, 0, more=True).has_next
    assert not Pager(MAX_PAGES, 50, 50 * MAX_PAGES + 1).has_next
    assert Pager(MAX_PAGES - 1, 50, 0, more=True).has_next


@pytest.mark.parametrize(("text", "number"), [("", 1), ("x", 1), ("0", 1), ("-2", 1), ("7", 7), ("9" * 12, MAX_PAGES)])
def test_the_page_of_an_address(text: str, number: int) -> None:
    with Flask("test").test_request_context(f"/?page={text}"):
        assert asked_page() == number
