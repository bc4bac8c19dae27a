"""Tables of indicators, whatever file they come in: a heading row says what each column holds.

No files, no lines and no sheets here: formats hand in rows of cells as text. A formula is only a bad name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from blocklists.formats.entry import listed, note_of
from blocklists.indicator import KINDS, BadLine, Indicator, bad_line, folded
from blocklists.normalise import Unusable, visible

HEAD_ROWS = 60  # where the heading row must stand
MAX_COLUMNS = 200  # what is wider is no heading row, and not worth looking at cell by cell
MAX_TEXT = 300  # of a fact

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
_PREFIX = re.compile(r"^(?:tên miền|domain|host|url|(?:địa chỉ )?ip|địa chỉ)\s*:\s*", re.IGNORECASE)


class Columns(NamedTuple):
    """A heading row, and the role of each column."""

    cells: tuple[str, ...]
    roles: tuple[str, ...]  # "" where the heading is none we know

    @property
    def known(self) -> int:
        """How many roles it gives; of several rows that might be the heading, the one that gives most is."""
        return len(set(self.roles) - {""})


def columns(cells: Sequence[str]) -> Columns | None:
    """The columns that a row names where it is a heading row: one of them must hold indicators."""
    exact = [role_of(cell, exact=True) for cell in cells]
    roles = [role_of(cell) for cell in cells]
    # A title ("Danh sách tên miền độc hại") names a column too: words inside one cell count only beside another's.
    if "indicator" not in exact and ("indicator" not in roles or len(set(roles) - {""}) < 2):
        return None
    return Columns(tuple(cells), tuple(roles))


def best(rows: Iterable[Sequence[str]]) -> tuple[int, Columns] | None:
    """Place and columns of the row that names most columns, the first of equals."""
    found: tuple[int, Columns] | None = None
    for index, cells in enumerate(rows):
        if len(cells) <= MAX_COLUMNS and (one := columns(cells)) and (found is None or one.known > found[1].known):
            found = index, one
    return found


def role_of(heading: str, *, exact: bool = False) -> str:
    """What a heading says its column holds; "" when we do not know."""
    text = folded(visible(heading))
    if not text or len(text) > _LONGEST_HEADING:
        return ""
    found = [text] if exact else _ANY_PHRASE.findall(text)
    known = [(-len(phrase), _PHRASES[phrase][1], _PHRASES[phrase][0]) for phrase in found if phrase in _PHRASES]
    return min(known)[2] if known else ""


def row(
    line: int, cells: Sequence[str], layout: Columns, *, place: str = "", joint: str = " | "
) -> Iterator[Indicator | BadLine]:
    """What one row below the heading lists; each of several in a cell. `joint` stands between cells that are told."""
    facts = dict[str, str]()
    indicators = list[str]()
    for role, cell in zip(layout.roles, cells, strict=False):
        text = " ".join(visible(cell).split())[:MAX_TEXT] if role != "indicator" else cell
        if role == "indicator":
            indicators.extend(pieces(cell))
        elif role and text:
            facts.setdefault(role, text)
    if not indicators:
        if facts:
            yield bad_line(line, joint.join(cells).strip(), "no indicator in this row", place=place)
        return
    if tuple(cells) == layout.cells:
        return  # the heading again, as on each page of a letter
    if "kind" in facts:
        facts["kind"] = KINDS.get(folded(facts["kind"]), facts["kind"])
    kind, family, letter, source, listed_on, note = (facts.get(role, "") for role in _FACTS)
    for piece in indicators:
        try:
            found = listed(piece)
        except Unusable as error:
            reason = "a formula; write what it gives as text" if piece.startswith("=") else str(error)
            yield bad_line(line, piece.strip(), reason, place=place)
        else:
            name, address, port, path = found
            facts_of_row = (kind, family, letter, source, listed_on, note_of(found, piece, note))
            yield Indicator(line, name, address, port, True, *facts_of_row, reduced=path, place=place)


def pieces(cell: str) -> list[str]:
    """The indicators of one cell. A comma may stand inside a URL, so that there only space and semicolons part."""
    text = visible(cell)
    if text.startswith("="):
        return [text]  # what stands in a formula is not what it gives
    parts = re.split(r"[;\s]+" if "://" in text else r"[,;\r\n]+", text)
    return [piece for part in parts if (piece := _PREFIX.sub("", visible(part)))]
