"""Response policy zones (draft-vixie-dnsop-dns-rpz, as BIND reads them): a zone file -> indicators with actions.

No other format's rules here, and no judgement what may be listed. Syntax is zonefile's, data of records rdata's.

The zone's own name is the owner of its SOA record, else its first $ORIGIN, else what was asked, else the root: then
every owner is the listed name itself. Names are kept as they stand: a zone may list what no host is called.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Literal, NamedTuple

from blocklists.formats import rdata
from blocklists.formats.rpz_triggers import Trigger, Unsupported, trigger_of
from blocklists.formats.zonefile import Entry, Malformed, Reader, record, seconds
from blocklists.indicator import BadLine, Indicator, bad_line
from contracts.names import BadName, labels, to_text, to_wire
from contracts.segment import Data, RuleAction
from contracts.zone_text import DEFAULT_TTL

MAX_RECORDS, MAX_OCTETS = 100, 16_384  # of one owner's local data: what answers can hold
_REMEMBERED = 10_000  # distinct targets and data
_MAX_NAME = 253

# Nearly every line of nearly every zone, so made quick: `name CNAME target` and `name A address`, plain names only.
_PLAIN = re.compile(
    r"((?:\*\.)?(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\.?)[ \t]+(?:([0-9]{1,9})[ \t]+)?(?:IN[ \t]+)?"
    r"(CNAME|A|AAAA)[ \t]+([a-z0-9_*.:-]+)[ \t]*(?:;.*)?",
    re.IGNORECASE | re.ASCII,
).fullmatch
_ACTIONS: dict[str, RuleAction] = {
    ".": "nxdomain",
    "*.": "nodata",
    "rpz-passthru.": "passthru",
    "rpz-drop.": "drop",
    "rpz-tcp-only.": "tcp-only",
}
_CNAME, _SOA = 5, 6
NamedBy = Literal["SOA record", "$ORIGIN", "asked", "nobody"]  # whose word the name of the zone is


class _Asked(NamedTuple):
    action: RuleAction
    target: str = ""


def parse(
    lines: Iterable[bytes], zone: str = "", tell: Callable[[str, NamedBy], None] | None = None
) -> Iterator[Indicator | BadLine]:
    """Indicators in file order, local data last: its records may stand apart. `zone`: its name, if nothing says it.

    At the end `tell` hears which name was taken ("" is the root), and who named it.
    """
    reader, state = Reader(lines), _Zone(zone)
    for item in reader:
        if isinstance(item, BadLine):
            state.owner = None
            yield item
            continue
        number, text = item
        found = _PLAIN(text)
        taken = state.plain(number, found) if found is not None else False
        if taken is False:
            entry = reader.entry(number, text)
            if isinstance(entry, BadLine):
                state.owner = None
                yield entry
            elif entry is not None and (one := state.take(entry)) is not None:
                yield one
        elif taken is not True:
            yield taken
    yield from state.local_data()
    if tell is not None:
        tell(state.zone, state.named_by)


class _Zone:
    """What the lines so far have said."""

    def __init__(self, zone: str) -> None:
        self.owner: str | None = None  # whole name of the last record, None where that could not be read
        self._asked = self.zone = zone.removesuffix(".")
        self.named_by: NamedBy = "asked" if self.zone else "nobody"
        self._origin: str | None = self.zone  # None behind a $ORIGIN that could not be read
        self._explicit = False  # a $ORIGIN was given
        self._settled = False  # the SOA record was seen
        self._ttl = DEFAULT_TTL
        self._targets = dict[str, _Asked]()
        self._data = dict[tuple[str, tuple[str, ...], int], Data]()
        self._local = dict[tuple[str, str], tuple[int, tuple[Data, ...]]]()

    def plain(self, number: int, found: re.Match[str]) -> Indicator | bool:
        """A record of plain names whose data was read before. True: taken; False: it needs a closer look."""
        owner, ttl, kind, value = found.groups()
        origin, zone = self._origin, self.zone
        if origin is None:
            return False
        owner = owner.lower()
        full = owner[:-1] if owner[-1] == "." else f"{owner}.{origin}" if origin else owner
        if zone and not full.endswith(f".{zone}"):
            return False
        name = full[: -len(zone) - 1] if zone else full
        wild = name[0] == "*"
        if "rpz-" in name or len(full) > _MAX_NAME or name == "*":
            return False
        if len(kind) < 5:
            return self._plain_data(number, full, ("below", name[2:]) if wild else ("name", name), ttl, kind, value)
        asked = self._targets.get(value)
        if asked is None or name == asked.target:
            return False
        self.owner = full
        if wild:
            return Indicator(number, name[2:], itself=False, action=asked.action, target=asked.target)
        return Indicator(number, name, subdomains=False, action=asked.action, target=asked.target)

    def _plain_data(self, number: int, full: str, key: tuple[str, str], ttl: str | None, kind: str, value: str) -> bool:
        """The first record of an owner, with an address that others have too."""
        one = self._data.get((kind.upper(), (value,), self._ttl if ttl is None else int(ttl)))
        if one is None or key in self._local:
            return False
        self.owner = full
        self._local[key] = number, (one,)
        return True

    def take(self, entry: Entry) -> Indicator | BadLine | None:
        """Any record or directive."""
        try:
            if entry.words[0].startswith("$") and not entry.indented:
                self._directive(entry.words)
                return None
            return self._record(entry)
        except Unsupported as error:
            return bad_line(entry.line, entry.text, str(error), unsupported=True)
        except (Malformed, BadName) as error:
            return bad_line(entry.line, entry.text, str(error))

    def local_data(self) -> Iterator[Indicator]:
        """What was gathered of records that are to be answered."""
        for (kind, key), (number, data) in self._local.items():
            ttls = dict[int, int]()
            for one in data:  # RFC 2181 section 5.2: one TTL for all records of a type
                ttls[one.qtype] = min(one.ttl, ttls.get(one.qtype, one.ttl))
            same = dict.fromkeys(Data(one.qtype, ttls[one.qtype], one.rdata) for one in data)
            yield Trigger(kind, key).indicator(number, "local", data=(*same,))

    def _directive(self, words: tuple[str, ...]) -> None:
        name = words[0].upper()
        if name == "$ORIGIN":
            origin, self._origin = self._origin, None
            if len(words) != 2:
                raise Malformed("expected $ORIGIN and a name")
            self._origin = self._whole(words[1], origin)
            if not (self._settled or self._explicit or (self._asked and _within(self._origin, self._asked))):
                self.zone, self.named_by = self._origin, "$ORIGIN"
            self._explicit = True
            self._forget_relative()
        elif name == "$TTL":
            if len(words) != 2:
                raise Malformed("expected $TTL and a number")
            self._ttl = seconds(words[1])
        elif name == "$INCLUDE":
            raise Malformed("other files are not read: give this one with their lines in it")
        else:
            raise Malformed(f"{name[:20]} is not read here")

    def _whole(self, text: str, origin: str | None) -> str:
        """A name as written -> the whole name, canonical, without its final dot; "" is the root."""
        if text != "@" and text.endswith(".") and (len(text) - len(text[:-1].rstrip("\\"))) % 2:
            written = text
        elif origin is None:
            raise Malformed("a relative name behind a $ORIGIN that could not be read")
        else:
            written = origin if text == "@" else f"{text}.{origin}"
        name = to_text(to_wire(written))
        return "" if name == "." else name

    def _record(self, entry: Entry) -> Indicator | BadLine | None:
        words = entry.words
        if not entry.indented:
            self.owner = None
            self.owner = self._whole(words[0], self._origin)
            words = words[1:]
        elif self.owner is None:
            raise Malformed("no owner, and the line before has none that can be read")
        ttl, kind, data = record(words)
        qtype = rdata.number_of(kind)
        if qtype in rdata.DNSSEC:
            return None
        if qtype == _SOA and self._take_soa(self.owner):
            return None
        if not _within(self.owner, self.zone):
            raise Malformed(f"outside of the zone {self.zone}")
        if self.owner == self.zone:
            if qtype == _CNAME:
                raise Malformed("the zone's own name lists nothing")
            return None
        trigger = trigger_of(self.owner, self.zone)
        if qtype == _CNAME:
            asked = self._target(data, trigger)
            return trigger.indicator(entry.line, asked.action, target=asked.target)
        self._gather(entry.line, trigger, self._read(kind, qtype, data, self._ttl if ttl is None else ttl))
        return None

    def _take_soa(self, owner: str) -> bool:
        """Whether this is the zone's own SOA record: the first one, or that again, as at the end of a transfer."""
        if not self._settled:
            self._settled = True
            self.zone, self.named_by = owner, "SOA record"
            if not self._explicit:
                self._origin = owner
            self._forget_relative()
        return owner == self.zone

    def _forget_relative(self) -> None:
        """What was read of relative names means another now."""
        self._targets.clear()
        self._data.clear()

    def _target(self, words: tuple[str, ...], trigger: Trigger) -> _Asked:
        """What a CNAME record asks for."""
        if len(words) != 1:
            raise Malformed("a CNAME record has one name")
        word = words[0].lower()
        asked = self._targets.get(words[0])
        if asked is None:
            asked = self._new_target(word)
            if len(self._targets) >= _REMEMBERED:
                self._targets.clear()
            self._targets[words[0]] = asked
        # What names itself is let through: the older way to write rpz-passthru.
        return _Asked("passthru") if asked.action == "alias" and asked.target == trigger.itself else asked

    def _new_target(self, word: str) -> _Asked:
        if word in _ACTIONS:
            return _Asked(_ACTIONS[word])
        if f"{word}." in _ACTIONS:
            if not self._origin:
                return _Asked(_ACTIONS[f"{word}."])
            raise Malformed(f"{word} without its final dot is a name in the zone")
        target = self._whole(word, self._origin)
        if not target:
            return _Asked("nxdomain")
        last = target.rpartition(".")[2]
        if last.startswith("rpz-"):
            raise Malformed(f"an unknown action: {target[:60]}")
        return _Asked("alias", target)

    def _read(self, kind: str, qtype: int, words: tuple[str, ...], ttl: int) -> Data:
        key = (kind, words, ttl)
        found = self._data.get(key)
        if found is None:
            found = Data(qtype, ttl, rdata.octets(kind, qtype, words, self._origin or ""))
            if len(self._data) >= _REMEMBERED:
                self._data.clear()
            self._data[key] = found
        return found

    def _gather(self, number: int, trigger: Trigger, one: Data) -> None:
        key = (trigger.kind, trigger.text)
        first, known = self._local.get(key, (number, ()))
        if one in known:
            return
        if len(known) >= MAX_RECORDS:
            raise Malformed(f"more than {MAX_RECORDS} records of one name")
        if sum(len(other.rdata) for other in known) + len(one.rdata) > MAX_OCTETS:
            raise Malformed(f"more than {MAX_OCTETS} octets of data of one name")
        self._local[key] = first, (*known, one)


@lru_cache(256)
def _within(name: str, zone: str) -> bool:
    """Whether a whole name is the zone's or below it; a dot inside a label is none between labels."""
    if not zone or name == zone:
        return True
    if not name.endswith(f".{zone}"):
        return False
    ends, above = [*labels(to_wire(name))], [*labels(to_wire(zone))]
    return len(ends) > len(above) and ends[-len(above) :] == above
