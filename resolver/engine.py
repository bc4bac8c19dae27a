"""The heart: packet in, outcome out. Sans-IO: no socket, no clock, no SQL; the server acts on the outcome.

The raw-bytes table that the UDP server looks into first is filled from here and belongs to the engine, because only the
engine knows for how long and for whom a finished packet is right.
"""

from __future__ import annotations

import math
import struct
from operator import attrgetter
from typing import Any, NamedTuple

from contracts.hit import Transport
from contracts.names import to_text, to_wire
from contracts.networks import address_text
from contracts.settings import Dns
from resolver.cache.entry import CachedAnswer
from resolver.cache.failures import Failures
from resolver.cache.table import TwoGenerations
from resolver.counters import Counters
from resolver.explanation import Explanation
from resolver.options import ClientOptions
from resolver.policy.addresses import STRANGERS, Access, Group
from resolver.policy.ladder import RUNGS, Policy
from resolver.policy.local import LocalNames
from resolver.policy.verdict import FORWARD, Verdict
from resolver.wire import reply
from resolver.wire.answer import Answer
from resolver.wire.constants import (
    AD,
    CD,
    CLASS_ANY,
    CLASS_IN,
    EDE_CACHED_ERROR,
    EDE_NO_REACHABLE,
    EDE_NOT_AUTHORITATIVE,
    EDE_NOT_SUPPORTED,
    EDE_PROHIBITED,
    EDE_STALE,
    EDE_STALE_NXDOMAIN,
    EMPTY_OPT,
    HEADER,
    MAX_TCP,
    NOTAUTH,
    NXDOMAIN,
    REFUSED,
    SERVFAIL,
    TYPE_ANY,
    TYPE_AXFR,
    TYPE_IXFR,
)
from resolver.wire.query import Ignored, Malformed, Query, header_only, parse, wants_recursion

_TYPE_CLASS = struct.Struct("!HH")
_TRANSFERS = frozenset((TYPE_AXFR, TYPE_IXFR))
_ALL_BITS = [do | cd | ad for do in (0, 1) for cd in (0, CD) for ad in (0, AD)]

CacheKey = tuple[bytes, int]  # (lower-case name, type, class; DO, CD and AD bits)
# A finished packet: (bytes after the ID, monotonic time until which they are right, packed facts of its hit or None).
# Atoms only, so that the garbage collector need not look at hundreds of thousands of them.
Finished = tuple[bytes, float, bytes | None]


class Reply(NamedTuple):
    """Send `body` behind the query's ID; record `hit`; ask upstream for `refresh`, whose answer is soon over."""

    body: bytes
    hit: bytes | None
    refresh: CacheKey | None = None


class Forward(NamedTuple):
    """Ask upstream for `key`; give the answer to `Engine.arrived`, then `Engine.complete` for each who waits."""

    key: CacheKey
    query: Query
    hit: bytes | None
    judged: tuple[Policy, Verdict]


Outcome = Reply | Forward | None  # None: nothing is sent


class Tables:
    """What is finished under one policy for one group: replaced whole at a reload, so no old verdict lives on."""

    __slots__ = ("raw", "verdicts")

    def __init__(self, size: int) -> None:
        self.raw: TwoGenerations[bytes, Finished] = TwoGenerations(size)
        self.verdicts: TwoGenerations[bytes, Verdict] = TwoGenerations(size // 4)


class Engine:
    """One per worker. `now` is monotonic seconds everywhere."""

    def __init__(self, dns: Dns, access: Access, policy: Policy) -> None:
        self.dns = dns
        self.access = access
        self.policy = policy
        forwarded = [to_wire(one.zone) for one in dns.forward_zones]
        self.local = LocalNames(dns.local_records, dns.special_names, forwarded)
        self.counters = Counters()
        self.options = ClientOptions()
        self.cache: TwoGenerations[CacheKey, CachedAnswer] = TwoGenerations(dns.cache.entries, attrgetter("weight"))
        self._failures: Failures[CacheKey] = Failures()
        self._tables: dict[Group, Tables] = {}

    def tables(self, group: Group) -> Tables:
        """The tables of a client group under the live policy."""
        found = self._tables.get(group)
        if found is None:
            found = self._tables[group] = Tables(self.dns.cache.finished)
        return found

    def swap(self, policy: Policy) -> None:
        """Take over a new policy. Upstream answers survive; they are judged again at their next use."""
        self.policy = policy
        self._tables = {}

    def answer(self, packet: bytes, group: Group, transport: Transport, now: float, client: bytes = b"") -> Outcome:
        """Everything that a client's packet can bring about. Raises only for bugs of ours."""
        if group is STRANGERS:
            return self._refuse_stranger(packet)
        try:
            query = parse(packet)
            if query.options:
                self.options.take(query, client, transport)
        except Ignored:
            self.counters.ignored += 1
            return None
        except Malformed as error:
            self.counters.malformed += 1
            return self._error(error.query, error.rcode, error.ede) if error.query else None
        if query.qclass != CLASS_IN or query.qtype in _TRANSFERS:
            return self._not_served(query, group, transport)
        verdict = self._judge(query, group, transport)
        hit = verdict.hit(transport)
        if verdict.records is not None:
            return self._policy_reply(query, verdict, hit, group, packet, transport)
        local = self.local.find(query.name, query.qtype)
        if local is not None:
            self.counters.local += 1
            body = reply.write(
                query, local.records, local.rcode, self._limit(query, transport), self.dns.udp_payload, ede=local.ede
            )
            self._keep(query, packet, group, transport, (body, math.inf, hit))
            return Reply(body, hit)
        if not wants_recursion(query):
            refused = self._error(query, REFUSED, EDE_NOT_AUTHORITATIVE)
            return Reply(refused.body, hit)  # a machine that asks for a listed name is a hit, however it asks
        if query.qtype == TYPE_ANY:
            self.counters.local += 1
            return Reply(reply.write(query, reply.ANY, 0, MAX_TCP, self.dns.udp_payload), hit)  # under 512 octets
        key = cache_key(query)
        cached = self.cache.get(key)
        if cached is None or not cached.fresh(now):
            until = self._failures.until(key, now)
            if until is None:
                self.counters.misses += 1
                return Forward(key, query, hit, (self.policy, verdict))
            body = self._unanswered(query, transport, now, EDE_CACHED_ERROR)
            self._keep(query, packet, group, transport, (body, until, hit))
            return Reply(body, hit)
        self.counters.cached += 1
        body = self._write(query, cached, transport, now)
        self._keep(query, packet, group, transport, (body, cached.next_second(now), hit))
        return Reply(body, hit, key if self.dns.cache.prefetch and cached.due(now) else None)

    def _not_served(self, query: Query, group: Group, transport: Transport) -> Reply:
        """Other classes, zone transfers, a cookie without a question. Who transfers a listed name asked for it: a hit.

        So did who asked in class ANY, which holds IN. Names of CH or HS are other names, of which no list speaks.
        """
        if not query.question:
            return self._error(query, self.options.alone(query))
        if query.qclass == CLASS_IN:  # RFC 5936 section 2.2.1: we have no zones
            refused, verdict = self._error(query, NOTAUTH, EDE_NOT_AUTHORITATIVE), self._judge(query, group, transport)
        else:
            refused, verdict = self._error(query, REFUSED, EDE_NOT_SUPPORTED), FORWARD
            if query.qclass == CLASS_ANY:  # recorded as type ANY: no address was given
                verdict = self.policy.judge(query.name, TYPE_ANY)
        return Reply(refused.body, verdict.hit(transport))

    def arrived(self, key: CacheKey, answer: Answer, now: float) -> CachedAnswer:
        """An upstream's answer to `key`: kept for as long as it says."""
        cached = CachedAnswer(answer, HEADER + len(key[0]), now)
        if answer.lifetime > 0:
            self.cache.put(key, cached)
        else:
            self.cache.remove(key)  # what it replaces must not come back as a stale answer
        self._failures.answered(key)
        return cached

    def failed(self, key: CacheKey, now: float) -> None:
        """Every upstream failed on `key`: it is not asked again for a while (RFC 9520).

        A renewal ahead of time is not needed yet: its failure says nothing about the time when it will be.
        """
        old = self.stale(key, now)
        if old is None or not old.fresh(now):
            self._failures.failed(key, now, stale=old is not None)

    def stale(self, key: CacheKey, now: float) -> CachedAnswer | None:
        """An answer to `key` that is over but may still be given when there is no better one (RFC 8767)."""
        cached = self.cache.get(key)
        return cached if cached is not None and now < cached.expires + self.dns.cache.stale_seconds else None

    def complete(self, query: Query, group: Group, transport: Transport, cached: CachedAnswer | None,
                 now: float, judged: tuple[Policy, Verdict] | None = None) -> Reply:  # fmt: skip
        """The reply to one who waited. None is a failure.

        Judged again under a policy that is newer than the verdict in `judged`: the name may have been listed meanwhile.
        """
        verdict = judged[1] if judged and judged[0] is self.policy else self._judge(query, group, transport)
        hit = verdict.hit(transport)
        if verdict.records is not None:
            return Reply(self._policy_body(query, verdict, transport), hit)
        if cached is None:
            return Reply(self._unanswered(query, transport, now, EDE_NO_REACHABLE), hit)
        return Reply(self._write(query, cached, transport, now), hit)

    def _unanswered(self, query: Query, transport: Transport, now: float, ede: int) -> bytes:
        """No upstream answers: what was right once, else SERVFAIL."""
        old = self.stale(cache_key(query), now)
        if old is None:
            self.counters.failed += 1
            return self._error(query, SERVFAIL, ede).body
        self.counters.stale += 1
        return reply.write(
            query, old.stale_records(), old.rcode, self._limit(query, transport), self.dns.udp_payload,
            ede=EDE_STALE_NXDOMAIN if old.rcode == NXDOMAIN else EDE_STALE,
        )  # fmt: skip

    def servfail(self, query: Query) -> Reply:
        """For a question that met a bug of ours."""
        return self._error(query, SERVFAIL)

    def _judge(self, query: Query, group: Group, transport: Transport) -> Verdict:
        """The verdict; remembered where the raw table cannot help: TCP, options, a case that changes every time."""
        if transport == "udp" and not query.options and query.question[:-4] == query.name:
            return self.policy.judge(query.name, query.qtype)
        verdicts = self.tables(group).verdicts
        asked = query.name + query.question[-4:]
        verdict = verdicts.get(asked)
        if verdict is None:
            verdict = self.policy.judge(query.name, query.qtype)
            if verdict is not FORWARD:  # an unlisted name is judged again: cheaper than remembering every name there is
                verdicts.put(asked, verdict)
        return verdict

    def _policy_reply(self, query: Query, verdict: Verdict, hit: bytes | None, group: Group, packet: bytes,
                      transport: Transport) -> Reply:  # fmt: skip
        self.counters.listed += 1
        body = self._policy_body(query, verdict, transport)
        self._keep(query, packet, group, transport, (body, math.inf, hit))
        return Reply(body, hit)

    def _policy_body(self, query: Query, verdict: Verdict, transport: Transport) -> bytes:
        assert verdict.records is not None
        return reply.write(
            query, verdict.records, 0, self._limit(query, transport), self.dns.udp_payload, ede=verdict.ede
        )

    def _write(self, query: Query, cached: CachedAnswer, transport: Transport, now: float) -> bytes:
        wants_ad = bool(query.bits & 0x21)  # AD or DO asked for: RFC 6840 section 5.8
        return reply.write(
            query, cached.records(now), cached.rcode, self._limit(query, transport), self.dns.udp_payload,
            ad=cached.ad and wants_ad, remark=cached.remark,
        )  # fmt: skip

    def _limit(self, query: Query, transport: Transport) -> int:
        return MAX_TCP if transport == "tcp" else min(query.payload, self.dns.udp_payload)

    def _keep(self, query: Query, packet: bytes, group: Group, transport: Transport, finished: Finished) -> None:
        """Options (cookies, client subnets) belong to one packet or one client: those skip the raw table.

        So do packets that bring more than a question and an OPT record: with what nobody reads they could fill it.
        """
        if transport == "udp" and not query.options and len(packet) <= HEADER + len(query.question) + EMPTY_OPT:
            self.tables(group).raw.put(packet[2:], finished)

    def _refuse_stranger(self, packet: bytes) -> Reply | None:
        self.counters.refused += 1
        query = header_only(packet)
        return self._error(query, REFUSED, EDE_PROHIBITED) if query else None

    def _error(self, query: Query, rcode: int, ede: int | None = None) -> Reply:
        body = reply.write(query, reply.NOTHING, rcode, MAX_TCP, self.dns.udp_payload, ede=ede)
        return Reply(body, None)

    def explain(self, name: bytes, qtype: int, client: bytes, now: float) -> dict[str, Any]:
        """What this worker would answer and why: the rungs it took, in words."""
        told = Explanation(to_text(name), address_text(client), qtype, self.policy.serial)
        if self.access.group(client) is STRANGERS:
            return told.end(RUNGS[0][0], "refused", "the client is in none of the networks dns.allowed_clients")
        told.passed(RUNGS[0][0], "the client is in an allowed network")
        verdict = self.policy.judge(name, qtype)
        if verdict.match is not None:
            return told.matched(RUNGS[1][0], verdict)
        told.passed(RUNGS[1][0], f"in none of {len(self.policy.live)} live lists")
        local = self.local.find(name, qtype)
        if local is not None:
            return told.end(RUNGS[2][0], "local", local.reason)
        told.passed(RUNGS[2][0], "no name that is answered here")
        asked = name + _TYPE_CLASS.pack(qtype, CLASS_IN)
        kept = [cached for bits in _ALL_BITS if (cached := self.cache.get((asked, bits))) and cached.fresh(now)]
        if kept:
            return told.end(RUNGS[3][0], "cached", f"kept for another {int(kept[0].expires - now)} s")
        return told.end(RUNGS[3][0], "forward", "an ordinary question for an upstream")


def cache_key(query: Query) -> CacheKey:
    """Under what the answer to a question is kept."""
    return query.name + query.question[-4:], query.bits
