"""Times as people write them: `7d`, `12h` ago or from now, `2026-11-23`, `2026-11-23 08:00` -> seconds.

Pure text; the time zone is passed in.
"""

from __future__ import annotations

import datetime
import re
from zoneinfo import ZoneInfo

_AGO = re.compile(r"^(\d{1,6})([smhdw])$")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DAY = re.compile(r"^\d{4}-\d{2}-\d{2}$")


class BadMoment(ValueError):
    """The text is no point in time; the message says what is understood."""


def seconds_in(text: str) -> int:
    """`30m`, `12h`, `7d` -> seconds; raises BadMoment."""
    found = _AGO.match(text)
    if not found or not int(found[1]):
        raise BadMoment(f"{text!r} is no length of time: write 30m, 12h or 7d")
    return int(found[1]) * _SECONDS[found[2]]


def moment(text: str, zone: ZoneInfo, now: float, *, end: bool = False) -> int:
    """UTC second of a text. A day alone is its first second in the zone or, with `end`, its last one."""
    ago = _AGO.match(text)
    if ago:
        return max(0, int(now) - int(ago[1]) * _SECONDS[ago[2]])
    try:
        found = datetime.datetime.fromisoformat(text)
        if end and _DAY.match(text):
            found += datetime.timedelta(days=1, seconds=-1)
        if found.tzinfo is None:
            found = found.replace(tzinfo=zone)
        return max(0, int(found.timestamp()))
    except (ValueError, OverflowError) as error:
        raise BadMoment(
            f"{text!r} is no time: write 2026-11-23, '2026-11-23 08:00', 2026-11-23T08:00+07:00, or 12h, 7d for ago"
        ) from error


def iso(second: int, zone: ZoneInfo) -> str:
    """ISO 8601 in a time zone: `2026-11-23T08:00:00+07:00`."""
    return datetime.datetime.fromtimestamp(second, zone).isoformat()
