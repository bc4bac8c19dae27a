"""What a machine gets that asks for more than its share: every hit, TC or nothing, and never an answer."""

from __future__ import annotations

import ipaddress

import dns.edns
import dns.flags
import dns.rcode
import pytest

from contracts import names
from contracts.clients import Clients, ClientTable, Forwarder, NetworkStanding
from contracts.hit import Claim, HitFacts, unpack_claim, unpack_facts
from contracts.settings import Limits
from resolver import throttle
from resolver.cookies import CookieJar
from resolver.identity import Asker
from resolver.outcome import Drop, Reply
from resolver.server.dispatch import Dispatcher
from resolver.server.limits import ClientLimits
from resolver.throttle import Throttle
from tests.resolver.making import CLIENT, STRANGER, engine, listed, listed_network, policy, query, understood

NOW = 1000.0
FORWARDER, NAMED, LISTED_CLIENT = "127.10.0.53", "127.20.0.9", b"\x7f\x0a\x09\1"
GARDEN = {"action": "alias", "target": names.to_wire("garden.vn")}
AXFR, ANY = 252, 255


def packed(text):
    return ipaddress.ip_address(text).packed


@pytest.fixture
def flooded(tmp_path):
    """An engine with lists of every mode and with rules of every kind."""
    made = policy(
        tmp_path,
        ("kill-switch", "passthru", [listed("kill.example")]),
        ("trial", "monitor", [listed("watched.example"), listed("watched-drop.example", action="drop")]),
        ("letter-7", "enforce", [
            listed("evil.example", line=12), listed("below.example", itself=False),
            listed("alone.example", subdomains=False), listed("silent.example", action="drop"),
            listed("nx.example", action="nxdomain"), listed("pass.example", action="passthru"),
            listed("alias.example", **GARDEN), listed_network("127.10.9.0/24", "client"),
        ]),
        serial=7,
    )  # fmt: skip
    return engine(made)


@pytest.fixture
def limited(flooded):
    return Throttle(flooded)


@pytest.fixture
def over(flooded, limited):
    """Ask over one's share: (what came of it, who it was, the facts of its hit or None)."""

    def ask(packet, client=CLIENT, *, told=True):
        asker = Asker(client, flooded.access.group(client))
        outcome = limited.answer(packet, client, asker.group, asker, lambda _proven: told)
        hit = getattr(outcome, "hit", None)
        return outcome, asker, unpack_facts(hit) if hit is not None else None

    return ask


def register(made, *trusts, standings=()):
    table = Clients(ClientTable(1, 0.0, (), standings, (Forwarder(f"{FORWARDER}/32", "", trusts),)))
    made.access.follow(standings=table.standings_at(0), forwarders=table.forwarders)


def come_by_tcp(outcome):
    """The answer is a question with TC, and no more."""
    assert isinstance(outcome, Reply)
    answer = understood(outcome.body)
    assert answer.flags & dns.flags.TC
    assert (answer.rcode(), answer.answer, answer.authority) == (dns.rcode.NOERROR, [], [])
    return answer.question[0].name.to_text()


RECORDED = {
    # asked: (name in the hit, indicator, list, action)
    "evil.example": ("evil.example", "evil.example", "letter-7", "tcp-only"),
    "x7.evil.example": ("*.evil.example", "evil.example", "letter-7", "tcp-only"),
    "a.b.c.evil.example": ("*.evil.example", "evil.example", "letter-7", "tcp-only"),
    "x7.below.example": ("*.below.example", "*.below.example", "letter-7", "tcp-only"),
    "*.below.example": ("*.below.example", "*.below.example", "letter-7", "tcp-only"),
    "alone.example": ("alone.example", "alone.example", "letter-7", "tcp-only"),
    "nx.example": ("nx.example", "nx.example", "letter-7", "tcp-only"),
    "alias.example": ("alias.example", "alias.example", "letter-7", "tcp-only"),
    "pass.example": ("pass.example", "pass.example", "letter-7", "passthru"),
    "x7.pass.example": ("*.pass.example", "pass.example", "letter-7", "passthru"),
    "watched.example": ("watched.example", "watched.example", "trial", "monitor"),
    "x7.watched.example": ("*.watched.example", "watched.example", "trial", "monitor"),
    "watched-drop.example": ("watched-drop.example", "watched-drop.example", "trial", "monitor"),
    "kill.example": ("kill.example", "kill.example", "kill-switch", "passthru"),
    "x7.kill.example": ("*.kill.example", "kill.example", "kill-switch", "passthru"),
}


@pytest.mark.parametrize("options", [(), (dns.edns.GenericOption(65001, b"x"),)], ids=["plain", "with options"])
@pytest.mark.parametrize("asked", RECORDED)
def test_what_is_recorded(over, asked, options):
    outcome, asker, facts = over(query(asked, options=options))
    assert come_by_tcp(outcome) == f"{asked}."
    assert (facts.qname, facts.indicator, facts.list, facts.action) == RECORDED[asked]
    assert (facts.qtype, facts.transport, facts.address, facts.step, facts.verified) == (1, "udp", "", "name", False)
    assert asker.client == CLIENT


@pytest.mark.parametrize("asked", ["other.example", "example", ".", "below.example", "x7.alone.example"])
@pytest.mark.parametrize("edns", [None, 1232])
def test_what_is_not_listed_is_no_hit(over, asked, edns):
    outcome, _asker, facts = over(query(asked, edns=edns))
    come_by_tcp(outcome)
    assert facts is None


def test_all_of_a_hit(over):
    assert over(query("WWW.Evil.Example", "AAAA"))[2] == HitFacts(
        "*.evil.example", 28, "udp", "tcp-only", "", "evil.example", True, "c2", "emotet", "letter-7",
        7, 12, "campaign-letter-7", "7/CV", "ncsc", 7, "name", False,
    )  # fmt: skip


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("name", ["silent.example", "x7.silent.example"])
@pytest.mark.parametrize("options", [(), (dns.edns.GenericOption(65001, b"x"),)], ids=["plain", "with options"])
def test_a_dropped_name_is_a_hit_and_gets_no_answer(over, told, name, options):
    outcome, _asker, facts = over(query(name, options=options), told=told)
    assert isinstance(outcome, Drop)
    assert facts.action == "drop"


@pytest.mark.parametrize(
    ("qclass", "kind", "recorded"),
    [("ANY", "A", ANY), ("ANY", "TXT", ANY), ("CH", "TXT", None), ("HS", "A", None), ("IN", "AXFR", 0)],
)
def test_other_classes_and_transfers(over, qclass, kind, recorded):
    """Class ANY holds IN; names of CH and HS are other names."""
    for options in ((), (dns.edns.GenericOption(65001, b"x"),)):
        outcome, _asker, facts = over(query("evil.example", kind, qclass=qclass, options=options))
        come_by_tcp(outcome)
        assert (facts.qtype if facts else None) == recorded


def test_types_without_a_name_are_one(over, limited):
    kinds = [*range(1000, 1050), 65280, AXFR]
    assert {over(query("evil.example", kind))[2].qtype for kind in kinds} == {0}
    assert over(query("evil.example", "HTTPS"))[2].qtype == 65
    assert over(query("evil.example", "ANY"))[2].qtype == ANY


@pytest.mark.parametrize("asked", [*RECORDED, "silent.example"])
def test_who_came_to_a_proxy_by_tcp_is_not_told_to_come_by_tcp(flooded, limited, asked):
    """A failure, as on a connection of its own; and a datagram that names a connection proves none."""
    for transport in ("udp", "tcp", "udp"):
        asker = Asker(CLIENT, flooded.access.default, packed("127.10.0.54"), transport=transport)
        outcome = limited.answer(query(asked), CLIENT, asker.group, asker, lambda _proven: True)
        facts = unpack_facts(outcome.hit)
        expected = RECORDED.get(asked, (asked, asked, "letter-7", "drop"))
        action = "drop" if (expected[3], transport) == ("tcp-only", "tcp") else expected[3]
        assert (facts.qname, facts.indicator, facts.list, facts.action) == (*expected[:3], action)
        assert (facts.transport, facts.verified) == (transport, False)
        if asked == "silent.example":
            assert isinstance(outcome, Drop)
        elif transport == "udp":
            come_by_tcp(outcome)
        else:
            answer = understood(outcome.body)
            assert (answer.rcode(), answer.flags & dns.flags.TC) == (dns.rcode.SERVFAIL, 0)


def test_equal_hits_are_the_same_octets(over):
    """So that they are folded into one row."""
    hits = {over(query(f"x{number}.evil.example"))[0].hit for number in range(50)}
    assert len(hits) == 1
    assert len({over(query("evil.example"))[0].hit, *hits}) == 2


def test_the_clients_own_address_is_listed(over):
    for name in ("other.example", "evil.example"):
        outcome, asker, facts = over(query(name), LISTED_CLIENT)
        come_by_tcp(outcome)
        assert (facts.qname, facts.indicator, facts.step, facts.action) == ("*", "127.10.9.0/24", "client", "tcp-only")
        assert asker.client == LISTED_CLIENT


@pytest.mark.parametrize(
    ("standing", "decisions", "expected"),
    [
        ("monitor", {}, ("monitor", "monitor")),
        ("exempt", {}, None),
        ("normal", {"bypassed": True}, ("monitor", "monitor")),
        ("normal", {"allowed": frozenset({names.to_wire("example")})}, None),
    ],
    ids=["watched", "exempt", "bypass", "allowed"],
)
def test_what_people_decided_holds(flooded, over, standing, decisions, expected):
    """A drop rule that is only watched leaves nobody without an answer."""
    network = NetworkStanding("127.10.0.0/24", standing, 0, "")
    flooded.swap(flooded.policy._replace(**decisions))
    register(flooded, standings=(network,))
    for number, name in enumerate(("evil.example", "silent.example")):
        outcome, _asker, facts = over(query(name))
        come_by_tcp(outcome)
        assert (facts.action if facts else None) == (expected[number] if expected else None)


def test_untold_is_a_hit_and_no_answer(over, flooded):
    for packet in (query("evil.example"), query("evil.example", options=[dns.edns.GenericOption(65001, b"x")])):
        outcome, _asker, facts = over(packet, told=False)
        assert isinstance(outcome, Drop)
        assert facts.action == "tcp-only"
    for packet in (query("other.example"), query("other.example", options=[dns.edns.GenericOption(65001, b"x")])):
        assert over(packet, told=False)[0] == Drop(None)


def test_a_cookie_shows_that_the_client_reads(flooded, over, tmp_path):
    jar = flooded.options.jar = CookieJar(tmp_path)
    full, _verified = jar.renew(b"clientck", CLIENT)
    seen = []
    for cookie in (full, b"clientck", b"clientck" + bytes(16)):
        outcome, _asker, facts = over(query("evil.example", options=[dns.edns.GenericOption(10, cookie)]))
        come_by_tcp(outcome)
        (option,) = understood(outcome.body).options
        assert option.to_wire()[:8] == b"clientck"
        seen.append(facts.verified)
    assert seen == [True, False, False]
    assert over(query("evil.example"))[2].verified is False, "hits with and without are not mixed up"


def test_whom_a_forwarder_names_is_blamed(flooded, over):
    register(flooded, "ecs", standings=(NetworkStanding("127.30.0.0/16", "exempt", 0, ""),))
    named = [dns.edns.ECSOption(NAMED, 32), dns.edns.GenericOption(10, b"clientck")]
    outcome, asker, facts = over(query("evil.example", options=named), packed(FORWARDER))
    come_by_tcp(outcome)
    assert (asker.client, unpack_claim(asker.claim)) == (packed(NAMED), Claim(packed(FORWARDER), "ecs"))
    assert (facts.qname, facts.verified) == ("evil.example", False)
    assert flooded.counters.claims_ignored == 0
    _outcome, asker, facts = over(
        query("evil.example", options=[dns.edns.ECSOption("127.30.0.1", 32)]), packed(FORWARDER)
    )
    assert (asker.client, facts) == (packed("127.30.0.1"), None), "it is judged by how it stands itself"


def test_a_forwarders_cookie_says_nothing_of_whom_it_names(flooded, over, tmp_path):
    register(flooded, "ecs")
    jar = flooded.options.jar = CookieJar(tmp_path)
    full, _verified = jar.renew(b"clientck", packed(FORWARDER))
    options = [dns.edns.GenericOption(10, full), dns.edns.ECSOption(NAMED, 32)]
    _outcome, asker, facts = over(query("evil.example", options=options), packed(FORWARDER))
    assert (asker.client, asker.proven, facts.verified) == (packed(NAMED), True, False)


def test_who_is_not_believed_blames_nobody(flooded, over):
    register(flooded, "mac")
    for client in (CLIENT, packed(FORWARDER)):
        flooded.counters.claims_ignored = 0
        outcome, asker, facts = over(query("evil.example", options=[dns.edns.ECSOption(NAMED, 32)]), client)
        come_by_tcp(outcome)
        assert (asker.client, asker.claim) == (client, b"")
        assert facts.qname == "evil.example"
        assert flooded.counters.claims_ignored == 1


def test_a_stranger_gets_nothing_and_is_counted(flooded, over):
    for packet in (query("evil.example"), query("evil.example", options=[dns.edns.ECSOption(NAMED, 32)]), b""):
        outcome, asker, facts = over(packet, STRANGER)
        assert (outcome, asker.client, facts) == (None, STRANGER, None)
    assert flooded.counters.refused == 3


MALFORMED = {
    "cut": query("evil.example")[:-1],
    "NOTIFY": b"\0\0\x20\0" + query("evil.example")[4:],
    "two questions": b"\0\0\1\0\0\2" + query("evil.example")[6:],
    "something behind": query("evil.example") + b"x",
    "TKEY": query("evil.example", "TKEY"),
    "another EDNS": query("evil.example", edns=1232)[:-5] + b"\1\0\0\0\0",
    "a cookie of no length": query("evil.example", options=[dns.edns.GenericOption(10, b"x")]),
    "no question": b"\0\0\1\0" + bytes(8),
}  # fmt: skip
IGNORED = {
    "empty": b"",
    "short": query("evil.example")[:11],
    "a response": b"\0\0\x81\0" + query("evil.example")[4:],
    "a response with options": b"\0\0\x81\0" + query("evil.example", options=[dns.edns.GenericOption(9, b"x")])[4:],
}


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("kind", [*MALFORMED, *IGNORED])
def test_what_is_no_question_gets_nothing_and_is_counted(flooded, over, tmp_path, kind, told):
    flooded.options.jar = CookieJar(tmp_path)
    outcome, _asker, facts = over((MALFORMED | IGNORED)[kind], told=told)
    assert (outcome, facts) == (None, None)
    assert (flooded.counters.malformed, flooded.counters.ignored) == ((1, 0) if kind in MALFORMED else (0, 1))


def test_a_cookie_asked_for_alone_names_nothing(flooded, over, tmp_path):
    flooded.options.jar = CookieJar(tmp_path)
    alone = b"\x12\x34\1\0" + bytes(7) + b"\1" + b"\0\0\x29\4\xd0\0\0\0\0\0\x0c\0\x0a\0\x08clientck"
    outcome, _asker, facts = over(alone)
    assert isinstance(outcome, Reply)
    assert facts is None
    assert understood(outcome.body).flags & dns.flags.TC
    assert over(alone, told=False)[0] == Drop(None)


def test_another_policy_makes_its_own_hits(flooded, over, tmp_path):
    """What is packed names version, line and serial of the list."""
    before = over(query("evil.example"))[2]
    flooded.swap(policy(tmp_path, ("letter-7", "enforce", [listed("evil.example", line=99)]), serial=8))
    after = over(query("evil.example"))[2]
    assert (before.serial, before.version, before.line) == (7, 7, 12)
    assert (after.serial, after.version, after.line) == (8, 8, 99)
    flooded.swap(policy(tmp_path, ("letter-7", "enforce", []), serial=9))
    assert over(query("evil.example"))[2] is None


def test_no_flood_fills_the_memory(over, limited, monkeypatch):
    monkeypatch.setattr(throttle, "KEPT", 10)
    over(query("evil.example"))
    limited._policy = None  # made anew, with room for ten
    for kind in range(1000, 1200):
        assert over(query("evil.example", kind))[2].qtype == 0
    assert len(limited._hits) <= 30


def test_whatever_is_asked_costs_no_upstream_and_no_table(flooded, over):
    for number in range(50):
        over(query(f"x{number}.other.example"))
        over(query(f"x{number}.evil.example"))
    assert len(flooded.cache) == 0
    assert not any(len(tables.raw) for tables in flooded._tables.values())


class Sink:
    """Hits as (client, claim, name, count)."""

    def __init__(self):
        self.added = []

    def add(self, client, hit, count, claim=b""):
        self.added.append((client, unpack_claim(claim) if claim else None, unpack_facts(hit).qname, count))

    def add_all(self, hits):
        for (client, claim, hit), count in hits.items():
            self.add(client, hit, count, claim)

    def flush(self):
        pass


def test_through_the_dispatcher_hits_are_those_of_who_is_named(flooded):
    register(flooded, "ecs")
    dispatcher = Dispatcher(flooded, Sink(), lambda: NOW)
    dispatcher.limits = ClientLimits(Limits(questions=10, forwarder_questions=10))
    group = flooded.access.group(packed(FORWARDER))
    named = query("evil.example", options=[dns.edns.ECSOption(NAMED, 32)])
    come_by_tcp(dispatcher.throttled(named, packed(FORWARDER), group, NOW))
    assert isinstance(dispatcher.throttled(named, packed(FORWARDER), group, NOW), Drop), "told so once in 0.1 s"
    come_by_tcp(dispatcher.throttled(query("evil.example"), CLIENT, flooded.access.group(CLIENT), NOW))
    via = Claim(packed(FORWARDER), "ecs")
    assert dispatcher.hits.added == [
        (packed(NAMED), via, "evil.example", 1), (packed(NAMED), via, "evil.example", 1),
        (CLIENT, None, "evil.example", 1),
    ]  # fmt: skip
    assert flooded.counters.internal_errors == 0
