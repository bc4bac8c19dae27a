"""What may be decided on top of all lists: for how long, with what reason, of which name.

Pure text and numbers: nothing is decided, recorded or published here (casework.decisions, casework.red_switch).
"""

from __future__ import annotations

from typing import Final

from casework.refusals import WrongInput
from casework.suffixes import is_public_suffix
from contracts.names import BadName, to_text, to_wire

MIN_SECONDS: Final = 60
MAX_BYPASS: Final = 24 * 3600  # longer is no emergency: withdraw or change the lists
MAX_ALLOW: Final = 366 * 24 * 3600
MIN_REASON: Final = 3  # letters
MAX_REASON: Final = 500
MAX_OWNER: Final = 200  # letters


class DecisionError(Exception):
    """It cannot be decided so; the message is for the person who asked."""


class WrongDecision(DecisionError, WrongInput):
    """It can never be decided so."""


def reason_of(text: str) -> str:
    """As it is kept: one line."""
    text = " ".join(text.split())
    if len(text) < MIN_REASON:
        raise WrongDecision(f"the reason is too short, at least {MIN_REASON} letters: others will read it and ask why")
    return text[:MAX_REASON]


def owner_of(text: str) -> str:
    """A name of a person or an office, as it is kept; "" for none."""
    text = " ".join(text.split())
    if len(text) > MAX_OWNER or not text.isprintable():
        raise WrongDecision(f"the owner: a name, at most {MAX_OWNER} characters")
    return text


def bounded(seconds: int, longest: int) -> None:
    """Neither for a moment nor for ever."""
    if not MIN_SECONDS <= seconds <= longest:
        raise WrongDecision(f"for how long: from one minute to {longest // 86400} day{'s' if longest > 86400 else ''}")


def name_of(text: str) -> str:
    """A name as it is kept: lower case, no final dot. `*.name` is taken as the name: what is below it counts anyway."""
    try:
        return to_text(to_wire(text.strip().removeprefix("*.")))
    except BadName as error:
        raise WrongDecision(f"{text!r} is no domain name: {error}") from error


def allowable(text: str) -> str:
    """A name that may be allowed: all below it would be, so it must belong to somebody."""
    name = name_of(text)
    if name == "." or "." not in name:
        raise WrongDecision(f"{name!r} is a whole top-level domain; allow the name that is needed")
    if is_public_suffix(name):
        raise WrongDecision(f"{name} is a public suffix: names below it belong to many; allow the one that is needed")
    return name
