"""The red switch: bypass all policy, and end that, for a person who cannot wait for a database.

Rules, rows and the audit are casework.decisions'; what holds without them is casework.unrecorded's. Words for people
are the callers'.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from casework import decisions, unrecorded
from casework.decision_rules import MAX_BYPASS, MAX_REASON, DecisionError, bounded, reason_of
from casework.store.audit import Origin
from casework.store.engine import DatabaseError, Store, WrongDatabase, open_casework
from contracts.decisions import BadDecisions, DecisionsFile, Unrecorded

BUSY_SECONDS = 1.0  # for the write lock: the whole command may take two


class Switched(NamedTuple):
    """Published under this serial; `outstanding` says why the database does not know it yet, "" where it does."""

    serial: int
    outstanding: str


def on(state: Path, seconds: int, reason: str, origin: Origin) -> Switched:
    """Answer everything that is listed as usual, and record it. Raises DecisionError."""
    reason = reason_of(reason)
    bounded(seconds, MAX_BYPASS)
    one = Unrecorded(unrecorded.number(), "on", origin.actor, origin.time, reason, origin.time + seconds)
    return _switched(state, lambda store: decisions.bypass(store, state, seconds, reason, origin), one)


def off(state: Path, reason: str, origin: Origin) -> Switched:
    """Lists are in force again. Raises DecisionError.

    Without the database as well: whoever switched it on by mistake must not wait for its end.
    """
    one = Unrecorded(unrecorded.number(), "off", origin.actor, origin.time, reason.strip()[:MAX_REASON])
    return _switched(state, lambda store: decisions.end_bypass(store, state, reason, origin), one)


def _switched(state: Path, with_database: Callable[[Store], int], one: Unrecorded) -> Switched:
    try:
        store = open_casework(state, busy_seconds=BUSY_SECONDS)
        try:
            return Switched(with_database(store), "")
        finally:
            store.close()
    except (DatabaseError, WrongDatabase, OSError) as error:
        try:
            return Switched(_without_database(state, one), str(error))
        except (BadDecisions, OSError) as second:
            raise DecisionError(f"{error}; and without the database: {second}") from error


def _without_database(state: Path, one: Unrecorded) -> int:
    if one.what == "off":
        bypass = DecisionsFile(state).read().bypass
        if bypass is None or bypass.until <= one.time:
            raise DecisionError("policy is not bypassed")
    return unrecorded.add(state, one)
