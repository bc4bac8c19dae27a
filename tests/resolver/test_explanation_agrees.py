"""`explain` says of every question what the engine does with it: all kinds of names, types, clients and decisions.

The words of it are tests/resolver/test_explanation.py's.
"""

from __future__ import annotations

import ipaddress

import dns.rcode
import pytest

from admin.cli.explain import OUTCOMES
from contracts import names
from contracts.clients import NetworkStanding
from contracts.hit import unpack_facts
from contracts.networks import NetworkTable
from contracts.segment import Data
from resolver import explanation
from resolver.engine import cache_key
from resolver.outcome import Drop, Forward, Reply
from resolver.wire import answer as wire_answer
from resolver.wire.constants import TYPE_NUMBERS
from resolver.wire.query import parse
from tests.resolver.making import (
    CLIENT,
    SOA,
    STRANGER,
    answer_to,
    engine,
    listed,
    listed_network,
    policy,
    query,
    understood,
)

NOW = 1000.0
LATER = 1400.0  # what lives for 300 s is over by then
TYPES = ("A", "AAAA", "TXT", "CNAME", "HTTPS", "ANY", "AXFR", "TKEY")
ASKED_UPSTREAM = TYPES[:5]
NUMBERS = TYPE_NUMBERS | {"AXFR": 252, "TKEY": 249}
ANSWERS = {
    "direct.example": ["direct.example. 3600 IN A 192.0.2.66"],
    "watched-address.example": ["watched-address.example. 3600 IN A 198.51.100.1"],
    "clean.example": ["clean.example. 3600 IN A 192.0.2.1"],
    "leads.example": ["leads.example. 3600 IN CNAME www.evil.example.", "www.evil.example. 3600 IN A 192.0.2.1"],
    "leads-trial.example": ["leads-trial.example. 3600 IN CNAME watched.example.", "watched.example. 6 IN A 192.0.2.1"],
    "leads-ok.example": ["leads-ok.example. 3600 IN CNAME ok.evil.example.", "ok.evil.example. 9 IN A 192.0.2.1"],
    "watched.example": ["watched.example. 3600 IN A 192.0.2.66"],
    "kill.example": ["kill.example. 3600 IN A 192.0.2.66"],
    "old.example": ["old.example. 300 IN A 192.0.2.1"],
    "old-listed.example": ["old-listed.example. 300 IN A 192.0.2.66"],
    "garden.vn": ["garden.vn. 3600 IN A 192.0.2.9"],
}  # fmt: skip
FAILED = ("dead.example", "watched-dead.example", "old.example", "old-listed.example")
NAMES = (
    *ANSWERS, *FAILED, "evil.example", "www.evil.example", "ok.evil.example", "x.ok.evil.example", "other.example",
    "nx.example", "empty.example", "silent.example", "bytcp.example", "alias.example", "data.example", "pass.example",
    "both.example", "local.example", "localhost", "x.onion", "watched-local.example",
)  # fmt: skip
CLIENTS = {
    "usual": CLIENT, "watched": b"\x7f\x0a\x07\1", "exempt": b"\x7f\x0a\x08\1", "listed": b"\x7f\x0a\x09\1",
    "stranger": STRANGER,
}  # fmt: skip
DECISIONS = {
    "none": {}, "bypass": {"bypassed": True}, "allowed": {"allowed": frozenset({names.to_wire("ok.evil.example")})}
}  # fmt: skip


@pytest.fixture(params=DECISIONS)
def decided(request, tmp_path):
    """An engine that knows answers, failures, local names, and clients of every standing."""
    made = policy(
        tmp_path,
        ("kill-switch", "passthru", [listed("kill.example")]),
        ("trial", "monitor", [listed("watched.example"), listed("watched-dead.example"), listed("both.example"),
                              listed("watched-local.example"), listed_network("198.51.100.0/24")]),
        ("letter-7", "enforce", [
            listed("evil.example"), listed("both.example"), listed("nx.example", action="nxdomain"),
            listed("empty.example", action="nodata"), listed("silent.example", action="drop"),
            listed("bytcp.example", action="tcp-only"), listed("pass.example", action="passthru"),
            listed("alias.example", action="alias", target=names.to_wire("garden.vn")),
            listed("data.example", action="local", data=(Data(1, 60, b"\xc0\0\2\7"),)),
            listed_network("192.0.2.64/26"), listed_network("127.10.9.0/24", "client"),
        ]),
        address_mode="enforce",
    )  # fmt: skip
    local = ("local.example. 60 IN A 192.0.2.3", "watched-local.example. 60 IN A 192.0.2.3")
    found = engine(made._replace(**DECISIONS[request.param]), local_records=local)
    network = ipaddress.ip_network
    found.access.follow(
        standings=NetworkTable([
            (network("127.10.7.0/24"), NetworkStanding("127.10.7.0/24", "monitor", 0, "a trial")),
            (network("127.10.8.0/24"), NetworkStanding("127.10.8.0/24", "exempt", 0, "a laboratory")),
        ])
    )  # fmt: skip
    for name, records in ANSWERS.items():
        for kind in ASKED_UPSTREAM:
            keep(found, name, kind, [line for line in records if f" {kind} " in line or " CNAME " in line])
    for name in FAILED:
        for kind in ASKED_UPSTREAM:
            found.failed(cache_key(parse(query(name, kind))), LATER - 1)
    return found


def keep(engine, name, kind, records):
    """An upstream's answer, NODATA where there are no records."""
    packet = query(name, kind)
    authority = [] if records else [SOA]
    answer = wire_answer.read(answer_to(packet, *records, authority=authority).to_wire(), packet[12:], 86400, 3600)
    engine.arrived(cache_key(parse(packet)), answer, NOW)


def done(engine, packet, client):
    """(what the engine did, in the words of `explain`; the facts of the hit or None)"""
    before = engine.counters.as_dict()
    outcome = engine.answer(packet, engine.access.group(client), "udp", LATER, client)
    counted = {key for key, value in engine.counters.as_dict().items() if value > before[key]}
    hit = unpack_facts(outcome.hit) if outcome.hit is not None else None
    if isinstance(outcome, Forward):
        return (hit.action if hit else "forward"), hit
    if isinstance(outcome, Reply):
        rcode = understood(outcome.body).rcode()
        if rcode in {dns.rcode.REFUSED, dns.rcode.NOTAUTH, dns.rcode.FORMERR}:
            return rcode.name.lower(), hit
    if "local" in counted:
        return "local", hit
    if hit is not None:
        return hit.action, hit
    assert not isinstance(outcome, Drop)
    (way,) = counted & {"cached", "stale", "failed"}
    return way, hit


@pytest.mark.parametrize("client", CLIENTS)
def test_what_it_says_is_what_is_done(decided, client):
    seen = set()
    for name in dict.fromkeys(NAMES):
        for kind in TYPES:
            number = NUMBERS[kind]
            told = explanation.explain(decided, names.to_wire(name), number, CLIENTS[client], LATER)
            outcome, hit = done(decided, query(name, kind), CLIENTS[client])
            assert told["outcome"] == outcome, (name, kind, told)
            match = told["match"]
            assert (match is None) == (hit is None), (name, kind, told, hit)
            if hit is not None:
                of_match = [
                    match[key] for key in ("indicator", "step", "list", "version", "line", "campaign", "letter")
                ]
                of_hit = [hit.indicator, hit.step, hit.list, hit.version, hit.line, hit.campaign, hit.letter]
                assert of_match == of_hit, (name, kind)
                assert (told["address"] or "") == hit.address
                if outcome == "notauth":  # whatever the list asks for
                    assert hit.action in {"nodata", "monitor", "passthru"}, (name, kind)
                    assert told["notes"][-1] == f"the hit is recorded as {hit.action}", (name, kind)
            seen.add(outcome)
    if client == "usual" and not decided.policy.bypassed:
        assert seen == set(OUTCOMES) - {"refused"}  # or this would prove less than it seems to
