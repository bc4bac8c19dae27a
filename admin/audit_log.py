"""Everything people and programs changed, in one order of time: the audit of casework.db and that of library.db.

Reading only; each database writes its own with the change.
"""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from heapq import merge
from itertools import islice
from pathlib import Path

from admin.audit_search import Sought
from blocklists.library import Library
from casework.store import audit
from casework.store.audit import AuditEntry
from casework.store.engine import Store

EVERY = -1  # as a limit of SQLite


def read(store: Store, text: str, offset: int, limit: int) -> tuple[list[AuditEntry], int]:
    """The newest entries first, from `offset` on, and how many there are in all; of those that say `text`."""
    sought = Sought(text) if text else None
    lists = [one for one in _of_lists(store.path.parent) if sought is None or sought.is_in(one)]
    if sought is not None and sought.is_shown_only:
        others = [one for one in audit.latest(store, EVERY) if sought.is_in(one)]
        total = len(others)
    else:
        others, total = audit.latest(store, offset + limit, text=text), audit.count(store, text=text)
    ordered = merge(others, lists, key=lambda entry: entry.time, reverse=True)
    return list(islice(ordered, offset, offset + limit)), total + len(lists)


def _of_lists(state: Path) -> list[AuditEntry]:
    """Those of the lists: a few for each import, so they are read whole."""
    with closing(Library.reader(state)) as library:
        return [
            AuditEntry(int(datetime.fromisoformat(row.time).timestamp()), row.actor, row.action, row.object, row.detail)
            for row in library.audit(limit=EVERY)
        ]
