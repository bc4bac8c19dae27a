"""What every command prints with: aligned tables, ages, JSON, and text that cannot steer the terminal.

No knowledge of any one command, no settings, no sockets.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import click
import msgspec

# Controls, format characters (bidi overrides among them), surrogates, private use, unassigned, line separators.
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def clean(text: str) -> str:
    """Text from the network or a list, safe for a terminal: what could move the cursor is shown as \\xNN or \\uNNNN."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(char) if unicodedata.category(char) in _UNSAFE else char for char in text)


def _escaped(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"


def width(text: str) -> int:
    """Columns a terminal uses: marks that combine take none, wide characters two."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1
        for char in text
    )


def table(rows: Iterable[Sequence[Any]], heads: Sequence[str] = (), indent: int = 0) -> str:
    """Rows as aligned columns, numbers to the right, under `heads` if given; every cell is cleaned."""
    body = [list(row) for row in rows]
    cells = [[clean("" if cell is None else str(cell)) for cell in row] for row in ([heads] if heads else []) + body]
    if not cells:
        return ""
    right = [
        bool(body) and all(isinstance(row[at], int | float) for row in body if row[at] is not None)
        for at in range(len(cells[0]))
    ]
    widths = [max(width(row[at]) for row in cells) for at in range(len(cells[0]))]
    return "\n".join(
        " " * indent
        + "  ".join(
            " " * (widths[at] - width(cell)) + cell if right[at] else cell + " " * (widths[at] - width(cell))
            for at, cell in enumerate(row)
        ).rstrip()
        for row in cells
    )


def span(seconds: float) -> str:
    """A length of time for people: `8 s`, `12 min`, `3 h 20 min`, `4 d 2 h`."""
    whole = max(0, int(seconds))
    if whole < 120:
        return f"{whole} s"
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if minutes < 120:
        return f"{minutes} min"
    if hours < 48:
        return f"{hours} h {minutes % 60} min" if minutes % 60 else f"{hours} h"
    return f"{days} d {hours % 24} h" if hours % 24 else f"{days} d"


def local_time(moment: float | str | None, zone: ZoneInfo) -> str:
    """A UTC second, or a time in ISO 8601, for people: `2026-11-23 09:05:00` in their time zone; "" for none."""
    if moment is None:
        return ""
    found = datetime.fromisoformat(moment) if isinstance(moment, str) else datetime.fromtimestamp(moment, zone)
    return f"{found.astimezone(zone):%Y-%m-%d %H:%M:%S}"


def number(value: float) -> str:
    """A count with thin groups: `1 234 567`, in the manner of SI."""
    return f"{value:,}".replace(",", " ")


def echo_json(value: Any) -> None:
    """Indented JSON on stdout, for programs and for reading."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def echo_problems(problems: Iterable[str]) -> None:
    """One line each on stderr."""
    for problem in problems:
        click.echo(clean(problem), err=True)
