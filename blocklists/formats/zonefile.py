"""Lines of a zone file (RFC 1035 section 5.1) -> entries: the words of one record or directive, over parentheses too.

No meaning of words here. A bad line costs itself only: where a parenthesis stays open, what stands behind it is read
anew.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from blocklists.formats.lines import BOM, MAX_LINE
from blocklists.indicator import BadLine, bad_line

MAX_JOINED = 50  # lines that parentheses may join; the longest keys and texts that people write have a dozen

# A word, or quoted text with its quotes, or both as in `alpn="h2"`. No control characters but the tab in quotes.
_WORD = re.compile(
    r"""(?:[^\x00-\x20"();\\\x7f]|\\[^\x00-\x1f]|"(?:[^"\\\x00-\x08\x0a-\x1f]|\\[^\x00-\x1f])*")+"""
).match
_TTL = re.compile(r"[0-9]{1,10}|(?:[0-9]{1,10}[wdhms])+", re.IGNORECASE | re.ASCII).fullmatch
_SECONDS = {"w": 604_800, "d": 86_400, "h": 3600, "m": 60, "s": 1}
MAX_TTL = 0x7FFFFFFF  # RFC 2181 section 8
_CLASSES = {"IN": True, "CH": False, "HS": False, "CS": False, "ANY": False, "NONE": False, "CLASS1": True}


class Malformed(ValueError):
    """The line cannot be read; the message says why."""


class Entry(NamedTuple):
    """A record or directive as words: quotes and escapes as written, comments and parentheses gone."""

    line: int
    text: str  # of its first line, for people
    words: tuple[str, ...]
    indented: bool  # it names no owner: that is the one before


class Record(NamedTuple):
    """What stands behind the owner."""

    ttl: int | None
    kind: str
    data: tuple[str, ...]


class _Scan(NamedTuple):
    words: tuple[str, ...]
    depth: int  # parentheses opened and not closed in this line
    lowest: int  # below zero: closed without one that was opened here


class Reader:
    """Numbered lines; `entry` makes of one, and of those behind it that belong to it, an entry."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._source = _numbered(lines)
        self._waiting = deque[tuple[int, str] | BadLine]()  # read once to no avail
        self._scans = dict[int, _Scan | Malformed]()  # of these, so that none is read twice

    def __iter__(self) -> Iterator[tuple[int, str] | BadLine]:
        """Every line that is not part of an entry before it."""
        while (item := self._next()) is not None:
            yield item
            if len(self._scans) > 4 * MAX_JOINED and not isinstance(item, BadLine):  # whoever asks may need no entry
                self._scans = {number: scan for number, scan in self._scans.items() if number > item[0]}

    def entry(self, number: int, text: str) -> Entry | BadLine | None:
        """The entry that begins with this line, the last one given; None for a blank one."""
        scan = self._scan(number, text)
        self._scans.pop(number, None)
        if isinstance(scan, Malformed):
            return bad_line(number, text.strip(), str(scan))
        if scan.lowest < 0:
            return bad_line(number, text.strip(), "a parenthesis is closed that was never opened")
        words = scan.words
        if scan.depth:
            joined = self._joined(scan)
            if joined is None:
                reason = f"a parenthesis that is not closed within {MAX_JOINED} lines"
                return bad_line(number, text.strip(), reason)
            words = joined
        return Entry(number, text.strip(), words, text[0] in " \t") if words else None

    def _next(self) -> tuple[int, str] | BadLine | None:
        return self._waiting.popleft() if self._waiting else next(self._source, None)

    def _joined(self, first: _Scan) -> tuple[str, ...] | None:
        """Words up to the closing parenthesis; None, with the lines put back, where it is not found."""
        words, depth = list(first.words), first.depth
        taken = list[tuple[int, str] | BadLine]()
        while len(taken) < MAX_JOINED and (following := self._next()) is not None:
            taken.append(following)
            if isinstance(following, BadLine):
                break
            scan = self._scan(*following)
            if isinstance(scan, Malformed) or depth + scan.lowest < 0:
                break
            words += scan.words
            depth += scan.depth
            if not depth:
                for line in taken:
                    self._scans.pop(line[0], None) if not isinstance(line, BadLine) else None
                return tuple(words)
        self._waiting.extendleft(reversed(taken))
        return None

    def _scan(self, number: int, text: str) -> _Scan | Malformed:
        scan = self._scans.get(number)
        if scan is None:
            try:
                scan = _scanned(text)
            except Malformed as error:
                scan = error
            self._scans[number] = scan
        return scan


def _numbered(lines: Iterable[bytes]) -> Iterator[tuple[int, str] | BadLine]:
    """Text of each line, without its end. Of one that was cut at MAX_LINE nothing is taken."""
    for number, raw in enumerate(lines, 1):
        if len(raw) >= MAX_LINE and not raw.endswith(b"\n"):
            yield bad_line(number, raw[:200].decode("latin-1"), f"longer than {MAX_LINE} octets")
            continue
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            text = raw.decode("latin-1")  # harmless in a comment; elsewhere no name has such letters
        yield number, (text.removeprefix(BOM) if number == 1 else text).rstrip("\r\n")


def _scanned(text: str) -> _Scan:
    words, depth, lowest, at = list[str](), 0, 0, 0
    while at < len(text):
        letter = text[at]
        if letter == ";":
            break
        if letter in " \t":
            at += 1
        elif letter == "(":
            depth += 1
            at += 1
        elif letter == ")":
            depth -= 1
            lowest = min(lowest, depth)
            at += 1
        else:
            found = _WORD(text, at)
            if found is None:
                raise Malformed(_reason(letter))
            words.append(found[0])
            at = found.end()
    return _Scan(tuple(words), depth, lowest)


def _reason(letter: str) -> str:
    if letter == '"':
        return "a quote that does not end"
    return "a lone backslash" if letter == "\\" else f"a control character: {letter!a}"


def record(words: tuple[str, ...]) -> Record:
    """Words behind the owner: TTL and class, in either order or left out, type and data. Raises Malformed."""
    ttl: int | None = None
    at = 0
    while at < min(2, len(words)):
        word = words[at]
        if _TTL(word) and ttl is None:
            ttl = seconds(word)
        elif (name := word.upper()) in _CLASSES:
            if not _CLASSES[name]:
                raise Malformed(f"class {name}: only IN is followed")
        else:
            break
        at += 1
    if len(words) < at + 2:
        raise Malformed("expected a type and data")
    return Record(ttl, words[at].upper(), words[at + 1 :])


def seconds(word: str) -> int:
    """A TTL, also as BIND writes it: `1h30m`. Raises Malformed."""
    if not _TTL(word):
        raise Malformed(f"no TTL: {word[:20]!a}")
    if word.isdecimal():
        total = int(word)
    else:
        parts = re.findall(r"([0-9]+)([a-z])", word.lower())
        total = sum(int(count) * _SECONDS[unit] for count, unit in parts)
    if total > MAX_TTL:
        raise Malformed(f"a TTL above {MAX_TTL} seconds (RFC 2181 section 8)")
    return total
