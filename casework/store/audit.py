"""The audit of casework.db: who did what to what, when and from where; written with the change, never changed again.

Which actions are audited, and what their details say, belongs to those who act.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from casework.store.engine import Connection, Store


class AuditEntry(NamedTuple):
    """One act. `detail` is what a reader needs beside the object; never a secret."""

    time: int  # UTC second
    actor: str
    action: str
    object: str
    detail: dict[str, Any]
    address: str = ""


class Origin(NamedTuple):
    """Who acts, from where, when: the part of an audit entry that is the same for everything one request does."""

    actor: str
    time: int
    address: str = ""


def record(
    transaction: Connection, origin: Origin, action: str, object_: str = "", detail: Mapping[str, Any] | None = None
) -> None:
    """Write one entry inside the transaction of the change, so that neither is ever there without the other."""
    transaction.execute(
        "INSERT INTO audit (time, actor, action, object, detail, address) VALUES (?, ?, ?, ?, ?, ?)",
        (origin.time, origin.actor, action, object_, msgspec.json.encode(detail or {}).decode(), origin.address),
    )


def is_recorded(run: Connection, time: int, action: str, number: str) -> bool:
    """Whether an act of that second has its entry, known by the `number` in its details."""
    rows = run.execute("SELECT detail FROM audit WHERE time = ? AND action = ?", (time, action))
    return any(msgspec.json.decode(row["detail"]).get("number") == number for row in rows)


def latest(store: Store, limit: int, *, text: str = "") -> list[AuditEntry]:
    """The newest entries first; with `text`, those whose actor, action, object or detail holds it."""
    return list(each(store, limit, text=text))


def each(store: Store, limit: int = -1, *, text: str = "") -> Iterator[AuditEntry]:
    """The same, each read when it is taken; without a limit all."""
    where, values = _holds(text)
    rows = store.connection.execute(
        f"SELECT time, actor, action, object, detail, address FROM audit{where} ORDER BY time DESC, id DESC LIMIT ?",  # noqa: S608
        (*values, limit),
    )
    for row in rows:
        yield AuditEntry(**{**dict(row), "detail": msgspec.json.decode(row["detail"])})


def count(store: Store, *, text: str = "") -> int:
    """How many entries `latest` could give."""
    where, values = _holds(text)
    return int(store.connection.execute(f"SELECT count(*) FROM audit{where}", values).fetchone()[0])  # noqa: S608


def _holds(text: str) -> tuple[str, tuple[str, ...]]:
    if not text:
        return "", ()
    columns = "actor || ' ' || action || ' ' || object || ' ' || detail || ' ' || address"
    return f" WHERE instr(plain({columns}), plain(?))", (text,)
