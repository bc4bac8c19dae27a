"""What no list may block."""

from __future__ import annotations

import ipaddress

import msgspec
import pytest

from blocklists.guard import Guard, kill_switch_names, public_suffixes
from blocklists.indicator import Indicator
from contracts.networks import UpstreamAddress
from contracts.settings import ForwardZone, Unit, Upstreams

WANNACRY = "iuqerfsodp9ifjaposdfjhgosurijfaewrwergwea.com"

NAMES = [
    ("com", "a single label"),
    ("example", "a single label"),
    ("localhost", "a single label"),
    ("com.vn", "a public suffix"),
    ("co.uk", "a public suffix"),
    ("github.io", "a public suffix"),  # private section
    ("anything.ck", "a public suffix"),  # by a wildcard rule
    ("www.ck", ""),  # its exception
    ("xn--55qx5d.cn", "a public suffix"),  # listed in Chinese letters
    ("gov.vn", "protected domain gov.vn"),
    ("hanoi.gov.vn", "protected domain gov.vn"),
    ("a.b.hanoi.gov.vn", "protected domain gov.vn"),
    ("xgov.vn", ""),
    ("so-mau.example", "protected domain so-mau.example"),
    ("www.so-mau.example", "protected domain so-mau.example"),
    (WANNACRY, "a kill-switch name"),
    (f"www.{WANNACRY}", "a kill-switch name"),
    ("evil.example", ""),  # an unknown top-level domain is none of our business
    ("evil.test", ""),
    ("evil.com.vn", ""),
    ("evil.github.io", ""),
]

ADDRESSES = [
    ("10.1.2.3", "an internal network 10.0.0.0/8"),
    ("0.0.0.0/0", "an internal network"),
    ("8.0.0.0/6", "an internal network 10.0.0.0/8"),
    ("fd00::1", "an internal network fc00::/7"),
    ("192.0.2.5", "the sinkhole pool 192.0.2.0/25"),
    ("192.0.2.0/24", "the sinkhole pool"),
    ("2001:db8:5::1", "the sinkhole pool 2001:db8:5::/64"),
    ("224.0.0.1", "no address of a machine"),
    ("169.254.1.1", "no address of a machine"),
    ("0.1.2.3", "no address of a machine"),
    ("0.0.0.0", "no address of a machine"),
    ("::", "no address of a machine"),
    ("fe80::/32", "no address of a machine"),
    ("255.255.255.255", "no address of a machine"),
    ("8.8.0.0/15", "wider than /16"),
    ("8.8.0.0/16", ""),
    ("2a00::/31", "wider than /32"),
    ("2a00:1::/32", ""),
    ("198.51.100.53", "the upstream 198.51.100.53/32"),
    ("198.51.100.0/24", "the upstream 198.51.100.53/32"),
    ("198.51.100.54", "the upstream 198.51.100.54/32"),
    ("203.0.114.9", "the unit so-mau 203.0.114.0/24"),
    ("192.0.2.200", ""),
    ("203.0.113.7", ""),
    ("2001:db8::1", ""),
]


# What is only let through, or is about clients: (address, trigger, passthru, reason).
OTHER_ADDRESSES = [
    ("10.1.2.3", "answer", True, ""),
    ("10.0.0.0/8", "answer", True, ""),
    ("0.0.0.0/0", "answer", True, "wider than /16"),
    ("203.0.0.0/15", "answer", True, "wider than /16"),
    ("10.1.2.3", "client", False, ""),
    ("127.0.0.5", "client", False, ""),
    ("10.1.0.0/16", "client", False, ""),
    ("::1", "client", False, ""),
    ("10.0.0.0/8", "client", False, "holds all clients of 10.0.0.0/8"),
    ("0.0.0.0/0", "client", True, "holds all clients of 127.0.0.0/8"),
    ("::/0", "client", False, "holds all clients of fc00::/7"),
    ("10.2.0.0/15", "client", False, "wider than /16"),
]


@pytest.fixture
def guard(settings):
    dns = msgspec.structs.replace(
        settings.dns,
        upstreams=Upstreams(servers=(UpstreamAddress("tls://198.51.100.53#dns.example"),)),
        forward_zones=(ForwardZone("ad.example", (UpstreamAddress("198.51.100.54"),)),),
    )
    unit = Unit("so-mau", "Sở Mẫu", (ipaddress.ip_network("203.0.114.0/24"),))
    return Guard(msgspec.structs.replace(settings, dns=dns, units=(unit,)))


@pytest.mark.parametrize(("name", "reason"), NAMES)
def test_names(guard, name, reason):
    said = guard.verdict(Indicator(1, name)).reason
    assert said.startswith(reason)
    assert bool(said) is bool(reason)


@pytest.mark.parametrize(("address", "reason"), ADDRESSES)
def test_addresses(guard, address, reason):
    said = guard.verdict(Indicator(1, "", address)).reason
    assert reason in said
    assert bool(said) is bool(reason)


@pytest.mark.parametrize(("address", "trigger", "passes", "reason"), OTHER_ADDRESSES)
def test_addresses_of_clients_and_those_let_through(guard, address, trigger, passes, reason):
    said = guard.verdict(Indicator(1, "", address, trigger=trigger, action="passthru" if passes else "drop")).reason
    assert reason in said
    assert bool(said) is bool(reason)


@pytest.mark.parametrize(
    ("name", "subdomains", "reason"),
    [
        ("hanoi.gov.vn", True, ""),
        ("github.io", False, ""),
        ("github.io", True, "a public suffix"),
        ("com", False, "a single label"),
        (WANNACRY, False, "a kill-switch name"),
        (f"www.{WANNACRY}", True, "a kill-switch name"),
    ],
)
def test_what_is_let_through_may_be_ones_own_but_not_half_the_world(guard, name, subdomains, reason):
    said = guard.verdict(Indicator(1, name, subdomains=subdomains, action="passthru")).reason
    assert said.startswith(reason)
    assert bool(said) is bool(reason)


def test_the_upstreams_of_the_system_are_the_resolvers_own_too(settings, monkeypatch):
    own = UpstreamAddress("198.51.100.99")
    monkeypatch.setattr("blocklists.guard.system_upstreams", lambda listen: [own])
    assert "the upstream 198.51.100.99/32" in Guard(settings).address_verdict("198.51.100.0/24").reason


def test_a_parent_of_a_protected_domain_is_refused(settings):
    wider = msgspec.structs.replace(
        settings, guard=msgspec.structs.replace(settings.guard, protected_domains=("mail.so-mau.example",))
    )
    guard = Guard(wider)
    assert guard.name_verdict("so-mau.example").reason == "parent of the protected domain mail.so-mau.example"
    assert guard.name_verdict("other.so-mau.example").reason == ""


def test_kill_switch_names_may_stand_in_a_list_of_their_own(guard):
    one = Indicator(1, WANNACRY, kind="kill-switch")
    assert guard.verdict(one, kind="kill-switch").reason == ""
    assert "kill-switch" in guard.verdict(one).reason
    other = guard.verdict(Indicator(1, "new-switch.example", kind="kill-switch"))
    assert (other.holds, "it belongs in a list of that kind" in other.reason) == (False, True)


def test_the_shipped_kill_switch_names_are_usable(guard):
    names = kill_switch_names()
    assert WANNACRY in names
    assert len(names) >= 4
    assert [name for name in names if guard.name_verdict(name, of_kill_switch_list=True).reason] == []


def test_the_fingerprint_follows_the_settings(settings):
    guard, same = Guard(settings), Guard(settings)
    other = Guard(
        msgspec.structs.replace(settings, guard=msgspec.structs.replace(settings.guard, protected_domains=()))
    )
    assert same.fingerprint == guard.fingerprint
    narrower = msgspec.structs.replace(settings.dns, allowed_clients=settings.dns.allowed_clients[:1])
    assert len({one.fingerprint for one in (guard, other, Guard(msgspec.structs.replace(settings, dns=narrower)))}) == 3


def test_the_quick_sets_hold_every_suffix_the_library_knows():
    suffixes = public_suffixes()
    asked = ("com.vn", "gov.vn", "hanoi.vn", "blogspot.com", "duckdns.org", "s3.amazonaws.com", "x.ck", "in-addr.arpa")
    assert [name for name in asked if not suffixes.holds(name, name.partition(".")[2])] == []
    assert not suffixes.holds("evil.example", "example")
