"""The client table of a worker: what is published goes live, what is damaged does not, standings end by themselves."""

from __future__ import annotations

import ipaddress
import logging

import pytest
from twisted.internet import task

from contracts.clients import ClientFolder, ClientTable, Forwarder, NetworkStanding, UnitNetwork
from resolver.client_table import ClientKeeper
from resolver.follower import LOOK_SECONDS
from resolver.policy.clients import PROXIES, Access
from tests.resolver.loop import reloaded
from tests.resolver.making import CLIENT, UNITS

NOW = 1_795_400_000.0


class Keeping:
    """A keeper over a real file and a clock that the test sets."""

    def __init__(self, reactor, state):
        self.now = NOW
        self.folder = ClientFolder(state)
        self.access = Access([UNITS])
        self.keeper = ClientKeeper(reactor, self.folder, self.access, lambda: self.now)

    def publish(self, serial, standing="monitor", until=0, forwarders=()):
        units = (UnitNetwork(str(UNITS), "so-mau"),)
        standings = (NetworkStanding(str(UNITS), standing, int(until), "thử"),)
        self.folder.publish(ClientTable(serial, self.now, units, standings, forwarders))

    @property
    def standing(self):
        return self.access.group(CLIENT).standing


@pytest.fixture
def keeping(reactor, tmp_path):
    made = Keeping(reactor, tmp_path)
    yield made
    made.keeper.stop()


def test_without_a_table_all_are_alike_and_it_is_no_problem(keeping):
    keeping.keeper.load_now()
    assert (keeping.keeper.serial, keeping.keeper.problem, keeping.standing) == (0, "", "normal")


def test_what_is_published_is_live_at_start_and_after_a_reload(keeping, spin):
    keeping.publish(3)
    keeping.keeper.load_now()
    assert (keeping.keeper.serial, keeping.standing) == (3, "monitor")
    keeping.publish(4, "exempt", forwarders=(Forwarder("127.10.0.53/32", "", ("proxy",)),))
    assert reloaded(keeping.keeper, spin) == 4
    assert keeping.standing == "exempt"
    assert keeping.access.group(b"\x7f\x0a\0\x35") is PROXIES
    assert keeping.keeper.status() == {
        "serial": 4, "units": 1, "networks": 1, "monitor": 0, "exempt": 1, "forwarders": 1,
    }  # fmt: skip


def test_it_looks_by_itself(keeping, spin):
    keeping.keeper.start()
    keeping.publish(1)
    spin(lambda: keeping.keeper.serial == 1, f"within {LOOK_SECONDS} s")
    assert keeping.standing == "monitor"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda file: file.write_bytes(b"no table"),
        lambda file: file.write_bytes(file.read_bytes()[:-1]),
        lambda file: file.write_bytes(b""),
        lambda file: file.unlink(),
    ],
    ids=["other", "cut", "empty", "gone"],
)
def test_the_old_table_stays_and_it_is_told_once(keeping, spin, caplog, spoil):
    keeping.publish(3)
    keeping.keeper.load_now()
    spoil(keeping.folder.file)
    for _look in range(2):
        assert reloaded(keeping.keeper, spin) == 3
    assert keeping.standing == "monitor"
    assert keeping.keeper.problem.startswith("the client table cannot be used (")
    assert keeping.keeper.problem.endswith("; table 3 stays live")
    assert [record.message for record in caplog.records if record.levelno == logging.ERROR] == [keeping.keeper.problem]
    keeping.publish(4, "exempt")
    assert reloaded(keeping.keeper, spin) == 4
    assert (keeping.keeper.problem, keeping.standing) == ("", "exempt")


def test_a_standing_is_over_at_its_very_second_without_any_other_process(tmp_path):
    clock = task.Clock()
    keeping = Keeping(clock, tmp_path)
    keeping.publish(1, until=NOW + 100)
    keeping.keeper.load_now()
    for seconds, standing in ((99.75, "monitor"), (0.25, "normal")):
        keeping.now += seconds
        clock.advance(seconds)
        assert keeping.standing == standing
    assert not clock.getDelayedCalls()


def test_a_standing_is_over_where_the_clock_was_set_on(keeping, spin):
    keeping.publish(1, until=NOW + 100)
    keeping.keeper.load_now()
    keeping.keeper.start()
    keeping.now += 200
    spin(lambda: keeping.standing == "normal", "the next look sees it")


def test_what_is_over_when_it_is_read_never_holds(keeping):
    keeping.publish(1, until=NOW)
    keeping.keeper.load_now()
    assert keeping.standing == "normal"


def test_what_it_says_of_a_client(keeping):
    keeping.publish(2, until=NOW + 60, forwarders=(Forwarder("127.10.0.53/32", "xa-mau", ("ecs",)),))
    keeping.keeper.load_now()
    assert keeping.keeper.about(ipaddress.ip_address("127.10.0.53").packed) == {
        "address": "127.10.0.53", "unit": "xa-mau", "standing": "monitor", "network": "127.10.0.0/16",
        "until": int(NOW) + 60, "reason": "thử", "trusts": ["ecs"],
    }  # fmt: skip
    assert keeping.keeper.about(b"\x0a\0\0\1")["unit"] is None
