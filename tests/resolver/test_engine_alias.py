"""Aliases of lists: made once, kept for as long as their target's records are right, and a hit each time."""

from __future__ import annotations

import math

import dns.edns
import dns.flags
import dns.rcode
import pytest

from contracts import names
from contracts.hit import unpack_facts
from resolver.engine import cache_key
from resolver.outcome import Forward, Reply
from resolver.wire import answer as wire_answer
from resolver.wire.query import parse
from tests.resolver.making import CLIENT, SOA, answer_to, engine, errors, listed, policy, query, understood

NOW = 1000.25
GARDEN = "garden.vn. 300 IN A 192.0.2.10"
LOCAL = ("local.vn. 60 IN A 192.0.2.3", "*.wild.vn. 60 IN A 192.0.2.4")
ALIASES = {"evil.example": "garden.vn", "here.example": "local.vn", "each.example": "*.wild.vn"}


@pytest.fixture
def made(tmp_path):
    """An engine with names that are aliases of garden.vn (asked upstream) and of local records."""
    rows = [listed(name, action="alias", target=names.to_wire(target)) for name, target in ALIASES.items()]
    return engine(policy(tmp_path, ("letter-7", "enforce", rows), serial=7), local_records=LOCAL)


def ask(made, packet, now=NOW, transport="udp"):
    return made.answer(packet, made.access.group(CLIENT), transport, now, CLIENT)


def arrive(made, name, *records, now=NOW, kind="A", **how):
    """What an upstream answers for a name."""
    packet = query(name, kind)
    found = wire_answer.read(answer_to(packet, *records, **how).to_wire(), packet[12:], 86400, 3600)
    return made.arrived(cache_key(parse(packet)), found, now)


def kept(made, packet):
    """(answer, until when, facts of its hit) as it stands in the table of finished packets; None where it does not."""
    found = made.tables(made.access.group(CLIENT)).raw.get(packet[2:])
    return found and (understood(found[0]), found[1], unpack_facts(found[2]))


def lines(message):
    return [one.to_text() for one in message.answer]


def test_an_alias_to_a_local_record_is_kept_under_its_policy(made, tmp_path):
    packet = query("evil.here.example")
    outcome = ask(made, packet)
    answer, until, facts = kept(made, packet)
    assert lines(answer) == ["evil.here.example. 30 IN CNAME local.vn.", "local.vn. 60 IN A 192.0.2.3"]
    assert until == math.inf
    assert (facts.action, facts.qname, facts.serial) == ("alias", "evil.here.example", 7)
    assert unpack_facts(outcome.hit) == facts
    made.swap(policy(tmp_path, ("letter-7", "enforce", []), serial=8))
    assert kept(made, packet) is None


def test_so_is_one_that_takes_the_asked_name_along(made):
    for name in ("a.each.example", "b.each.example"):
        ask(made, query(name))
        answer, until, _facts = kept(made, query(name))
        assert lines(answer)[1] == f"{name}.wild.vn. 60 IN A 192.0.2.4"
        assert until == math.inf


@pytest.mark.parametrize("how", [{"kind": "ANY"}, {"rd": False}])
def test_and_one_for_which_nobody_is_asked(made, how):
    packet = query("evil.example", **how)
    assert isinstance(ask(made, packet), Reply)
    answer, until, facts = kept(made, packet)
    assert (lines(answer), until, facts.action) == (["evil.example. 30 IN CNAME garden.vn."], math.inf, "alias")


def test_what_an_upstream_said_of_the_target_is_kept_for_its_second(made):
    packet = query("evil.example")
    assert isinstance(ask(made, packet), Forward)
    arrive(made, "garden.vn", GARDEN)
    for now, ttl, until in ((NOW, 300, NOW + 1), (NOW + 0.75, 300, NOW + 1), (NOW + 1.5, 299, NOW + 2)):
        assert isinstance(ask(made, packet, now), Reply)
        answer, kept_until, facts = kept(made, packet)
        assert lines(answer) == ["evil.example. 30 IN CNAME garden.vn.", f"garden.vn. {ttl} IN A 192.0.2.10"]
        assert (kept_until, facts.action) == (until, "alias")
    ask(made, packet, NOW + 299.5)
    assert kept(made, packet)[1] == NOW + 300
    assert isinstance(ask(made, packet, NOW + 300), Forward)


def test_an_answer_that_may_not_be_kept_is_not(made):
    forward = ask(made, query("evil.example"))
    cached = arrive(made, "garden.vn", "garden.vn. 0 IN A 192.0.2.10")
    group = made.access.group(CLIENT)
    done = made.complete(forward.query, group, "udp", cached, NOW, forward.judged, forward.key)
    assert lines(understood(done.body))[1] == "garden.vn. 0 IN A 192.0.2.10"
    assert kept(made, query("evil.example")) is None
    assert isinstance(ask(made, query("evil.example")), Forward)


def test_a_failure_is_kept_for_as_long_as_no_upstream_is_asked(made):
    packet = query("evil.example", edns=1232)
    made.failed(cache_key(parse(query("garden.vn"))), NOW)
    assert isinstance(ask(made, packet), Reply)
    answer, until, _facts = kept(made, packet)
    assert (answer.rcode(), until) == (dns.rcode.SERVFAIL, NOW + 5)
    assert isinstance(ask(made, packet, NOW + 5), Forward)


@pytest.mark.parametrize(("left", "kept_for"), [(86_400, 30), (7, 7)])
def test_a_stale_answer_is_kept_for_no_longer_than_it_may_be_given(made, left, kept_for):
    """Until upstreams are asked again, or the day is over for which an old answer may stand in."""
    packet = query("evil.example")
    arrive(made, "garden.vn", GARDEN)
    later = NOW + 300 + made.dns.cache.stale_seconds - left
    made.failed(cache_key(parse(query("garden.vn"))), later)
    assert isinstance(ask(made, packet, later), Reply)
    answer, until, _facts = kept(made, packet)
    assert lines(answer)[1] == "garden.vn. 30 IN A 192.0.2.10"
    assert until == later + kept_for


@pytest.mark.parametrize("how", ["fresh", "stale"])
def test_where_an_answer_leads_to_an_alias_the_sooner_end_counts(made, how):
    """Of the answer that leads there, and of the target's records: those count down."""
    packet = query("www.example")
    arrive(made, "www.example", "www.example. 10 IN CNAME x.evil.example.", "x.evil.example. 10 IN A 192.0.2.1")
    now = NOW
    if how == "stale":
        now = NOW + 20
        made.failed(cache_key(parse(packet)), now)
    arrive(made, "garden.vn", GARDEN, now=now - 0.5)
    assert lines(understood(ask(made, packet, now).body)) == [
        "www.example. 30 IN CNAME garden.vn.", "garden.vn. 300 IN A 192.0.2.10",
    ]  # fmt: skip
    _answer, until, facts = kept(made, packet)
    assert (until, facts.step, facts.indicator) == (now + 0.5, "alias", "evil.example")
    made.tables(made.access.group(CLIENT)).raw.young.clear()
    if how == "fresh":
        arrive(made, "garden.vn", GARDEN, now=NOW + 9.5)
        ask(made, packet, NOW + 9.75)
        assert kept(made, packet)[1] == NOW + 10


def test_what_is_one_clients_or_came_by_tcp_is_not_kept(made):
    with_option = query("evil.here.example", options=[dns.edns.GenericOption(65001, b"x")])
    assert isinstance(ask(made, with_option), Reply)
    assert isinstance(ask(made, query("evil.here.example"), transport="tcp"), Reply)
    assert kept(made, with_option) is None
    assert kept(made, query("evil.here.example")) is None


def test_an_alias_is_cut_to_what_its_client_can_take(made):
    arrive(made, "garden.vn", *(f"garden.vn. 300 IN A 192.0.2.{number}" for number in range(1, 41)))
    small, large = query("evil.example"), query("evil.example", edns=1232)
    for packet, cut in ((small, True), (large, False)):
        ask(made, packet)
        answer, _until, _facts = kept(made, packet)
        assert bool(answer.flags & dns.flags.TC) is cut
        assert len(answer.answer) == (0 if cut else 41)
    assert errors(understood(ask(made, query("evil.here.example", edns=1232)).body)) == [4]


@pytest.mark.parametrize("rcode", [0, 3])
def test_a_target_without_records(made, rcode):
    arrive(made, "garden.vn", authority=[SOA.replace("example.", "vn.", 1)], rcode=rcode)
    packet = query("evil.example")
    ask(made, packet)
    answer, until, _facts = kept(made, packet)
    assert (answer.rcode(), lines(answer), until) == (rcode, ["evil.example. 30 IN CNAME garden.vn."], NOW + 1)
    assert answer.authority[0].name.to_text() == "vn."
