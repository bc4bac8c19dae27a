"""Which servers a name is asked of: the longest zone that holds it, and never the general ones for a name of a zone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.upstream.scope import Scopes
from tests.resolver.upstream.asked import TIMEOUT, Asked, key, zone

ZONES = [
    zone("ad.example.vn", "10.1.2.3"),
    zone("child.ad.example.vn", "10.1.2.4"),
    zone("2.1.10.in-addr.arpa", "10.1.2.5"),
]


@pytest.mark.parametrize(
    ("name", "scope"),
    [
        ("ad.example.vn", "ad.example.vn"),
        ("dc.AD.example.vn", "ad.example.vn"),
        ("child.ad.example.vn", "child.ad.example.vn"),
        ("a.b.child.ad.example.vn", "child.ad.example.vn"),
        ("mad.example.vn", "."),
        ("example.vn", "."),
        ("vn", "."),
        (".", "."),
        ("3.2.1.10.in-addr.arpa", "2.1.10.in-addr.arpa"),
        ("ad.example.vn.evil.example", "."),
    ],
)
def test_the_longest_zone_counts(name, scope):
    assert str(Scopes([], ZONES).find(key(name)[0])) == scope


@given(labels=st.lists(st.sampled_from(["ad", "example", "vn", "child", "x"]), max_size=6))
def test_as_a_plain_look_at_the_text_finds_it(labels):
    name = ".".join(labels)
    fitting = [one.zone for one in ZONES if f".{name}".endswith(f".{one.zone}")]
    assert str(Scopes([], ZONES).find(key(name)[0])) == max(fitting, key=len, default=".")


def test_names_of_a_zone_never_leave_it():
    """Its servers silent, refusing, unreachable: the general ones, which would answer, are never asked."""
    asked = Asked(servers=2, zones=ZONES[:1], attempts=3)
    inside = asked.scopes.find(key("ad.example.vn")[0]).servers
    question = asked.ask("dc.ad.example.vn")
    servers = [question.server]
    asked.now += TIMEOUT + 0.01
    (again,) = asked.exchange.expired(asked.now)
    asked.send(again)
    servers.append(question.server)
    asked.answer(question, rcode=5)
    asked.send(question)
    servers.append(question.server)
    assert asked.probe(question) is None
    assert asked.exchange.unreachable(question, inside[0], asked.now) is None
    assert set(servers) == set(inside)
    assert asked.delivered == [(key("dc.ad.example.vn"), None, ["client"])]


def test_a_zone_has_health_of_its_own():
    same = zone("ad.example.vn", "127.0.0.1:5301")
    asked = Asked(servers=1, zones=[same])
    for _ in range(3):
        asked.scopes.find(key("ad.example.vn")[0]).servers[0].silent(asked.now, asked.now)
    assert not asked.servers[0].down


def test_without_general_servers_only_zones_are_asked():
    asked = Asked(servers=0, zones=ZONES)
    assert asked.ask("www.example") is None
    assert asked.ask("ad.example.vn") is not None
