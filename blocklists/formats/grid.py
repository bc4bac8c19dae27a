"""One table of a document (a sheet, a table of a letter): its heading row is found, its rows are read.

No files here, and no rule what headings mean: readers hand in cells as text, table knows words.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from typing import NamedTuple

from blocklists.formats.table import HEAD_ROWS, Columns, best, columns, pieces, role_of, row
from blocklists.indicator import Item, Remark
from blocklists.normalise import Unusable, target

_LOOKED_AT = 20_000  # cells of a table without a heading


class GridRow(NamedTuple):
    """A row with its number in the file, where people find it, and its cells."""

    line: int
    place: str
    cells: list[str]
    wide: bool = False  # one cell over several columns, and nothing beside it


def read(rows: Iterator[GridRow], name: str, *, quiet: bool = False) -> Iterator[Item]:
    """What a table lists. One without a heading row is told; where `quiet`, only if it holds names or addresses."""
    head = list(islice(rows, HEAD_ROWS))
    found = best(one.cells for one in head)
    if found is None:
        yield from _untitled(chain(head, rows), name, quiet=quiet)
        return
    at, layout = found
    for one in chain(head[at + 1 :], rows):
        if one.wide and not any(map(_lists, one.cells)):
            continue  # the title of a section, or a remark below the table
        if again := _other_heading(one.cells):
            layout = again
        else:
            yield from row(one.line, one.cells, layout, place=one.place)


def _other_heading(cells: list[str]) -> Columns | None:
    """The columns of a second table below the first. Strict, so that no row of data is taken for one."""
    if any("." in cell for cell in cells):
        return None
    exact = {role_of(cell, exact=True) for cell in cells} - {""}
    return columns(cells) if "indicator" in exact and len(exact) > 1 else None


def _untitled(rows: Iterator[GridRow], name: str, *, quiet: bool) -> Iterator[Item]:
    count = looked = listing = 0
    for one in rows:
        count += 1
        if looked < _LOOKED_AT:
            looked += len(one.cells)
            listing += sum(map(_lists, one.cells))
    if listing:
        yield Remark(
            f"{name} has no heading row that names a column of domains (Tên miền, Domain, ...): none of its {count} "
            f"rows was taken, though {listing} cells hold names or addresses; put a heading above them"
        )
    elif count and not quiet:
        yield Remark(f"{name} holds no table of domains or addresses: its {count} rows of text were not taken")


def _lists(cell: str) -> bool:
    """Whether a cell holds an indicator and nothing else."""
    found = pieces(cell) if "." in cell or ":" in cell else []
    try:
        return bool(found) and all("." in (one := target(piece)).name or bool(one.address) for piece in found)
    except Unusable:
        return False
