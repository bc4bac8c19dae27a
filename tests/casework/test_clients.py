"""What people decide about clients: kept, audited, replaced, over in time; nonsense is refused with a sentence."""

from __future__ import annotations

import pytest

from casework import clients
from casework.clients import ClientsError
from casework.store import audit
from casework.store.audit import Origin
from casework.store.engine import open_casework
from tests.casework.making import NOON

LAN = Origin("os:lan", NOON)


@pytest.fixture
def store(settings):
    made = open_casework(settings.state)
    yield made
    made.close()


def acts(store):
    return [(one.actor, one.action, one.object, one.detail) for one in reversed(audit.latest(store, 20))][1:]


def standing(store, now=NOON):
    return {row.network: (row.standing, row.until) for row in clients.standings(store, now)}


def test_a_standing_is_kept_audited_and_over_in_time(store):
    clients.set_standing(store, "127.10.5.0/24", "monitor", 3600, "  làm   quen ", LAN)
    clients.set_standing(store, "127.10.0.9", "exempt", 0, "máy đo", LAN)
    assert standing(store) == {"127.10.5.0/24": ("monitor", NOON + 3600), "127.10.0.9/32": ("exempt", 0)}
    assert standing(store, NOON + 3600) == {"127.10.0.9/32": ("exempt", 0)}
    assert acts(store) == [
        ("os:lan", "clients.monitor", "127.10.5.0/24", {"reason": "làm quen", "ends": NOON + 3600}),
        ("os:lan", "clients.exempt", "127.10.0.9/32", {"reason": "máy đo", "ends": None}),
    ]


def test_what_is_said_last_of_a_network_counts(store):
    clients.set_standing(store, "127.10.5.0/24", "monitor", 60, "one", LAN)
    clients.set_standing(store, "127.10.5.0/24", "exempt", 60, "two", LAN)
    assert standing(store) == {"127.10.5.0/24": ("exempt", NOON + 60)}
    assert len(acts(store)) == 2


def test_the_end_of_a_standing(store):
    clients.set_standing(store, "127.10.5.0/24", "monitor", 60, "one", LAN)
    assert clients.end_standing(store, "127.10.5.0/24", 0, "done", LAN) is None
    assert standing(store) == {}
    with pytest.raises(ClientsError, match="treated as all others already"):
        clients.end_standing(store, "127.10.5.0/24", 0, "again", LAN)
    assert [action for _, action, *_ in acts(store)] == ["clients.monitor", "clients.normal"]


def test_inside_a_wider_network_normal_is_a_standing_of_its_own(store):
    clients.set_standing(store, "127.10.0.0/16", "exempt", 0, "all", LAN)
    clients.end_standing(store, "127.10.5.0/24", 60, "but these", LAN)
    assert standing(store)["127.10.5.0/24"] == ("normal", NOON + 60)
    with pytest.raises(ClientsError, match="already"):
        clients.end_standing(store, "127.10.5.9", 0, "inside what is normal", LAN)
    clients.end_standing(store, "127.10.0.0/16", 0, "done", LAN)
    assert standing(store) == {"127.10.5.0/24": ("normal", NOON + 60)}
    clients.end_standing(store, "127.10.5.0/24", 0, "tidy", LAN)
    assert standing(store) == {}


def test_a_forwarder_is_registered_once_and_removed(store):
    row = clients.add_forwarder(store, "127.10.0.53", "so-mau", ("mac", "ecs", "mac"), "AD", LAN)
    assert (row.network, row.trusts) == ("127.10.0.53/32", ("ecs", "mac"))
    assert clients.forwarders(store) == [row]
    with pytest.raises(ClientsError, match="registered already"):
        clients.add_forwarder(store, "127.10.0.53", "", ("ecs",), "again", LAN)
    clients.remove_forwarder(store, "127.10.0.53", "gone", LAN)
    assert clients.forwarders(store) == []
    with pytest.raises(ClientsError, match="no forwarder"):
        clients.remove_forwarder(store, "127.10.0.53", "gone", LAN)
    assert acts(store) == [
        ("os:lan", "forwarders.add", "127.10.0.53/32", {"unit": "so-mau", "trusts": ["ecs", "mac"], "reason": "AD"}),
        ("os:lan", "forwarders.remove", "127.10.0.53/32", {"reason": "gone"}),
    ]


@pytest.mark.parametrize(
    ("act", "why"),
    [
        (lambda store: clients.set_standing(store, "0.0.0.0/0", "exempt", 60, "all", LAN), "too wide"),
        (lambda store: clients.set_standing(store, "127.10.5.1/24", "exempt", 60, "x", LAN), "host bits"),
        (lambda store: clients.set_standing(store, "so-mau", "exempt", 60, "x", LAN), "no address or network"),
        (lambda store: clients.set_standing(store, "127.10.5.1", "exempt", 60, " \n", LAN), "a reason is needed"),
        (lambda store: clients.set_standing(store, "127.10.5.1", "exempt", 60, "\x1b[2J", LAN), "a reason is needed"),
        (lambda store: clients.add_forwarder(store, "127.10.0.0/16", "", ("ecs",), "x", LAN), "too wide"),
        (lambda store: clients.add_forwarder(store, "127.10.0.1", "nowhere", ("ecs",), "x", LAN), "no unit nowhere"),
        (lambda store: clients.add_forwarder(store, "127.10.0.1", "", (), "x", LAN), "in what it is trusted"),
        (lambda store: clients.add_forwarder(store, "127.10.0.1", "", ("all",), "x", LAN), "in what it is trusted"),
    ],
)
def test_nonsense_is_refused_and_nothing_kept(store, act, why):
    with pytest.raises(ClientsError, match=why):
        act(store)
    assert standing(store) == {}
    assert clients.forwarders(store) == []
    assert acts(store) == []
