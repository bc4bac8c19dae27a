"""The words of `sinkhole explain`: which rung decided and why, as plain data.

Only words about a decision; the decision itself is the engine's, with the live policy and what it keeps of answers.
"""

from __future__ import annotations

import math
import struct
from typing import Any

from contracts.names import to_text
from contracts.networks import address_text
from resolver.cache.entry import CachedAnswer
from resolver.engine import TRANSFERS, Engine
from resolver.policy.clients import PROXIES, STRANGERS, Group
from resolver.policy.ladder import RUNGS
from resolver.policy.verdict import Found, Verdict, refused
from resolver.wire.constants import AD, CD, CLASS_IN, TYPE_ANY, TYPE_NAMES
from resolver.wire.query import NO_QUESTION

_TYPE_CLASS = struct.Struct("!HH")
_OTHER_BITS = [do | cd | ad for do in (0, 1) for cd in (0, CD) for ad in (0, AD)][1:]
_ACCESS, _EXEMPT, _ALLOWED, _LISTED, _LOCAL, _UPSTREAM, _ALIAS, _ADDRESS = (rung for rung, _why in RUNGS)
_RUNG_OF = {"name": _LISTED, "client": _LISTED, "alias": _ALIAS, "answer": _ADDRESS}
_REASONS = {
    "sinkhole": "answered with the sinkhole address",
    "nodata": "this type gets an empty answer",
    "nxdomain": "answered as a name that does not exist",
    "drop": "not answered at all",
    "tcp-only": "answered by TCP only",
    "alias": "answered with another name and what that has",
    "local": "answered with records of the list",
    "monitor": "listed to be watched: answered as usual and recorded",
    "passthru": "listed to pass through: answered as usual and recorded",
}
_ABOUT = {
    "name": "the name is listed",
    "client": "the client's address is listed",
    "alias": "the answer leads through a listed name",
    "answer": "the answer leads to a listed address",
}


def explain(engine: Engine, name: bytes, qtype: int, client: bytes, now: float) -> dict[str, Any]:
    """What this worker would answer and why: the rungs it takes, in words."""
    policy = engine.policy
    told = _Telling(to_text(name), address_text(client), qtype, policy.serial)
    group = engine.access.group(client)
    if group is PROXIES:
        told.note("a listed proxy: of what it sends only that is taken which begins with a PROXY header")
        group = engine.access.behind(client, client)
    if group is STRANGERS:
        return told.end(_ACCESS, "refused", "the client is in none of the networks dns.allowed_clients")
    told.passed(_ACCESS, "the client is in an allowed network")
    if policy.bypassed:
        told.note("policy is bypassed (sinkhole bypass): what is listed is only watched")
    if group.watched:
        told.note("the client's network is in monitor mode: what is listed is only watched")
    verdict = policy.judge(name, qtype, group)
    if qtype in NO_QUESTION:
        return told.end(_ACCESS, "formerr", "records of this type belong to a message or a proof")
    if qtype in TRANSFERS:
        if verdict.found is not None:
            told.matched(verdict)
            if verdict.way == "drop":
                return told.decided(verdict)
            told.note(f"the hit is recorded as {refused(verdict).action}")
        return told.end(_ACCESS, "notauth", "zone transfers are given to nobody: no zone is held here")
    if verdict.action == "exempt":
        told.note("the client's network is exempt: no list is asked")
    elif verdict.action == "allowed":
        told.note("the name is allowed by a person's decision (sinkhole allow): no list is asked")
    if verdict.found is not None:
        told.matched(verdict)
        if verdict.way not in {"forward", "final"}:
            return told.decided(verdict)
    elif verdict.way == "final":
        told.passed(_EXEMPT if verdict.action == "exempt" else _ALLOWED, "no list is asked")
    else:
        told.passed(_LISTED, f"in none of {len(policy.live)} live lists")
    return _going_on(told, engine, (name, qtype), group, verdict, now)


def _going_on(told: _Telling, engine: Engine, asked: tuple[bytes, int], group: Group, verdict: Verdict,
              now: float) -> dict[str, Any]:  # fmt: skip
    """From the local names down; `verdict` is on the question by itself and let it pass."""
    (name, qtype), policy = asked, engine.policy
    local = engine.local.find(name, qtype)
    if local is not None:
        return told.end(_LOCAL, "local", local.reason)
    if qtype == TYPE_ANY:
        return told.end(_LOCAL, "local", "ANY gets one record that says no more than this (RFC 8482)")
    told.passed(_LOCAL, "no name that is answered here")
    kept, outcome, reason = _from_upstream(engine, name + _TYPE_CLASS.pack(qtype, CLASS_IN), now)
    if kept is not None and kept.leads & policy.follows and verdict.way == "forward":
        leads = kept.contents(name + _TYPE_CLASS.pack(qtype, CLASS_IN))
        further = policy.judge_answer(name, qtype, group, verdict, leads)
        if further is not verdict:
            told.matched(further)
            return told.decided(further)
    if verdict.found is not None:
        return told.decided(verdict)
    return told.end(_UPSTREAM, outcome, reason)


def _from_upstream(engine: Engine, asked: bytes, now: float) -> tuple[CachedAnswer | None, str, str]:
    """What is kept of upstreams on a question (name, type, class) without DO, CD and AD; the outcome, and why.

    What is kept for who asks with them shows, where there is nothing else, where the answer will lead.
    """
    kept = engine.cache.get((asked, 0))
    if kept is not None and kept.fresh(now):
        return kept, "cached", f"kept for another {int(kept.expires - now)} s"
    until = engine.failures.until((asked, 0), now)
    if until is not None:
        old = engine.stale((asked, 0), now)
        failed = f"no upstream answered; they are not asked again for another {math.ceil(until - now)} s"
        return (old, "stale", f"an old answer, for {failed}") if old is not None else (None, "failed", failed)
    others = (engine.cache.get((asked, bits)) for bits in _OTHER_BITS)
    known = next((one for one in others if one is not None and one.fresh(now)), None)
    words = "an ordinary question for an upstream; where its answer leads is judged when it comes"
    return known, "forward", words


class _Telling:
    """Collects the rungs on the way down."""

    def __init__(self, name: str, client: str, qtype: int, serial: int) -> None:
        self._told: dict[str, Any] = {
            "name": name,
            "client": client,
            "type": TYPE_NAMES.get(qtype, f"TYPE{qtype}"),
            "serial": serial,
            "match": None,
            "address": None,
            "notes": [],
            "rungs": [],
        }

    def note(self, text: str) -> None:
        """What holds for all that follows."""
        self._told["notes"].append(text)

    def passed(self, rung: str, reason: str) -> None:
        """This rung did not decide."""
        self._told["rungs"].append({"rung": rung, "verdict": "passed", "reason": reason})

    def end(self, rung: str, outcome: str, reason: str) -> dict[str, Any]:
        """This rung decided."""
        self._told["rungs"].append({"rung": rung, "verdict": outcome, "reason": reason})
        return self._told | {"outcome": outcome, "rung": rung, "reason": reason}

    def matched(self, verdict: Verdict) -> None:
        """Something is listed, whatever comes of it."""
        found = verdict.found
        assert found is not None
        match, entry = found.match, found.entry
        self._told["match"] = {
            "indicator": found.indicator,
            "step": found.step,
            "subdomains": match.subdomains,
            "list": entry.list,
            "version": entry.version,
            "line": match.line,
            "kind": match.labels.kind,
            "family": match.labels.family,
            "campaign": entry.campaign,
            "letter": match.labels.letter,
            "source": match.labels.source,
            "mode": entry.mode if found.step != "answer" else entry.address_mode,
            "asks_for": match.rule.action,
            "window": entry.window,
        }
        self._told["address"] = verdict.address_text or None
        if entry.window:
            self.note(f"the list {entry.list}: {entry.window}")

    def decided(self, verdict: Verdict) -> dict[str, Any]:
        """What was matched decides."""
        found = verdict.found
        assert found is not None
        return self.end(_RUNG_OF[found.step], verdict.action, f"{_ABOUT[found.step]}: {_why(verdict, found)}")


def _why(verdict: Verdict, found: Found) -> str:
    place = f"{found.entry.list} version {found.entry.version}, line {found.match.line}"
    return f"{_REASONS[verdict.action]} ({found.indicator}, {place})"
