"""Verdicts that need more than the question: where an answer leads, aliases of lists, policies that change."""

from __future__ import annotations

import ipaddress

import pytest

from contracts import names
from contracts.clients import NetworkStanding
from contracts.networks import NetworkTable
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
