"""What a list asks to be done, between a label of the library (text) and a rule of a segment (octets).

No database and no files; what a rule means is resolver.policy's business.
"""

from __future__ import annotations

import msgspec

from blocklists.indicator import Indicator
from blocklists.library import Label
from contracts.names import to_wire
from contracts.segment import Data, Labels, Rule, RuleAction


def label_of(one: Indicator, kind: str) -> Label:
    """The label of an indicator that is of this kind."""
    return kind, one.family, one.letter, one.source, one.listed, one.action, one.target, _written(one.data)


def rule_of(label: Label) -> Rule:
    """The rule of what has this label."""
    kind, family, letter, source, _listed, action, target, data = label
    return Rule(
        Labels(kind, family, letter, source),
        msgspec.convert(action, RuleAction),
        to_wire(target) if target else b"",
        _read(data),
    )


def _written(data: tuple[Data, ...]) -> str:
    """A line for each record: type, TTL, octets."""
    return "\n".join(f"{one.qtype} {one.ttl} {one.rdata.hex()}" for one in data)


def _read(text: str) -> tuple[Data, ...]:
    parts = (line.split(" ") for line in text.splitlines())
    return tuple(Data(int(qtype), int(ttl), bytes.fromhex(octets)) for qtype, ttl, octets in parts)
