"""What a campaign may say of itself, field by field; dates and deadlines as people write them.

Pure text: nothing is kept, audited or published here (casework.campaigns).
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable
from typing import Any, Final, get_args
from urllib.parse import urlsplit

import msgspec

from casework.refusals import WrongInput
from casework.store.campaigns import Campaign, Deadline
from contracts.campaigns import Outside

MAX_LINE: Final = 500
MAX_LINK: Final = 2000
MAX_NOTE: Final = 4000
MAX_EACH: Final = 50  # bases, links, deadlines
_SLUG = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}").fullmatch
_VIETNAMESE = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})").fullmatch


class CampaignError(Exception):
    """It cannot be done so; the message is for the person who asked."""


class WrongCampaign(CampaignError, WrongInput):
    """It can never be meant so: which field, and why."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__("; ".join(f"{field}: {why}" for field, why in problems.items()))
        self.problems = problems


def day_of(text: str) -> datetime.date | None:
    """`2026-12-31` or `31/12/2026`; None for nothing. Raises ValueError with a sentence."""
    text = text.strip()
    if not text:
        return None
    found = _VIETNAMESE(text)
    try:
        if found:
            return datetime.date(int(found[3]), int(found[2]), int(found[1]))
        return datetime.date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text[:60]!r} is no day: write 2026-12-31 or 31/12/2026") from error


def deadline_of(text: str) -> Deadline:
    """`2026-12-31 what is due, and to whom`. Raises ValueError with a sentence."""
    day, _, label = " ".join(text.split()).partition(" ")
    found = day_of(day)
    if found is None or not label:
        raise ValueError(f"{text.strip()[:60]!r} is no deadline: write a day, and behind it what is due to whom")
    return Deadline(found, label)


def deadline_text(due: Deadline) -> str:
    """As `deadline_of` reads it."""
    return f"{due.day} {due.label}"


def tidied(one: Campaign) -> Campaign:
    """As it is kept: lines without spaces around, none empty, deadlines by day, units once."""
    return msgspec.structs.replace(
        one,
        **{key: _line(getattr(one, key)) for key in ("title", "letter", "issuer")},
        bases=_lines(one.bases),
        links=_lines(one.links),
        scope=tuple(sorted(set(_lines(one.scope)))),
        deadlines=tuple(sorted(Deadline(due.day, _line(due.label)) for due in one.deadlines)),
        note="\n".join(line.rstrip() for line in one.note.splitlines()).strip(),
    )


def problems(one: Campaign, unknown_units: Iterable[str] = ()) -> dict[str, str]:
    """What is wrong with one that is tidied, by field; in words for people."""
    found = dict[str, str]()
    if not _SLUG(one.id):
        found["id"] = f"{one.id[:80]!r} is no id: use a-z, 0-9, '.', '_' and '-', at most 64"
    if not one.title:
        found["title"] = "a title is needed"
    lines: dict[str, tuple[str, ...]] = {key: (getattr(one, key),) for key in ("title", "letter", "issuer")}
    lines |= {"bases": one.bases, "deadlines": tuple(due.label for due in one.deadlines)}
    for field, texts in lines.items():
        if len(texts) > MAX_EACH:
            found[field] = f"more than {MAX_EACH}"
        elif any(len(text) > MAX_LINE for text in texts):
            found[field] = f"longer than {MAX_LINE} characters"
        elif not all(text.isprintable() for text in texts):
            found[field] = "a character that cannot be shown"
    wrong = [link for link in one.links if not _is_link(link)]
    if len(one.links) > MAX_EACH:
        found["links"] = f"more than {MAX_EACH}"
    elif wrong:
        found["links"] = f"{wrong[0][:60]!r} is no address of a page: it begins with https:// or http://"
    if one.start is not None and one.end is not None and one.end < one.start:
        found["end"] = f"{one.end} is before the first day {one.start}"
    if one.outside not in get_args(Outside):
        found["outside"] = f"{one.outside!r} is none of {', '.join(get_args(Outside))}"
    if missing := list(unknown_units):
        found["scope"] = f"no unit has the code {missing[0][:60]!r}"
    if len(one.note) > MAX_NOTE:
        found["note"] = f"longer than {MAX_NOTE} characters"
    elif not all(line.isprintable() for line in one.note.splitlines()):
        found["note"] = "a character that cannot be shown"
    return found


def shown(field: str, one: Campaign) -> str:
    """A field in one line, for the audit."""
    value: Any = getattr(one, field)
    if field == "deadlines":
        value = [deadline_text(due) for due in value]
    return "; ".join(map(str, value)) if isinstance(value, list | tuple) else "" if value is None else str(value)


def _line(text: str) -> str:
    return " ".join(text.split())


def _lines(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(line for text in texts if (line := _line(text))))


def _is_link(text: str) -> bool:
    """An address that a browser may be led to; one with a password in it would be shown to everybody."""
    if len(text) > MAX_LINK or not text.isprintable() or any(char.isspace() for char in text):
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        return False
