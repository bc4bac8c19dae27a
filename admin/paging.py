"""Which part of a long list is shown, and links to the other parts that keep what else the address says.

No fetching.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlencode

from flask import request

MAX_PAGES = 10_000  # of a crafted address; a filter is the way to far-off rows


class Pager(NamedTuple):
    """One page of `total` rows, `size` at a time; pages count from 1.

    Where the total of rows is not known, `more` says whether there is another page.
    """

    number: int
    size: int
    total: int
    more: bool | None = None

    @property
    def last(self) -> int | None:
        """Number of the last page, if it is known."""
        return max(1, -(-self.total // self.size)) if self.more is None else None

    @property
    def has_next(self) -> bool:
        """Whether a page follows that may be asked for."""
        if self.number >= MAX_PAGES:
            return False
        return self.number < self.last if self.last is not None else bool(self.more)

    @property
    def offset(self) -> int:
        """Rows before this page."""
        return (self.number - 1) * self.size

    @property
    def end(self) -> int:
        """Rows up to the end of this page."""
        return min(self.offset + self.size, self.total)

    def link(self, number: int) -> str:
        """Address of another page."""
        return link(page=number)


def asked_page() -> int:
    """The page number of the address; anything odd is page 1."""
    return min(max(request.args.get("page", 1, type=int), 1), MAX_PAGES)


def link(**changes: object) -> str:
    """This address with other values: `link(page=2)`. By hand, since url_for takes orders from names like `_scheme`."""
    kept = {name: value for name, value in request.args.items() if value and name != "page"}
    return f"{request.path}?{urlencode({**kept, **changes})}"
