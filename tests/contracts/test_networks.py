"""Longest-prefix tables, overlaps and endpoints, each against what `ipaddress` says the slow way."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.networks import Endpoint, NetworkTable, UpstreamAddress, address_text, overlaps

V4 = st.ip_addresses(v=4, network="10.0.0.0/14")
V6 = st.ip_addresses(v=6, network="fd00::/110")
NETWORK = st.one_of(
    st.tuples(V4, st.integers(8, 32)).map(lambda pair: ipaddress.ip_network(pair, strict=False)),
    st.tuples(V6, st.integers(100, 128)).map(lambda pair: ipaddress.ip_network(pair, strict=False)),
)


@given(st.dictionaries(NETWORK, st.integers(), max_size=20), st.one_of(V4, V6))
def test_the_longest_network_wins(entries, address):
    holding = [network for network in entries if network.version == address.version and address in network]
    expected = entries[max(holding, key=lambda network: network.prefixlen)] if holding else None
    assert NetworkTable(entries.items()).find(address.packed) == expected


def test_a_mapped_address_counts_as_ipv4():
    table = NetworkTable([(ipaddress.ip_network("10.0.0.0/8"), "ten"), (ipaddress.ip_network("::/0"), "all of IPv6")])
    assert table.find(ipaddress.ip_address("::ffff:10.1.2.3").packed) == "ten"
    assert table.find(ipaddress.ip_address("::10.1.2.3").packed) == "all of IPv6"


def test_the_whole_world_and_nothing():
    assert NetworkTable([(ipaddress.ip_network("0.0.0.0/0"), 0)]).find(b"\1\2\3\4") == 0  # a false value is a value
    assert NetworkTable[int]([]).find(b"\1\2\3\4") is None


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_address_text_is_what_ipaddress_says(address):
    mapped = getattr(address, "ipv4_mapped", None)
    assert address_text(address.packed) == str(mapped or address)


@given(st.lists(st.tuples(st.sampled_from("abc"), NETWORK), max_size=12))
def test_overlaps_are_all_pairs_of_different_labels_that_share_addresses(networks):
    def pair(one, other):
        return frozenset({one, other})

    expected = sorted(
        sorted([str(one), str(other)])
        for at, one in enumerate(networks)
        for other in networks[at + 1 :]
        if one[0] != other[0] and one[1].version == other[1].version and one[1].overlaps(other[1])
    )
    found = sorted(
        sorted([str((label, network)), str((other, wide))]) for other, wide, label, network in overlaps(networks)
    )
    assert found == expected


@pytest.mark.parametrize(
    ("text", "default", "shown"),
    [
        ("127.0.0.1:53", None, "127.0.0.1:53"),
        ("[::1]:5353", None, "[::1]:5353"),
        ("[FD00:0::1]:53", None, "[fd00::1]:53"),
        ("10.1.1.1", 53, "10.1.1.1:53"),
        ("[fd00::1]", 53, "[fd00::1]:53"),
        ("fd00::1", 53, "[fd00::1]:53"),
    ],
)
def test_endpoints(text, default, shown):
    endpoint = Endpoint(text, default)
    assert endpoint == shown
    assert f"{endpoint.address}" in shown
    assert shown.endswith(f":{endpoint.port}")


@pytest.mark.parametrize(
    "text", ["", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:x", "127.0.0.1:٣", "host:53",
             "[::1", "[::1]53", "[127.0.0.1.5]:53", ":53", "1.2.3.4:53:53"],
)  # fmt: skip
def test_what_is_no_endpoint(text):
    with pytest.raises(ValueError):
        Endpoint(text)


@pytest.mark.parametrize(
    ("text", "shown", "transport", "name", "endpoint"),
    [
        ("10.1.1.1", "10.1.1.1:53", "udp", "", "10.1.1.1:53"),
        ("10.1.1.1:5353", "10.1.1.1:5353", "udp", "", "10.1.1.1:5353"),
        ("[fd00::1]:53", "[fd00::1]:53", "udp", "", "[fd00::1]:53"),
        ("tcp://10.1.1.1", "tcp://10.1.1.1:53", "tcp", "", "10.1.1.1:53"),
        ("tcp://[fd00::1]", "tcp://[fd00::1]:53", "tcp", "", "[fd00::1]:53"),
        ("tls://10.1.1.1#Dns.Example", "tls://10.1.1.1:853#dns.example", "tls", "dns.example", "10.1.1.1:853"),
        ("tls://[fd00::1]:8853#d.vn.", "tls://[fd00::1]:8853#d.vn", "tls", "d.vn", "[fd00::1]:8853"),
    ],
)
def test_upstream_addresses(text, shown, transport, name, endpoint):
    address = UpstreamAddress(text)
    assert (address, address.transport, address.name, address.endpoint) == (shown, transport, name, endpoint)
    assert UpstreamAddress(address) == address


@pytest.mark.parametrize(
    "text",
    ["", "dns.example", "udp://10.1.1.1", "tls://10.1.1.1", "tls://10.1.1.1#", "tls://10.1.1.1#a b", "tls://10.1.1.1#a..b",
     "tls://#dns.example", "tcp://", "10.1.1.1#dns.example", "://10.1.1.1", "tls://10.1.1.1#" + "a" * 64],
)  # fmt: skip
def test_what_is_no_upstream_address(text):
    with pytest.raises(ValueError):
        UpstreamAddress(text)
