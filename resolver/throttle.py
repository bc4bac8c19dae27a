"""What a machine gets that asks for more than its share: its hits are recorded, and it is told to come by TCP.

Whose share is used up is resolver.server.limits'. No answer is looked up or made here, so that such a question costs
a fraction of another, and hits are those that casework.folding would keep of so many: without the name that was asked.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from contracts.hit import Action, Transport, pack_facts, summary
from resolver.cache.table import TwoGenerations
from resolver.engine import Engine
from resolver.identity import Asker, identify
from resolver.outcome import Drop, Outcome, Reply
from resolver.policy.clients import STRANGERS, Group
from resolver.policy.ladder import Policy
from resolver.policy.verdict import hit_facts
from resolver.wire.constants import CLASS_ANY, CLASS_IN, HEADER, TYPE_ANY
from resolver.wire.plain import plain, truncated
from resolver.wire.query import Ignored, Malformed, parse

_TYPE_CLASS = struct.Struct("!HH")
Told = Callable[[bool], bool]  # whether this one is told, given whether it has shown that it reads
KEPT = 10_000  # packed hits, in each of two generations
_Kind = tuple[str, bytes, bool, int, Action, Transport, bool]  # list, indicator, asked itself, type, ..., verified


class Throttle:
    """One per worker."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._policy: Policy | None = None
        self._hits: TwoGenerations[_Kind, bytes] = TwoGenerations(KEPT)

    def answer(self, packet: bytes, client: bytes, group: Group, asker: Asker, told: Told) -> Outcome:
        """For one question by UDP. What is none gets nothing, and neither does a stranger. Raises for bugs of ours.

        Who is `told` comes by TCP (by TCP to a proxy: it gets a failure); who is not gets no answer at all.
        """
        engine, counters = self._engine, self._engine.counters
        if group is STRANGERS:
            counters.refused += 1
            return None
        end = plain(packet)
        if end and asker.transport != "tcp":  # the shape of nearly every flood
            qtype, qclass = _TYPE_CLASS.unpack_from(packet, end - 4)
            hit, dropped = self._hit(packet[HEADER : end - 4].lower(), qtype, qclass, group)
            if dropped or not told(False):
                return Drop(hit)
            return Reply(truncated(packet, end, engine.bodies.payload), hit)
        return self._uncommon(packet, client, group, asker, told)

    def _uncommon(self, packet: bytes, client: bytes, group: Group, asker: Asker, told: Told) -> Outcome:
        """With options: cookies, or what a forwarder says of who asks. By TCP to a proxy. Or no question at all."""
        engine, counters = self._engine, self._engine.counters
        try:
            query = parse(packet)
            if query.options:
                engine.options.take(query, client, "udp")
        except Ignored:
            counters.ignored += 1
            return None
        except Malformed:
            counters.malformed += 1
            return None
        if query.claims or asker.transport:
            group = identify(query, asker, engine.access, counters)
        hit, dropped = None, False
        by = asker.transport or "udp"
        if query.question:
            hit, dropped = self._hit(query.name, query.qtype, query.qclass, group, by, verified=query.cookie_verified)
        if dropped or not told(query.cookie_verified):
            return Drop(hit)
        return Reply(engine.bodies.truncated(query) if by == "udp" else engine.bodies.limited(query), hit)

    def _hit(self, name: bytes, qtype: int, qclass: int, group: Group, by: Transport = "udp", *,
             verified: bool = False) -> tuple[bytes | None, bool]:  # fmt: skip
        """Packed facts, None where nothing is listed; and whether policy leaves such questions without any answer."""
        if qclass != CLASS_IN:
            if qclass != CLASS_ANY:
                return None, False
            qtype = TYPE_ANY
        policy = self._engine.policy
        found = policy.match(name, group)
        if found is None:
            return None, False
        if self._policy is not policy:
            self._policy, self._hits = policy, TwoGenerations(KEPT)
        match, mode = found
        dropped = mode == "enforce" and match.match.rule.action == "drop"
        action: Action = "drop" if dropped or by == "tcp" else "tcp-only"  # by TCP there is no other way to come by
        if mode != "enforce":
            action = mode
        indicator = match.match.indicator
        kind = match.entry.list, indicator, indicator == name, qtype, action, by, verified
        packed = self._hits.get(kind)
        if packed is None:
            facts = hit_facts(match, (name, qtype), action, by, verified=verified)
            packed = pack_facts(summary(facts))
            self._hits.put(kind, packed)
        return packed, dropped
