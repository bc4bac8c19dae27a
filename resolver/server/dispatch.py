"""The slow path of a server: engine, upstream, waiting clients; and the one place that catches our own bugs.

No sockets here: servers hand packets in with a way to answer. Speed matters in server.udp, not here.
"""

from __future__ import annotations

import logging
import sys
import time
import traceback
from collections.abc import Callable
from typing import Protocol

import msgspec

from contracts.hit import Transport
from resolver.cache.entry import CachedAnswer
from resolver.engine import Engine
from resolver.identity import Asker
from resolver.outcome import CacheKey, Drop, Forward, Outcome, Reply
from resolver.policy.clients import Group
from resolver.policy.ladder import Policy
from resolver.policy.verdict import Verdict
from resolver.server.limits import ClientLimits
from resolver.throttle import Throttle
from resolver.wire.answer import Answer
from resolver.wire.constants import SERVFAIL
from resolver.wire.query import Query, bare, header_only
from resolver.wire.reply import bare_failure

log = logging.getLogger(__name__)
Send = Callable[[bytes], None]  # takes a whole message; an empty one: none will come


class HitSink(Protocol):
    """Where hits go: resolver.hits.sender."""

    def add(self, client: bytes, hit: bytes, count: int, claim: bytes = b"") -> None:
        """Fold in `count` hits with these packed facts, and the packed claim of who the client is."""

    def add_all(self, hits: dict[tuple[bytes, bytes, bytes], int]) -> None:
        """The same for many: counts by client, claim and facts. The dict is given away."""

    def flush(self) -> None:
        """Hand what was folded to the recorder, before the answers leave."""


class Resolving(Protocol):
    """Who asks the upstreams: resolver.upstream.pool."""

    def ask(self, key: CacheKey, waiting: Waiting) -> bool:
        """Ask, or wait with those who already asked the same; False when too much is under way."""

    def refresh(self, key: CacheKey) -> None:
        """Ask with nobody waiting, unless too much is under way; `deliver` tells how it ended."""

    def flush(self) -> None:
        """Send what was asked since the last call."""


class Waiting(msgspec.Struct, frozen=True):
    """A client whose answer is on its way from an upstream."""

    query: Query
    group: Group
    transport: Transport
    client: bytes
    send: Send
    judged: tuple[Policy, Verdict]  # what policy said when it asked
    claim: bytes = b""  # in whose words it is the client
    generation: int = 0  # of resolver.policy.clients.Access when it asked


class Dispatcher:
    """One per worker. Every packet that the hot table did not know goes through `packet`."""

    def __init__(self, engine: Engine, hits: HitSink, clock: Callable[[], float] = time.monotonic) -> None:
        self.engine = engine
        self.limits = ClientLimits(engine.dns.limits)
        self._throttle = Throttle(engine)
        self.hits = hits
        self.clock = clock
        self.upstream: Resolving | None = None
        self._asker = Asker(b"", engine.access.default)  # of packets that no proxy sent: one for all of them in turn
        self._told: dict[str, int] = {}

    def packet(self, packet: bytes, client: bytes, group: Group, transport: Transport, send: Send, now: float,
               asker: Asker | None = None) -> Outcome:  # fmt: skip
        """The reply to send at once, its hit folded in; Forward: it comes later through `send`; None: none comes.

        `asker` is given where a proxy named the client.
        """
        try:
            if asker is None:
                asker = self._asker_of(client, group)
            outcome = self.engine.answer(packet, group, transport, now, client, asker)
            if isinstance(outcome, Forward):
                query, judged = outcome.query, outcome.judged
                waiting = Waiting(
                    query, asker.group, transport, asker.client, send, judged, asker.claim,
                    self.engine.access.generation,
                )  # fmt: skip
                self._count(waiting, outcome.hit)
                proven = asker.proven or query.cookie_verified or (transport == "tcp" and asker.transport != "udp")
                # a claim in the packet moves no limit
                limited = self._limited(query, client, group, query.transport or transport, now, proven=proven)
                outcome = limited or self._ask(outcome, waiting, now)
            if isinstance(outcome, Forward) or outcome is None:
                return outcome
            if outcome.hit is not None:
                self.hits.add(asker.client, outcome.hit, 1, asker.claim)
            if isinstance(outcome, Reply) and outcome.refresh is not None and self.upstream is not None:
                self.upstream.refresh(outcome.refresh)
        except Exception:  # noqa: BLE001  our bug: one client gets SERVFAIL, the worker lives
            self._own_fault()
            return self._failure(packet)
        return outcome

    def throttled(self, packet: bytes, client: bytes, group: Group, now: float, asker: Asker | None = None) -> Outcome:
        """What one gets by UDP who asks for more than its share; its hit is folded in."""
        try:
            self.over_limit(client)
            asker = asker or self._asker_of(client, group)
            outcome = self._throttle.answer(packet, client, group, asker, self._teller(client, group, now))
            if outcome is not None and outcome.hit is not None:
                self.hits.add(asker.client, outcome.hit, 1, asker.claim)
        except Exception:  # noqa: BLE001  our bug, as above
            self._own_fault()
            return self._failure(packet)
        return outcome

    def _teller(self, client: bytes, group: Group, now: float) -> Callable[[bool], bool]:
        return lambda proven: self.limits.told(client, forwarder=group.forwarder, now=now, proven=proven)

    def over_limit(self, client: bytes) -> None:
        """For who looks after the service: that somebody was, and who."""
        self.engine.counters.limited += 1
        self.limits.loudest.add(client)

    def _asker_of(self, client: bytes, group: Group) -> Asker:
        asker = self._asker
        asker.client, asker.group, asker.claim, asker.proven = client, group, b"", False
        return asker

    def _limited(self, query: Query, client: bytes, group: Group, transport: Transport, now: float, *,
                 proven: bool) -> Reply | None:  # fmt: skip
        """None within the limit. By UDP: come by TCP, which a forger of addresses cannot. By TCP: a failure.

        `proven`: whoever sent it (not whom it names) reads what is sent to its address.
        """
        if self.limits.miss(client, forwarder=group.forwarder, now=now, proven=proven):
            return None
        self.over_limit(client)
        bodies = self.engine.bodies
        return Reply(bodies.truncated(query) if transport == "udp" else bodies.limited(query), None)

    def _ask(self, asked: Forward, waiting: Waiting, now: float) -> Outcome:
        if self.upstream is not None and self.upstream.ask(asked.key, waiting):
            return asked
        refused = self.engine.complete(
            waiting.query, waiting.group, waiting.transport, None, now, waiting.judged, asked.key
        )
        return None if isinstance(refused, Forward) else refused

    def within_limits(self, body: bytes, packet: bytes, client: bytes, group: Group, now: float) -> bytes | None:
        """A large answer for who speaks UDP, where its network may have it; else the question with TC.

        None where that can be said of no question.
        """
        if self.limits.answer(client, len(body), forwarder=group.forwarder, now=now):
            return body
        self.over_limit(client)
        query = header_only(packet)
        return self.engine.bodies.truncated(query) if query else None

    def flush_questions(self) -> None:
        """Servers call this behind a batch of packets: what they brought to ask leaves together."""
        if self.upstream is not None:
            self.upstream.flush()

    def deliver(self, key: CacheKey, answer: Answer | None, waiting: list[Waiting]) -> None:
        """An upstream answered (None: all failed): everyone who waits for `key` gets a reply."""
        now = self.clock()
        cached = self._kept(key, answer, now)
        self._answer_all(key, waiting, cached, now)

    def shed(self, key: CacheKey, waiting: list[Waiting]) -> None:
        """No answer, and no upstream's fault: nothing is remembered of it, so that it can be asked again at once."""
        self._answer_all(key, waiting, None, self.clock())

    def late(self, key: CacheKey, waiting: list[Waiting]) -> list[Waiting]:
        """`key` takes long: who waits gets a stale answer where there is one (RFC 8767). Returns who waits on."""
        now = self.clock()
        if not waiting or self.engine.stale(key, now) is None:
            return waiting
        self._answer_all(key, waiting, None, now)
        return []

    def _answer_all(self, key: CacheKey, waiting: list[Waiting], cached: CachedAnswer | None, now: float) -> None:
        replies = [(one, self._complete(key, one, cached, now)) for one in waiting]
        self.guard(self.hits.flush)  # a bug in it must not keep the answers: what was folded in is kept
        for one, reply in replies:
            if reply is not None:
                self.guard(one.send, one.query.id + reply.body if isinstance(reply, Reply) else b"")

    def _count(self, one: Waiting, hit: bytes | None) -> None:
        """At once, for the answer may never come: a machine that asked did ask."""
        if hit is not None:
            self.hits.add(one.client, hit, 1, one.claim)
            one.query.counted = hit

    def guard(self, action: Callable[..., None], *given: object) -> None:
        """Do something for the reactor: a bug of ours in it is told, and the reactor goes on calling."""
        try:
            action(*given)
        except Exception:  # noqa: BLE001  our bug: Twisted would never read from this socket again
            self._own_fault()

    def _kept(self, key: CacheKey, answer: Answer | None, now: float) -> CachedAnswer | None:
        try:
            if answer is not None:
                return self.engine.arrived(key, answer, now)
            self.engine.failed(key, now)
        except Exception:  # noqa: BLE001  as above; those who wait hear of it
            self._own_fault()
        return None

    def _complete(self, key: CacheKey, one: Waiting, cached: CachedAnswer | None, now: float) -> Reply | Drop | None:
        """What to send now; None: another question had to be asked for it first."""
        try:
            engine = self.engine
            group: Group = one.group
            judged: tuple[Policy, Verdict] | None = one.judged
            if one.generation != engine.access.generation:  # how it stands may be over
                group = engine.access.named(one.client)
                judged = judged if group is one.group else None
            outcome = engine.complete(one.query, group, one.transport, cached, now, judged, key)
            if isinstance(outcome, Forward):
                self._count(one, outcome.hit)
                again = msgspec.structs.replace(
                    one, group=group, judged=outcome.judged, generation=engine.access.generation
                )
                asked = self.upstream is not None and self.upstream.ask(outcome.key, again)
                return None if asked else self._servfail(one.query)
        except Exception:  # noqa: BLE001  as above
            self._own_fault()
            return self._servfail(one.query)
        if outcome is not None and outcome.hit is not None:
            self.guard(self.hits.add, one.client, outcome.hit, 1, one.claim)
        return outcome

    def _failure(self, packet: bytes) -> Reply | None:
        """SERVFAIL for a packet that met a bug of ours."""
        try:
            query = header_only(packet)
        except Exception:  # noqa: BLE001  the bug is in reading it, and is told already
            query = bare(packet)
        return self._servfail(query) if query else None

    def _servfail(self, query: Query) -> Reply:
        try:
            return Reply(self.engine.bodies.error(query, SERVFAIL), None)
        except Exception:  # noqa: BLE001  the bug is in writing it, and is told already
            return Reply(bare_failure(query.flags), None)

    def _own_fault(self) -> None:
        """One traceback per kind and minute, however many packets meet the bug."""
        self.engine.counters.internal_errors += 1
        text = traceback.format_exc()
        minute = int(self.clock() / 60)
        place = traceback.extract_tb(sys.exc_info()[2])[-1]
        kind = f"{place.filename}:{place.lineno}"  # the message may be new with every packet
        if self._told.get(kind) != minute:
            if len(self._told) > 100:
                self._told.clear()
            self._told[kind] = minute
            log.error("our own fault on a packet, answered SERVFAIL; told once a minute\n%s", text)
