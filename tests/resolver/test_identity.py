"""Who asks: what forwarders say in EDNS is believed of those registered for it, and of nobody else."""

from __future__ import annotations

import ipaddress

import dns.edns
import pytest

from contracts.clients import Clients, ClientTable, Forwarder, NetworkStanding
from contracts.hit import Claim, unpack_claim, unpack_facts
from resolver.identity import Asker
from resolver.outcome import Forward, Reply
from tests.resolver.making import query

FORWARDER, PROXY, ORDINARY = "127.10.0.53", "127.10.0.54", "127.10.0.5"
MAC = bytes.fromhex("001122aabbcc")
NOW = 1000.0


def packed(text):
    return ipaddress.ip_address(text).packed


def option(code, data):
    return dns.edns.GenericOption(code, data)


def ecs(address, bits=32):
    return dns.edns.ECSOption(address, bits)


def register(engine, *trusts, standings=()):
    table = Clients(ClientTable(1, 0.0, (), standings, (Forwarder(f"{FORWARDER}/32", "", trusts),)))
    engine.access.follow(standings=table.standings_at(0), forwarders=table.forwarders)


def ask(engine, *options, client=FORWARDER, name="evil.example", transport="udp", asker=None):
    """(outcome, who it was) of a question with these options."""
    address = packed(client)
    asker = asker or Asker(address, engine.access.group(address))
    packet = query(name, edns=1232, options=options)
    outcome = engine.answer(packet, asker.group, transport, NOW, asker.client, asker)
    return outcome, asker


def claim(asker):
    return unpack_claim(asker.claim) if asker.claim else None


def test_a_client_subnet_of_one_address_names_the_client(engine):
    register(engine, "ecs")
    outcome, asker = ask(engine, ecs("127.20.0.9"))
    assert (asker.client, claim(asker)) == (packed("127.20.0.9"), Claim(packed(FORWARDER), "ecs"))
    assert isinstance(outcome, Reply)
    assert engine.counters.claims_ignored == 0


def test_the_named_client_is_judged_and_the_forwarder_let_in(engine):
    register(engine, "ecs", standings=(NetworkStanding("192.0.2.0/24", "exempt", 0, ""),))
    outcome, asker = ask(engine, ecs("192.0.2.7"))
    assert isinstance(outcome, Forward)
    assert asker.group.exempt
    outcome, asker = ask(engine, ecs("198.51.100.7"))  # in no allowed network: its forwarder is
    assert isinstance(outcome, Reply)
    assert unpack_facts(outcome.hit).action == "sinkhole"


def test_a_named_client_has_shown_nothing_by_its_forwarders_connection(engine):
    register(engine, "ecs", "mac")
    for options, verified in (((), True), ((ecs("127.20.0.9"),), False), ((option(65001, MAC),), True)):
        outcome, _asker = ask(engine, *options, transport="tcp")
        assert unpack_facts(outcome.hit).verified is verified


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([option(65001, MAC)], Claim(packed(FORWARDER), "", MAC)),
        ([option(65073, b"00:11:22:aa:bb:cc")], Claim(packed(FORWARDER), "", MAC)),
        ([option(65074, b"router 12")], Claim(packed(FORWARDER), "", b"", "router 12")),
        ([ecs("127.20.0.9"), option(65001, MAC), option(65074, b"r")],
         Claim(packed(FORWARDER), "ecs", MAC, "r")),
    ],
)  # fmt: skip
def test_devices_are_recorded_beside_the_client(engine, options, expected):
    register(engine, "ecs", "mac", "cpe-id")
    _outcome, asker = ask(engine, *options)
    assert claim(asker) == expected
    assert asker.client == packed("127.20.0.9" if expected.how else FORWARDER)
    assert engine.counters.claims_ignored == 0


FORGED = [ecs("127.20.0.9"), option(65001, MAC), option(65073, b"00:11:22:aa:bb:cc"), option(65074, b"router")]


@pytest.mark.parametrize("forged", FORGED, ids=lambda one: str(int(one.otype)))
@pytest.mark.parametrize("client", [ORDINARY, "127.99.0.1", FORWARDER])
def test_from_who_is_not_believed_in_it_it_changes_nothing_and_is_counted(engine, client, forged):
    others = {"ecs", "mac", "cpe-id"} - {{8: "ecs", 65074: "cpe-id"}.get(int(forged.otype), "mac")}
    register(engine, *others)
    plain, before = ask(engine, option(12, b""), client=client)
    outcome, asker = ask(engine, forged, client=client)
    assert (outcome.body, outcome.hit) == (plain.body, plain.hit)
    assert (asker.client, asker.group, asker.claim) == (packed(client), before.group, b"")
    assert engine.counters.claims_ignored == 1


@pytest.mark.parametrize(
    "options",
    [
        [ecs("127.20.0.0", 24)], [ecs("127.20.0.8"), ecs("127.20.0.9")], [option(8, b"\0\1\x20\0\x7f")],
        [option(65001, b"")], [option(65001, MAC), option(65001, MAC)], [option(65074, b"")],
    ],
    ids=["a network", "two", "cut", "no MAC", "two MACs", "no text"],
)  # fmt: skip
def test_what_is_of_no_use_names_nobody_and_is_counted(engine, options):
    register(engine, "ecs", "mac", "cpe-id")
    _outcome, asker = ask(engine, *options)
    assert (asker.client, asker.claim) == (packed(FORWARDER), b"")
    assert engine.counters.claims_ignored == 1


def test_what_a_forwarder_says_is_asked_of_no_upstream(engine):
    """The key is all that goes on: name, type, class and three bits."""
    register(engine, "ecs", "mac", "cpe-id")
    outcome, _asker = ask(engine, *FORGED, name="other.example")
    plain, _asker = ask(engine, name="other.example")
    assert outcome.key == plain.key == (b"\5other\7example\0\0\1\0\1", 0)


def test_behind_a_proxy_and_a_forwarder_the_last_word_names_the_client(engine):
    register(engine, "ecs", "mac")
    proxy, forwarder = packed(PROXY), packed(FORWARDER)
    for options, client, expected in (
        ((), forwarder, Claim(proxy, "proxy")),
        ((option(65001, MAC),), forwarder, Claim(proxy, "proxy", MAC)),
        ((ecs("127.20.0.9"),), packed("127.20.0.9"), Claim(forwarder, "ecs")),
    ):
        asker = Asker(forwarder, engine.access.behind(proxy, forwarder), proxy)
        ask(engine, *options, asker=asker)
        assert (asker.client, claim(asker)) == (client, expected)
