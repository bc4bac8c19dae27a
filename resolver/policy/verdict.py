"""What policy says of a question: a Verdict, with the records to answer and the facts of its hit.

Finding the match is resolver.policy.ladder's; writing the answer is resolver.wire.reply's.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from contracts.hit import Action, HitFacts, Step, Transport, pack_facts
from contracts.names import to_text
from contracts.networks import address_text, network_text
from contracts.policy import ManifestEntry
from contracts.pool import Pool
from contracts.segment import Match, is_network, network_of
from contracts.zone_text import WILDCARD
from resolver.wire import reply
from resolver.wire.constants import (
    EDE_BLOCKED,
    EDE_FORGED,
    NOERROR,
    NXDOMAIN,
    TYPE_A,
    TYPE_AAAA,
    TYPE_CNAME,
)


class Found(msgspec.Struct, frozen=True, gc=False):
    """A match, in which list, and what of the question or its answer it was about."""

    match: Match
    entry: ManifestEntry
    step: Step
    serial: int  # of the policy

    @property
    def indicator(self) -> str:
        """The listed name or network as text."""
        return indicator_text(self.match)


def indicator_text(match: Match) -> str:
    """`evil.example`, `192.0.2.7` or `192.0.2.0/24`."""
    if not is_network(match.indicator):
        return to_text(match.indicator)
    return network_text(network_of(match.indicator))


class Verdict(msgspec.Struct, eq=False):
    """What is to be done: answer with `records`; or, where there are none, what `way` says.

    forward: as usual, and the answer is judged, too. final: as usual, and that is all. drop: no answer at all.
    tcp-only: truncated by UDP, as usual by TCP. alias: what the name `target` has, behind a CNAME.
    """

    action: Action | Literal["forward", "allowed", "exempt"]
    way: Literal["forward", "final", "answer", "drop", "tcp-only", "alias"] = "forward"
    asked: tuple[bytes, int] = (b"\0", 0)  # wire name, type
    found: Found | None = None
    records: reply.Records | None = None
    ede: int | None = None
    rcode: int = NOERROR
    address: bytes = b""
    target: bytes = b""
    _packed: dict[tuple[Transport, bool], bytes] | None = None

    def hit(self, transport: Transport, *, verified: bool = False) -> bytes | None:
        """Packed facts of the hit to record for one such question, made once; None where nothing is listed.

        `verified`: by its cookie the client has shown that it reads what is sent to its address.
        """
        found = self.found
        if found is None:
            return None
        if self._packed is None:
            self._packed = {}
        kind = (transport, verified)
        packed = self._packed.get(kind)
        if packed is None:
            packed = self._packed[kind] = pack_facts(self._facts(found, transport, verified=verified))
        return packed

    @property
    def address_text(self) -> str:
        """The sinkhole address given, "" where none is."""
        return address_text(self.address) if self.address else ""

    def _facts(self, found: Found, transport: Transport, *, verified: bool) -> HitFacts:
        assert self.action != "forward"
        assert self.action != "allowed"
        assert self.action != "exempt"
        return hit_facts(found, self.asked, self.action, transport, address=self.address_text, verified=verified)


def hit_facts(found: Found, asked: tuple[bytes, int], action: Action, transport: Transport, *, address: str = "",
              verified: bool = False) -> HitFacts:  # fmt: skip
    """What is recorded of a question (wire name, type) that met this match."""
    match, entry, (name, qtype) = found.match, found.entry, asked
    qname, (kind, family, letter, source) = to_text(name), match.rule.labels
    indicator = qname if match.indicator == name else found.indicator
    return HitFacts(
        qname, qtype, transport, action, address, indicator, match.subdomains, kind, family,
        entry.list, entry.version, match.line, entry.campaign, letter, source, found.serial, found.step,
        verified,
    )  # fmt: skip


FORWARD = Verdict("forward")
ALLOWED = Verdict("allowed", "final")
EXEMPT = Verdict("exempt", "final")


def refused(verdict: Verdict) -> Verdict:
    """Of a question that nobody is served, whatever a list asks for: it held no data. No answer at all stays that."""
    if verdict.way in {"forward", "final", "drop"}:
        return verdict
    return Verdict("nodata", "answer", verdict.asked, verdict.found)


def watched(name: bytes, qtype: int, found: Found) -> Verdict:
    """Answered as usual and recorded."""
    return Verdict("monitor", "forward", (name, qtype), found)


def passed(name: bytes, qtype: int, found: Found) -> Verdict:
    """Answered as usual and recorded, and no other list is asked."""
    return Verdict("passthru", "final", (name, qtype), found)


def decided(name: bytes, qtype: int, found: Found, pool: Pool, ttl: int) -> Verdict:
    """The verdict on what a list in force lists: by what the list asks for, then by the type asked."""
    rule = found.match.rule
    asked = (name, qtype)
    if not rule.action:
        hash32 = found.match.hash32
        packed = pool.ipv4(hash32) if qtype == TYPE_A else pool.ipv6(hash32) if qtype == TYPE_AAAA else None
        if packed is not None:
            verdict = _answered("sinkhole", asked, found, reply.address(packed, ttl), EDE_FORGED)
            verdict.address = packed
            return verdict
        # HTTPS and SVCB too: their hints would lead to the real address (RFC 9460)
        return _answered("nodata", asked, found, _nothing(name, found, ttl), EDE_BLOCKED)
    if rule.action == "passthru":
        return passed(name, qtype, found)
    if rule.action == "drop":
        return Verdict("drop", "drop", asked, found)
    if rule.action == "tcp-only":
        return Verdict("tcp-only", "tcp-only", asked, found)
    if rule.action == "nxdomain":
        verdict = _answered("nxdomain", asked, found, _nothing(name, found, ttl), EDE_BLOCKED)
        verdict.rcode = NXDOMAIN
        return verdict
    if rule.action == "alias":
        return _alias(asked, found, ttl)
    if rule.action == "local":
        data = [one for one in rule.data if one.qtype in {qtype, TYPE_CNAME}]
        records = reply.of_data((one.qtype, min(one.ttl, ttl), one.rdata) for one in data)  # a wrong one is soon over
        if records.answers:
            return _answered("local", asked, found, records, EDE_FORGED)
    return _answered("nodata", asked, found, _nothing(name, found, ttl), EDE_BLOCKED)


def _answered(action: Action, asked: tuple[bytes, int], found: Found, records: reply.Records, ede: int) -> Verdict:
    return Verdict(action, "answer", asked, found, records, ede)


def _nothing(name: bytes, found: Found, ttl: int) -> reply.Records:
    """The SOA of an empty answer: of the listed name where that is the one asked or above it."""
    indicator = found.match.indicator
    return reply.no_data(name, indicator.removeprefix(WILDCARD) if found.step == "name" else name, found.serial, ttl)


def _alias(asked: tuple[bytes, int], found: Found, ttl: int) -> Verdict:
    """A CNAME. What has `*` as its first label takes the asked name there, so that the garden sees which it was."""
    name, qtype = asked
    target = found.match.rule.target
    if target.startswith(WILDCARD):
        target = name[:-1] + target[len(WILDCARD) :]
        if len(target) > 255:  # RFC 1035 section 2.3.4: no such name
            return _answered("nodata", asked, found, _nothing(name, found, ttl), EDE_BLOCKED)
    if qtype == TYPE_CNAME:
        return _answered("alias", asked, found, reply.alias(target, ttl), EDE_FORGED)
    verdict = Verdict("alias", "alias", asked, found)
    verdict.target = target
    verdict.ede = EDE_FORGED
    return verdict
