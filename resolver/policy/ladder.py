"""The order in which a question is judged: one list, a reason per rung.

Judging only; who asks (access) comes before and is resolver.policy.clients', answering is resolver.engine's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from operator import itemgetter
from typing import Literal, NamedTuple

from contracts.decisions import Decisions
from contracts.names import parents, search_key, to_wire
from contracts.policy import Manifest, ManifestEntry, Mode
from contracts.pool import Pool
from contracts.segment import Match, Segment, address_key, prefix128
from resolver.policy.clients import Group
from resolver.policy.verdict import ALLOWED, EXEMPT, FORWARD, Found, Verdict, decided, passed, watched
from resolver.wire.answer import ADDRESSES, ALIASES
from resolver.wire.contents import Contents

# (rung, why it stands here). resolver.engine and `explain` walk it in this order.
RUNGS = (
    ("access", "strangers get nothing at all, not even a hint of what is listed"),
    ("exempt", "clients that a person took out of all policy, for a reason and a time"),
    ("allowed", "names that a person took out of all lists, for a reason and a time"),
    (
        "listed",
        "no match waits for an upstream; the manifest's order of lists decides; in a list the client before the name",
    ),
    ("local-name", "own records, and names that no upstream should ever see (RFC 6761)"),
    ("upstream", "everything else is an ordinary question: cache, then upstream"),
    ("alias", "each name that the answer leads through, in its order, is judged as if it had been asked"),
    ("answer-address", "the addresses it leads to; hints of HTTPS and SVCB records too"),
)
NONE = Decisions()
Live = tuple[tuple[ManifestEntry, Segment], ...]


class Policy(NamedTuple):
    """The live segments in the manifest's order, and how listed names are answered. Swapped whole, never changed."""

    serial: int
    live: Live
    pool: Pool
    ttl: int
    allowed: frozenset[bytes] = frozenset()  # wire names that are taken out with what is below them
    bypassed: bool = False  # everything listed is only watched
    follows: int = 0  # where an answer is followed to: ALIASES, and ADDRESSES where a live segment lists any
    judges_clients: bool = False

    def clients(self, packed: bytes) -> dict[int, Match]:
        """By position in `live`: what is listed of a client's address."""
        if not self.judges_clients:
            return {}
        key = address_key(packed, "client")
        found = ((number, segment.find_network(key)) for number, (_entry, segment) in enumerate(self.live))
        return {number: match for number, match in found if match is not None}

    def judge(self, name: bytes, qtype: int, group: Group) -> Verdict:
        """The verdict on a lower-case wire name: the first list in force that holds it or a parent decides.

        A list that only watches keeps none behind it from deciding.
        """
        if group.exempt:
            return EXEMPT
        if self.allowed and self._allows(name):
            return ALLOWED
        if group.matches:
            return self._decide(name, qtype, group, self._asked(name, group.matches), FORWARD)
        best = FORWARD  # the loop of `_decide` without its calls: every question comes here that is not finished
        key = search_key(name)
        for entry, segment in self.live:
            match = segment.find(name, key)
            if match is not None:
                verdict = self._verdict(name, qtype, Found(match, entry, "name", self.serial), group)
                if verdict.action != "monitor":
                    return verdict
                if best is FORWARD:
                    best = verdict
        return best

    def match(self, name: bytes, group: Group) -> tuple[Found, Mode] | None:
        """What `judge` would go by, and the mode that holds for it: a verdict is not made."""
        if group.exempt or (self.allowed and self._allows(name)):
            return None
        watching: tuple[Found, Mode] | None = None
        clients, key = group.matches, search_key(name)
        for number, (entry, segment) in enumerate(self.live):
            client = clients.get(number)
            match = client or segment.find(name, key)
            if match is not None:
                found = Found(match, entry, "client" if client else "name", self.serial)
                mode = self._mode(found, group)
                if mode != "monitor":
                    return found, "passthru" if match.rule.action == "passthru" else mode
                watching = watching or (found, mode)
        return watching

    def judge_answer(self, name: bytes, qtype: int, group: Group, before: Verdict, found: Contents) -> Verdict:
        """The verdict on a question whose answer leads there. `before` is that on the question by itself.

        That one was to go on, and stands where nothing decides. The names of an alias are a way that everybody takes:
        one that is let through ends it. What stands at the end is for the client to choose from: to let one record
        through says nothing of the others, and who owns a listed server could add any record beside its own.
        """
        asked = (name, qtype)
        for alias in found.aliases:
            if self._allows(alias):
                return before
            before = self._decide(*asked, group, self._named(alias), before)
            if before.way != "forward":
                return before
        passed: Verdict | None = None
        blocked: list[tuple[int, int, bytes, Verdict]] = []
        for end in found.ends:
            if end.target:
                if self._allows(end.target):
                    continue
                verdict = self._decide(*asked, group, self._named(end.target), before)
                if verdict.way == "final":
                    passed = passed or verdict
                    continue
                if verdict.way != "forward":
                    return verdict
                before = verdict
            for packed in end.addresses if self.follows & ADDRESSES else ():
                place, verdict = self._address(packed, *asked, group)
                if verdict.way == "final":
                    passed = passed or verdict
                elif verdict.way != "forward":
                    assert verdict.found is not None
                    blocked.append((place, -prefix128(verdict.found.match.indicator), packed, verdict))
                elif before is FORWARD:
                    before = verdict
        if blocked:  # of several the list's that is asked first, in it the narrowest network, then the lowest address
            return min(blocked, key=itemgetter(0, 1, 2))[-1]
        return passed if passed is not None and before is FORWARD else before

    def _address(self, packed: bytes, name: bytes, qtype: int, group: Group) -> tuple[int, Verdict]:
        """The verdict on one address, and the position of the list that made it."""
        best, place = FORWARD, 0
        key = address_key(packed, "answer")
        for number, (entry, segment) in enumerate(self.live):
            match = segment.find_network(key) if segment.networks("answer") else None
            if match is None:
                continue
            verdict = self._verdict(name, qtype, Found(match, entry, "answer", self.serial), group)
            if verdict.action != "monitor":
                return number, verdict
            if best is FORWARD:
                best, place = verdict, number
        return place, best

    def _named(self, name: bytes) -> Iterator[Found]:
        key = search_key(name)
        for entry, segment in self.live:
            match = segment.find(name, key)
            if match is not None:
                yield Found(match, entry, "alias", self.serial)

    def _asked(self, name: bytes, clients: Mapping[int, Match]) -> Iterator[Found]:
        """In each list the client's address before the name."""
        key = search_key(name)
        for number, (entry, segment) in enumerate(self.live):
            if number in clients:
                yield Found(clients[number], entry, "client", self.serial)
            else:
                match = segment.find(name, key)
                if match is not None:
                    yield Found(match, entry, "name", self.serial)

    def _decide(self, name: bytes, qtype: int, group: Group, founds: Iterable[Found], best: Verdict) -> Verdict:
        for found in founds:
            verdict = self._verdict(name, qtype, found, group)
            if verdict.action != "monitor":
                return verdict
            if best is FORWARD:
                best = verdict
        return best

    def _verdict(self, name: bytes, qtype: int, found: Found, group: Group) -> Verdict:
        mode = self._mode(found, group)
        if mode == "passthru":
            return passed(name, qtype, found)
        if mode == "monitor":
            return watched(name, qtype, found)
        return decided(name, qtype, found, self.pool, self.ttl)

    def _mode(self, found: Found, group: Group) -> Mode:
        """That of the list, unless everything is only watched."""
        mode = found.entry.mode if found.step != "answer" else found.entry.address_mode
        return "monitor" if mode == "enforce" and (self.bypassed or group.watched) else mode

    def _allows(self, name: bytes) -> bool:
        allowed = self.allowed
        return bool(allowed) and any(parent in allowed for parent in parents(name))


def make_policy(manifest: Manifest | None, segments: dict[str, Segment], pool: Pool, ttl: int,
                decisions: Decisions = NONE, now: float = 0.0) -> Policy:  # fmt: skip
    """The policy of a manifest whose segments are open, at `now` (seconds since the epoch); an empty one without."""
    if manifest is None:
        return Policy(0, (), pool, ttl)
    live = tuple((entry, segments[entry.digest]) for entry in manifest.entries)
    return Policy(
        manifest.serial,
        live,
        pool,
        ttl,
        frozenset(to_wire(one.name) for one in decisions.allowed if now < one.until),
        decisions.bypass is not None and now < decisions.bypass.until,
        ALIASES | (ADDRESSES if _lists(live, "answer") else 0),
        _lists(live, "client"),
    )


def _lists(live: Live, trigger: Literal["answer", "client"]) -> bool:
    return any(segment.networks(trigger) for _entry, segment in live)
