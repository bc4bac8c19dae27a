"""The client table: it comes back whole, what is damaged is refused, the longest network wins."""

from __future__ import annotations

import ipaddress
import os

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.clients import (
    BadClients,
    ClientFolder,
    Clients,
    ClientTable,
    Forwarder,
    NetworkStanding,
    UnitNetwork,
    is_narrow,
)

TABLE = ClientTable(
    7,
    1000.0,
    (UnitNetwork("10.1.0.0/16", "so-mau"), UnitNetwork("10.1.5.0/24", "phong-mau"), UnitNetwork("fd10::/32", "so-mau")),
    (
        NetworkStanding("10.1.0.0/16", "exempt", 0, "thử nghiệm"),
        NetworkStanding("10.1.5.0/24", "normal", 2000, "trừ phòng này"),
        NetworkStanding("10.2.0.0/16", "monitor", 3000, "làm quen"),
    ),
    (Forwarder("10.1.0.53/32", "", ("ecs", "mac")), Forwarder("10.3.0.0/28", "xa-mau", ("proxy",))),
)


def packed(text):
    return ipaddress.ip_address(text).packed


def test_it_comes_back_and_replaces_what_was_there(tmp_path):
    folder = ClientFolder(tmp_path)
    assert folder.read() is None
    folder.publish(ClientTable(6, 0.0))
    folder.publish(TABLE)
    assert folder.read() == TABLE
    assert os.listdir(folder.folder) == ["clients.msgpack"]


def test_the_longest_network_wins_in_each_column():
    clients = Clients(TABLE)
    found = clients.about(packed("10.1.5.1"), 1500)
    assert (found.unit, found.standing.standing, found.forwarder) == ("phong-mau", "normal", None)
    assert clients.about(packed("10.1.5.1"), 2000).standing.standing == "exempt", "what is over is not there"
    assert clients.about(packed("10.1.0.53"), 0).forwarder.trusts == ("ecs", "mac")
    assert clients.about(packed("::ffff:10.2.0.1"), 2999).standing.standing == "monitor"
    assert clients.about(packed("fd10::1"), 0).unit == "so-mau"
    nobody = Clients().about(packed("10.1.5.1"), 0)
    assert nobody == ("", None, None)


@pytest.mark.parametrize(("now", "end"), [(0, 2000), (1999.9, 2000), (2000, 3000), (3000, None)])
def test_when_the_next_standing_is_over(now, end):
    assert Clients(TABLE).next_end(now) == end


def test_a_table_of_another_format_and_one_with_more_in_it_are_refused(tmp_path):
    folder = ClientFolder(tmp_path)
    for more in ({"format": 2}, {"extra": 1}, {"forwarders": [{"network": "10.0.0.1", "unit": "", "trusts": ["all"]}]}):
        body = msgspec.msgpack.encode(msgspec.to_builtins(TABLE) | more)
        folder.publish(TABLE)
        sealed = msgspec.msgpack.decode(folder.file.read_bytes())
        import hashlib

        folder.file.write_bytes(
            msgspec.msgpack.encode(sealed | {"body": body, "digest": hashlib.blake2b(body, digest_size=32).digest()})
        )
        with pytest.raises(BadClients):
            folder.read()


@given(st.data())
def test_one_octet_changed_anywhere_is_found(tmp_path_factory, data):
    folder = ClientFolder(tmp_path_factory.mktemp("state"))
    folder.publish(TABLE)
    content = bytearray(folder.file.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    folder.file.write_bytes(content[: data.draw(st.sampled_from([at + 1, len(content)]))])
    with pytest.raises(BadClients):
        folder.read()


def test_what_is_no_network_is_refused():
    for table in (
        ClientTable(1, 0.0, units=(UnitNetwork("10.1.0.0/99", "x"),)),
        ClientTable(1, 0.0, standings=(NetworkStanding("10.1.0.1/16", "monitor", 0, ""),)),
        ClientTable(1, 0.0, forwarders=(Forwarder("dnsdist", "", ("proxy",)),)),
    ):
        with pytest.raises(BadClients, match="no network"):
            Clients(table)


@pytest.mark.parametrize(
    ("network", "narrow"),
    [("10.0.0.1/32", True), ("10.0.0.0/24", True), ("10.0.0.0/23", False), ("fd10::/120", True), ("fd10::/64", False)],
)
def test_who_may_be_one_forwarder(network, narrow):
    assert is_narrow(ipaddress.ip_network(network)) is narrow
