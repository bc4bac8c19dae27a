"""Owners of a response policy zone."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocklists.formats.rpz_triggers import Unsupported, trigger_of
from blocklists.formats.zonefile import Malformed
from contracts.networks import Network

OWNERS = [
    ("evil.example", "name", "evil.example"),
    ("*.evil.example", "below", "evil.example"),
    ("_dmarc.1.2", "name", "_dmarc.1.2"),
    ("com", "name", "com"),
    ("*.com", "below", "com"),
    ("32.1.2.0.192.rpz-ip", "answer", "192.0.2.1"),
    ("24.0.2.0.192.rpz-ip", "answer", "192.0.2.0/24"),
    ("8.0.0.0.10.rpz-client-ip", "client", "10.0.0.0/8"),
    ("128.1.zz.db8.2001.rpz-ip", "answer", "2001:db8::1"),
    ("48.zz.1.db8.2001.rpz-ip", "answer", "2001:db8:1::/48"),
    ("128.zz.1.0.db8.2001.rpz-client-ip", "client", "2001:db8:0:1::"),
    ("128.1.zz.rpz-client-ip", "client", "::1"),
    ("128.8.7.6.5.4.3.2.1.rpz-ip", "answer", "1:2:3:4:5:6:7:8"),
    ("120.0.c000.ffff.zz.rpz-ip", "answer", "192.0.0.0/24"),
]
BAD = [
    ("*", "would list every name"),
    ("a.*.example", "only as the first label"),
    ("*.*.example", "only as the first label"),
    ("33.1.2.0.192.rpz-ip", "no address"),
    ("0.0.0.0.0.rpz-ip", "prefix length"),
    ("08.0.0.0.10.rpz-ip", "prefix length"),
    ("24.1.2.0.192.rpz-ip", "bits set behind its prefix"),
    ("32.1.2.0.256.rpz-ip", "no address"),
    ("32.1.2.0.0192.rpz-ip", "no address"),
    ("rpz-ip", "prefix length"),
    ("32.rpz-ip", "prefix length"),
    ("32.2.0.192.rpz-ip", "no address"),
    ("64.1.zz.db8.2001.rpz-ip", "bits set behind its prefix"),
    ("128.zz.1.zz.rpz-ip", "no address"),
    ("129.1.zz.rpz-ip", "no address"),
    ("128.1.zz.12345.rpz-ip", "no address"),
    ("128.9.8.7.6.5.4.3.2.1.rpz-ip", "no address"),
    ("*.0.2.0.192.rpz-ip", "prefix length"),
    ("evil.rpz-foo", "an unknown trigger: rpz-foo"),
    ("32.1.2.0.192.rpz-ip.rpz.example", "nothing says what the zone itself is called"),
]


@pytest.mark.parametrize("zone", ["", "rpz.example"])
@pytest.mark.parametrize(("owner", "kind", "text"), OWNERS)
def test_triggers(owner, kind, text, zone):
    found = trigger_of(f"{owner}.{zone}" if zone else owner, zone)
    assert (found.kind, found.text) == (kind, text)


@pytest.mark.parametrize(("owner", "reason"), BAD)
def test_bad_owners(owner, reason):
    with pytest.raises(Malformed, match=reason.replace("*", r"\*")):
        trigger_of(owner, "")


@pytest.mark.parametrize("owner", ["ns.evil.example.rpz-nsdname", "*.evil.rpz-nsdname", "32.1.2.0.192.rpz-nsip"])
def test_what_a_forwarder_cannot_follow(owner):
    with pytest.raises(Unsupported, match="rpz-ns"):
        trigger_of(owner, "")


def owner_of(network: Network) -> str:
    """The owner that BIND writes for a network."""
    if network.version == 4:
        return ".".join([str(network.prefixlen), *reversed(str(network.network_address).split("."))])
    text = str(ipaddress.IPv6Address(int(network.network_address)))
    if "." in text:  # never in Python's own form
        raise AssertionError(text)
    head, zeros, tail = text.partition("::")
    words = [*head.split(":"), "zz", *tail.split(":")] if zeros else head.split(":")
    return ".".join([str(network.prefixlen), *reversed([word for word in words if word])])


networks = st.one_of(
    st.builds(lambda bits, length: ipaddress.ip_network((bits, length), strict=False),
              st.binary(min_size=4, max_size=4), st.integers(1, 32)),
    st.builds(lambda bits, length: ipaddress.ip_network((b"\x20" + bits.ljust(15, b"\0"), length), strict=False),
              st.binary(min_size=15, max_size=15) | st.binary(max_size=3),
              st.integers(3, 128)),
)  # fmt: skip


@given(networks)
def test_every_network_comes_back(network):
    found = trigger_of(f"{owner_of(network)}.rpz-ip", "")
    assert ipaddress.ip_network(found.text) == network
