"""What people may decide on top of all lists, for a time and with a reason: bypass all policy, allow one name.

No SQL (casework.store.decisions). The workers follow the file that is published here; every change is audited with it.
"""

from __future__ import annotations

import logging
from pathlib import Path

from casework import unrecorded
from casework.decision_rules import (
    MAX_ALLOW,
    MAX_BYPASS,
    MAX_REASON,
    DecisionError,
    allowable,
    bounded,
    name_of,
    owner_of,
    reason_of,
)
from casework.store import audit
from casework.store import decisions as rows
from casework.store.audit import Origin
from casework.store.decisions import Decision
from casework.store.engine import Connection, Store
from contracts.decisions import Allowed, BadDecisions, Bypass, Decisions, DecisionsFile

log = logging.getLogger(__name__)


def bypass(store: Store, state: Path, seconds: int, reason: str, origin: Origin) -> int:
    """Answer everything that is listed as usual, and record it. A bypass that holds gets the new end and reason."""
    reason = reason_of(reason)
    bounded(seconds, MAX_BYPASS)
    settle(store, state, origin.time)
    with store.transaction() as run:
        rows.end(run, "bypass", "", origin.actor, origin.time)
        rows.add(run, "bypass", "", reason, origin.actor, origin.time, origin.time + seconds)
        audit.record(run, origin, "bypass.on", "policy", {"reason": reason, "ends": origin.time + seconds})
        return publish(run, state, origin.time)


def end_bypass(store: Store, state: Path, reason: str, origin: Origin) -> int:
    """Lists are in force again."""
    settle(store, state, origin.time)
    with store.transaction() as run:
        if not rows.end(run, "bypass", "", origin.actor, origin.time):
            raise DecisionError("policy is not bypassed")
        audit.record(run, origin, "bypass.off", "policy", {"reason": reason.strip()[:MAX_REASON]})
        return publish(run, state, origin.time)


def allow(store: Store, state: Path, name: str, seconds: int, reason: str, origin: Origin, owner: str = "") -> int:
    """Take a name, and what is below it, out of all lists. One that is allowed gets the new end, reason and owner.

    The owner answers for it: others ask that person whether it is still needed. Without one, who decided does.
    """
    reason, owner = reason_of(reason), owner_of(owner)
    bounded(seconds, MAX_ALLOW)
    name = allowable(name)
    settle(store, state, origin.time)
    with store.transaction() as run:
        rows.end(run, "allow", name, origin.actor, origin.time)
        rows.add(run, "allow", name, reason, origin.actor, origin.time, origin.time + seconds, owner)
        owned = {"owner": owner} if owner else {}
        audit.record(run, origin, "allow.add", name, {"reason": reason, "ends": origin.time + seconds, **owned})
        return publish(run, state, origin.time)


def disallow(store: Store, state: Path, name: str, reason: str, origin: Origin) -> int:
    """The lists decide about this name again."""
    name = name_of(name)
    settle(store, state, origin.time)
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
    What the database does not know yet (casework.unrecorded) goes on to hold.
    """
    file = DecisionsFile(state)
    with unrecorded.changing(file):
        stamp = file.stamp()
        found = _found(file)
        serial = found.serial + 1 if found else now  # damaged: written anew, with a serial that no worker has seen
        left = unrecorded.left(run, found) if found else ()
        if found is None:
            log.error("the file of decisions is damaged; what was not recorded, if anything, is lost with it")
        file.publish(unrecorded.applied(_meaning(rows.holding(run, now), serial, now), left, serial, now), stamp)
    return serial


def settle(store: Store, state: Path, now: int) -> int:
    """Record what was decided while the database could not be written; how many those were.

    In a transaction of its own, which is over before the file forgets them: whatever fails in between, they are known
    by their numbers in the audit, so that each is recorded once.
    """
    found = _found(DecisionsFile(state))
    if found is None or not found.unrecorded:
        return 0
    with store.transaction() as run:
        left = unrecorded.left(run, found)
        for one in left:
            unrecorded.record(run, one, now)
    for one in left:
        log.info("bypass %s by %r at %d is recorded now (%s)", one.what, one.actor, one.time, one.number)
    return len(left)


def repair(store: Store, state: Path, now: int) -> bool:
    """Record what is outstanding, and make the file say what the database says, where it does not.

    Whether something had to be done.
    """
    settled = settle(store, state, now)
    found = _found(DecisionsFile(state))
    meant = _meaning(rows.holding(store.connection, now), 0, now)
    if found is not None and not found.unrecorded and _holding(found, now) == _holding(meant, now):
        return settled > 0
    with store.transaction() as run:
        publish(run, state, now)
    return True


def _found(file: DecisionsFile) -> Decisions | None:
    """None where it is damaged."""
    try:
        return file.read()
    except BadDecisions:
        return None


def _meaning(held: list[Decision], serial: int, now: int) -> Decisions:
    allowed = tuple(Allowed(one.name, float(one.until), one.reason, one.answers) for one in held if one.what == "allow")
    bypasses = [Bypass(float(one.until), one.reason) for one in held if one.what == "bypass"]
    return Decisions(serial, float(now), allowed, bypasses[-1] if bypasses else None)


def _holding(decisions: Decisions, now: int) -> tuple[set[tuple[str, float]], float]:
    bypassed = decisions.bypass.until if decisions.bypass and now < decisions.bypass.until else 0.0
    return {(one.name, one.until) for one in decisions.allowed if now < one.until}, bypassed
