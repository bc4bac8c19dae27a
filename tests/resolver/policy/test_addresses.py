"""Who may ask, and which sinkhole address an indicator gets."""

from __future__ import annotations

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.segment import stable_hash
from resolver.policy.clients import STRANGERS, Access
from tests.resolver.making import pool

ALLOWED = [ipaddress.ip_network(text) for text in ("127.10.0.0/16", "192.0.2.7/32", "fd00:1::/64", "::1/128")]
HASHES = st.integers(0, 2**32 - 1)


def packed(text):
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


@pytest.mark.parametrize(
    ("client", "allowed"),
    [
        ("127.10.0.0", True),
        ("127.10.255.255", True),
        ("127.9.255.255", False),
        ("127.11.0.0", False),
        ("192.0.2.7", True),
        ("192.0.2.6", False),
        ("fd00:1::ffff", True),
        ("fd00:1:0:1::", False),
        ("::1", True),
        ("::ffff:127.10.0.5", True),  # IPv4-mapped
        ("::ffff:127.9.0.5", False),
        ("::127.10.0.5", False),  # IPv4-compatible is IPv6
        ("::", False),
        ("0.0.0.0", False),
    ],
)
def test_access(client, allowed):
    access = Access(ALLOWED)
    assert access.group(packed(client)) is (access.default if allowed else STRANGERS)


@given(st.one_of(st.binary(min_size=4, max_size=4), st.binary(min_size=16, max_size=16)))
def test_access_agrees_with_ipaddress(client):
    address = ipaddress.ip_address(client)
    address = getattr(address, "ipv4_mapped", None) or address
    access = Access(ALLOWED)
    assert (access.group(client) is not STRANGERS) == any(address in network for network in ALLOWED)


def test_nobody_is_allowed_by_an_empty_list():
    assert Access([]).group(packed("127.0.0.1")) is STRANGERS


@given(HASHES, st.integers(0, 30), st.integers(0, 2**32 - 1))
def test_an_ipv4_address_lies_in_the_pool_and_is_no_network_or_broadcast_address(hash32, prefix, base):
    network = ipaddress.ip_network((base, prefix), strict=False)
    given_out = ipaddress.ip_address(pool(str(network)).ipv4(hash32))
    assert given_out in network
    assert given_out not in {network.network_address, network.broadcast_address}


@pytest.mark.parametrize("hash32", [0, 1, 2**32 - 1])
def test_a_single_address(hash32):
    assert pool("127.53.0.1/32").ipv4(hash32) == packed("127.53.0.1")
    assert pool(ipv6="fd00::53/128").ipv6(hash32) == packed("fd00::53")


def test_both_addresses_of_a_31_are_used():
    """RFC 3021: there is no network or broadcast address in a /31."""
    assert {pool("127.53.0.0/31").ipv4(hash32) for hash32 in range(10)} == {packed("127.53.0.0"), packed("127.53.0.1")}


def test_every_usable_address_is_given_out():
    given_out = {pool("127.53.0.0/29").ipv4(hash32) for hash32 in range(100)}
    assert given_out == {packed(f"127.53.0.{last}") for last in range(1, 7)}


@given(HASHES, st.sampled_from(["fd00::/64", "fd00::/127", "fd00::/112"]))
def test_an_ipv6_address_lies_in_the_pool(hash32, network):
    given_out = ipaddress.ip_address(pool(ipv6=network).ipv6(hash32))
    assert given_out in ipaddress.ip_network(network)
    if network != "fd00::/127":
        assert given_out != ipaddress.ip_address("fd00::")  # the subnet-router anycast address, RFC 4291 section 2.6.1


@given(HASHES, HASHES)
def test_in_a_64_every_indicator_has_its_own(one, other):
    addresses = pool(ipv6="fd00::/64")
    assert (addresses.ipv6(one) == addresses.ipv6(other)) == (one == other)


def test_without_an_ipv6_pool_there_is_no_address():
    assert pool().ipv6(7) is None


def test_the_address_of_a_name_never_changes():
    """Written down: machines, versions and reports of other days rely on it."""
    hash32 = stable_hash(b"\x04evil\x07example\0")
    assert hash32 == 0x5324F3E5
    assert pool().ipv4(hash32) == packed("127.53.154.48")
    assert pool(ipv6="fd00::/64").ipv6(hash32) == packed("fd00::5324:f3e6")
