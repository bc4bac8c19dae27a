"""What policy says of a question: a Verdict, with the records to answer and the facts of its hit.

Finding the match is resolver.policy.ladder's; writing the answer is resolver.wire.reply's.
"""

from __future__ import annotations

from typing import Literal

from contracts.hit import Action, HitFacts, Transport, pack_facts
from contracts.names import to_text
from contracts.networks import address_text
from contracts.policy import ManifestEntry, Match
from resolver.policy.addresses import Pool
from resolver.wire import reply
from resolver.wire.constants import EDE_BLOCKED, EDE_FORGED, TYPE_A, TYPE_AAAA


class Verdict:
    """`records` is None where the question goes on to the cache and upstream; `match` where nothing is listed."""

    __slots__ = ("_asked", "_tcp", "_udp", "action", "address", "ede", "entry", "match", "records", "serial")

    def __init__(self, action: Action | Literal["forward"], asked: tuple[bytes, int] = (b"\0", 0),
                 match: Match | None = None, entry: ManifestEntry | None = None, serial: int = 0,
                 records: reply.Records | None = None, ede: int | None = None,
                 address: bytes = b"") -> None:  # fmt: skip
        self.action = action
        self.match = match
        self.entry = entry
        self.serial = serial  # of the policy
        self.records = records
        self.ede = ede
        self.address = address
        self._asked = asked
        self._udp: bytes | None = None
        self._tcp: bytes | None = None

    def hit(self, transport: Transport) -> bytes | None:
        """Packed facts of the hit to record for one such question, made once; None where nothing is listed."""
        if self.match is None:
            return None
        if transport == "udp":
            if self._udp is None:
                self._udp = pack_facts(self._facts(transport))
            return self._udp
        if self._tcp is None:
            self._tcp = pack_facts(self._facts(transport))
        return self._tcp

    @property
    def address_text(self) -> str:
        """The sinkhole address given, "" where none is."""
        return address_text(self.address) if self.address else ""

    def _facts(self, transport: Transport) -> HitFacts:
        match, entry = self.match, self.entry
        assert match is not None
        assert entry is not None
        assert self.action != "forward"
        name, qtype = self._asked
        qname = to_text(name)
        indicator = qname if len(match.name) == len(name) else to_text(match.name)
        return HitFacts(
            qname, qtype, transport, self.action, self.address_text, indicator, match.subdomains, *match.labels[:2],
            entry.list, entry.version, match.line, entry.campaign, *match.labels[2:], self.serial,
        )  # fmt: skip


FORWARD = Verdict("forward")


def listed(name: bytes, qtype: int, match: Match, entry: ManifestEntry, pool: Pool, serial: int, ttl: int) -> Verdict:
    """The verdict on a listed name: by the list's mode, then by the type asked."""
    about = ((name, qtype), match, entry, serial)
    if entry.mode != "enforce":
        return Verdict("passthru" if entry.mode == "passthru" else "monitor", *about)
    packed = None
    if qtype == TYPE_A:
        packed = pool.ipv4(match.hash32)
    elif qtype == TYPE_AAAA:
        packed = pool.ipv6(match.hash32)
    if packed is None:  # HTTPS and SVCB too: their hints would lead to the real address (RFC 9460)
        return Verdict("nodata", *about, reply.no_data(name, match.name, serial, ttl), EDE_BLOCKED)
    return Verdict("sinkhole", *about, reply.address(packed, ttl), EDE_FORGED, packed)
