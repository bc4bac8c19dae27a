"""Unit of an address: the longest network, today's units, re-read when the database changes."""

from __future__ import annotations

import ipaddress

import pytest

from casework.attribution import UnitTable
from casework.store.engine import open_casework
from tests.casework.making import NOON, ZONE


@pytest.fixture
def table(settings):
    made = UnitTable(open_casework(settings.state, readonly=True), ZONE)
    assert made.refresh(NOON)
    yield made
    made.close()


def of(table: UnitTable, text: str) -> str:
    return table.find(ipaddress.ip_address(text).packed)


@pytest.mark.parametrize(
    ("address", "unit"),
    [
        ("127.10.0.1", "so-mau"),
        ("127.10.5.9", "phong-mau"),
        ("127.20.255.255", "xa-mau"),
        ("127.21.0.0", ""),
        ("fd00:10::7", "so-mau"),
        ("fd00:11::7", ""),
        ("::ffff:127.10.5.9", "phong-mau"),
    ],
)
def test_the_longest_network_wins(table, address, unit):
    assert of(table, address) == unit


def test_a_change_is_seen_and_only_a_change(table, settings):
    assert not table.refresh(NOON)
    assert table.refresh(NOON, again=True)
    store = open_casework(settings.state)
    with store.transaction() as run:
        run.execute("UPDATE units SET code = 'moi' WHERE code = 'xa-mau'")
    assert table.refresh(NOON)
    assert of(table, "127.20.0.1") == "moi"
    store.close()


def test_a_unit_counts_from_its_first_day_to_its_last(table, settings):
    store = open_casework(settings.state)
    with store.transaction() as run:
        run.execute("UPDATE units SET valid_to = '2026-11-23' WHERE code = 'xa-mau'")
        run.execute("UPDATE units SET valid_from = '2026-11-24' WHERE code = 'phong-mau'")
    store.close()
    table.refresh(NOON)
    assert (of(table, "127.20.0.1"), of(table, "127.10.5.1")) == ("xa-mau", "so-mau")
    assert table.refresh(NOON + 86400), "a new day asks again"
    assert (of(table, "127.20.0.1"), of(table, "127.10.5.1")) == ("", "phong-mau")


def test_a_broken_network_costs_only_itself(table, settings, caplog):
    store = open_casework(settings.state)
    with store.transaction() as run:
        run.execute("UPDATE unit_networks SET network = 'nonsense' WHERE network = '127.20.0.0/16'")
    store.close()
    table.refresh(NOON)
    assert (of(table, "127.20.0.1"), of(table, "127.10.0.1")) == ("", "so-mau")
    assert "nonsense" in caplog.text
