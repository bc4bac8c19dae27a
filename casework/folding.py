"""Folding: from many different names under one listed name to a row that only counts. Counts stay exact.

No SQL and no sockets. Equal hits within one second are folded by casework.recorder, where rows get their numbers.

Why: malware that asks random subdomains of a listed name would fill the disk with names nobody needs. Beyond
MAX_NAMES different names a minute, under one indicator from one client, the rest is recorded as
contracts.hit.summary says: `*.<indicator>`, or `*` where not the name asked was listed. Workers send it so themselves
for who asks too much (resolver.throttle).
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from contracts import record_types
from contracts.hit import BadFrame, HitFacts, pack_facts, summary, unpack_facts

MAX_NAMES = 64
MAX_NAME = 1024  # characters: 255 octets, each perhaps escaped as \DDD
MAX_TEXT = 500
_MINUTES = 6  # kept at a time: those of now, and those of workers that hand in late hits
_MAX_NUMBER = (1 << 63) - 1
_REMEMBERED = 200_000


Who = tuple[str, int]  # a client's address, and which claim names a device behind it (0: none)


class Known(NamedTuple):
    """Facts, cleaned once, as the recorder needs them for every row."""

    packed: bytes  # of the cleaned facts: the key under which they are stored
    facts: HitFacts
    group: tuple[str, str] | None  # (list, indicator) when names are counted, None for a row that only counts
    folded: bytes  # packed facts of the row that only counts


class Folder:
    """Remembers which names each client asked in the last minutes."""

    def __init__(self) -> None:
        self._known: dict[bytes, Known] = {}
        self._names: dict[int, dict[tuple[Who, tuple[str, str]], set[str]]] = {}

    def know(self, packed: bytes) -> Known:
        """Facts by their bytes; raises BadFrame when they are none. Equal bytes are understood once."""
        known = self._known.get(packed)
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            known = self._known[packed] = _understood(packed)
        return known

    def fold(self, client: Who, second: int, known: Known) -> Known:
        """The facts under which this hit is recorded: its own, or those that only count."""
        if known.group is None:
            return known
        minute = second // 60
        clients = self._names.get(minute)
        if clients is None:
            clients = self._begin(minute)
        names = clients.setdefault((client, known.group), set())
        asked = known.facts.qname
        if known.facts.qtype not in record_types.NAMES:  # there are 65,518 of them: each with a name is another name
            asked = f"{asked} {known.facts.qtype}"
        if asked in names:
            return known
        if len(names) >= MAX_NAMES:
            return self.know(known.folded)
        names.add(asked)
        return known

    def _begin(self, minute: int) -> dict[tuple[Who, tuple[str, str]], set[str]]:
        # The one begun first goes, not the oldest minute: late hits come in order too, and must fold as well.
        while len(self._names) >= _MINUTES:
            del self._names[next(iter(self._names))]
        fresh = self._names[minute] = dict[tuple[Who, tuple[str, str]], set[str]]()
        return fresh


def clean(text: str, limit: int) -> str:
    """Printable text of bounded length: a control or format character becomes \\DDD or \\uXXXX."""
    if not text.isprintable():
        text = "".join(char if char.isprintable() else _escaped(ord(char)) for char in text)
    return text[:limit]


def _escaped(code: int) -> str:
    return f"\\{code:03d}" if code < 256 else f"\\u{code:04x}"


def _understood(packed: bytes) -> Known:
    raw = unpack_facts(packed)
    if not all(0 <= number <= _MAX_NUMBER for number in (raw.qtype, raw.version, raw.line, raw.serial)):
        raise BadFrame("a number out of range")
    facts = msgspec.structs.replace(
        raw,
        qname=clean(raw.qname, MAX_NAME),
        indicator=clean(raw.indicator, MAX_NAME),
        **{
            name: clean(getattr(raw, name), MAX_TEXT)
            for name in ("address", "kind", "family", "list", "campaign", "letter", "source")
        },
    )
    cleaned = packed if facts == raw else pack_facts(facts)
    counted = summary(facts)
    if counted is facts:
        return Known(cleaned, facts, None, cleaned)
    return Known(cleaned, facts, (facts.list, facts.indicator), pack_facts(counted))
