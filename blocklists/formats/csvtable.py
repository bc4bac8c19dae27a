"""Annotated CSV: a heading row with known English or Vietnamese words, in any order, below any title block.

No spreadsheets and no free text here. What headings and rows mean is table's.
"""

from __future__ import annotations

import csv
import io
from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from blocklists.formats.lines import decoded
from blocklists.formats.look import Look
from blocklists.formats.table import HEAD_ROWS, MAX_COLUMNS, Columns, columns, row
from blocklists.indicator import BadLine, Indicator, bad_line

_DELIMITERS = ",;\t|"
_RECORD_LINES = 100  # a quoted cell may run over so many lines; beyond that its quote was never closed
_HEADING_TEXT = 8000  # characters; what is longer is no heading row
_HEADING_WORDS = 8  # of a cell: more are a sentence


class Layout(NamedTuple):
    """How this file is laid out: its delimiter, where its heading stands, and what that says of the columns."""

    delimiter: str
    heading: int  # index among the records
    line: int
    columns: Columns


def parse(lines: Iterable[bytes]) -> Iterator[Indicator | BadLine]:
    """Indicators in file order, several of a cell that holds several."""
    source = records(lines)
    head = [record for record, _ in zip(source, range(HEAD_ROWS), strict=False)]
    layout = find_layout(head)
    if layout is None:
        yield from (record for record in head if isinstance(record, BadLine))
        first = next((record for record in head if not isinstance(record, BadLine)), (1, ""))
        yield bad_line(
            first[0], first[1].strip(), "no heading row that names a column of domains (Domain, Tên miền, ...)"
        )
        return
    for index, record in enumerate(head):
        if isinstance(record, BadLine):
            yield record
        elif index > layout.heading:
            yield from _record(record, layout)
    for record in source:
        if isinstance(record, BadLine):
            yield record
        else:
            yield from _record(record, layout)


def looks_like(look: Look) -> str:
    """Why these first lines are a table, "" where nothing says so."""
    head = [record for record, _ in zip(records(look.octets), range(HEAD_ROWS), strict=False)]
    layout = find_layout(head)
    if layout is None or (len(layout.columns.cells) <= 1 and len(look.octets) <= 1) or not _is_table(layout, head):
        return ""
    named = ", ".join(repr(cell.strip()) for cell, role in zip(*layout.columns, strict=True) if role)
    return f"line {layout.line} is a heading row: {named}"


def _is_table(layout: Layout, head: list[tuple[int, str] | BadLine]) -> bool:
    """Whether what stands below a heading looks like its rows; in a letter a sentence may name two columns, too."""
    named = [cell for cell, role in zip(*layout.columns, strict=True) if role]
    if any(len(cell.split()) > _HEADING_WORDS for cell in named):
        return False
    below = [
        record[1] for record in head[layout.heading + 1 :] if not isinstance(record, BadLine) and record[1].strip()
    ]
    if len(layout.columns.cells) == 1:
        rows = sum(len(text.split()) == 1 for text in below)
    else:
        rows = sum(text.count(layout.delimiter) >= len(layout.columns.cells) - 1 for text in below)
    return rows * 2 >= len(below)


def records(lines: Iterable[bytes]) -> Iterator[tuple[int, str] | BadLine]:
    """Lines, joined where a quoted cell runs over their end; a quote that is never closed costs its own line only."""
    source = decoded(lines)
    queue = deque[tuple[int, str] | BadLine]()
    while (item := queue.popleft() if queue else next(source, None)) is not None:
        if isinstance(item, BadLine) or item[1].count('"') % 2 == 0:
            yield item
            continue
        whole, taken, odd = item[1], list[tuple[int, str] | BadLine](), True
        while odd and len(taken) < _RECORD_LINES:
            following = queue.popleft() if queue else next(source, None)
            if following is None:
                break
            taken.append(following)
            if isinstance(following, BadLine):
                break
            whole += following[1]
            odd = odd != bool(following[1].count('"') % 2)
        if odd:
            queue.extendleft(reversed(taken))
        yield item if odd else (item[0], whole)


def find_layout(head: Iterable[tuple[int, str] | BadLine]) -> Layout | None:
    """The record whose cells name most columns, one of them of indicators; the first of equals."""
    best: Layout | None = None
    for index, record in enumerate(head):
        if isinstance(record, BadLine):
            continue
        for delimiter in _DELIMITERS:
            found = _layout(index, record, delimiter)
            if found and (best is None or found.columns.known > best.columns.known):
                best = found
    return best


def _layout(index: int, record: tuple[int, str], delimiter: str) -> Layout | None:
    if len(record[1]) > _HEADING_TEXT or record[1].count(delimiter) >= MAX_COLUMNS:
        return None
    rows = [one for one in _rows(record, delimiter) if not isinstance(one, BadLine)]
    if not rows:
        return None
    line, cells = rows[0]
    found = columns(cells)
    return Layout(delimiter, index, line, found) if found else None


def _rows(record: tuple[int, str], delimiter: str) -> Iterator[tuple[int, list[str]] | BadLine]:
    number, text = record
    reader = csv.reader(io.StringIO(text, newline="\n"), delimiter=delimiter)
    while True:
        line = number + reader.line_num
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield bad_line(line, text.strip(), f"no CSV: {error}")
            return
        if cells is None:
            return
        yield line, cells


def _record(record: tuple[int, str], layout: Layout) -> Iterator[Indicator | BadLine]:
    for one in _rows(record, layout.delimiter):
        if isinstance(one, BadLine):
            yield one
        else:
            yield from row(*one, layout.columns, joint=layout.delimiter)
