"""What no list may block."""

from __future__ import annotations

import msgspec
import pytest

from blocklists.guard import Guard, kill_switch_names, public_suffixes
from blocklists.indicator import Indicator

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
    ("192.0.2.200", ""),
    ("203.0.113.7", ""),
    ("2001:db8::1", ""),
]


@pytest.fixture
def guard(settings):
    return Guard(settings)


@pytest.mark.parametrize(("name", "reason"), NAMES)
def test_names(guard, name, reason):
    said = guard.refusal(Indicator(1, name))
    assert said.startswith(reason)
    assert bool(said) is bool(reason)


@pytest.mark.parametrize(("address", "reason"), ADDRESSES)
def test_addresses(guard, address, reason):
    said = guard.refusal(Indicator(1, "", address))
    assert reason in said
    assert bool(said) is bool(reason)


def test_a_parent_of_a_protected_domain_is_refused(settings):
    wider = msgspec.structs.replace(
        settings, guard=msgspec.structs.replace(settings.guard, protected_domains=("mail.so-mau.example",))
    )
    guard = Guard(wider)
    assert guard.name_refusal("so-mau.example") == "parent of the protected domain mail.so-mau.example"
    assert guard.name_refusal("other.so-mau.example") == ""


def test_kill_switch_names_may_stand_in_a_list_of_their_own(guard):
    one = Indicator(1, WANNACRY, kind="kill-switch")
    assert guard.refusal(one, of_kill_switch_list=True) == ""
    assert "kill-switch" in guard.refusal(one)
    assert "it belongs in a list of that kind" in guard.refusal(Indicator(1, "new-switch.example", kind="kill-switch"))


def test_the_shipped_kill_switch_names_are_usable(guard):
    names = kill_switch_names()
    assert WANNACRY in names
    assert len(names) >= 4
    assert [name for name in names if guard.name_refusal(name, of_kill_switch_list=True)] == []


def test_the_fingerprint_follows_the_settings(settings, guard):
    same = Guard(settings)
    other = Guard(
        msgspec.structs.replace(settings, guard=msgspec.structs.replace(settings.guard, protected_domains=()))
    )
    assert same.fingerprint == guard.fingerprint
    assert other.fingerprint != guard.fingerprint


def test_the_quick_sets_hold_every_suffix_the_library_knows():
    suffixes = public_suffixes()
    asked = ("com.vn", "gov.vn", "hanoi.vn", "blogspot.com", "duckdns.org", "s3.amazonaws.com", "x.ck", "in-addr.arpa")
    assert [name for name in asked if not suffixes.holds(name, name.partition(".")[2])] == []
    assert not suffixes.holds("evil.example", "example")
