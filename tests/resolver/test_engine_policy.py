"""Verdicts that need more than the question: where an answer leads, aliases of lists, policies that change."""

from __future__ import annotations

import gc
import ipaddress
import weakref

import pytest

from contracts import names
from contracts.clients import NetworkStanding
from contracts.hit import unpack_facts
from contracts.networks import NetworkTable
from contracts.segment import Data
from resolver.engine import MAX_JUDGED, MAX_TABLES, cache_key
from resolver.outcome import Drop, Forward, Reply
from resolver.policy.clients import Group
from resolver.wire import answer as wire_answer
from resolver.wire.query import parse
from tests.resolver.making import CLIENT, answer_to, listed, listed_network, policy, query, understood
from tests.resolver.making import engine as make_engine

NOW = 1000.0
REAL = "www.example. 300 IN A 192.0.2.66"
GARDEN = "garden.vn. 300 IN A 192.0.2.10"


def ask(engine, packet, group=None, client=CLIENT):
    return engine.answer(packet, group or engine.access.group(client), "udp", NOW, client)


def arrive(engine, forward, *records):
    """The upstream's answer to what was forwarded."""
    asked = names.to_text(forward.key[0][:-4])
    packet = query(asked)
    found = wire_answer.read(answer_to(packet, *records).to_wire(), forward.key[0], 86400, 3600)
    return engine.arrived(forward.key, found, NOW)


def addresses(outcome):
    return [one.to_text() for one in understood(outcome.body).answer]


@pytest.fixture
def plain(tmp_path):
    return make_engine(policy(tmp_path, ("letter-7", "enforce", []), serial=1))


def garden(tmp_path, serial=2):
    target = {"action": "alias", "target": names.to_wire("garden.vn")}
    return policy(tmp_path, ("letter-7", "enforce", [listed("www.example", **target)]), serial=serial)


def test_a_question_under_way_becomes_an_alias(plain, tmp_path):
    """Its own answer is of no use any more: the alias's target is asked."""
    packet = query("www.example")
    first = ask(plain, packet)
    plain.swap(garden(tmp_path))
    cached = arrive(plain, first, REAL)
    group = plain.access.group(CLIENT)
    again = plain.complete(first.query, group, "udp", cached, NOW, first.judged, first.key)
    assert isinstance(again, Forward)
    assert again.key[0].startswith(names.to_wire("garden.vn"))
    found = arrive(plain, again, GARDEN)
    done = plain.complete(again.query, group, "udp", found, NOW, again.judged, again.key)
    assert addresses(done) == ["www.example. 30 IN CNAME garden.vn.", GARDEN]


def test_and_back_again(plain, tmp_path):
    """What was asked for the alias must not be given as the answer."""
    plain.swap(garden(tmp_path))
    first = ask(plain, query("www.example"))
    plain.swap(policy(tmp_path, ("letter-7", "enforce", []), serial=3))
    cached = arrive(plain, first, GARDEN)
    group = plain.access.group(CLIENT)
    again = plain.complete(first.query, group, "udp", cached, NOW, first.judged, first.key)
    assert isinstance(again, Forward)
    assert again.key == cache_key(parse(query("www.example")))


def test_what_an_answer_leads_to_is_judged_once_for_each_policy_and_group(tmp_path, monkeypatch):
    live = policy(tmp_path, ("letter-7", "enforce", [listed_network("192.0.2.64/26")]), address_mode="enforce")
    engine = make_engine(live)
    arrive(engine, ask(engine, query("www.example")), REAL)
    judged = []
    original = type(live).judge_answer
    monkeypatch.setattr(type(live), "judge_answer", lambda *given: judged.append(1) or original(*given))
    for ident in range(5):
        engine.tables(engine.access.group(CLIENT)).raw.young.clear()
        (record,) = addresses(ask(engine, query("www.example", ident=ident)))
        assert " 30 IN A 127.53." in record
    assert len(judged) == 1
    exempt = Group("exempt")
    assert addresses(ask(engine, query("www.example"), exempt)) == [REAL]
    assert len(judged) == 1  # an exempt client is not judged at all
    groups = [Group("monitor"), engine.access.group(CLIENT)]
    for turn in range(6):
        engine.tables(groups[turn % 2]).raw.young.clear()
        ask(engine, query("www.example"), groups[turn % 2])
    assert len(judged) == 2
    for _ in range(3 * MAX_JUDGED):
        ask(engine, query("www.example"), Group("normal"))
    (answer,) = engine.cache.young.values()
    assert len(answer.judged[1]) <= MAX_JUDGED


@pytest.mark.parametrize(("standing", "expected"), [("normal", "nxdomain"), ("monitor", "monitor"), ("exempt", None)])
def test_how_a_network_stands(tmp_path, standing, expected):
    engine = make_engine(policy(tmp_path, ("letter-7", "enforce", [listed("evil.example", action="nxdomain")])))
    network = ipaddress.ip_network("127.10.0.0/24")
    engine.access.follow(standings=NetworkTable([(network, NetworkStanding(str(network), standing, 0, "a test"))]))
    outcome = ask(engine, query("evil.example"))
    if standing == "normal":
        assert understood(outcome.body).rcode() == 3
    else:
        assert isinstance(outcome, Forward)
    assert (outcome.hit is not None) == (expected is not None)
    other = ask(engine, query("evil.example"), client=b"\x7f\x0a\x09\x01")
    assert understood(other.body).rcode() == 3


def test_dropped_is_recorded_and_says_nothing(tmp_path):
    engine = make_engine(policy(tmp_path, ("letter-7", "enforce", [listed("evil.example", action="drop")])))
    outcome = ask(engine, query("evil.example"))
    assert isinstance(outcome, Drop)
    assert outcome.hit is not None


def test_tables_of_many_groups_are_bounded(tmp_path):
    many = [listed_network(f"127.10.{number // 256}.{number % 256}/32", "client") for number in range(MAX_TABLES + 50)]
    engine = make_engine(policy(tmp_path, ("letter-7", "monitor", many)))
    for number in range(MAX_TABLES + 50):
        client = bytes((127, 10, number // 256, number % 256))
        outcome = ask(engine, query("other.example"), client=client)
        assert isinstance(outcome, Forward)
        engine.tables(engine.access.group(client))
    assert len(engine._tables) == MAX_TABLES
    assert isinstance(ask(engine, query("localhost")), Reply)


LISTED_HINT = 'shop.example. 300 IN HTTPS 1 . ipv4hint="192.0.2.66"'
FREE = "shop.example. 300 IN HTTPS 2 free.example."


def led(folder, records, *lists, kind="HTTPS", **decided):
    """What comes of an answer of these records for shop.example under these lists."""
    made = policy(folder, *lists, address_mode="enforce")._replace(**decided)
    engine = make_engine(made)
    packet = query("shop.example", kind)
    forward = ask(engine, packet)
    found = wire_answer.read(answer_to(packet, *records).to_wire(), forward.key[0], 86400, 3600)
    cached = engine.arrived(forward.key, found, NOW)
    group = engine.access.group(CLIENT)
    return engine.complete(forward.query, group, "udp", cached, NOW, forward.judged, forward.key)


BAD = ("bad", "enforce", [listed_network("192.0.2.64/26", action="nxdomain")])
PASSED = ("good", "passthru", [listed("free.example")])


@pytest.mark.parametrize("records", [[LISTED_HINT, FREE], [FREE, LISTED_HINT]])
@pytest.mark.parametrize("how", ["first", "last", "allowed"])
def test_one_service_that_may_pass_says_nothing_of_the_others(tmp_path, records, how):
    """Who owns a listed server can add a record beside its own that leads to any name."""
    lists = {"first": (PASSED, BAD), "last": (BAD, PASSED), "allowed": (BAD,)}[how]
    allowed = {"allowed": frozenset({names.to_wire("free.example")})} if how == "allowed" else {}
    outcome = led(tmp_path, records, *lists, **allowed)
    assert understood(outcome.body).rcode() == 3
    assert unpack_facts(outcome.hit).indicator == "192.0.2.64/26"


@pytest.mark.parametrize("how", ["passthru", "allowed"])
def test_a_service_that_may_pass_passes(tmp_path, how):
    allowed = {"allowed": frozenset({names.to_wire("free.example")})} if how == "allowed" else {}
    outcome = led(tmp_path, [FREE], BAD, *([PASSED] if how == "passthru" else []), **allowed)
    assert [one.split()[-1] for one in addresses(outcome)] == ["free.example."]
    assert (outcome.hit is not None) == (how == "passthru")


@pytest.mark.parametrize(
    ("kind", "record"),
    [
        ("AAAA", "shop.example. 300 IN AAAA 64:ff9b::192.0.2.66"),
        ("HTTPS", 'shop.example. 300 IN HTTPS 1 . ipv4hint="192.0.2.66" ipv6hint="2001:db8:66::1"'),
    ],
)
def test_one_address_that_may_pass_says_nothing_of_the_others(tmp_path, kind, record):
    passing = [listed_network(text, action="passthru") for text in ("64:ff9b::/96", "2001:db8:66::/48")]
    both = ("one", "enforce", [*passing, listed_network("192.0.2.66/32", action="nxdomain")])
    assert understood(led(tmp_path, [record], both, kind=kind).body).rcode() == 3


def test_networks_of_both_families_are_compared_by_what_they_leave_open(tmp_path):
    wide = ("one", "enforce", [listed_network("2001:db8:66::/48", action="nodata"),
                               listed_network("192.0.2.66/32", action="nxdomain")])  # fmt: skip
    record = 'shop.example. 300 IN HTTPS 1 . ipv4hint="192.0.2.66" ipv6hint="2001:db8:66::1"'
    assert understood(led(tmp_path, [record], wide).body).rcode() == 3


def test_an_old_policy_is_not_kept_by_the_answers_that_it_judged(tmp_path):
    """It would keep the files of its lists open, and on the disk."""
    kept = []
    lists = ("one", "enforce", [listed_network("192.0.2.64/26")])
    engine = make_engine(policy(tmp_path, lists, address_mode="enforce"))
    for serial in range(2, 6):
        arrive(engine, ask(engine, query(f"n{serial}.example")), f"n{serial}.example. 300 IN A 192.0.2.66")
        assert isinstance(ask(engine, query(f"n{serial}.example")), Reply)
        kept.append(weakref.ref(engine.policy.live[0][1]))
        engine.swap(policy(tmp_path, lists, serial=serial, address_mode="enforce"))
    gc.collect()
    assert [one() for one in kept] == [None] * 4


def test_a_dropped_name_is_not_answered_however_it_is_asked(tmp_path):
    engine = make_engine(policy(tmp_path, ("letter-7", "enforce", [listed("evil.example", action="drop")])))
    assert isinstance(ask(engine, query("evil.example", "AXFR")), Drop)
    assert isinstance(ask(engine, query("evil.example", qclass="ANY")), Drop)


ASKED_FOR = [
    ({}, "nodata"), ({"action": "nxdomain"}, "nodata"), ({"action": "nodata"}, "nodata"),
    ({"action": "tcp-only"}, "nodata"), ({"action": "alias", "target": names.to_wire("garden.vn")}, "nodata"),
    ({"action": "local", "data": (Data(5, 60, names.to_wire("garden.vn")),)}, "nodata"),
    ({"action": "passthru"}, "passthru"), ({"action": "drop"}, "drop"),
]  # fmt: skip


@pytest.mark.parametrize(
    "how", [{"kind": "AXFR"}, {"kind": "IXFR"}, {"qclass": "ANY"}, {"qclass": "ANY", "kind": "TXT"}]
)
@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize(
    ("rule", "action"), ASKED_FOR, ids=lambda one: one.get("action") if isinstance(one, dict) else ""
)
def test_of_what_nobody_is_served_the_hit_tells_what_was_answered(tmp_path, rule, action, transport, how):
    """An alias, say, was never given: the answer is NOTAUTH, or REFUSED in class ANY."""
    engine = make_engine(policy(tmp_path, ("letter-7", "enforce", [listed("evil.example", **rule)])))
    for _ in range(2):  # by TCP from the table of verdicts
        packet = query("www.evil.example", **how)
        outcome = engine.answer(packet, engine.access.group(CLIENT), transport, NOW, CLIENT)
        facts = unpack_facts(outcome.hit)
        assert (facts.action, facts.transport, facts.indicator, facts.address) == (
            action,
            transport,
            "evil.example",
            "",
        )
        assert facts.qtype == {"AXFR": 252, "IXFR": 251}.get(how.get("kind"), 255)
        assert isinstance(outcome, Drop) == (action == "drop")
        if isinstance(outcome, Reply):
            assert understood(outcome.body).rcode() == (5 if "qclass" in how else 9)
    asked = ask(engine, query("www.evil.example", "TXT"))
    if rule and action == "nodata" and not isinstance(asked, Forward):
        assert unpack_facts(asked.hit).action == rule["action"], "other questions are answered as before"
