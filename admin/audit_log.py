"""Everything people and programs changed, in one order of time: the audit of casework.db and that of library.db.

Reading only; each database writes its own with the change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import datetime
from heapq import merge
from itertools import islice

from admin.audit_search import Sought
from blocklists.library import Library
from casework.store import audit
from casework.store.audit import AuditEntry
from casework.store.engine import Store


def read(store: Store, text: str, offset: int, limit: int) -> tuple[list[AuditEntry], int]:
    """The newest entries first, from `offset` on, and how many there are in all; of those that say `text`.

    Nothing is kept but what is asked for, however much there is.
    """
    sought = Sought(text) if text else None
    with closing(Library.reader(store.path.parent)) as library:
        lists = _Counted(_of_lists(library), sought)  # a few for each import, so they may be searched here
        if sought is not None and sought.is_shown_only:
            others = _Counted(audit.each(store), sought)
            page = _page(others, lists, offset, limit)
            return page, others.total() + lists.total()
        page = _page(audit.each(store, offset + limit, text=text), lists, offset, limit)
        return page, audit.count(store, text=text) + lists.total()


def _page(one: Iterable[AuditEntry], other: Iterable[AuditEntry], offset: int, limit: int) -> list[AuditEntry]:
    ordered = merge(one, other, key=lambda entry: entry.time, reverse=True)
    return list(islice(ordered, offset, offset + limit))


class _Counted:
    """Entries that say what is sought, and how many they are to the end; each is forgotten when the next is read."""

    def __init__(self, entries: Iterable[AuditEntry], sought: Sought | None) -> None:
        self._left = (entry for entry in entries if sought is None or sought.is_in(entry))
        self._taken = 0

    def __iter__(self) -> Iterator[AuditEntry]:
        for entry in self._left:
            self._taken += 1
            yield entry

    def total(self) -> int:
        """Reads on to the end."""
        return self._taken + sum(1 for _ in self._left)


def _of_lists(library: Library) -> Iterator[AuditEntry]:
    for row in library.audit_each():
        second = int(datetime.fromisoformat(row.time).timestamp())
        yield AuditEntry(second, row.actor, row.action, row.object, row.detail)
