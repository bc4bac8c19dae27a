"""Word documents: tables of indicators, and lines of running text that are one indicator and nothing else.

Read inside blocklists.formats.confined only. What stands inside sentences is not taken here.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from functools import cache
from typing import Any, BinaryIO, NamedTuple

from docx import Document  # noqa: TID251  this is the door
from docx.oxml.ns import qn  # noqa: TID251  this is the door
from publicsuffixlist import PublicSuffixList

from blocklists.formats import grid
from blocklists.formats.archive import kind_of, open_archive, refuse_entities
from blocklists.formats.entry import listed, note_of
from blocklists.formats.grid import GridRow
from blocklists.formats.table import MAX_COLUMNS
from blocklists.indicator import BadLine, Indicator, Item, Remark, Unreadable, bad_line
from blocklists.normalise import Unusable, refang, visible

Element = Any  # of lxml, which has no types
MAX_ROWS = 200_000  # and paragraphs
_SHOWN = 20
# Around blocks, rows, cells or runs: content controls, and what somebody put in while changes were tracked.
_WRAPPERS = {qn(f"w:{name}") for name in ("sdt", "sdtContent", "ins", "moveTo", "customXml", "smartTag")}
# Taken out while changes were tracked, said a second time for older programs, or no text of the document.
_LEFT_OUT = {qn(f"w:{name}") for name in ("del", "moveFrom", "pPr", "rPr", "txbxContent")}
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_BOX, _PARAGRAPH, _TABLE = qn("w:txbxContent"), qn("w:p"), qn("w:tbl")
_LETTERS = {qn("w:tab"): "\t", qn("w:br"): "\n", qn("w:cr"): "\n", qn("w:noBreakHyphen"): "-"}
_BULLET = re.compile(r"(?:[-–—•·*+▪●○►➢✓]|\(?[0-9]{1,4}[.)/:\]]|[a-zđ][.)])\s+", re.IGNORECASE).match


class _Counter:
    """Numbers what is read, and what it is called."""

    def __init__(self) -> None:
        self.line = self.tables = self.paragraphs = 0
        self.alone = list[str]()  # places of lines that were taken

    def next(self) -> int:
        """The number of one more row or paragraph."""
        self.line += 1
        if self.line > MAX_ROWS:
            raise Unreadable(f"a document of more than {MAX_ROWS} rows and paragraphs; save its table as CSV")
        return self.line


class _Cell(NamedTuple):
    text: str
    span: int
    merged: str  # with those below it: "restart", or "continue" for what it says above; "" for neither


def parse(file: BinaryIO) -> Iterator[Item]:
    """Indicators in the order of the document; rows and paragraphs are numbered through. Raises Unreadable."""
    with open_archive(file) as archive:
        if (kind := kind_of(archive)) != "docx":
            raise Unreadable(f"no Word document but a .{kind} file")
        refuse_entities(archive)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            file.seek(0)
            yield from _document(Document(file).element.body)
        except (Unreadable, MemoryError):
            raise
        except Exception as error:  # the library has no error of its own for a document that is damaged
            name = type(error).__name__
            raise Unreadable(f"a document that is damaged ({name}); save it again, or its table as CSV") from error


def _document(body: Element) -> Iterator[Item]:
    counter = _Counter()
    found = 0
    for item in _blocks(body, counter):
        found += 1
        yield item
    if counter.alone:
        more = f" and {len(counter.alone) - _SHOWN} more" if len(counter.alone) > _SHOWN else ""
        places = ", ".join(counter.alone[:_SHOWN])
        yield Remark(f"lines outside tables that are one name or address and nothing else were taken: {places}{more}")
    if not found:
        yield Remark("the document has no table of domains or addresses, and no line that is only a name or address")


def _inside(element: Element) -> Iterator[Element]:
    """Children, through wrappers."""
    for child in element:
        if child.tag in _WRAPPERS:
            yield from _inside(child)
        elif child.tag not in _LEFT_OUT:
            yield child


def _blocks(container: Element, counter: _Counter) -> Iterator[Item]:
    for block in _inside(container):
        if block.tag == _TABLE:
            yield from _table(block, counter)
        elif block.tag == _PARAGRAPH:
            yield from _lines(block, counter)
            for box in _boxes(block):
                yield from _blocks(box, counter)


def _boxes(element: Element) -> Iterator[Element]:
    """Text boxes that hang on a paragraph; those inside them hang on their own paragraphs."""
    for child in element:
        if child.tag == _BOX:
            yield child
        elif child.tag != _FALLBACK:
            yield from _boxes(child)


def _table(table: Element, counter: _Counter) -> Iterator[Item]:
    counter.tables += 1
    name = f"table {counter.tables}"
    nested = list[Element]()
    yield from grid.read(_rows(table, name, counter, nested), name, quiet=True)
    for one in nested:
        yield from _table(one, counter)


def _rows(table: Element, name: str, counter: _Counter, nested: list[Element]) -> Iterator[GridRow]:
    standing = dict[int, str]()  # column -> what its merged cell says
    rows = (one for one in _inside(table) if one.tag == qn("w:tr"))
    for number, row in enumerate(rows, 1):
        line = counter.next()
        if row.find(f"{qn('w:trPr')}/{qn('w:del')}") is not None:
            continue
        cells = [""] * min(_number(row.find(f"{qn('w:trPr')}/{qn('w:gridBefore')}"), 0), MAX_COLUMNS)
        widest = 1
        for cell in _cells(row, nested):
            at = len(cells)
            if cell.merged == "restart":
                standing[at] = cell.text
            elif not cell.merged:
                standing.pop(at, None)
            text = standing.get(at, "") if cell.merged == "continue" else cell.text
            cells += [text, *[""] * (cell.span - 1)]
            widest = max(widest, cell.span if text.strip() else 1)
            if len(cells) > MAX_COLUMNS:
                break
        filled = sum(1 for text in cells if text.strip())
        if filled:
            yield GridRow(line, f"{name} row {number}", cells[:MAX_COLUMNS], filled == 1 and widest > 1)


def _cells(row: Element, nested: list[Element]) -> Iterator[_Cell]:
    for cell in _inside(row):
        if cell.tag != qn("w:tc"):
            continue
        blocks = [*_inside(cell)]
        nested += [block for block in blocks if block.tag == _TABLE]
        words = "\n".join(_text(block) for block in blocks if block.tag == _PARAGRAPH)
        span = _number(cell.find(f"{qn('w:tcPr')}/{qn('w:gridSpan')}"), 1)
        merge = cell.find(f"{qn('w:tcPr')}/{qn('w:vMerge')}")
        merged = "" if merge is None else "restart" if merge.get(qn("w:val")) == "restart" else "continue"
        yield _Cell(words, max(1, min(span, MAX_COLUMNS)), merged)


def _number(element: Element | None, default: int) -> int:
    value = "" if element is None else element.get(qn("w:val"), "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 6 else default


def _text(paragraph: Element) -> str:
    return "".join(_words(paragraph))


def _words(element: Element) -> Iterator[str]:
    """Text as people see it: no field codes, nothing deleted, nothing twice."""
    for child in element:
        if child.tag == qn("w:t"):
            yield child.text or ""
        elif child.tag in _LETTERS:
            yield _LETTERS[child.tag]
        elif child.tag not in _LEFT_OUT and child.tag != _FALLBACK:
            yield from _words(child)


def _lines(paragraph: Element, counter: _Counter) -> Iterator[Indicator | BadLine]:
    text = _text(paragraph)
    if not text.strip():
        return
    line = counter.next()
    counter.paragraphs += 1
    place = f"paragraph {counter.paragraphs}"
    numbered = paragraph.find(f"{qn('w:pPr')}/{qn('w:numPr')}") is not None
    for words in text.split("\n"):
        found = _alone(line, words, place, in_list=numbered)
        if isinstance(found, Indicator) and place not in counter.alone[-1:]:
            counter.alone.append(place)
        if found is not None:
            yield found


def _alone(line: int, words: str, place: str, *, in_list: bool) -> Indicator | BadLine | None:
    """A line that is one indicator, perhaps behind a bullet or number; None where it is any other text.

    "TP.HCM" has the form of a name, too: without defanging, list or known ending it is taken for words.
    """
    text = visible(words)
    bullet = _BULLET(text)
    text = text[bullet.end() :] if bullet else text
    clear = in_list or bullet is not None
    marked = "://" in refang(text) or refang(text) != " ".join(text.split())
    try:
        found = listed(text)
    except Unusable as error:
        whole = marked and not any(char.isspace() for char in refang(text))
        return bad_line(line, text, str(error), place=place) if whole else None
    name, address, port, path = found
    if address or ("." in name and (clear or marked or _has_known_ending(name))):
        return Indicator(line, name, address, port, note=note_of(found, text), reduced=path, place=place)
    return None


def _has_known_ending(name: str) -> bool:
    return bool(_suffixes().publicsuffix(name))


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList(accept_unknown=False)
