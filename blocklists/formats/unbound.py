"""Configuration of Unbound, as far as it blocks or lets through names: `local-zone` and `local-data`.

No other directives: they are counted as unsupported. Names that are given real addresses are no indicators.

A zone is listed with what is below it, data with its own name only. Zones that hide nothing by themselves let through
what a zone above them would block. Which error a blocked name gets is the list's mode's business, not the file's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from blocklists.formats import hosts
from blocklists.formats.entry import listed
from blocklists.formats.lines import decoded
from blocklists.formats.look import Look
from blocklists.indicator import BadLine, Indicator, bad_line
from blocklists.normalise import Unusable, plain_name
from contracts.segment import RuleAction

_BLOCKING = frozenset(
    {
        *("deny", "refuse", "static", "redirect", "always_refuse", "always_nxdomain", "always_nodata", "always_null"),
        *("always_deny", "inform_deny", "inform_redirect"),
    }
)
# What these answer is their data; a name with a real address there is served, not blocked.
_WITH_DATA = frozenset({"static", "redirect", "deny", "refuse", "inform_deny", "inform_redirect"})
_OPEN = frozenset({"transparent", "typetransparent", "always_transparent", "inform"})
_HEADS = frozenset({"server", "view"})

_DIRECTIVE = re.compile(r"([a-z0-9-]{1,40})\s*:(.*)", re.DOTALL).fullmatch
_QUOTED = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|([^\s"'#]+))""").match
_OURS = re.compile(r"local-(?:zone|data)\s*:").match


def parse(lines: Iterable[bytes]) -> Iterator[Indicator | BadLine]:
    """Indicators in file order; a zone waits for its data, which may show that it serves its name."""
    zones = _Zones()
    for item in decoded(lines):
        if isinstance(item, BadLine):
            yield item
            continue
        number, text = item[0], item[1].strip()
        if not text or text[0] == "#":
            continue
        found = _line(number, text)
        if isinstance(found, _Zone):
            yield from zones.begin(found)
        elif isinstance(found, _Served):
            yield from zones.serve(found.name)
            yield bad_line(number, text, "the name is given a real address: that is no block")
        elif isinstance(found, Indicator):
            yield from zones.data(found)
        elif found is not None:
            yield found
    yield from zones.end()


def looks_like(look: Look) -> str:
    """Why these first lines are for Unbound, "" where nothing says so."""
    meant = look.meant
    found = sum(1 for line in meant if _OURS(line))
    return f"{found} of the first {len(meant)} lines are local-zone and local-data" if found * 2 > len(meant) else ""


class _Served:
    """A name that is given a real address."""

    def __init__(self, name: str) -> None:
        self.name = name


class _Zone:
    """A zone, and whether data may change what it means."""

    def __init__(self, row: Indicator, *, with_data: bool) -> None:
        self.row = row
        self.with_data = with_data


class _Zones:
    """The last zone, which waits for data of its own that say whether it blocks or serves."""

    def __init__(self) -> None:
        self._waiting: Indicator | None = None

    def begin(self, zone: _Zone) -> Iterator[Indicator]:
        yield from self.end()
        if zone.with_data:
            self._waiting = zone.row
        else:
            yield zone.row

    def end(self) -> Iterator[Indicator]:
        if self._waiting is not None:
            yield self._waiting
        self._waiting = None

    def data(self, row: Indicator) -> Iterator[Indicator]:
        """A name that is blocked by itself, whatever its zone does."""
        if self._waiting is not None and row.name == self._waiting.name:
            yield from self.end()
        yield row

    def serve(self, name: str) -> Iterator[BadLine]:
        """A name with a real address."""
        zone = self._waiting
        if zone is not None and _within(name, zone.name):
            self._waiting = None
            yield bad_line(zone.line, zone.name, "a zone whose data lead to a real address: that is no block")


def _within(name: str, zone: str) -> bool:
    return name == zone or name.endswith(f".{zone}")


def _line(number: int, text: str) -> Indicator | BadLine | _Served | _Zone | None:
    directive = _DIRECTIVE(text)
    if directive is None:
        return bad_line(number, text, 'no directive of Unbound: expected local-zone: "name" type')
    word, words = directive[1], _words(directive[2])
    if word in _HEADS and not words:
        return None
    if word == "local-zone":
        return _zone(number, text, words)
    if word == "local-data":
        return _data(number, text, " ".join(words).split())
    return _unsupported(number, text, f"the directive {word} lists nothing")


def _words(text: str) -> list[str]:
    """Words and quoted texts, up to a comment."""
    words, at = list[str](), 0
    while (found := _QUOTED(text, at)) is not None:
        words.append(found[1] or found[2] or found[3] or "")
        at = found.end()
    return words


def _zone(number: int, text: str, words: list[str]) -> BadLine | _Zone:
    if len(words) != 2:
        return bad_line(number, text, "expected a name and a type")
    kind = words[1].lower()
    if kind not in _BLOCKING and kind not in _OPEN:
        return _unsupported(number, text, f"a zone of the type {kind[:30]} blocks nothing for everybody")
    name = _name(words[0])
    if isinstance(name, Unusable):
        return bad_line(number, text, str(name))
    action: RuleAction = "passthru" if kind in _OPEN else ""
    return _Zone(Indicator(number, name, action=action), with_data=kind in _WITH_DATA)


def _data(number: int, text: str, words: list[str]) -> Indicator | BadLine | _Served:
    """`name [TTL] [class] type data`; only where an address leads nowhere it blocks."""
    rest = words[1:]
    while rest and (rest[0].isdecimal() or rest[0].upper() == "IN") and len(rest) > 2:
        rest = rest[1:]
    if len(rest) < 2:
        return bad_line(number, text, "expected a name, a type and data")
    if rest[0].upper() not in {"A", "AAAA"}:
        return _unsupported(number, text, f"data of the type {rest[0].upper()[:10]} block nothing by themselves")
    name = _name(words[0])
    if isinstance(name, Unusable):
        return bad_line(number, text, str(name))
    if hosts.leads_nowhere(rest[1]):
        return Indicator(number, name, subdomains=False)
    return _Served(name) if hosts.is_address(rest[1]) else bad_line(number, text, "no address")


def _name(text: str) -> str | Unusable:
    if plain := plain_name(text):
        return plain
    try:
        found = listed(text)
    except Unusable as error:
        return error
    return found.name or Unusable("an address where a name is expected")


def _unsupported(number: int, text: str, reason: str) -> BadLine:
    return bad_line(number, text, reason, unsupported=True)
