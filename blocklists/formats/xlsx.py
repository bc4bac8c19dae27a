"""Excel workbooks: every sheet with a heading row is a table, and every cell the text that people see in it.

Read inside blocklists.formats.confined only. Nothing is evaluated: a formula is its own text.
"""

from __future__ import annotations

import datetime
import re
import warnings
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple
from zipfile import ZipFile

from openpyxl.reader.excel import ExcelReader  # noqa: TID251  this is the door
from openpyxl.styles.stylesheet import apply_stylesheet  # noqa: TID251  this is the door
from openpyxl.worksheet.formula import ArrayFormula, DataTableFormula  # noqa: TID251  this is the door

from blocklists.formats import grid
from blocklists.formats.archive import kind_of, look_through, open_archive, refuse_entities
from blocklists.formats.grid import GridRow
from blocklists.formats.table import MAX_COLUMNS
from blocklists.indicator import Item, Remark, Unreadable
from blocklists.normalise import visible

MAX_CELLS = 2_000_000  # of a workbook, also empty ones
MAX_ROW = 1 << 20  # Excel's own
_MAX_TEXT = 1 << 15  # characters that Excel lets into a cell
_MAX_MERGED = 100_000
_SHOWN = 20
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_CELL = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})").fullmatch


class _Sheet(NamedTuple):
    """A sheet with what a look through its XML has shown, before any value is read."""

    name: str
    state: str
    cells: int
    last: int  # row
    width: int  # the last column with something in it
    hidden: tuple[int, ...]  # rows
    merged: dict[int, list[tuple[int, int, int]]]  # by their first row: first column, last column, last row


def parse(file: BinaryIO) -> Iterator[Item]:
    """Indicators of all sheets, in their order; rows are numbered through all of them. Raises Unreadable."""
    archive = open_archive(file)
    if (kind := kind_of(archive)) != "xlsx":
        raise Unreadable(f"no Excel workbook but a .{kind} file")
    refuse_entities(archive)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what openpyxl leaves out (rules, extensions) is nothing that we read
        try:
            yield from _workbook(file, archive)
        except (Unreadable, MemoryError):
            raise
        except Exception as error:  # the library has no error of its own for a workbook that is damaged
            raise Unreadable(
                f"a workbook that is damaged ({type(error).__name__}); save it again, or as CSV"
            ) from error


def _workbook(file: BinaryIO, archive: ZipFile) -> Iterator[Item]:
    reader = ExcelReader(file, read_only=True, keep_links=False)
    reader.read_manifest()
    reader.read_strings()
    reader.read_workbook()
    apply_stylesheet(reader.archive, reader.wb)  # says which numbers are dates
    parts = [
        (one, rel.target)
        for one, rel in reader.parser.find_sheets()
        if rel.target in reader.valid_files and "chartsheet" not in rel.Type
    ]
    if not parts:
        raise Unreadable("a workbook without sheets")
    sheets, left = list[_Sheet](), MAX_CELLS
    for one, part in parts:  # before openpyxl opens them, which may read a sheet to its end
        sheets.append(_look(archive, part, visible(one.name)[:60], str(one.state), left))
        left -= sheets[-1].cells
    reader.read_worksheets()
    above = 0
    for sheet, opened in zip(sheets, reader.wb.worksheets, strict=True):
        yield from grid.read(_rows(opened, sheet, above), f"sheet {sheet.name!r}")
        yield from _remarks(sheet)
        above += sheet.last


def _remarks(sheet: _Sheet) -> Iterator[Remark]:
    if sheet.state != "visible" and sheet.width:
        yield Remark(f"sheet {sheet.name!r} is hidden in Excel; it was read like the others")
    if sheet.hidden:
        more = f" and {len(sheet.hidden) - _SHOWN} more" if len(sheet.hidden) > _SHOWN else ""
        numbers = ", ".join(map(str, sheet.hidden[:_SHOWN]))
        yield Remark(
            f"rows of sheet {sheet.name!r} that are hidden in Excel were read like the others: {numbers}{more}"
        )


class _Look:
    """Gathers the shape of one sheet from its elements, and stops at what is too much."""

    def __init__(self, name: str, left: int) -> None:
        self._name, self._left = name, left
        self.cells = self.row = self.width = 0
        self._column = 0
        self.hidden = list[int]()
        self.merged = dict[int, list[tuple[int, int, int]]]()
        self._merges = 0

    def element(self, name: str, attributes: dict[str, str]) -> None:
        """One element begins."""
        space, _, word = name.rpartition(" ")
        if word == "c":
            self._cell(attributes)
        elif word in {"v", "is", "f"}:
            self.width = max(self.width, self._column)
        elif word == "row":
            self._next_row(attributes)
        elif word == "mergeCell":
            self._merge(attributes.get("ref", ""))
        elif word == "worksheet" and space != _MAIN:
            raise Unreadable("a workbook in the form 'Strict Open XML'; save it as an ordinary .xlsx, or CSV")

    def _cell(self, attributes: dict[str, str]) -> None:
        self.cells += 1
        if self.cells > self._left:
            raise Unreadable(f"a workbook of more than {MAX_CELLS} cells, empty ones too; save its rows as CSV")
        place = attributes.get("r")
        self._column = _column(place) if place else self._column + 1

    def _next_row(self, attributes: dict[str, str]) -> None:
        number = attributes.get("r", "")
        row = int(number) if number.isascii() and number.isdigit() and len(number) < 9 else self.row + 1
        if row <= self.row:
            raise Unreadable(f"sheet {self._name!r} is damaged: row {row} stands behind row {self.row}")
        if row > MAX_ROW:
            raise Unreadable(f"sheet {self._name!r} is damaged: it has a row {row}")
        self.row, self._column = row, 0
        if attributes.get("hidden") in {"1", "true"}:
            self.hidden.append(row)

    def _merge(self, ref: str) -> None:
        self._merges += 1
        if self._merges > _MAX_MERGED:
            raise Unreadable(f"sheet {self._name!r} has more than {_MAX_MERGED} merged cells")
        first, last = (_CELL(part) for part in (*ref.partition(":")[::2],))
        if first and last:
            start = _column(first[0]), _column(last[0]), int(last[2])
            self.merged.setdefault(int(first[2]), []).append(start)


def _look(archive: ZipFile, part: str, name: str, state: str, left: int) -> _Sheet:
    look = _Look(name, left)
    look_through(archive, part, look.element)
    width = min(look.width, MAX_COLUMNS)
    return _Sheet(name, state, look.cells, look.row, width, tuple(look.hidden), look.merged)


def _column(place: str) -> int:
    """`AB12` -> 28; too far to the right where there are no letters."""
    number = 0
    for letter in place[:3]:
        if not "A" <= letter <= "Z":
            break
        number = number * 26 + ord(letter) - 64
    return number or MAX_COLUMNS + 1


def _rows(opened: Any, sheet: _Sheet, above: int) -> Iterator[GridRow]:
    """Rows with something in them. What a merged cell says is said in each of its rows, but in one column only."""
    if not sheet.width:
        return
    opened.reset_dimensions()
    standing = dict[int, tuple[int, str]]()  # column -> last row of its merged cell, and what that says
    for number, values in enumerate(opened.iter_rows(max_col=sheet.width, values_only=True), 1):
        if values.count(None) == len(values):
            continue
        cells = [_text(value) for value in values]
        for column, (last, text) in list(standing.items()):
            if number > last:
                del standing[column]
            elif not cells[column - 1]:
                cells[column - 1] = text
        wide = False
        for first, over, last in sheet.merged.get(number, ()):
            if first <= len(cells):
                if last > number:
                    standing[first] = last, cells[first - 1]
                wide = wide or (over > first and bool(cells[first - 1].strip()))
        filled = sum(1 for cell in cells if cell.strip())
        if filled:
            yield GridRow(above + number, f"{sheet.name}!{number}", cells, wide and filled == 1)


def _text(value: object) -> str:
    """What stands in a cell, as text. A number or date may be one that Excel made of an address: it says what it is."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value[:_MAX_TEXT]
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, datetime.datetime):
        return str(value.date()) if value.time() == datetime.time() else str(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, ArrayFormula):
        return str(value.text or "=")[:_MAX_TEXT]
    if isinstance(value, DataTableFormula):
        return "=TABLE()"
    return str(value)[:_MAX_TEXT]
