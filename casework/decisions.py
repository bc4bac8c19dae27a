"""What people may decide on top of all lists, for a time and with a reason: bypass all policy, allow one name.

No SQL (casework.store.decisions). The workers follow the file that is published here; every change is audited with it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from casework.store import audit
from casework.store import decisions as rows
from casework.store.audit import Origin
from casework.store.decisions import Decision
from casework.store.engine import Connection, Store
from casework.suffixes import is_public_suffix
from contracts.decisions import Allowed, BadDecisions, Bypass, Decisions, DecisionsFile
from contracts.names import BadName, to_text, to_wire

MIN_SECONDS: Final = 60
MAX_BYPASS: Final = 24 * 3600  # longer is no emergency: withdraw or change the lists
MAX_ALLOW: Final = 366 * 24 * 3600
MAX_REASON: Final = 500


class DecisionError(Exception):
    """It cannot be decided so; the message is for the person who asked."""


def bypass(store: Store, state: Path, seconds: int, reason: str, origin: Origin) -> int:
    """Answer everything that is listed as usual, and record it. A bypass that holds gets the new end and reason."""
    reason = _reason(reason)
    _bounded(seconds, MAX_BYPASS)
    with store.transaction() as run:
        rows.end(run, "bypass", "", origin.actor, origin.time)
        rows.add(run, "bypass", "", reason, origin.actor, origin.time, origin.time + seconds)
        audit.record(run, origin, "bypass.on", "policy", {"reason": reason, "ends": origin.time + seconds})
        return publish(run, state, origin.time)


def end_bypass(store: Store, state: Path, reason: str, origin: Origin) -> int:
    """Lists are in force again."""
    with store.transaction() as run:
        if not rows.end(run, "bypass", "", origin.actor, origin.time):
            raise DecisionError("policy is not bypassed")
        audit.record(run, origin, "bypass.off", "policy", {"reason": reason.strip()[:MAX_REASON]})
        return publish(run, state, origin.time)


def allow(store: Store, state: Path, name: str, seconds: int, reason: str, origin: Origin) -> int:
    """Take a name, and what is below it, out of all lists. One that is allowed gets the new end and reason."""
    reason = _reason(reason)
    _bounded(seconds, MAX_ALLOW)
    name = _name(name)
    if name == "." or "." not in name:
        raise DecisionError(f"{name!r} is a whole top-level domain; allow the name that is needed")
    if is_public_suffix(name):
        raise DecisionError(f"{name} is a public suffix: names below it belong to many; allow the one that is needed")
    with store.transaction() as run:
        rows.end(run, "allow", name, origin.actor, origin.time)
        rows.add(run, "allow", name, reason, origin.actor, origin.time, origin.time + seconds)
        audit.record(run, origin, "allow.add", name, {"reason": reason, "ends": origin.time + seconds})
        return publish(run, state, origin.time)


def disallow(store: Store, state: Path, name: str, reason: str, origin: Origin) -> int:
    """The lists decide about this name again."""
    name = _name(name)
    with store.transaction() as run:
        if not rows.end(run, "allow", name, origin.actor, origin.time):
            held = [one.name for one in rows.holding(run, origin.time) if one.what == "allow"]
            above = [one for one in held if name.endswith("." + one)]
            hint = f"; it is below {above[0]}, which is" if above else ""
            raise DecisionError(f"{name} is not allowed by itself{hint}")
        audit.record(run, origin, "allow.remove", name, {"reason": reason.strip()[:MAX_REASON]})
        return publish(run, state, origin.time)


def publish(run: Connection, state: Path, now: int) -> int:
    """Write what holds for the workers, inside the transaction that changed it; the new serial.

    Behind it only the commit can fail: then the file says more than the database, until the next change or `repair`.
    """
    file = DecisionsFile(state)
    try:
        serial = file.read().serial + 1
    except BadDecisions:  # damaged: written anew, with a serial that no worker has seen
        serial = now
    file.publish(_meaning(rows.holding(run, now), serial, now))
    return serial


def repair(store: Store, state: Path, now: int) -> bool:
    """Make the file say what the database says, where it does not. Whether something had to be done."""
    file = DecisionsFile(state)
    try:
        found: Decisions | None = file.read()
    except BadDecisions:
        found = None
    meant = _meaning(rows.holding(store.connection, now), 0, now)
    if found is not None and _holding(found, now) == _holding(meant, now):
        return False
    with store.transaction() as run:
        publish(run, state, now)
    return True


def _meaning(held: list[Decision], serial: int, now: int) -> Decisions:
    allowed = tuple(Allowed(one.name, float(one.until), one.reason) for one in held if one.what == "allow")
    bypasses = [Bypass(float(one.until), one.reason) for one in held if one.what == "bypass"]
    return Decisions(serial, float(now), allowed, bypasses[-1] if bypasses else None)


def _holding(decisions: Decisions, now: int) -> tuple[set[tuple[str, float]], float]:
    bypassed = decisions.bypass.until if decisions.bypass and now < decisions.bypass.until else 0.0
    return {(one.name, one.until) for one in decisions.allowed if now < one.until}, bypassed


def _reason(text: str) -> str:
    text = " ".join(text.split())
    if len(text) < 3:
        raise DecisionError("a reason is needed: it is what others read when they ask why nothing was blocked")
    return text[:MAX_REASON]


def _bounded(seconds: int, longest: int) -> None:
    if not MIN_SECONDS <= seconds <= longest:
        raise DecisionError(f"for how long: from one minute to {longest // 86400} day{'s' if longest > 86400 else ''}")


def _name(text: str) -> str:
    try:
        return to_text(to_wire(text.strip()))
    except BadName as error:
        raise DecisionError(f"{text!r} is no domain name: {error}") from error
