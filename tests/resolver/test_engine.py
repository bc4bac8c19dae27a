"""The engine's decisions: packet in, outcome out, at a time that the test chooses. No sockets."""

from __future__ import annotations

import math

import dns.edns
import dns.flags
import dns.message
import dns.opcode
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts import names
from contracts.hit import unpack_facts
from resolver.explanation import explain
from resolver.outcome import Forward, Reply
from resolver.policy.clients import STRANGERS
from resolver.wire.constants import (
    BADVERS,
    EDE_BLOCKED,
    EDE_FORGED,
    EDE_NO_REACHABLE,
    EDE_NOT_AUTHORITATIVE,
    EDE_PROHIBITED,
    FORMERR,
    NOTAUTH,
    NOTIMP,
    REFUSED,
    SERVFAIL,
)
from resolver.wire.query import parse
from tests.resolver.making import ask, damaged, errors, listed, policy, pool, query, understood
from tests.resolver.making import engine as make_engine

NOW = 5000.0
TRANSPORTS = ["udp", "tcp"]


def reply_to(engine, packet, transport="udp", group=None):
    """(the answer as dnspython reads it, facts of the hit or None)."""
    outcome = engine.answer(packet, group or engine.access.default, transport, NOW)
    assert isinstance(outcome, Reply)
    answer = understood(outcome.body)
    assert dns.message.from_wire(packet, ignore_trailing=True).is_response(answer)
    return answer, outcome.hit and unpack_facts(outcome.hit)


def refusal(engine, packet, transport="udp", group=None):
    """(rcode, extended errors) of an answer without records and without a hit."""
    answer, hit = reply_to(engine, packet, transport, group)
    assert hit is None
    assert not answer.answer
    assert not answer.authority
    return answer.rcode(), errors(answer)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("edns", [None, 1232])
def test_a_listed_name_gets_the_sinkhole(engine, transport, edns):
    answer, hit = reply_to(engine, query("WWW.Evil.example", edns=edns), transport)
    assert [one.to_text() for one in answer.answer] == ["WWW.Evil.example. 30 IN A 127.53.0.9"]
    assert answer.flags == dns.flags.QR | dns.flags.RD | dns.flags.RA
    assert errors(answer) == ([EDE_FORGED] if edns else [])
    assert (hit.qname, hit.indicator, hit.transport, hit.action) == (
        "www.evil.example", "evil.example", transport, "sinkhole",
    )  # fmt: skip
    assert (hit.address, hit.list, hit.line, hit.serial) == ("127.53.0.9", "letter-7", 12, 7)
    assert engine.counters.listed == 1


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("kind", ["AAAA", "HTTPS", "SVCB", "MX", "TXT", "ANY", "TYPE65400"])
def test_other_types_of_a_listed_name_are_empty(engine, transport, kind):
    answer, hit = reply_to(engine, query("www.evil.example", kind, edns=1232), transport)
    assert (answer.rcode(), answer.answer, errors(answer)) == (0, [], [EDE_BLOCKED])
    assert answer.authority[0].to_text().startswith("evil.example. 30 IN SOA ")
    assert (hit.action, hit.address) == ("nodata", "")


def test_a_listed_name_asked_with_ad_do_and_cd(engine):
    """We answer for ourselves: never AD, no signatures; CD and DO are told back."""
    answer, _hit = reply_to(engine, query("evil.example", ad=True, cd=True, do=True))
    assert answer.flags == dns.flags.QR | dns.flags.RD | dns.flags.RA | dns.flags.CD
    assert answer.ednsflags & dns.flags.DO
    assert len(answer.answer) == 1


def test_a_listed_name_without_recursion_desired(engine):
    answer, hit = reply_to(engine, query("evil.example", rd=False))
    assert answer.answer[0][0].address == "127.53.0.9"
    assert hit.action == "sinkhole"


def test_the_ttl_is_the_settings_one(tmp_path):
    engine = make_engine(policy(tmp_path, ("one", "enforce", [listed("evil.example")]), ttl=0))
    assert reply_to(engine, query("evil.example"))[0].answer[0].ttl == 0


def test_an_ipv6_sinkhole(tmp_path):
    live = policy(tmp_path, ("one", "enforce", [listed("evil.example")]), addresses=pool(ipv6="fd00::53/128"))
    answer, hit = reply_to(make_engine(live), query("evil.example", "AAAA"))
    assert answer.answer[0][0].address == "fd00::53"
    assert hit.address == "fd00::53"


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("name", ["evil.example", "kill.example", "other.example"])
def test_strangers_learn_nothing(engine, transport, name):
    packet = query(name, edns=1232)
    assert refusal(engine, packet, transport, STRANGERS) == (REFUSED, [EDE_PROHIBITED])
    assert engine.counters.refused == 1
    assert engine.tables(STRANGERS).raw.get(packet[2:]) is None
    assert len(engine.tables(STRANGERS).verdicts) == 0


def test_a_stranger_without_edns_gets_none_back(engine):
    answer, _hit = reply_to(engine, query("evil.example"), group=STRANGERS)
    assert answer.edns == -1


@pytest.mark.parametrize("packet", [b"", b"\0" * 11, query("evil.example")[:2] + b"\x81\0" + b"\0" * 8])
@pytest.mark.parametrize("strange", [False, True])
def test_nothing_is_said_to_what_may_not_be_answered(engine, packet, strange):
    assert engine.answer(packet, STRANGERS if strange else engine.access.default, "udp", NOW) is None


@pytest.mark.parametrize(
    ("packet", "expected"),
    [
        (query("evil.example", qclass="CH"), (REFUSED, [])),
        (query("version.bind", "TXT", qclass="CH"), (REFUSED, [])),
        (query("other.example", qclass="ANY"), (REFUSED, [])),
        (query("other.example", "AXFR"), (NOTAUTH, [])),
        (query("other.example", 251), (NOTAUTH, [])),
        (query("other.example", rd=False, edns=1232), (REFUSED, [EDE_NOT_AUTHORITATIVE])),
        (query("evil.example") + b"x", (FORMERR, [])),
    ],
    ids=["CH", "version.bind", "class ANY", "AXFR", "IXFR", "RD=0", "trailing octet"],
)
def test_what_is_not_resolved(engine, packet, expected):
    assert refusal(engine, packet) == expected


def test_errors_about_the_message(engine):
    message = ask("evil.example")
    message.use_edns(1)
    answer, hit = reply_to(engine, message.to_wire())
    assert (answer.rcode(), answer.edns, hit) == (BADVERS, 0, None)
    notify = ask("evil.example")
    notify.set_opcode(dns.opcode.NOTIFY)
    outcome = engine.answer(notify.to_wire(), engine.access.default, "udp", NOW)
    said = dns.message.from_wire(b"\x12\x34" + outcome.body)
    assert (said.rcode(), said.opcode()) == (NOTIMP, dns.opcode.NOTIFY)
    assert engine.counters.malformed == 2


@pytest.mark.parametrize(("name", "action"), [("kill.example", "passthru"), ("www.watched.example", "monitor")])
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_passthru_and_monitor_are_asked_upstream_with_a_hit(engine, name, action, transport):
    outcome = engine.answer(query(name), engine.access.default, transport, NOW)
    assert isinstance(outcome, Forward)
    facts = unpack_facts(outcome.hit)
    assert (facts.action, facts.qname, facts.transport, facts.address) == (action, name, transport, "")


@pytest.mark.parametrize(("name", "action"), [("kill.example", "passthru"), ("www.watched.example", "monitor")])
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_passthru_and_monitor_without_recursion_desired_are_hits_too(engine, name, action, transport):
    answer, facts = reply_to(engine, query(name, rd=False, edns=1232), transport)
    assert (answer.rcode(), errors(answer)) == (REFUSED, [EDE_NOT_AUTHORITATIVE])
    assert (facts.action, facts.qname, facts.transport) == (action, name, transport)


def test_an_unlisted_name_is_asked_upstream_without_a_hit(engine):
    outcome = engine.answer(query("Other.EXAMPLE", "AAAA", do=True, cd=True), engine.access.default, "udp", NOW)
    assert isinstance(outcome, Forward)
    assert outcome.hit is None
    assert outcome.key == (names.to_wire("other.example") + b"\0\x1c\0\1", 0x11)
    assert engine.counters.misses == 1


def test_upstream_failed(engine):
    forward = engine.answer(query("other.example", edns=1232), engine.access.default, "udp", NOW)
    outcome = engine.complete(forward.query, engine.access.default, "udp", None, NOW)
    answer = understood(outcome.body)
    assert (answer.rcode(), errors(answer), outcome.hit) == (SERVFAIL, [EDE_NO_REACHABLE], None)
    assert engine.counters.failed == 1


def test_our_own_fault_is_servfail(engine):
    answer = understood(engine.bodies.error(parse(query("other.example", cd=True)), 2))
    assert (answer.rcode(), answer.question[0].name.to_text()) == (SERVFAIL, "other.example.")


@pytest.mark.parametrize(
    ("name", "client", "outcome", "rung"),
    [
        ("evil.example", b"\x7f\x63\0\1", "refused", "access"),
        ("www.evil.example", b"\x7f\x0a\0\1", "sinkhole", "listed"),
        ("kill.example", b"\x7f\x0a\0\1", "passthru", "listed"),
        ("watched.example", b"\x7f\x0a\0\1", "monitor", "listed"),
        ("other.example", b"\x7f\x0a\0\1", "forward", "upstream"),
    ],
)
def test_explain_tells_the_rung_and_does_what_answer_does(engine, name, client, outcome, rung):
    told = explain(engine, names.to_wire(name), 1, client, NOW)
    assert (told["outcome"], told["rung"], told["serial"], told["name"]) == (outcome, rung, 7, name)
    assert told["rungs"][-1] == {"rung": rung, "verdict": outcome, "reason": told["reason"]}
    assert all(step["verdict"] == "passed" for step in told["rungs"][:-1])
    real = engine.answer(query(name), engine.access.group(client), "udp", NOW)
    assert isinstance(real, Forward) == (outcome in {"passthru", "monitor", "forward"})
    hit = real.hit and unpack_facts(real.hit)
    assert (hit.indicator if hit else None) == (told["match"]["indicator"] if told["match"] else None)
    assert (hit.address or None if hit else None) == told["address"]


PACKETS = st.builds(
    query,
    st.sampled_from(["evil.example", "a.evil.example", "kill.example", "other.example", "."]),
    st.sampled_from(["A", "AAAA", "TXT", "AXFR", "ANY"]),
    edns=st.none() | st.integers(0, 5000),
    do=st.booleans(),
    rd=st.booleans(),
    qclass=st.sampled_from(["IN", "CH"]),
    options=st.lists(st.builds(dns.edns.GenericOption, st.just(65001), st.binary(max_size=9)), max_size=1),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(packet=st.one_of(PACKETS, damaged(PACKETS), st.binary(max_size=80)), transport=st.sampled_from(TRANSPORTS))
def test_any_packet_has_an_outcome_within_its_limit(engine, packet, transport):
    for group in (engine.access.default, STRANGERS):
        outcome = engine.answer(packet, group, transport, NOW)
        if isinstance(outcome, Reply):
            assert len(outcome.body) + 2 <= 4096
            assert (outcome.hit is None) or group is not STRANGERS
            assert outcome.body[0] & 0x80
        else:
            assert outcome is None or (isinstance(outcome, Forward) and group is not STRANGERS)
        kept = engine.tables(group).raw.get(packet[2:])
        if kept is not None and transport == "udp":
            assert kept == (outcome.body, math.inf, outcome.hit)
