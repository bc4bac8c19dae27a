"""Lines of a scenario file and their words, each of which can say where it stands.

What the words mean is reading.py's.
"""

from __future__ import annotations

from typing import NamedTuple

import dns.exception
import dns.rdatatype


class BadScenario(ValueError):
    """The file is no scenario; the message says where and why."""


class Line(NamedTuple):
    """A line without its comment."""

    file: str
    number: int
    text: str  # its indentation included

    @property
    def words(self) -> list[str]:
        return self.text.split()

    def wrong(self, reason: str) -> BadScenario:
        return BadScenario(f"{self.file}:{self.number}: {reason}: {self.text.strip()}")


class Words:
    """The words of a line, taken from the left."""

    def __init__(self, line: Line, skip: int = 0) -> None:
        self.line = line
        self._left = line.words[skip:]

    def __bool__(self) -> bool:
        return bool(self._left)

    def take(self, what: str) -> str:
        if not self._left:
            raise self.line.wrong(f"{what} is missing")
        return self._left.pop(0)

    def number(self, what: str) -> float:
        return self._convert(float, what, "a number")

    def whole(self, what: str) -> int:
        return self._convert(lambda text: int(text, 0), what, "a whole number")

    def octets(self, what: str) -> bytes:
        return self._convert(bytes.fromhex, what, "hexadecimal octets")

    def kind(self, what: str = "the type") -> int:
        word = self.take(what)
        try:
            return dns.rdatatype.from_text(word)
        except (dns.exception.DNSException, ValueError) as error:
            raise self.line.wrong(f"no record type: {word}") from error

    def among(self, choices, what: str) -> str:
        word = self.take(what)
        if word not in choices:
            raise self.line.wrong(f"{what} is one of {', '.join(choices)}, not {word}")
        return word

    def rest(self) -> str:
        left, self._left = self._left, []
        return " ".join(left)

    def _convert(self, how, what, kind):
        word = self.take(what)
        try:
            return how(word)
        except ValueError as error:
            raise self.line.wrong(f"{what} is {kind}, not {word}") from error

    def end(self) -> None:
        if self._left:
            raise self.line.wrong(f"not understood: {' '.join(self._left)}")
