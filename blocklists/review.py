"""What waits for a person, and who may let it go: versions that change a list too much, rows that the guard holds.

Rules and their sentences; what is held stands in blocklists.holds, what goes live is blocklists.service's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from blocklists.holds import Holds, decided
from blocklists.library import WILD, Library
from blocklists.normalise import Unusable, target
from blocklists.report import Decided, HeldRow, Version
from contracts.settings import Guard
from runtime.actor import person_of
from runtime.control import Misused, Refused

SMALL = 100  # smaller lists may change as they like
LONGEST_REASON = 500
_ACTIONS = {"approved": "list-rows-approved", "refused": "list-rows-refused"}


class Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which held rows of a list are decided: by their lines, or as they are written. Without a version the newest one
    that holds any."""

    name: str
    rows: tuple[str, ...]
    state: Literal["approved", "refused"]
    reason: str
    version: int | None = None


def why_held(guard: Guard, before: Version | None, found: int) -> str:
    """Why a version with so many names and addresses waits for a person, "" when it need not."""
    was = before.names + before.addresses if before else 0
    if before is None or was < SMALL or guard.shrink <= found / was <= guard.grow:
        return ""
    return f"{found} names and addresses where version {before.number} had {was}: a person must look"


def needs_another(guard: Guard, version: Version, actor: str) -> bool:
    """Whether two persons are asked for, and this is the one who imported the version."""
    return guard.two_person and person_of(actor) == person_of(version.actor)


def second_person(guard: Guard, version: Version, actor: str) -> None:
    """Raises Refused where another person is needed."""
    if needs_another(guard, version, actor):
        which, who = f"version {version.number} of {version.list}", person_of(version.actor)
        raise Refused(f"{which} was imported by {who}: another person must let it go (guard.two_person)")


def decide(library: Library, guard: Guard, actor: str, wanted: Wanted, publish: Callable[[], int]) -> Decided:
    """Approve or refuse held rows. Refused where one cannot be: then nothing was decided."""
    reason = " ".join(wanted.reason.split())
    if not reason or len(reason) > LONGEST_REASON:
        raise Misused(f"give a reason of at most {LONGEST_REASON} characters")
    holds = Holds(library)
    version = _version(library, wanted)
    held = holds.rows(version)
    if not held:
        raise Refused(f"version {version.number} of {version.list} holds no rows")
    chosen = {row.indicator: row for text in wanted.rows for row in _chosen(version, held, text)}
    rows = [row for row in chosen.values() if row.state != wanted.state]
    if not rows:
        raise Refused(
            f"nothing to do: that is decided already of these rows of version {version.number} of {version.list}"
        )
    if wanted.state == "approved":
        second_person(guard, version, actor)
        for row in rows:
            _may_be_used(version, row)
    with library.transaction():
        for row in rows:
            holds.decide(version, row, decided(wanted.state, actor, reason))
        holds.settle(version.id)
        told = tuple(row.indicator for row in rows)
        detail: dict[str, object] = {"version": version.number, "rows": list(told), "reason": reason}
        library.write_audit(actor, _ACTIONS[wanted.state], version.list, detail)
    return Decided(version.list, version.number, wanted.state, told, version.state == "live", publish())


def _version(library: Library, wanted: Wanted) -> Version:
    versions = library.versions(wanted.name)
    if not versions:
        known = ", ".join(one.name for one in library.statuses()) or "none"
        raise Refused(f"no list is called {wanted.name!r}; known: {known}")
    if wanted.version is None:
        holding = (one for one in versions if one.rows and Holds(library).rows(one, 1))
        found = next(holding, None)
        if found is None:
            raise Refused(f"no version of {wanted.name} holds rows")
        return found
    numbered = next((one for one in versions if one.number == wanted.version), None)
    if numbered is None:
        raise Refused(f"{wanted.name} has no version {wanted.version}")
    if not numbered.rows:
        raise Refused(f"the rows of version {numbered.number} of {wanted.name} are no longer kept")
    return numbered


def _chosen(version: Version, held: Sequence[HeldRow], text: str) -> list[HeldRow]:
    """The rows of a line, or those written so. Raises Refused where there is none."""
    if text.isdecimal():
        found = [row for row in held if row.line == int(text)]
    else:
        written = {text, _normal(text)}
        found = [row for row in held if row.indicator in written or row.indicator.partition(" port ")[0] in written]
    if not found:
        raise Refused(
            f"version {version.number} of {version.list} holds no row {text[:100]!r}; "
            f"`sinkhole lists held {version.list}` shows what it holds"
        )
    return found


def _normal(text: str) -> str:
    """An indicator as it is held, however it is written; nonsense stays as it is."""
    try:
        found = target(text)
    except Unusable:
        return text
    return found.address or (WILD if text.startswith(WILD) else "") + found.name


def _may_be_used(version: Version, row: HeldRow) -> None:
    """Addresses of our own may be watched for; enforced they would cut people off from them. Raises Refused."""
    if row.rule == "own-network" and version.mode_of_addresses == "enforce":
        raise Refused(
            f"{row.indicator} {row.reason}: it cannot be enforced; import the list with its addresses recorded only"
        )
