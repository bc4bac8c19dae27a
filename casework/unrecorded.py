"""The red switch without casework.db: it holds by the decisions file alone, which keeps what is still to be recorded.

No rules of who may decide what, and no SQL (casework.store). Who asks for it is casework.red_switch; who records it,
with the person and the time of then, is casework.decisions.

Whoever can write that file can put a record into it, in anybody's name. Nobody gains by it: the state folder is closed
to all but the service's own user and group (0750, runtime.state), and who can write there writes casework.db itself,
audit included. A file that is damaged by chance is known by its digest. So a record is taken over when it says no more
than our own commands would write, and its entry in the audit shows that it came by this way: it has a number, and the
time when it was recorded beside the time when it was done.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from casework.decision_rules import MAX_BYPASS, MAX_REASON, MIN_SECONDS
from casework.store import audit
from casework.store import decisions as rows
from casework.store.audit import Origin
from casework.store.engine import Connection
from contracts.decisions import BadDecisions, Bypass, Decisions, DecisionsFile, Unrecorded
from runtime.lock import FileLock, Held

PATIENCE: Final = 0.4  # seconds; the file is read, written and synced in a few milliseconds
_LONGEST_ACTOR: Final = 200  # two names of 64 characters and the words between them (runtime.actor)
_LAST_TIME: Final = 253_402_300_799  # the last second of the year 9999
log = logging.getLogger(__name__)


def number() -> str:
    """A fresh one."""
    return secrets.token_hex(6)


def add(state: Path, one: Unrecorded) -> int:
    """Let it hold from now on, without the database; the new serial. Raises OSError, and BadDecisions for "off".

    The switch must work whatever is stuck: also when somebody else was stopped while changing the file. That one
    finds its file changed when it goes on (contracts.decisions.Overtaken), and leaves ours alone.
    """
    file = DecisionsFile(state)
    with changing(file, whoever_holds_it=True):
        try:
            found = file.read()
        except BadDecisions:
            if one.what == "off":  # nobody knows what is to be ended, and what else would be lost
                raise
            # Allowed names are lost with it until `repair`, but nothing is blocked meanwhile.
            found = Decisions(serial=one.time - 1)
        file.publish(applied(found, (one,), found.serial + 1, one.time))
        return found.serial + 1


def applied(decisions: Decisions, records: tuple[Unrecorded, ...], serial: int, now: int) -> Decisions:
    """What holds when these come on top, in their order."""
    bypass = decisions.bypass
    for one in records:
        bypass = Bypass(float(one.until), one.reason) if one.what == "on" else None
    return replace(
        decisions, serial=serial, made=float(now), bypass=bypass, unrecorded=(*decisions.unrecorded, *records)
    )


def left(run: Connection, found: Decisions) -> tuple[Unrecorded, ...]:
    """Those that the database does not know yet."""
    return tuple(
        one
        for one in found.unrecorded
        if _is_sound(one) and not audit.is_recorded(run, one.time, _action(one), one.number)
    )


def record(run: Connection, one: Unrecorded, now: int) -> None:
    """Write it as if the database had been there: the rows, and the entry of the audit with the time of then."""
    origin = Origin(one.actor, one.time)
    detail: dict[str, str | int] = {"reason": one.reason}
    rows.end(run, "bypass", "", one.actor, one.time)
    if one.what == "on":
        rows.add(run, "bypass", "", one.reason, one.actor, one.time, one.until)
        detail["ends"] = one.until
    audit.record(run, origin, _action(one), "policy", {**detail, "recorded": now, "number": one.number})


@contextmanager
def changing(file: DecisionsFile, *, whoever_holds_it: bool = False) -> Iterator[None]:
    """Nobody else changes the file between our reading and our replacing it. Raises OSError where somebody is at it.

    The write lock of casework.db kept those apart who publish from there; who cannot have that lock needs this one.
    """
    file.path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    deadline = time.monotonic() + PATIENCE
    lock: FileLock | None = None
    while lock is None:
        try:
            lock = FileLock(lock_of(file))
        except Held as error:
            if time.monotonic() < deadline:
                time.sleep(0.01)
                continue
            if not whoever_holds_it:
                raise BlockingIOError(str(error)) from error
            log.warning("changing decisions all the same: %s", error)
            break
    try:
        yield
    finally:
        if lock is not None:
            lock.close()


def lock_of(file: DecisionsFile) -> Path:
    """Whose holder changes the file."""
    return file.path.with_suffix(".lock")


def _action(one: Unrecorded) -> str:
    return f"bypass.{one.what}"


def _is_sound(one: Unrecorded) -> bool:
    """Whether one of our commands could have written it. What is not sound does not hold, and is told."""
    sound = (
        0 < one.time <= _LAST_TIME
        and 0 < len(one.actor) <= _LONGEST_ACTOR
        and len(one.reason) <= MAX_REASON
        and 0 < len(one.number) <= len(number())
        and (one.what == "off" or (MIN_SECONDS <= one.until - one.time <= MAX_BYPASS and one.reason != ""))
    )
    if not sound:
        log.error("a record in the file of decisions that no command wrote is not recorded: %r", one)
    return sound
