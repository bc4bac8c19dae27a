"""What may be decided on top of all lists: for how long, with what reason, of which name.

Pure text and numbers: nothing is decided, recorded or published here (casework.decisions, casework.red_switch).
"""

from __future__ import annotations

from typing import Final

from casework.suffixes import is_public_suffix
from contracts.names import BadName, to_text, to_wire

MIN_SECONDS: Final = 60
MAX_BYPASS: Final = 24 * 3600  # longer is no emergency: withdraw or change the lists
MAX_ALLOW: Final = 366 * 24 * 3600
MAX_REASON: Final = 500


class DecisionError(Exception):
    """It cannot be decided so; the message is for the person who asked."""


def reason_of(text: str) -> str:
    """As it is kept: one line."""
    text = " ".join(text.split())
    if len(text) < 3:
        raise DecisionError("a reason is needed: it is what others read when they ask why nothing was blocked")
    return text[:MAX_REASON]


def bounded(seconds: int, longest: int) -> None:
    """Neither for a moment nor for ever."""
    if not MIN_SECONDS <= seconds <= longest:
        raise DecisionError(f"for how long: from one minute to {longest // 86400} day{'s' if longest > 86400 else ''}")


def name_of(text: str) -> str:
    """A name as it is kept: lower case, no final dot."""
    try:
        return to_text(to_wire(text.strip()))
    except BadName as error:
        raise DecisionError(f"{text!r} is no domain name: {error}") from error


def allowable(text: str) -> str:
    """A name that may be allowed: all below it would be, so it must belong to somebody."""
    name = name_of(text)
    if name == "." or "." not in name:
        raise DecisionError(f"{name!r} is a whole top-level domain; allow the name that is needed")
    if is_public_suffix(name):
        raise DecisionError(f"{name} is a public suffix: names below it belong to many; allow the one that is needed")
    return name
