"""MISP events, as exported or as in a feed: attributes that are names or addresses, also those inside objects.

Read inside blocklists.formats.confined only. Attributes that the sender did not mark for detection are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

import msgspec

from blocklists.formats import entry, jsonfile
from blocklists.formats.jsonfile import ABSENT, Misshapen, date, is_list, is_there, is_true, objects, piece, text
from blocklists.indicator import BadLine, Indicator, Item, Remark, Unreadable, bad_line, folded
from blocklists.normalise import Unusable

_SINGLE = {"domain", "hostname", "ip-dst", "ip-src", "url"}
_PAIRS = {"domain|ip", "ip-dst|port", "ip-src|port", "hostname|port"}
_CATEGORIES = {
    "Network activity": "c2",
    "Payload delivery": "delivery",
    "Payload installation": "delivery",
    "Artifacts dropped": "delivery",
}
# Words of a tag that say what kind its attributes are of. Galaxies are left out: they tell of techniques, not of this.
_TAGS = (
    (re.compile(r"phishing|scam", re.IGNORECASE), "phishing"),
    (re.compile(r'kill-chain:"?command and control|(?:^|[:="])(?:c2|c&c|botnet)(?:$|")', re.IGNORECASE), "c2"),
    (re.compile(r'kill-chain:"?(?:delivery|installation)', re.IGNORECASE), "delivery"),
)
_GALAXY_TAG = re.compile(r'misp-galaxy:([a-z0-9-]{1,60})="(.{1,200})"').fullmatch
_FAMILIES = frozenset(
    {
        *("malpedia", "mitre-malware", "mitre-enterprise-attack-malware", "mitre-mobile-attack-malware", "tool"),
        *("mitre-tool", "mitre-enterprise-attack-tool", "mitre-mobile-attack-tool", "ransomware", "rat", "banker"),
        *("stealer", "botnet", "backdoor", "android", "cryptominers"),
    }
)
_MITRE_NUMBER = re.compile(r" - S[0-9]{4}$")


class _Top(msgspec.Struct, rename={"event": "Event"}):
    response: msgspec.Raw = ABSENT
    event: msgspec.Raw = ABSENT


class _Event(
    msgspec.Struct,
    rename={"org": "Orgc", "tags": "Tag", "galaxies": "Galaxy", "attributes": "Attribute", "objects": "Object"},
):
    id: Any = None
    uuid: Any = None
    info: Any = None
    date: Any = None
    org: Any = None
    tags: Any = None
    galaxies: Any = None
    attributes: list[msgspec.Raw] | None = None
    objects: list[msgspec.Raw] | None = None


class _Object(msgspec.Struct, rename={"attributes": "Attribute"}):
    attributes: list[msgspec.Raw] | None = None


class _Attribute(msgspec.Struct, rename={"tags": "Tag", "galaxies": "Galaxy"}):
    type: Any = None
    value: Any = None
    category: Any = None
    to_ids: Any = True  # MISP's own default for these types
    deleted: Any = False
    comment: Any = None
    tags: Any = None
    galaxies: Any = None


class _Facts(NamedTuple):
    """What an event says of all its attributes."""

    place: str
    info: str = ""
    source: str = ""
    listed: str = ""
    kind: str = ""
    families: tuple[str, ...] = ()


def parse(file: BinaryIO) -> Iterator[Item]:
    """Indicators of all events; attributes are numbered through all of them. Raises Unreadable."""
    number = marked = unmarked = 0
    try:
        events = [*_events(jsonfile.read(file))]
    except Misshapen as error:
        raise Unreadable(f"no JSON of MISP: {error}") from error
    for place, raw in enumerate(events, 1):
        for inside, one in enumerate(_attributes(raw, f"event {place}"), 1):
            number += 1
            if isinstance(one, Misshapen):
                yield bad_line(number, "", f"not laid out as in MISP: {one}", place=f"event {place} attribute {inside}")
                continue
            facts, attribute = one
            where = f"{facts.place} attribute {inside}"
            if _is_ours(attribute):
                marked += is_true(attribute.to_ids)
                unmarked += not is_true(attribute.to_ids)
            yield from _taken(number, where, attribute, facts)
    if unmarked and not marked:
        yield Remark(
            f"none of the {unmarked} names and addresses is marked for detection (to_ids), so none was taken: let the "
            "sender mark them, or import those that are meant as a plain list"
        )


def _events(data: bytes) -> Iterator[msgspec.Raw]:
    """Events, in each of the wrappings that MISP puts around them. Raises Misshapen."""
    whole = msgspec.Raw(data)
    for raw in piece(whole, list[msgspec.Raw]) if is_list(whole) else [whole]:
        top = piece(raw, _Top)
        inside = top.response if is_there(top.response) else raw  # a search for attributes answers with no event
        for one in piece(inside, list[msgspec.Raw]) if is_list(inside) else [inside]:
            event = piece(one, _Top).event
            yield event if is_there(event) else one


def _attributes(raw: msgspec.Raw, place: str) -> Iterator[tuple[_Facts, _Attribute] | Misshapen]:
    """Attributes of an event, then those of its objects; an event without any shape is one bad attribute."""
    try:
        event = piece(raw, _Event)
        facts = _facts(event, place)
    except Misshapen as error:
        yield error
        return
    for one in event.attributes or ():
        yield _attribute(one, facts)
    for one in event.objects or ():
        try:
            inside = piece(one, _Object).attributes or ()
        except Misshapen as error:
            yield error
        else:
            yield from (_attribute(each, facts) for each in inside)


def _attribute(raw: msgspec.Raw, facts: _Facts) -> tuple[_Facts, _Attribute] | Misshapen:
    try:
        return facts, piece(raw, _Attribute)
    except Misshapen as error:
        return error


def _facts(event: _Event, place: str) -> _Facts:
    name = text(event.id) or text(event.uuid)
    org = text(event.org.get("name")) if isinstance(event.org, dict) else ""
    families = _families(event.tags, event.galaxies)
    return _Facts(
        f"event {name}" if name else place, text(event.info), org, date(event.date), _kind(event.tags), families
    )


def _is_ours(attribute: _Attribute) -> bool:
    return isinstance(attribute.type, str) and attribute.type in _SINGLE | _PAIRS and not is_true(attribute.deleted)


def _taken(number: int, place: str, attribute: _Attribute, facts: _Facts) -> Iterator[Indicator | BadLine]:
    value = attribute.value if isinstance(attribute.value, str) else text(attribute.value)
    reason = ""
    if is_true(attribute.deleted):
        reason = "deleted by who sent it"
    elif not _is_ours(attribute):
        reason = f"{text(attribute.type)[:60] or 'no type'}: nothing that a question for a name could show"
    elif not is_true(attribute.to_ids):
        reason = "not marked for detection (to_ids is false)"
    if reason:
        yield bad_line(number, text(value), reason, unsupported=True, place=place)
        return
    kind = _kind(attribute.tags) or facts.kind
    if not kind and isinstance(attribute.category, str):
        kind = _CATEGORIES.get(attribute.category, "")
    families = _families(attribute.tags, attribute.galaxies) or facts.families
    note = ": ".join(filter(None, (facts.info, text(attribute.comment))))
    for part, port in _parts(str(attribute.type), value):
        try:
            found = entry.listed(part)
            if port and not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536):
                raise Unusable("not an address with a port")
        except Unusable as error:
            yield bad_line(number, text(part), str(error), place=place)
        else:
            yield Indicator(
                number,
                found.name,
                found.address,
                (int(port) if port else found.port) if found.address else 0,
                kind=kind,
                family=families[0] if len(families) == 1 else "",  # of several nobody can say which it is
                source=facts.source,
                listed=facts.listed,
                note=entry.note_of(found, part, note),
                reduced=found.path,
                place=place,
            )


def _parts(kind: str, value: str) -> Iterator[tuple[str, str]]:
    """Names and addresses of a value, each with its port or ""."""
    if kind not in _PAIRS:
        yield value, ""
        return
    first, _, second = value.partition("|")
    if kind == "domain|ip":
        yield first, ""
        yield second, ""
    else:
        yield first, second.strip()


def _kind(tags: object) -> str:
    names = [text(one.get("name")) for one in objects(tags)]
    plain = [name for name in names if not name.startswith("misp-galaxy:")]
    return next((kind for words, kind in _TAGS for name in plain if words.search(name)), "")


def _families(tags: object, galaxies: object) -> tuple[str, ...]:
    """Malware that tags and galaxies name, each once."""
    found = dict[str, str]()
    pairs = [match.groups() for one in objects(tags) if (match := _GALAXY_TAG(text(one.get("name"))))]
    for galaxy in objects(galaxies):
        pairs += [(text(galaxy.get("type")), text(one.get("value"))) for one in objects(galaxy.get("GalaxyCluster"))]
    for kind, value in pairs:
        if kind in _FAMILIES and (name := _MITRE_NUMBER.sub("", value)):
            found.setdefault(folded(name), name)
    return tuple(found.values())
