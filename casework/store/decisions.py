"""Decisions of people in casework.db: the bypass and allowed names, with who, why and until when.

No rules here (casework.decisions) and no file for the workers (contracts.decisions).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from casework.store.engine import Connection

What = Literal["bypass", "allow"]
_COLUMNS = "id, what, name, reason, actor, since, until, ended, ended_by, owner"


class Decision(NamedTuple):
    """Times are UTC seconds. `ended` is set where a person ended it before its time."""

    id: int
    what: What
    name: str
    reason: str
    actor: str
    since: int
    until: int
    ended: int | None
    ended_by: str | None
    owner: str = ""  # who answers for it, "": the actor

    @property
    def answers(self) -> str:
        """Who answers for it."""
        return self.owner or self.actor

    def holds(self, now: float) -> bool:
        """Whether it has an effect."""
        return self.ended is None and now < self.until


def add(
    run: Connection, what: What, name: str, reason: str, actor: str, since: int, until: int, owner: str = ""
) -> None:
    """A decision that holds from now on."""
    run.execute(
        "INSERT INTO decisions (what, name, reason, actor, since, until, owner) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (what, name, reason, actor, since, until, owner),
    )


def end(run: Connection, what: What, name: str, actor: str, now: int) -> list[Decision]:
    """End what still holds of this; what that was."""
    found = [one for one in holding(run, now) if (one.what, one.name) == (what, name)]
    for one in found:
        run.execute("UPDATE decisions SET ended = ?, ended_by = ? WHERE id = ?", (now, actor, one.id))
    return found


def holding(run: Connection, now: float) -> list[Decision]:
    """All that has an effect now, the oldest first."""
    rows = run.execute(f"SELECT {_COLUMNS} FROM decisions WHERE ended IS NULL AND until > ? ORDER BY id", (now,))  # noqa: S608
    return [Decision(*row) for row in rows]


def latest(run: Connection, what: What, limit: int) -> list[Decision]:
    """The newest first, also those that are over."""
    rows = run.execute(f"SELECT {_COLUMNS} FROM decisions WHERE what = ? ORDER BY id DESC LIMIT ?", (what, limit))  # noqa: S608
    return [Decision(*row) for row in rows]
