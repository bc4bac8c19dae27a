"""What policy says of a question: a Verdict, with the records to answer and the facts of its hit.

Finding the match is resolver.policy.ladder's; writing the answer is resolver.wire.reply's.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from contracts.hit import Action, HitFacts, Transport, pack_facts
from contracts.names import to_text
from contracts.networks import address_text
from contracts.policy import ManifestEntry, Match
from resolver.policy.addresses import Pool
from resolver.wire import reply
from resolver.wire.constants import EDE_BLOCKED, EDE_FORGED, TYPE_A, TYPE_AAAA


class HitTemplate:
    """All of a hit but who and when, packed once. Compared by identity: that is what makes folding hits cheap."""

    __slots__ = ("facts",)

    def __init__(self, facts: HitFacts) -> None:
        self.facts = pack_facts(facts)


class Verdict:
    """`records` is None where the question goes on to the cache and upstream."""

    __slots__ = ("_facts", "_hits", "action", "address", "ede", "entry", "match", "records")

    def __init__(self, action: Action | Literal["forward"], records: reply.Records | None = None,
                 ede: int | None = None) -> None:  # fmt: skip
        self.action = action
        self.records = records
        self.ede = ede
        self.address = ""
        self.match: Match | None = None
        self.entry: ManifestEntry | None = None
        self._facts: HitFacts | None = None
        self._hits: dict[Transport, HitTemplate] = {}

    def hit(self, transport: Transport) -> HitTemplate | None:
        """The hit to record for one such question; None where nothing is listed."""
        found = self._hits.get(transport)
        if found is None and self._facts is not None:
            found = self._hits[transport] = HitTemplate(msgspec.structs.replace(self._facts, transport=transport))
        return found

    def describe(self, name: bytes, qtype: int, serial: int) -> None:
        """Fill in the hit's facts from match and entry."""
        match, entry = self.match, self.entry
        if match is None or entry is None or self.action == "forward":
            return
        self._facts = HitFacts(
            qname=to_text(name), qtype=qtype, transport="udp", action=self.action, address=self.address,
            indicator=to_text(match.name), subdomains=match.subdomains, kind=match.kind, family=match.family,
            list=entry.list, version=entry.version, line=match.line, campaign=entry.campaign, letter=match.letter,
            source=match.source, serial=serial,
        )  # fmt: skip


FORWARD = Verdict("forward")


def listed(name: bytes, qtype: int, match: Match, entry: ManifestEntry, pool: Pool, serial: int, ttl: int) -> Verdict:
    """The verdict on a listed name: by the list's mode, then by the type asked."""
    if entry.mode != "enforce":
        verdict = Verdict("passthru" if entry.mode == "passthru" else "monitor")
    else:
        verdict = _sinkholed(name, qtype, match, pool, serial, ttl)
    verdict.match, verdict.entry = match, entry
    verdict.describe(name, qtype, serial)
    return verdict


def _sinkholed(name: bytes, qtype: int, match: Match, pool: Pool, serial: int, ttl: int) -> Verdict:
    packed = None
    if qtype == TYPE_A:
        packed = pool.ipv4(match.hash32)
    elif qtype == TYPE_AAAA:
        packed = pool.ipv6(match.hash32)
    if packed is None:  # HTTPS and SVCB too: their hints would lead to the real address (RFC 9460)
        return Verdict("nodata", reply.no_data(name, match.name, serial, ttl), EDE_BLOCKED)
    verdict = Verdict("sinkhole", reply.address(packed, ttl), EDE_FORGED)
    verdict.address = address_text(packed)
    return verdict
