"""The engine's memory: what is kept, for whom, for how long, and that no old verdict lives on."""

from __future__ import annotations

import itertools

import dns.edns
import dns.flags
import pytest

from contracts import names
from contracts.hit import unpack_facts
from contracts.settings import Cache
from resolver.explanation import explain
from resolver.outcome import Forward, Reply
from resolver.policy.clients import STRANGERS, Group
from resolver.wire import answer as wire_answer
from tests.resolver.making import SOA, answer_to, listed, policy, query, understood
from tests.resolver.making import engine as make_engine

NOW = 5000.0
A = "other.example. 300 IN A 192.0.2.1"
ACTIONS = {"enforce": "sinkhole", "monitor": "monitor", "passthru": "passthru"}
COOKIE = dns.edns.GenericOption(10, b"12345678")


def forward(engine, packet, now=NOW, transport="udp"):
    outcome = engine.answer(packet, engine.access.default, transport, now)
    assert isinstance(outcome, Forward)
    return outcome


def arrive(engine, packet, *records, now=NOW, **how):
    """An upstream answers `packet`; returns what the waiting client gets."""
    asked = forward(engine, packet, now)
    message = answer_to(packet, *records, **how)
    found = wire_answer.read(message.to_wire(max_size=65535), asked.key[0], 86400, 3600)
    cached = engine.arrived(asked.key, found, now)
    return engine.complete(asked.query, engine.access.default, "udp", cached, now)


def given_at(engine, packet, now, transport="udp", group=None):
    """The reply from the cache, None when the engine asks upstream."""
    outcome = engine.answer(packet, group or engine.access.default, transport, now)
    return outcome if isinstance(outcome, Reply) else None


def hot(engine, packet, now, group=None):
    """What the UDP server's hot loop would send."""
    finished = engine.tables(group or engine.access.default).raw.get(packet[2:])
    return finished[0] if finished is not None and now < finished[1] else None


def ttls(body):
    message = understood(body)
    return [one.ttl for one in message.answer + message.authority]


def test_from_miss_to_expiry(engine):
    packet = query("other.example")
    first = arrive(engine, packet, A)
    assert first.hit is None
    assert understood(first.body).answer[0].to_text() == A
    assert hot(engine, packet, NOW) is None  # only what is asked again is worth a place there
    for age in (0, 0.5, 1, 7.25, 299.9):
        body = given_at(engine, packet, NOW + age).body
        assert ttls(body) == [300 - int(age)]
        assert hot(engine, packet, NOW + age) == body
        until = NOW + int(age) + 1
        assert hot(engine, packet, until - 0.01) == body
        assert hot(engine, packet, until) is None  # counted down once a second
    assert given_at(engine, packet, NOW + 300) is None
    assert engine.counters.misses == 2
    assert engine.counters.cached == 5


def test_a_name_error_is_kept_and_counted_down(engine):
    packet = query("no.example")
    assert understood(arrive(engine, packet, authority=[SOA], rcode=3).body).rcode() == 3
    later = given_at(engine, packet, NOW + 299.5)
    assert (understood(later.body).rcode(), ttls(later.body)) == (3, [300 - 299])
    assert given_at(engine, packet, NOW + 300) is None


@pytest.mark.parametrize(
    ("records", "how"),
    [([A.replace("300", "0")], {}), ([], {"rcode": 3}), ([], {})],
    ids=["TTL 0", "NXDOMAIN without SOA", "NODATA without SOA"],
)
def test_what_may_not_be_kept_is_given_once(engine, records, how):
    packet = query("other.example")
    assert understood(arrive(engine, packet, *records, **how).body).rcode() == how.get("rcode", 0)
    assert len(engine.cache) == 0
    assert given_at(engine, packet, NOW) is None


def test_one_kept_answer_serves_every_case_and_transport(engine):
    arrive(engine, query("other.example"), A)
    for name, transport in itertools.product(["OTHER.example", "other.EXAMPLE"], ["udp", "tcp"]):
        body = given_at(engine, query(name), NOW, transport).body
        assert understood(body).answer[0].name.to_text() == name + "."
        assert understood(body).question[0].name.to_text() == name + "."


def test_do_ad_and_cd_never_share(engine):
    """Eight questions, eight answers: whoever asked one never gets another's."""
    asked = list(itertools.product([False, True], repeat=3))
    for number, (do, ad, cd) in enumerate(asked):
        packet = query("other.example", do=do, ad=ad, cd=cd)
        assert given_at(engine, packet, NOW) is None
        arrive(engine, packet, f"other.example. 300 IN A 192.0.2.{number}")
    for number, (do, ad, cd) in enumerate(asked):
        packet = query("other.example", do=do, ad=ad, cd=cd)
        for body in (given_at(engine, packet, NOW).body, hot(engine, packet, NOW)):
            assert understood(body).answer[0][0].address == f"192.0.2.{number}"


@pytest.mark.parametrize(("do", "ad", "told"), [(0, 0, False), (1, 0, True), (0, 1, True), (1, 1, True)])
@pytest.mark.parametrize("authentic", [False, True])
def test_ad_is_told_to_those_who_asked(engine, do, ad, told, authentic):
    """RFC 6840 section 5.8."""
    packet = query("other.example", do=bool(do), ad=bool(ad))
    arrive(engine, packet, A, flags=dns.flags.AD if authentic else 0)
    flags = understood(given_at(engine, packet, NOW).body).flags
    assert bool(flags & dns.flags.AD) == (told and authentic)


@pytest.mark.parametrize(("edns", "limit"), [(None, 512), (512, 512), (800, 800), (4096, 1232)])
def test_long_answers_are_cut_by_udp_and_whole_by_tcp(engine, edns, limit):
    packet = query("other.example", edns=edns)
    addresses = [f"other.example. 300 IN A 192.0.2.{number}" for number in range(200)]
    first = arrive(engine, packet, *addresses)
    by_udp = given_at(engine, packet, NOW).body
    assert first.body == by_udp
    assert understood(by_udp).flags & dns.flags.TC
    assert len(by_udp) + 2 <= limit
    by_tcp = understood(given_at(engine, packet, NOW, "tcp").body)
    assert not by_tcp.flags & dns.flags.TC
    assert len(by_tcp.answer) == 200
    assert hot(engine, packet, NOW) == by_udp  # TCP's never gets into the table of datagrams


def test_finished_packets_belong_to_one_group(engine):
    other = Group("other")
    packet = query("evil.example")
    given_at(engine, packet, NOW)
    assert hot(engine, packet, NOW) is not None
    assert hot(engine, packet, NOW, other) is None
    assert hot(engine, packet, NOW, STRANGERS) is None
    engine.answer(packet, STRANGERS, "udp", NOW)
    assert hot(engine, packet, NOW, STRANGERS) is None
    arrive(engine, query("other.example"), A)
    given_at(engine, query("other.example"), NOW, group=other)
    assert hot(engine, query("other.example"), NOW) is None
    assert hot(engine, query("other.example"), NOW, other) is not None


def test_finished_packets_end_with_their_policy(engine, tmp_path):
    unlisted, plain = query("evil.example"), query("other.example")
    given_at(engine, unlisted, NOW)
    given_at(engine, unlisted, NOW, "tcp")
    arrive(engine, plain, A)
    given_at(engine, plain, NOW)
    assert hot(engine, unlisted, NOW)
    assert hot(engine, plain, NOW)
    engine.swap(policy(tmp_path, ("letter-8", "enforce", [listed("other.example")]), serial=8))
    assert hot(engine, unlisted, NOW) is None
    assert hot(engine, plain, NOW) is None
    assert isinstance(engine.answer(unlisted, engine.access.default, "udp", NOW), Forward)
    assert isinstance(engine.answer(unlisted, engine.access.default, "tcp", NOW), Forward)
    for transport in ("udp", "tcp"):  # in the cache, yet judged by the new policy
        facts = unpack_facts(given_at(engine, plain, NOW, transport).hit)
        assert (facts.action, facts.list, facts.serial) == ("sinkhole", "letter-8", 8)


def test_upstream_answers_outlive_a_policy(engine, tmp_path):
    packet = query("other.example")
    arrive(engine, packet, A)
    engine.swap(policy(tmp_path, serial=8))
    assert ttls(given_at(engine, packet, NOW + 10).body) == [290]


def test_packets_with_options_are_never_answered_from_the_raw_table(engine):
    for name in ("evil.example", "other.example"):
        packet = query(name, options=[COOKIE])
        if name == "other.example":
            arrive(engine, packet, A)
        assert given_at(engine, packet, NOW) is not None
        assert hot(engine, packet, NOW) is None
    assert len(engine.tables(engine.access.default).raw) == 0


def test_hits_of_a_kept_answer_go_on_being_recorded(engine):
    """A watched name that is answered from the cache is as much a hit as the first one."""
    packet = query("watched.example")
    assert unpack_facts(forward(engine, packet).hit).action == "monitor"
    arrive(engine, packet, "watched.example. 300 IN A 192.0.2.1")
    assert unpack_facts(given_at(engine, packet, NOW).hit).action == "monitor"
    finished = engine.tables(engine.access.default).raw.get(packet[2:])
    assert unpack_facts(finished[2]).action == "monitor"


@pytest.mark.parametrize(("mode", "action"), list(ACTIONS.items()))
@pytest.mark.parametrize("failed", [False, True])
def test_a_name_listed_while_it_was_asked(engine, tmp_path, mode, action, failed):
    packet = query("other.example")
    asked = forward(engine, packet)
    engine.swap(policy(tmp_path, ("letter-8", mode, [listed("other.example")]), serial=8))
    found = wire_answer.read(answer_to(packet, A).to_wire(), asked.key[0], 86400, 3600)
    cached = None if failed else engine.arrived(asked.key, found, NOW)
    outcome = engine.complete(asked.query, engine.access.default, "udp", cached, NOW)
    facts = unpack_facts(outcome.hit)
    assert (facts.action, facts.serial) == (action, 8)
    message = understood(outcome.body)
    if mode == "enforce":
        assert message.answer[0][0].address.startswith("127.53.")
    else:
        assert message.rcode() == (2 if failed else 0)


def test_explain_knows_what_is_cached(engine):
    """For who asks without DO, CD and AD, which are answered apart."""
    client = b"\x7f\x0a\0\1"
    wire = names.to_wire("other.example")
    arrive(engine, query("other.example", do=True), A)
    assert explain(engine, wire, 1, client, NOW + 10)["outcome"] == "forward"
    arrive(engine, query("other.example"), A)
    told = explain(engine, wire, 1, client, NOW + 10)
    assert (told["outcome"], told["rung"], told["reason"]) == ("cached", "upstream", "kept for another 290 s")
    assert explain(engine, wire, 1, client, NOW + 300)["outcome"] == "forward"


def test_memory_is_bounded(engine):
    """Every name once: the tables hold two generations of what the settings say, no more."""
    for number in range(5000):
        packet = query(f"x{number}.evil.example", ident=number)
        engine.answer(packet, engine.access.default, "udp", NOW)
        engine.answer(packet, engine.access.default, "tcp", NOW)
    tables = engine.tables(engine.access.default)
    assert len(tables.raw) <= 2 * engine.dns.cache.finished
    assert len(tables.verdicts) <= 2 * engine.dns.cache.finished


# What is given while no upstream answers: RFC 8767 and RFC 9520.


def fail(engine, packet, now):
    """Every upstream fails on `packet`; returns what the waiting client gets."""
    asked = forward(engine, packet, now)
    engine.failed(asked.key, now)
    return understood(engine.complete(asked.query, engine.access.default, "udp", None, now).body)


def codes(message):
    return [error.code for error in message.extended_errors()]


@pytest.mark.parametrize(
    ("records", "how", "rcode", "code"),
    [([A], {}, 0, 3), ([], {"rcode": 3, "authority": [SOA]}, 3, 19), ([], {"authority": [SOA]}, 0, 3)],
    ids=["positive", "NXDOMAIN", "NODATA"],
)
def test_an_answer_that_is_over_stands_in(engine, records, how, rcode, code):
    packet = query("other.example", edns=1232)
    fresh = understood(arrive(engine, packet, *records, **how).body)
    later = NOW + 301
    for message in (fail(engine, packet, later), understood(given_at(engine, packet, later + 1).body)):
        assert message.rcode() == rcode
        assert codes(message) == [code]
        assert [one.ttl for one in message.answer + message.authority] == [30]
        assert [one.to_rdataset() for one in message.answer] == [one.to_rdataset() for one in fresh.answer]
    assert engine.counters.stale == 2
    assert engine.counters.failed == 0


def test_it_stands_in_only_for_so_long(engine):
    packet = query("other.example", edns=1232)
    arrive(engine, packet, A)
    end = NOW + 300 + engine.dns.cache.stale_seconds
    assert fail(engine, packet, end - 1).rcode() == 0
    message = fail(engine, packet, end + 60)
    assert (message.rcode(), codes(message)) == (2, [22])


def test_stale_answers_can_be_switched_off(live):
    engine = make_engine(live, cache=Cache(entries=1000, finished=1000, stale_seconds=0))
    packet = query("other.example")
    arrive(engine, packet, A)
    assert fail(engine, packet, NOW + 301).rcode() == 2


def test_a_failure_is_remembered_and_asked_again_after_a_while(engine):
    packet = query("other.example", edns=1232)
    assert fail(engine, packet, NOW).rcode() == 2
    body = given_at(engine, packet, NOW + 4.9).body
    message = understood(body)
    assert (message.rcode(), codes(message)) == (2, [13])
    assert hot(engine, packet, NOW + 4.9) == body
    assert hot(engine, packet, NOW + 5) is None
    assert given_at(engine, packet, NOW + 5) is None


def test_a_failure_is_that_of_one_question_only(engine):
    fail(engine, query("other.example"), NOW)
    assert given_at(engine, query("another.example"), NOW) is None
    assert given_at(engine, query("other.example", "AAAA"), NOW) is None


def test_an_answer_after_all_ends_the_failure(engine):
    packet = query("other.example")
    asked = forward(engine, packet)
    fail(engine, packet, NOW)
    found = wire_answer.read(answer_to(packet, A).to_wire(), asked.key[0], 86400, 3600)
    engine.arrived(asked.key, found, NOW + 1)
    assert understood(given_at(engine, packet, NOW + 1).body).answer


def test_a_name_listed_since_is_never_given_stale(engine, tmp_path):
    packet = query("other.example", edns=1232)
    arrive(engine, packet, A)
    fail(engine, packet, NOW + 301)
    engine.swap(policy(tmp_path, ("new", "enforce", [listed("other.example")]), serial=9))
    message = understood(given_at(engine, packet, NOW + 302).body)
    assert codes(message) == [4]


def test_what_is_used_in_its_last_tenth_is_asked_again_once(engine):
    packet = query("other.example")
    arrive(engine, packet, A)
    assert given_at(engine, packet, NOW + 269).refresh is None
    first = given_at(engine, packet, NOW + 270)
    assert first.refresh == (names.to_wire("other.example") + b"\0\1\0\1", 0)
    assert given_at(engine, packet, NOW + 271).refresh is None


def test_asking_ahead_of_time_can_be_switched_off(live):
    engine = make_engine(live, cache=Cache(entries=1000, finished=1000, prefetch=False))
    packet = query("other.example")
    arrive(engine, packet, A)
    assert given_at(engine, packet, NOW + 299).refresh is None
