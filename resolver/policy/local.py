"""Names answered here: the operator's own records, and the names that no upstream should ever be asked for.

Reading record lines is contracts.zone_text's and resolver.wire.rare's; which names are special stands in
resolver.policy.special; when this rung is climbed is resolver.engine's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from contracts import names
from contracts.settings import SpecialNames
from contracts.zone_text import DEFAULT_TTL, WILDCARD, Record, read_record
from resolver.policy.special import Zone, special_zones
from resolver.wire import rare, reply
from resolver.wire.constants import NOERROR, NXDOMAIN, TYPE_ANY, TYPE_CNAME, TYPE_NS, TYPE_SOA

Types = Mapping[int, reply.Records]
_LOCAL = "a local record (dns.local_records)"
_NO_LOCAL = "a local record (dns.local_records), of other types only"
# The SOA stands at the asked name itself: the only name we know to be ours. The same octets for every name.
_LOCAL_NO_DATA = reply.no_data(b"\0", b"\0", 1, DEFAULT_TTL)
_TYPE_DS = 43
_TAIL = 3  # octets: what the shortest name has


class LocalAnswer(NamedTuple):
    """What is answered without an upstream, and the reason in words for `explain`."""

    records: reply.Records
    rcode: int
    ede: int | None
    reason: str


class _Node:
    """What is known of one name: its own records, those of `*` right below it, and whose the names below are."""

    __slots__ = ("forwarded", "has_below", "own", "wild", "zone")

    def __init__(self) -> None:
        self.own: Types | None = None
        self.wild: Types | None = None
        self.zone: Zone | None = None
        self.forwarded = False
        self.has_below = False  # names of ours below: it exists, if only as an empty one (RFC 8020 section 2)

    @property
    def decides(self) -> bool:
        """It can bring the search to an end; other nodes only say that a name exists."""
        return self.forwarded or not (self.own is None and self.wild is None and self.zone is None)


class LocalNames:
    """Immutable, built once. `forwarded` are the zones of dns.forward_zones as lower-case wire names.

    The longest match decides. Where two are equally long: a local record, then a forward zone, then a special name.
    """

    def __init__(self, local_records: Iterable[str], special: SpecialNames, forwarded: Iterable[bytes] = ()) -> None:
        """Raise contracts.zone_text.BadRecord for a line that contracts.config would have refused."""
        nodes = self._nodes = dict[bytes, _Node]()
        for zone in special_zones(special):
            nodes.setdefault(zone.name, _Node()).zone = zone
        for name in forwarded:
            if name != b"\0":  # a forward zone of everything is shorter than whatever is here
                self._node(name).forwarded = True
        for owner, types in _record_sets(local_records).items():
            if owner.startswith(WILDCARD):
                self._node(owner[len(WILDCARD) :], below=True).wild = types
            else:
                self._node(owner).own = types
        self._tails = _tails(name for name, node in nodes.items() if node.decides)

    def find(self, name: bytes, qtype: int) -> LocalAnswer | None:
        """The answer for a lower-case wire name, None where it is not ours."""
        tail = self._tails.get(name[-_TAIL:])
        if tail is None or name[tail[0] :] not in tail[1]:
            return None  # nearly every name: two look-ups, below 0.5 us
        nodes = self._nodes
        node = asked = nodes.get(name)
        if node is not None and node.own is not None:
            return _local(node.own, qtype)
        at = 0
        exists = node is not None  # the nearest name that does ends the reach of `*` above it (RFC 4592 section 3.3.1)
        while True:
            if node is not None:
                if node.wild is not None and not exists:
                    return _local(node.wild, qtype)
                if node.forwarded:
                    return None
                if node.zone is not None:
                    return _special(node.zone, name, qtype, asked is not None and asked.has_below)
                exists = True
            size = name[at]
            if not size:
                return None
            at += size + 1
            node = nodes.get(name[at:])

    def _node(self, name: bytes, *, below: bool = False) -> _Node:
        """The node of a name; it and its parents know that there is something below them."""
        for parent in names.parents(name):
            node = self._nodes.setdefault(parent, _Node())
            node.has_below = node.has_below or below
            below = True
        return self._nodes[name]


def _tails(found: Iterable[bytes]) -> dict[bytes, tuple[int, frozenset[bytes]]]:
    """The last octets -> where a name is looked at next, and what may stand there.

    That is the length of the shortest name with this end: a record in gov.vn costs the other names in vn nothing.
    """
    by_end = dict[bytes, list[bytes]]()
    for name in found:
        by_end.setdefault(name[-_TAIL:], []).append(name)
    return {
        end: (-min(map(len, same)), frozenset(name[-min(map(len, same)) :] for name in same))
        for end, same in by_end.items()
    }


def _record_sets(lines: Iterable[str]) -> dict[bytes, Types]:
    """owner -> type -> records. One set has one TTL, its smallest (RFC 2181 section 5.2)."""
    sets = dict[tuple[bytes, int], list[Record]]()
    for line in lines:
        record = read_record(line)
        sets.setdefault((record.owner, record.qtype), []).append(record)
    owners = dict[bytes, dict[int, reply.Records]]()
    for (owner, qtype), records in sets.items():
        ttl = min(record.ttl for record in records)
        owners.setdefault(owner, {})[qtype] = rare.answer(qtype, ttl, [rare.encode(record) for record in records])
    return dict(owners)


def _of_type(types: Types, qtype: int) -> reply.Records | None:
    """The records of a type. A CNAME stands for every type; ANY gets one set of them (RFC 8482 section 4.1)."""
    found = types.get(qtype) or types.get(TYPE_CNAME)
    if found is None and qtype == TYPE_ANY:
        return next(iter(types.values()), None)
    return found


def _local(types: Types, qtype: int) -> LocalAnswer:
    found = _of_type(types, qtype)
    if found is None:
        return LocalAnswer(_LOCAL_NO_DATA, NOERROR, None, _NO_LOCAL)
    return LocalAnswer(found, NOERROR, None, _LOCAL)


def _special(zone: Zone, name: bytes, qtype: int, has_below: bool) -> LocalAnswer | None:
    """The answer of a zone that is special, for a name in it; `has_below`: local or forwarded names lie below."""
    types = zone.everywhere if zone.everywhere is not None else zone.names.get(name)
    if types is not None:
        found = _of_type(types, qtype)
        if found is not None:
            return LocalAnswer(found, NOERROR, None, zone.reason)
    soa = reply.no_data(name, zone.name, 1, zone.ttl)
    if zone.delegated and name == zone.name:
        if qtype == _TYPE_DS:
            return None  # the parent's to answer, who proves that there is none: RFC 8375 section 4, item 4
        if qtype in {TYPE_SOA, TYPE_ANY}:
            return LocalAnswer(msgspec.structs.replace(soa, answers=1, authorities=0), NOERROR, None, zone.reason)
        if qtype == TYPE_NS:
            return LocalAnswer(zone.servers, NOERROR, None, zone.reason)
    rcode = NOERROR if types is not None or has_below else NXDOMAIN
    return LocalAnswer(soa, rcode, zone.ede if rcode else None, zone.reason)
