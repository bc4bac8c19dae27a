"""Trails of Maltrail: a file for each malware, whose name it has, with names, addresses, URLs, paths and references.

No other format's rules here. `# Reference:` lines say where the rows behind them come from, up to the next such lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from blocklists.formats.entry import listed, note_of
from blocklists.formats.lines import decoded
from blocklists.formats.look import NOWHERE, Look, Origin
from blocklists.indicator import BadLine, Indicator, bad_line
from blocklists.normalise import Unusable, plain_name, visible

_MAX_FACT = 300
_REFERENCES = 3  # of one group of rows; the other ones stand in the file
# What stands before the family in a file's name says what it runs on, or who is behind it.
_PREFIX = re.compile(r"(?:apt|android|ios|osx|macos|elf|win)_", re.IGNORECASE).match
_SINKHOLE = "sinkhole_"
_SAID = re.compile(
    r"#\s*(references?|referecne|aliases|generic)\b[^:]{0,40}(?::\s*(.*))?", re.IGNORECASE | re.DOTALL
).match
_COMMENT = re.compile(r"\s#(.*)", re.DOTALL).search
_HEAD = "maltrail developers"


def parse(lines: Iterable[bytes], origin: Origin = NOWHERE) -> Iterator[Indicator | BadLine]:
    """Indicators in file order. Without a file's name the first alias is the family."""
    state = _Said(family_of(origin.file))
    for item in decoded(lines):
        if isinstance(item, BadLine):
            yield item
            continue
        number, text = item[0], item[1].strip()
        if text.startswith("#"):
            state.hear(text)
        elif text:
            yield _row(number, text, state)


def looks_like(look: Look) -> str:
    """Why these first lines are trails, "" where nothing says so."""
    if any(_HEAD in line.lower() for line in look.lines[:5] if line.startswith("#")):
        return "its head says so: Maltrail"
    meant = look.meant
    references = sum(1 for line in look.lines if line.startswith("# Reference: "))
    single = sum(1 for line in meant if " " not in line)
    trails = references and meant and single == len(meant)
    return f"single words below {references} lines '# Reference:'" if trails else ""


def family_of(file: str) -> str:
    """The family that a file's name says: `apt_oceanlotus.txt` is oceanlotus."""
    stem = " ".join(visible(PurePosixPath(file).stem).split())[:_MAX_FACT]
    if stem.startswith(_SINKHOLE):  # whose sinkhole it is: no malware is called so
        return f"sinkhole {stem.removeprefix(_SINKHOLE)}"
    found = _PREFIX(stem)
    rest = stem[found.end() :] if found else stem
    return stem.replace("_", "", 1) if rest.isdecimal() else rest  # APT27 is called by its number


class _Said:
    """What comments have said so far."""

    def __init__(self, family: str) -> None:
        self.family = family
        self.source = ""
        self._references = list[str]()
        self._fresh = True  # no row since the last reference

    def hear(self, text: str) -> None:
        """A comment."""
        found = _SAID(text)
        if found is None:
            return
        word, said = found[1].lower(), " ".join(visible(found[2] or "").split())
        if word == "aliases":
            self.family = self.family or said.partition(",")[0].strip()[:_MAX_FACT]
            return
        if word == "generic":
            said = ""
        if not self._fresh:
            self._references.clear()
        self._fresh = True
        if said and len(self._references) < _REFERENCES:
            self._references.append(said)
        self.source = " ".join(self._references)[:_MAX_FACT]

    def row(self) -> None:
        """A row ends a group of references."""
        self._fresh = False


def _row(number: int, text: str, state: _Said) -> Indicator | BadLine:
    state.row()
    if name := plain_name(text):
        return Indicator(number, name, family=state.family, source=state.source)
    comment = _COMMENT(text)
    note = " ".join(visible(comment[1]).split())[:_MAX_FACT] if comment else ""
    trail = text[: comment.start()].rstrip() if comment else text
    if trail.startswith("/"):
        return bad_line(number, text, "a piece of a path: DNS sees only names", unsupported=True)
    if "|" in trail or "*" in trail:
        return bad_line(number, text, "a pattern: only whole names are read", unsupported=True)
    try:
        found = listed(trail)
    except Unusable as error:
        return bad_line(number, text, str(error))
    name, address, port, path = found
    said = note_of(found, trail, note)
    return Indicator(number, name, address, port, family=state.family, source=state.source, note=said, reduced=path)
