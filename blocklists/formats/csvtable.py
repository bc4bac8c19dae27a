"""Annotated CSV: a heading row with known English or Vietnamese words, in any order, below any title block.

No spreadsheets and no free text here. Cells are read as text; a formula is only a bad name.
"""

from __future__ import annotations

import csv
import io
import re
from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from blocklists.formats.entry import listed, note_of
from blocklists.formats.lines import decoded
from blocklists.formats.look import Look
from blocklists.indicator import KINDS, BadLine, Indicator, bad_line, folded
from blocklists.normalise import Unusable, visible

HEAD_RECORDS = 60  # where the heading row must stand
_DELIMITERS = ",;\t|"
_RECORD_LINES = 100  # a quoted cell may run over so many lines; beyond that its quote was never closed
_CELL = 300
_HEADING_TEXT, _HEADING_CELLS = 8000, 200  # what is longer is no heading row, and not worth looking at cell by cell

# What a column holds, by the words in its heading; the longest phrase found decides.
HEADINGS: dict[str, tuple[str, ...]] = {
    "indicator": (
        *(
            "domain",
            "domains",
            "domain name",
            "hostname",
            "host",
            "fqdn",
            "indicator",
            "ioc",
            "url",
            "ip",
            "ip address",
        ),
        *("tên miền", "ten mien", "tên miền/ip", "tên miền độc hại", "tên miền mã độc", "địa chỉ ip", "dia chi ip"),
        *("địa chỉ độc hại", "địa chỉ", "máy chủ", "chỉ báo", "dấu hiệu"),
    ),
    "family": (
        *("malware", "family", "malware family", "malware name", "threat", "mã độc", "ma doc", "tên mã độc"),
        *("họ mã độc", "dòng mã độc", "loại mã độc", "chủng mã độc"),
    ),
    "kind": ("kind", "type", "category", "threat type", "loại", "phân loại", "loai", "loại hình"),
    "listed": ("date", "date added", "first seen", "added", "ngày", "thời gian", "ngày phát hiện", "ngày đưa vào"),
    "source": ("source", "reporter", "reference", "nguồn", "nguồn tin", "nguon", "tham khảo"),
    "letter": ("letter", "letter number", "số công văn", "công văn", "số văn bản", "so cong van", "văn bản"),
    "note": ("note", "notes", "comment", "description", "ghi chú", "ghi chu", "mô tả"),
}
_FACTS = ("kind", "family", "letter", "source", "listed", "note")
# Phrase -> its role and rank; of two phrases of one length the first counts.
_PHRASES: dict[str, tuple[str, int]] = {}
for _role, _phrases in HEADINGS.items():
    for _phrase in _phrases:
        _PHRASES.setdefault(_phrase, (_role, len(_PHRASES)))
# At each place of a heading the longest phrase that stands there as words.
_ANY_PHRASE = re.compile(
    rf"(?<!\w)(?=({'|'.join(re.escape(phrase) for phrase in sorted(_PHRASES, key=len, reverse=True))})(?!\w))"
)
_LONGEST_HEADING = 60
_HEADING_WORDS = 8  # of a cell: more are a sentence
_PREFIX = re.compile(r"^(?:tên miền|domain|host|url|(?:địa chỉ )?ip|địa chỉ)\s*:\s*", re.IGNORECASE)


class Layout(NamedTuple):
    """How this file is laid out: its delimiter, the record of the heading, and the role of each column."""

    delimiter: str
    heading: int  # index among the records
    line: int
    cells: tuple[str, ...]
    roles: tuple[str, ...]  # "" where the heading is none we know


def parse(lines: Iterable[bytes]) -> Iterator[Indicator | BadLine]:
    """Indicators in file order, several of a cell that holds several."""
    source = records(lines)
    head = [record for record, _ in zip(source, range(HEAD_RECORDS), strict=False)]
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
    head = [record for record, _ in zip(records(look.octets), range(HEAD_RECORDS), strict=False)]
    layout = find_layout(head)
    if layout is None or (len(layout.cells) <= 1 and len(look.octets) <= 1) or not _is_table(layout, head):
        return ""
    named = ", ".join(repr(cell.strip()) for cell, role in zip(layout.cells, layout.roles, strict=True) if role)
    return f"line {layout.line} is a heading row: {named}"


def _is_table(layout: Layout, head: list[tuple[int, str] | BadLine]) -> bool:
    """Whether what stands below a heading looks like its rows; in a letter a sentence may name two columns, too."""
    named = [cell for cell, role in zip(layout.cells, layout.roles, strict=True) if role]
    if any(len(cell.split()) > _HEADING_WORDS for cell in named):
        return False
    below = [
        record[1] for record in head[layout.heading + 1 :] if not isinstance(record, BadLine) and record[1].strip()
    ]
    if len(layout.cells) == 1:
        rows = sum(len(text.split()) == 1 for text in below)
    else:
        rows = sum(text.count(layout.delimiter) >= len(layout.cells) - 1 for text in below)
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
            if found and (best is None or _known(found) > _known(best)):
                best = found
    return best


def _known(layout: Layout) -> int:
    return len(set(layout.roles) - {""})


def _layout(index: int, record: tuple[int, str], delimiter: str) -> Layout | None:
    if len(record[1]) > _HEADING_TEXT or record[1].count(delimiter) >= _HEADING_CELLS:
        return None
    rows = [row for row in _rows(record, delimiter) if not isinstance(row, BadLine)]
    if not rows:
        return None
    line, cells = rows[0]
    exact = [role_of(cell, exact=True) for cell in cells]
    roles = [role_of(cell) for cell in cells]
    # A title ("Danh sách tên miền độc hại") names a column too: words inside one cell count only beside another's.
    if "indicator" not in exact and ("indicator" not in roles or len(set(roles) - {""}) < 2):
        return None
    return Layout(delimiter, index, line, tuple(cells), tuple(roles))


def role_of(heading: str, *, exact: bool = False) -> str:
    """What a heading says its column holds; "" when we do not know."""
    text = folded(visible(heading))
    if not text or len(text) > _LONGEST_HEADING:
        return ""
    found = [text] if exact else _ANY_PHRASE.findall(text)
    known = [(-len(phrase), _PHRASES[phrase][1], _PHRASES[phrase][0]) for phrase in found if phrase in _PHRASES]
    return min(known)[2] if known else ""


def _rows(record: tuple[int, str], delimiter: str) -> Iterator[tuple[int, list[str]] | BadLine]:
    number, text = record
    reader = csv.reader(io.StringIO(text, newline="\n"), delimiter=delimiter)
    while True:
        line = number + reader.line_num
        try:
            row = next(reader, None)
        except csv.Error as error:
            yield bad_line(line, text.strip(), f"no CSV: {error}")
            return
        if row is None:
            return
        yield line, row


def _record(record: tuple[int, str], layout: Layout) -> Iterator[Indicator | BadLine]:
    for row in _rows(record, layout.delimiter):
        if isinstance(row, BadLine):
            yield row
        else:
            yield from _row(*row, layout)


def _row(line: int, cells: list[str], layout: Layout) -> Iterator[Indicator | BadLine]:
    facts = dict[str, str]()
    indicators = list[str]()
    for role, cell in zip(layout.roles, cells, strict=False):
        text = " ".join(visible(cell).split())[:_CELL] if role != "indicator" else cell
        if role == "indicator":
            indicators.extend(pieces(cell))
        elif role and text:
            facts.setdefault(role, text)
    if not indicators:
        if facts:
            yield bad_line(line, layout.delimiter.join(cells).strip(), "no indicator in this row")
        return
    if tuple(cells) == layout.cells:
        return  # the heading again, as on each page of a letter
    if "kind" in facts:
        facts["kind"] = KINDS.get(folded(facts["kind"]), facts["kind"])
    for piece in indicators:
        try:
            found = listed(piece)
        except Unusable as error:
            yield bad_line(line, piece.strip(), str(error))
        else:
            kind, family, letter, source, listed_on, note = (facts.get(role, "") for role in _FACTS)
            name, address, port, path = found
            note = note_of(found, piece, note)
            yield Indicator(
                *(line, name, address, port, True, kind, family, letter, source, listed_on, note), reduced=path
            )


def pieces(cell: str) -> list[str]:
    """The indicators of one cell. A comma may stand inside a URL, so that there only space and semicolons part."""
    text = visible(cell)
    parts = re.split(r"[;\s]+" if "://" in text else r"[,;\r\n]+", text)
    return [piece for part in parts if (piece := _PREFIX.sub("", visible(part)))]
