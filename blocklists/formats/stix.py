"""STIX 2.0 and 2.1 bundles: names and addresses that indicators compare with, and the malware these indicate.

Read inside blocklists.formats.confined only. What was only observed is no accusation: see `parse`.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, NamedTuple

import msgspec

from blocklists.formats import entry, jsonfile
from blocklists.formats.jsonfile import Misshapen, date, is_true, objects, piece, text
from blocklists.formats.stix_pattern import BadPattern, Comparison, comparisons
from blocklists.indicator import KINDS, BadLine, Indicator, Item, Remark, Unreadable, bad_line, folded
from blocklists.normalise import Unusable

_OBSERVABLES = {"domain-name", "ipv4-addr", "ipv6-addr", "url"}
_PATHS = {f"{kind}:value" for kind in _OBSERVABLES} | {
    "network-traffic:dst_ref.value",
    "domain-name:resolves_to_refs[*].value",
}
_TAKEN = {"=", "IN", "ISSUBSET"}  # a subset of a network: the network itself
_PHASES = {"command-and-control": "c2", "c2": "c2", "delivery": "delivery", "installation": "delivery"}


class _Bundle(msgspec.Struct):
    objects: list[msgspec.Raw]
    more: Any = False  # of a TAXII server's page


class _Object(msgspec.Struct):
    """What is read of any object; the type says which of it there should be."""

    type: str = ""
    id: Any = None
    name: Any = None
    description: Any = None
    created: Any = None
    modified: Any = None
    revoked: Any = False
    created_by_ref: Any = None
    pattern: Any = None
    pattern_type: Any = "stix"
    valid_from: Any = None
    valid_until: Any = None
    labels: Any = None
    indicator_types: Any = None
    kill_chain_phases: Any = None
    relationship_type: Any = None
    source_ref: Any = None
    target_ref: Any = None
    value: Any = None
    objects: Any = None


class _Numbered(NamedTuple):
    number: int
    one: _Object

    @property
    def place(self) -> str:
        """The object's own id, by which people search the file; its number where it has none."""
        return text(self.one.id)[:100] or f"object {self.number}"


class _Context:
    """What other objects say of an indicator."""

    def __init__(self) -> None:
        self.names = dict[str, str]()  # of who made it
        self.malware = dict[str, str]()
        self.indicated = dict[str, list[str]]()
        self.newest = dict[str, tuple[str, int]]()  # of an indicator that is there in several versions

    def note(self, number: int, one: _Object) -> None:
        """Keep of an object what others may ask for."""
        name = text(one.id)
        if one.type == "identity":
            self.names[name] = text(one.name)
        elif one.type in {"malware", "tool"}:
            self.malware[name] = text(one.name)
        elif one.type == "relationship" and one.relationship_type == "indicates" and not is_true(one.revoked):
            self.indicated.setdefault(text(one.source_ref), []).append(text(one.target_ref))
        elif one.type == "indicator" and name:
            self.newest[name] = max(self.newest.get(name, ("", 0)), (text(one.modified), number))

    def family(self, one: _Object) -> str:
        """The malware it indicates; "" for none, and for several, of which nobody can say which it is."""
        targets = self.indicated.get(text(one.id), ())
        found = {folded(name): name for ref in targets if (name := self.malware.get(ref, ""))}
        return next(iter(found.values())) if len(found) == 1 else ""


def parse(file: BinaryIO) -> Iterator[Item]:
    """Indicators of a bundle, or of a TAXII server's answer, numbered as its objects. Raises Unreadable.

    Observed names are taken only where the bundle has no indicator at all: then they are all it can have been sent for.
    """
    try:
        bundle = piece(jsonfile.read(file), _Bundle)
    except Misshapen as error:
        raise Unreadable(f"no STIX bundle: {error}") from error
    context = _Context()
    listed, observed = list[_Numbered](), list[_Numbered]()
    for number, raw in enumerate(bundle.objects, 1):
        try:
            one = piece(raw, _Object)
        except Misshapen as error:
            yield bad_line(number, "", f"no STIX object: {error}", place=f"object {number}")
            continue
        context.note(number, one)
        if one.type == "indicator":
            listed.append(_Numbered(number, one))
        elif one.type == "observed-data" or one.type in _OBSERVABLES:
            observed.append(_Numbered(number, one))
    now = datetime.datetime.now(datetime.UTC)
    for each in listed:
        yield from _indicator(each, context, now)
    seen = [*_observed(observed)]
    for each, value in seen:
        if listed:
            reason = "only observed: no indicator says that it is bad"
            yield bad_line(each.number, value, reason, unsupported=True, place=each.place)
        else:
            yield from _taken([value], each, context)
    if seen and not listed:
        yield Remark(f"the bundle has no indicator: its {len(seen)} observed names and addresses were taken instead")
    if is_true(bundle.more):
        yield Remark("this is one page of a larger answer: the server has more")


def _indicator(each: _Numbered, context: _Context, now: datetime.datetime) -> Iterator[Indicator | BadLine]:
    one = each.one
    pattern = one.pattern if isinstance(one.pattern, str) else ""
    if reason := _left_out(each, context, now):
        yield bad_line(each.number, pattern, reason, unsupported=True, place=each.place)
        return
    try:
        found = comparisons(pattern)
    except BadPattern as error:
        yield bad_line(each.number, pattern, str(error), place=each.place)
        return
    for comparison in found:
        if reason := _not_followed(comparison):
            told = f"{comparison.path} {comparison.operator} {', '.join(comparison.values)}"
            yield bad_line(each.number, told, reason, unsupported=True, place=each.place)
        else:
            yield from _taken(comparison.values, each, context)


def _left_out(each: _Numbered, context: _Context, now: datetime.datetime) -> str:
    """Why nothing of an indicator is taken; "" when something may be."""
    one = each.one
    if is_true(one.revoked):
        return "revoked by who made it"
    newest = context.newest.get(text(one.id))
    if newest is not None and newest[1] != each.number:
        return "a newer version of it is in the bundle"
    until = _time(one.valid_until)
    if until is not None and until <= now:
        return f"valid only until {date(one.valid_until)}"
    if one.pattern_type not in ("stix", None):
        return f"a pattern of another language: {text(one.pattern_type)[:40]}"
    labels = _labels(one)
    return "benign, says who made it" if labels and labels <= {"benign"} else ""


def _not_followed(comparison: Comparison) -> str:
    if comparison.path not in _PATHS:
        return f"{comparison.path[:80]}: nothing that a question for a name could show"
    if comparison.operator not in _TAKEN:
        return f"the comparison {comparison.operator} names nothing that could be listed"
    return ""


def _taken(values: Iterable[str], each: _Numbered, context: _Context) -> Iterator[Indicator | BadLine]:
    one = each.one
    for value in values:
        try:
            found = entry.listed(value)
        except Unusable as error:
            yield bad_line(each.number, value, str(error), place=each.place)
            continue
        yield Indicator(
            each.number,
            found.name,
            found.address,
            found.port,
            kind=_kind(one),
            family=context.family(one),
            source=context.names.get(text(one.created_by_ref), ""),
            listed=date(one.valid_from) or date(one.created),
            note=entry.note_of(found, value, text(one.name) or text(one.description)),
            reduced=found.path,
            place=each.place,
        )


def _observed(found: list[_Numbered]) -> Iterator[tuple[_Numbered, str]]:
    """Names and addresses that were observed: objects of their own (2.1), or inside observed data (2.0)."""
    for each in found:
        inside = each.one.objects if isinstance(each.one.objects, dict) else {}
        for one in ({"type": each.one.type, "value": each.one.value}, *objects(list(inside.values()))):
            kind, value = one.get("type"), one.get("value")
            if isinstance(kind, str) and kind in _OBSERVABLES and isinstance(value, str):
                yield each, value


def _labels(one: _Object) -> set[str]:
    found = [
        *(one.indicator_types if isinstance(one.indicator_types, list) else ()),
        *(one.labels if isinstance(one.labels, list) else ()),
    ]
    return {folded(label) for label in found if isinstance(label, str)}


def _kind(one: _Object) -> str:
    """By its labels, or by the phase of the kill chain it belongs to."""
    for label in sorted(_labels(one)):
        if kind := KINDS.get(label) or KINDS.get(label.replace("-", " ")):
            return kind
    phases = [folded(text(phase.get("phase_name"))) for phase in objects(one.kill_chain_phases)]
    return next((_PHASES[phase] for phase in phases if phase in _PHASES), "")


def _time(value: object) -> datetime.datetime | None:
    try:
        found = datetime.datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found.replace(tzinfo=datetime.UTC) if found and found.tzinfo is None else found
