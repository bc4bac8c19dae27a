"""The heart: packet in, outcome out. Sans-IO: no socket, no clock, no SQL; the server acts on the outcome.

The raw-bytes table that the UDP server looks into first is filled from here and belongs to the engine, because only the
engine knows for how long and for whom a finished packet is right.
"""

from __future__ import annotations

import math
from operator import attrgetter

from contracts.hit import Transport
from contracts.names import to_wire
from contracts.settings import Dns
from resolver.bodies import Bodies
from resolver.cache.entry import CachedAnswer
from resolver.cache.failures import Failures
from resolver.cache.table import TwoGenerations
from resolver.counters import Counters
from resolver.identity import Asker, identify
from resolver.options import ClientOptions
from resolver.outcome import CacheKey, Drop, Finished, Forward, Outcome, Reply
from resolver.policy.clients import STRANGERS, Access, Group
from resolver.policy.ladder import Policy
from resolver.policy.local import LocalNames
from resolver.policy.verdict import FORWARD, Verdict, refused
from resolver.wire import alias, reply
from resolver.wire.answer import Answer
from resolver.wire.constants import (
    CLASS_ANY,
    CLASS_IN,
    EDE_CACHED_ERROR,
    EDE_NO_REACHABLE,
    EDE_NOT_AUTHORITATIVE,
    EDE_NOT_SUPPORTED,
    EDE_PROHIBITED,
    EMPTY_OPT,
    HEADER,
    NOERROR,
    NOTAUTH,
    REFUSED,
    SERVFAIL,
    TYPE_ANY,
    TYPE_AXFR,
    TYPE_IXFR,
)
from resolver.wire.query import Ignored, Malformed, Query, header_only, parse, wants_recursion

TRANSFERS = frozenset((TYPE_AXFR, TYPE_IXFR))
_OF_THE_QUESTION = frozenset(("name", "client"))  # steps that need no answer
_ON = frozenset(("forward", "final"))  # ways of a verdict that let the question go on as usual
MAX_JUDGED = 8  # groups whose verdict on where an answer leads is kept with it
MAX_TABLES = 50  # groups with tables of their own; what lists say of more clients than that is judged each time
FEWER = 16  # the share of the usual room that other groups than the usual one have, each


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
        self.bodies = Bodies(dns.udp_payload)
        self.counters = Counters()
        self.options = ClientOptions()
        self.cache: TwoGenerations[CacheKey, CachedAnswer] = TwoGenerations(dns.cache.entries, attrgetter("weight"))
        self.failures: Failures[CacheKey] = Failures()
        self._tables: dict[Group, Tables] = {}
        self._epoch = 0
        access.follow(policy.clients)

    def tables(self, group: Group) -> Tables:
        """The tables of a client group under the live policy."""
        found = self._tables.get(group)
        if found is None:
            size = self.dns.cache.finished
            found = Tables(size if group is self.access.default else size // FEWER)
            if len(self._tables) < MAX_TABLES:
                self._tables[group] = found
        return found

    def swap(self, policy: Policy) -> None:
        """Take over a new policy. Upstream answers survive; they are judged again at their next use."""
        self.policy = policy
        self._epoch += 1  # answers keep this, not the policy: an old one would hold the files of its lists open
        self._tables = {}
        self.access.follow(policy.clients)

    def answer(self, packet: bytes, group: Group, transport: Transport, now: float, client: bytes = b"",
               asker: Asker | None = None) -> Outcome:  # fmt: skip
        """Everything that a client's packet can bring about. Raises only for bugs of ours.

        `transport` is by what it came to us: the size of the answer is its. What policy says by it, and what a hit
        tells, goes by what the client itself speaks, where a proxy stands between (`Query.transport`).
        Where the packet says who asks, and that is believed, `asker` is somebody else afterwards.
        """
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
            return Reply(self.bodies.error(error.query, error.rcode, error.ede), None) if error.query else None
        if asker is not None and (query.claims or asker.transport):
            group = identify(query, asker, self.access, self.counters)
        if query.qclass != CLASS_IN or query.qtype in TRANSFERS:
            return self._not_served(query, group, transport)
        verdict = self._judge(query, group, transport)
        if verdict.records is not None:
            given = self._given(query, verdict, transport)
            self._keep(query, packet, group, transport, (given.body, math.inf, given.hit))
            return given
        if verdict.way != "forward":
            decided = self._decided(query, verdict, group, packet, transport, now)
            if decided is not None:
                return decided
        local = self.local.find(query.name, query.qtype)
        if local is not None:
            self.counters.local += 1
            hit = _hit(verdict, query, transport)
            body = self.bodies.of(query, transport, local.records, local.rcode, local.ede)
            self._keep(query, packet, group, transport, (body, math.inf, hit))
            return Reply(body, hit)
        if not wants_recursion(query):  # a machine that asks for a listed name is a hit, however it asks
            return Reply(self.bodies.error(query, REFUSED, EDE_NOT_AUTHORITATIVE), _hit(verdict, query, transport))
        if query.qtype == TYPE_ANY:
            self.counters.local += 1
            return Reply(self.bodies.of(query, transport, reply.ANY), _hit(verdict, query, transport))
        return self._ordinary(query, verdict, group, packet, transport, now)

    def _ordinary(self, query: Query, verdict: Verdict, group: Group, packet: bytes, transport: Transport,
                  now: float) -> Outcome:  # fmt: skip
        """From the cache, else from an upstream; where the answer leads is judged."""
        key = cache_key(query)
        cached = self.cache.get(key)
        if cached is None or not cached.fresh(now):
            until = self.failures.until(key, now)
            if until is None:
                self.counters.misses += 1
                return Forward(key, query, _hit(verdict, query, transport), (self.policy, verdict))
            given = self._unanswered(query, verdict, group, transport, now, EDE_CACHED_ERROR)
            if isinstance(given, Reply):
                self._keep(query, packet, group, transport, (given.body, min(until, given.until), given.hit))
            return given
        self.counters.cached += 1
        if cached.leads & self.policy.follows and verdict.way == "forward":
            verdict = self._judge_answer(query, cached, verdict, group)
            if verdict.way != "forward":
                decided = self._decided(query, verdict, group, packet, transport, now, cached.expires)
                if decided is not None:
                    return decided
        hit = _hit(verdict, query, transport)
        body = self.bodies.kept(query, transport, cached, now)
        self._keep(query, packet, group, transport, (body, cached.next_second(now), hit))
        return Reply(body, hit, key if self.dns.cache.prefetch and cached.due(now) else None)

    def _decided(self, query: Query, verdict: Verdict, group: Group, packet: bytes, transport: Transport, now: float,
                 until: float = math.inf) -> Outcome:  # fmt: skip
        """What policy answers, kept as a finished packet where it is one; None where the question goes on as usual."""
        decided = self._by_policy(query, verdict, transport, now)
        if isinstance(decided, Reply):
            self._keep(query, packet, group, transport, (decided.body, min(until, decided.until), decided.hit))
        return decided

    def _by_policy(self, query: Query, verdict: Verdict, transport: Transport, now: float) -> Outcome:
        """What policy answers; None where the question goes on as usual."""
        way = verdict.way
        if way == "answer":
            return self._given(query, verdict, transport)
        if way in _ON or (way == "tcp-only" and (query.transport or transport) == "tcp"):
            return None
        if way == "alias":
            return self._aliased(query, verdict, transport, now)
        self.counters.listed += 1
        hit = _hit(verdict, query, transport)
        return Drop(hit) if way == "drop" else Reply(self.bodies.truncated(query), hit)  # tcp-only

    def _given(self, query: Query, verdict: Verdict, transport: Transport) -> Reply:
        """The verdict's own records."""
        assert verdict.records is not None
        self.counters.listed += 1
        body = self.bodies.of(query, transport, verdict.records, verdict.rcode, verdict.ede)
        return Reply(body, _hit(verdict, query, transport))

    def _aliased(self, query: Query, verdict: Verdict, transport: Transport, now: float) -> Outcome:
        """A CNAME and what its target has: a local record, or what an upstream says. No policy is asked about it."""
        if query.qtype == TYPE_ANY or not wants_recursion(query):  # nobody is asked for it
            return self._behind_alias(query, verdict, transport, reply.NOTHING, NOERROR)
        local = self.local.find(verdict.target, query.qtype)
        if local is not None:
            return self._behind_alias(query, verdict, transport, local.records, local.rcode)
        key = _key_of(query, verdict)
        cached = self.cache.get(key)
        if (cached is None or not cached.fresh(now)) and self.failures.until(key, now) is None:
            return Forward(key, query, _hit(verdict, query, transport), (self.policy, verdict))
        return self._behind_alias(query, verdict, transport, *self._of_target(key, now))

    def _of_target(self, key: CacheKey, now: float) -> tuple[reply.Records, int, float]:
        """What an alias's target has; while no upstream answers, what it had once (RFC 8767); else a failure.

        With it until when that is right: its TTLs count down, and a failure is over when upstreams are asked again.
        """
        old = self.stale(key, now)
        if old is not None and old.fresh(now):
            return old.records(now), old.rcode, old.next_second(now)
        until = self.failures.until(key, now) or now
        if old is None:
            return reply.NOTHING, SERVFAIL, until
        return old.stale_records(), old.rcode, min(until, old.expires + self.dns.cache.stale_seconds)

    def _behind_alias(self, query: Query, verdict: Verdict, transport: Transport, records: reply.Records, rcode: int,
                      until: float = math.inf) -> Reply:  # fmt: skip
        self.counters.listed += 1
        whole = alias.behind(verdict.target, query.question[-4:], records, self.policy.ttl)
        body = self.bodies.of(query, transport, whole, rcode, verdict.ede)
        return Reply(body, _hit(verdict, query, transport), None, until)

    def _judge_answer(self, query: Query, cached: CachedAnswer, verdict: Verdict, group: Group) -> Verdict:
        """What policy says of where the answer leads; `verdict` is on the question by itself. Made once and kept."""
        if cached.judged is None or cached.judged[0] != self._epoch:
            cached.judged = (self._epoch, {})
        by_group: dict[Group, Verdict] = cached.judged[1]
        judged = by_group.get(group)
        if judged is None:
            if len(by_group) == MAX_JUDGED:
                by_group.clear()
            leads = cached.contents(query.name + query.question[-4:])
            judged = by_group[group] = self.policy.judge_answer(query.name, query.qtype, group, verdict, leads)
        return judged

    def _not_served(self, query: Query, group: Group, transport: Transport) -> Reply | Drop:
        """Other classes, zone transfers, a cookie without a question. Who transfers a listed name asked for it: a hit.

        So did who asked in class ANY, which holds IN. Names of CH or HS are other names, of which no list speaks.
        The hit tells what was answered, not what the list asks for: of an alias, say, nobody heard.
        """
        if not query.question:
            return Reply(self.bodies.error(query, self.options.alone(query)), None)
        if query.qclass == CLASS_IN:  # RFC 5936 section 2.2.1: we have no zones
            body = self.bodies.error(query, NOTAUTH, EDE_NOT_AUTHORITATIVE)
            verdict = self._judge(query, group, transport)
        else:
            body, verdict = self.bodies.error(query, REFUSED, EDE_NOT_SUPPORTED), FORWARD
            if query.qclass == CLASS_ANY:  # recorded as type ANY: no address was given
                verdict = self.policy.judge(query.name, TYPE_ANY, group)
        hit = _hit(refused(verdict), query, transport)
        return Drop(hit) if verdict.way == "drop" else Reply(body, hit)

    def arrived(self, key: CacheKey, answer: Answer, now: float) -> CachedAnswer:
        """An upstream's answer to `key`: kept for as long as it says."""
        cached = CachedAnswer(answer, HEADER + len(key[0]), now)
        if answer.lifetime > 0:
            self.cache.put(key, cached)
        else:
            self.cache.remove(key)  # what it replaces must not come back as a stale answer
        self.failures.answered(key)
        return cached

    def failed(self, key: CacheKey, now: float) -> None:
        """Every upstream failed on `key`: it is not asked again for a while (RFC 9520).

        A renewal ahead of time is not needed yet: its failure says nothing about the time when it will be.
        """
        old = self.stale(key, now)
        if old is None or not old.fresh(now):
            self.failures.failed(key, now, stale=old is not None)

    def stale(self, key: CacheKey, now: float) -> CachedAnswer | None:
        """An answer to `key` that is over but may still be given when there is no better one (RFC 8767)."""
        cached = self.cache.get(key)
        return cached if cached is not None and now < cached.expires + self.dns.cache.stale_seconds else None

    def complete(self, query: Query, group: Group, transport: Transport, cached: CachedAnswer | None, now: float,
                 judged: tuple[Policy, Verdict] | None = None, key: CacheKey | None = None) -> Outcome:  # fmt: skip
        """What one gets who waited for the answer to `key` (his own question, where not given). None is a failure.

        Judged again under a policy that is newer than the verdict in `judged`: the name may have been listed meanwhile.
        Where that needs the answer to another question (an alias), it is a Forward once more.
        """
        policy = self.policy
        if judged and judged[0] is policy:
            verdict = judged[1]
            if verdict is FORWARD and cached is not None and not cached.leads & policy.follows:
                return Reply(self.bodies.kept(query, transport, cached, now), None)  # nearly always, and for `own`
        else:
            verdict = self._judge(query, group, transport)
        own = cache_key(query)
        key = key or own
        if verdict.way == "forward" and cached is not None and cached.leads & policy.follows and key == own:
            verdict = self._judge_answer(query, cached, verdict, group)
        if verdict.way == "alias" and key == _key_of(query, verdict):
            if cached is not None:
                return self._behind_alias(query, verdict, transport, cached.records(now), cached.rcode)
            return self._behind_alias(query, verdict, transport, *self._of_target(key, now))
        decided = self._by_policy(query, verdict, transport, now)
        if decided is not None:
            return decided
        if key != own:
            return Forward(own, query, _hit(verdict, query, transport), (self.policy, verdict))
        if cached is None:
            return self._unanswered(query, verdict, group, transport, now, EDE_NO_REACHABLE)
        return Reply(self.bodies.kept(query, transport, cached, now), _hit(verdict, query, transport))

    def _unanswered(self, query: Query, verdict: Verdict, group: Group, transport: Transport, now: float,
                    ede: int) -> Outcome:  # fmt: skip
        """No upstream answers: what was right once (and policy still lets pass), else SERVFAIL."""
        old = self.stale(cache_key(query), now)
        if old is None:
            self.counters.failed += 1
            return Reply(self.bodies.error(query, SERVFAIL, ede), _hit(verdict, query, transport))
        if old.leads & self.policy.follows and verdict.way == "forward":
            verdict = self._judge_answer(query, old, verdict, group)
            decided = self._by_policy(query, verdict, transport, now)
            if decided is not None:
                return decided
        self.counters.stale += 1
        return Reply(self.bodies.stale(query, transport, old), _hit(verdict, query, transport))

    def _judge(self, query: Query, group: Group, transport: Transport) -> Verdict:
        """The verdict; remembered where the raw table cannot help: TCP, options, a case that changes every time."""
        if transport == "udp" and not query.options and query.question[:-4] == query.name:
            return self.policy.judge(query.name, query.qtype, group)
        verdicts = self.tables(group).verdicts
        asked = query.name + query.question[-4:]
        verdict = verdicts.get(asked)
        if verdict is None:
            verdict = self.policy.judge(query.name, query.qtype, group)
            if verdict is not FORWARD:  # an unlisted name is judged again: cheaper than remembering every name there is
                verdicts.put(asked, verdict)
        return verdict

    def _keep(self, query: Query, packet: bytes, group: Group, transport: Transport, finished: Finished) -> None:
        """Options (cookies, client subnets) belong to one packet or one client: those skip the raw table.

        So do packets that bring more than a question and an OPT record: with what nobody reads they could fill it. And
        those of who speaks TCP to a proxy: all others in the table came by UDP, and their hits say so.
        """
        if transport != "udp" or query.options or query.transport == "tcp":
            return
        if len(packet) <= HEADER + len(query.question) + EMPTY_OPT:
            self.tables(group).raw.put(packet[2:], finished)

    def _refuse_stranger(self, packet: bytes) -> Reply | None:
        self.counters.refused += 1
        query = header_only(packet)
        if query and query.claims:
            self.counters.claims_ignored += 1
        return Reply(self.bodies.error(query, REFUSED, EDE_PROHIBITED), None) if query else None


def _hit(verdict: Verdict, query: Query, transport: Transport) -> bytes | None:
    found = verdict.found
    if found is None or (query.counted is not None and found.step in _OF_THE_QUESTION):
        return None
    # Anyone can send a datagram in a proxy's name: that its client came by TCP is shown on a connection only.
    verified = query.cookie_verified or (transport == "tcp" and query.direct)
    hit = verdict.hit(query.transport or transport, verified=verified)
    return hit if hit != query.counted else None


def _key_of(query: Query, verdict: Verdict) -> CacheKey:
    """What upstreams are asked on behalf of a question that policy turns into an alias."""
    return verdict.target + query.question[-4:], query.bits


def cache_key(query: Query) -> CacheKey:
    """Under what the answer to a question is kept."""
    return query.name + query.question[-4:], query.bits
