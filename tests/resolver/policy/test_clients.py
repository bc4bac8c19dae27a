"""Access and groups: who may ask, who stands how, whose word counts; the longest network wins."""

from __future__ import annotations

import ipaddress

import pytest

from contracts.clients import Clients, ClientTable, Forwarder, NetworkStanding
from resolver.policy.clients import PROXIES, STRANGERS, Access
from tests.resolver.making import CLIENT, STRANGER, UNITS

TABLE = Clients(
    ClientTable(
        1,
        0.0,
        (),
        (
            NetworkStanding("127.10.1.0/24", "monitor", 0, ""), NetworkStanding("127.10.1.7/32", "normal", 0, ""),
            NetworkStanding("127.10.2.0/24", "exempt", 0, ""),
        ),
        (
            Forwarder("127.10.1.53/32", "", ("ecs", "mac")), Forwarder("127.99.0.54/32", "", ("mac", "proxy")),
            Forwarder("127.99.0.53/32", "", ("ecs",)),
        ),
    )
)  # fmt: skip


def packed(text):
    return ipaddress.ip_address(text).packed


@pytest.fixture
def access():
    made = Access([UNITS], [ipaddress.ip_network("127.98.0.1/32")])
    made.follow(standings=TABLE.standings_at(0), forwarders=TABLE.forwarders)
    return made


def test_standing(access):
    found = [access.group(packed(f"127.10.{host}")).standing for host in ("0.1", "1.1", "1.7", "2.1")]
    assert found == ["normal", "monitor", "normal", "exempt"]
    assert access.group(packed("127.10.1.7")) is access.group(CLIENT) is access.default


def test_who_is_treated_alike_shares_a_group(access):
    assert access.group(packed("127.10.1.1")) is access.group(packed("127.10.1.2"))
    forwarder = access.group(packed("127.10.1.53"))
    assert forwarder is not access.group(packed("127.10.1.1"))
    assert (forwarder.watched, forwarder.trusts) == (True, {"ecs", "mac"})


def test_who_is_registered_is_not_let_in_by_that(access):
    assert access.group(packed("127.99.0.53")) is STRANGERS
    assert access.group(STRANGER) is STRANGERS


def test_a_proxy_of_the_table_or_of_the_settings_is_one(access):
    assert access.group(packed("127.99.0.54")) is PROXIES
    assert access.group(packed("127.98.0.1")) is PROXIES
    access.follow(forwarders=Clients().forwarders)
    assert access.group(packed("127.99.0.54")) is STRANGERS
    assert access.group(packed("127.98.0.1")) is PROXIES, "the table cannot take away what the settings say"


def test_behind_a_proxy_the_client_is_judged(access):
    proxy, other = packed("127.99.0.54"), packed("127.98.0.1")
    assert access.behind(other, CLIENT) is access.default
    assert access.behind(proxy, CLIENT).trusts == {"mac"}, "the proxy's word on devices counts"
    assert access.behind(other, packed("127.10.1.53")).trusts == {"ecs", "mac"}
    assert access.behind(other, packed("127.10.2.1")).exempt
    assert access.behind(other, STRANGER) is STRANGERS
    assert access.behind(proxy, packed("127.98.0.1")) is STRANGERS, "a proxy that another names is a client"
    assert access.behind(proxy, proxy) is not STRANGERS, "its health checks are answered"


def test_who_a_forwarder_names_need_not_be_in_an_allowed_network(access):
    assert access.named(STRANGER) is access.default
    assert access.named(packed("127.10.2.1")).exempt
    assert access.named(packed("127.10.1.53")).trusts == set()


def test_who_stands_as_before_keeps_the_group_and_with_it_its_tables(access):
    """Another client table makes no new groups; another policy does, for its matches are others."""
    groups = [access.group(packed(f"127.10.{host}")) for host in ("0.1", "1.1", "1.53", "2.1")]
    access.follow(standings=TABLE.standings_at(0), forwarders=TABLE.forwarders)
    assert [access.group(packed(f"127.10.{host}")) for host in ("0.1", "1.1", "1.53", "2.1")] == groups
    access.follow(lambda _packed: {})
    assert access.group(packed("127.10.1.1")) is not groups[1]
    assert access.group(packed("127.10.0.1")) is groups[0]


def test_each_change_is_a_new_generation(access):
    before = access.generation
    access.follow(standings=TABLE.standings_at(0))
    assert access.generation == before + 1
