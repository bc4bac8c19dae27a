"""Everything people and programs changed, in one order of time: the audit of casework.db and that of library.db.

Reading only; each database writes its own with the change.
"""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from heapq import merge
from itertools import islice
from pathlib import Path

from blocklists.library import Library
from casework.store import audit
from casework.store.audit import AuditEntry
from casework.store.engine import Store
from casework.store.text import plain


def read(store: Store, text: str, offset: int, limit: int) -> tuple[list[AuditEntry], int]:
    """The newest entries first, from `offset` on, and how many there are in all; of those that hold `text`."""
    lists = _of_lists(store.path.parent, plain(text))
    others = audit.latest(store, offset + limit, text=text)
    ordered = merge(others, lists, key=lambda entry: entry.time, reverse=True)
    return list(islice(ordered, offset, offset + limit)), audit.count(store, text=text) + len(lists)


def _of_lists(state: Path, text: str) -> list[AuditEntry]:
    """Those of the lists: a few for each import, so they are read whole."""
    with closing(Library.reader(state)) as library:
        found = [
            AuditEntry(int(datetime.fromisoformat(row.time).timestamp()), row.actor, row.action, row.object, row.detail)
            for row in library.audit(limit=-1)
        ]
    return [one for one in found if text in plain(f"{one.actor} {one.action} {one.object} {one.detail}")]
