"""Octets of a list file -> lines with their numbers: what all line formats share.

No format's own rules here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

from blocklists.indicator import BadLine, Indicator, bad_line

MAX_LINE = 1 << 16
BOM = "\ufeff"
Item = Indicator | BadLine


def raw_lines(file: BinaryIO) -> Iterator[bytes]:
    """Lines of a file; one longer than MAX_LINE is cut there, so that no file can fill the memory."""
    while line := file.readline(MAX_LINE):
        yield line
        while len(line) == MAX_LINE and not line.endswith(b"\n"):
            line = file.readline(MAX_LINE)


def decoded(lines: Iterable[bytes]) -> Iterator[tuple[int, str] | BadLine]:
    """Numbered text of each line, from 1; a BadLine where the octets are no UTF-8."""
    for number, raw in enumerate(lines, 1):
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            yield undecodable(number, raw, error)
            continue
        yield number, text.removeprefix(BOM) if number == 1 else text


def each(lines: Iterable[bytes], read: Callable[[int, str], Iterable[Item]]) -> Iterator[Item]:
    """What `read` makes of the number and the text of each line, where it stands by itself."""
    for item in decoded(lines):
        if isinstance(item, BadLine):
            yield item
        else:
            yield from read(*item)


def undecodable(number: int, raw: bytes, error: UnicodeDecodeError) -> BadLine:
    """The BadLine of a line that is no UTF-8."""
    shown = raw.rstrip(b"\r\n").decode("utf-8", "backslashreplace")
    return bad_line(number, shown, f"not UTF-8 text (octet {error.start + 1})")
