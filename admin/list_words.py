"""Words of the pages of lists: states of versions, what an entry asks for, what a change came to.

Nothing is fetched here.
"""

from __future__ import annotations

from flask_babel import gettext, lazy_gettext

from admin.access import ListFound
from admin.audit_words import VALUES, actor
from admin.list_reasons import said
from blocklists.contents import Entry
from blocklists.report import Decided, Found, HeldRow, Switched, Version, Workers
from runtime.control import Refused, Unreachable

STATES = {
    "live": lazy_gettext("Live"),
    "held": lazy_gettext("Waits for approval"),
    "old": lazy_gettext("Not live"),
    "counts": lazy_gettext("Only numbers are kept"),
}
NOT_TAKEN = {
    "bad": lazy_gettext("Bad lines"),
    "unsupported": lazy_gettext("Unsupported: a forwarder cannot follow these"),
    "held": lazy_gettext("Held until a person decides"),
    "refused": lazy_gettext("Refused: no list may block these"),
}
HELD = {
    "waiting": lazy_gettext("Waits"),
    "approved": lazy_gettext("Approved"),
    "refused": lazy_gettext("Refused by a person"),
}
CHANGES = {"added": lazy_gettext("Added"), "removed": lazy_gettext("Removed"), "changed": lazy_gettext("Changed")}
RULES = {
    "nxdomain": lazy_gettext("Name does not exist"),
    "nodata": lazy_gettext("Empty answer"),
    "drop": lazy_gettext("Not answered"),
    "tcp-only": lazy_gettext("Answered by TCP only"),
    "passthru": lazy_gettext("Let through"),
    "alias": lazy_gettext("Led to another name"),
    "local": lazy_gettext("Records of the list"),
}


def state(version: Version) -> str:
    """Key of STATES: what can still be done with it."""
    return version.state if version.rows else "counts"


def mode(code: str) -> str:
    """A mode as people call it."""
    return str(VALUES["mode"].get(code, code))


def format_name(code: str) -> str:
    """A file format as people call it."""
    return str(VALUES["format"].get(code, code))


def whom(version: Version) -> str:
    """Who made the version."""
    return actor(version.actor, "")


def rule(entry: Entry | Found) -> str:
    """What a row asks for where that is not what the mode says."""
    words = [str(RULES.get(entry.action, entry.action)), entry.target] if entry.action else []
    if entry.client:
        words.append(gettext("as the address of the machine"))
    return " · ".join(word for word in words if word)


def departure(found: ListFound) -> str:
    """How what people decided differs from the settings, "" where it does not (blocklists.lookup.departure)."""
    if not found.status.departure or found.seeded is None:
        return ""
    live, meant = found.status.live, found.seeded
    told = gettext(
        "The settings lead to version %(number)s (%(mode)s, %(names)s names).",
        number=meant.number,
        mode=mode(meant.mode),
        names=meant.names,
    )
    if live is None:
        decided = gettext("By a person's decision nothing is live.")
    else:
        decided = gettext(
            "By a person's decision version %(number)s is live (%(mode)s, %(names)s names).",
            number=live.number,
            mode=mode(live.mode),
            names=live.names,
        )
    until = gettext("That stands until file or settings change.")
    return f"{told} {decided} {until}"


def window(found: ListFound) -> str:
    """Why, by the dates of its campaign, what is live is only watched or not in force; "" where it is."""
    return said(found.status.window)


def outcome(result: Switched) -> str:
    """What a change came to."""
    if result.version:
        done = gettext("Version %(version)s of %(list)s is live.", version=result.version, list=result.list)
    else:
        done = gettext("%(list)s is withdrawn: nothing of it is live.", list=result.list)
    return f"{done} {reached(result.workers)}"


def decided(result: Decided) -> str:
    """What came of held rows."""
    names = ", ".join(result.indicators)
    done = (
        gettext("Approved: %(names)s.", names=names)
        if result.state == "approved"
        else gettext("Refused: %(names)s.", names=names)
    )
    if result.live:
        return f"{done} {reached(result.workers)}"
    later = gettext("The version is not live: it blocks nothing before it is activated.")
    return f"{done} {later}"


def whose(row: HeldRow) -> str:
    """Who decided of a held row."""
    return actor(row.actor, "") if row.actor else ""


def reached(workers: Workers | None) -> str:
    """Which workers answer by the new policy."""
    if workers is None or not workers.of:
        return str(gettext("No resolver worker is running; it holds as soon as one does."))
    seconds = f"{workers.seconds:.2f}"
    told = gettext(
        "Live on %(live)s of %(of)s workers after %(seconds)s s.", live=workers.live, of=workers.of, seconds=seconds
    )
    rest = "" if workers.live == workers.of else gettext("The others follow within seconds.")
    return f"{told} {rest}".strip()


def status(error: Refused | Unreachable) -> int:
    """The HTTP status that goes with the trouble."""
    return 503 if isinstance(error, Unreachable) else 422


def trouble(error: Refused | Unreachable) -> str:
    """Why nothing was changed."""
    if isinstance(error, Unreachable):
        told = gettext(
            "The lists process does not answer, so nothing was changed. What is live stays live. "
            "Try again in a moment; if it stays so, tell the operator of this server."
        )
        return str(told)
    return said(str(error))
