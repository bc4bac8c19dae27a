"""Rows as a CSV file that Excel opens with the right letters and without running anything in it.

What the rows are is the caller's.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterable, Iterator, Sequence

BOM = "\ufeff"  # without it Excel reads UTF-8 as the machine's old code page
# A cell that begins so is a formula to Excel or LibreOffice; what a hostile machine named itself must stay text.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def csv_text(heads: Sequence[str], rows: Iterable[Sequence[object]], *, bom: bool = True) -> Iterator[str]:
    """The file, a row at a time. Without `bom` for programs, which may take it for a part of the first heading."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    if bom:
        yield BOM
    for row in itertools.chain([heads], rows):
        writer.writerow([cell(value) for value in row])
        yield _taken(buffer)


def cell(value: object) -> object:
    """Numbers stay numbers; text that a spreadsheet would compute gets an apostrophe in front."""
    if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULA):
        return f"'{value}"
    return value


def _taken(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text
