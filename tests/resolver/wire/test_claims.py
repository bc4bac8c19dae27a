"""What options say of who asks, in the forms that dnsmasq and Pi-hole know; anything else says nothing."""

from __future__ import annotations

import base64

import dns.edns
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.wire.claims import client_of, cpe_id_of, mac_of

MAC = bytes.fromhex("001122aabbcc")


def ecs(address, bits, scope=0):
    """As dnspython writes it."""
    return dns.edns.ECSOption(address, bits, scope).to_wire()


@pytest.mark.parametrize(
    ("option", "client"),
    [
        (ecs("127.20.0.9", 32), b"\x7f\x14\0\x09"),
        (ecs("fd00:10::9", 128), bytes.fromhex("fd000010" + "0" * 23 + "9")),
        (b"\0\2\x80\0" + bytes(10) + b"\xff\xff\x7f\x14\0\x09", b"\x7f\x14\0\x09"),
        (ecs("127.20.0.9", 24), None),
        (ecs("127.20.0.9", 31), None),
        (ecs("fd00:10::9", 56), None),
        (ecs("127.20.0.9", 32, 32), None),
        (b"\0\1\0\0", None),
        (b"\0\1\x20\0" + bytes(4), None),
        (b"\0\1\x20\0\x7f\x14\0", None),
        (b"\0\1\x20\0\x7f\x14\0\x09\0", None),
        (b"\0\2\x20\0\x7f\x14\0\x09", None),
        (b"\0\3\x20\0\x7f\x14\0\x09", None),
        (b"\0\1\x20", None),
        (b"", None),
    ],
)
def test_only_a_single_address_is_a_client(option, client):
    assert client_of({8: option}) == client


@pytest.mark.parametrize(
    ("claims", "mac"),
    [
        ({65001: MAC}, MAC),
        ({65073: b"00:11:22:aa:bb:cc"}, MAC),
        ({65073: b"00-11-22-AA-BB-CC"}, MAC),
        ({65073: base64.b64encode(MAC)}, MAC),
        ({65001: MAC, 65073: b"00:00:00:00:00:01"}, MAC),
        ({65001: b""}, b""),
        ({65001: bytes(21)}, b""),
        ({65001: None}, b""),
        ({65073: b"00:11:22:aa:bb:c"}, b""),
        ({65073: b"0x:11:22:aa:bb:cc"}, b""),
        ({65073: b"00.11.22.aa.bb.cc"}, b""),
        ({65073: b"\xff\xff:11:22:aa:bb:cc"[:17]}, b""),
        ({65073: b"ABCDEFG="}, b""),
        ({65073: b"ABC!EFGH"}, b""),
        ({}, b""),
    ],
)
def test_hardware_addresses(claims, mac):
    assert mac_of(claims) == mac


def test_the_base64_of_dnsmasq_is_that_of_each_half():
    """src/edns0.c encodes three octets at a time, which comes to the same."""
    assert base64.b64encode(MAC[:3]) + base64.b64encode(MAC[3:]) == base64.b64encode(MAC)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"router-12", "router-12"), ("tầng 2".encode(), "tầng 2"), (b"\x1b[2J\xff", "�[2J�"), (b"x" * 100, "x" * 64),
        (None, ""), (b"", ""),
    ],
)  # fmt: skip
def test_a_cpe_id_is_plain_text(data, text):
    assert cpe_id_of({65074: data}) == text


@given(st.dictionaries(st.sampled_from([8, 65001, 65073, 65074]), st.one_of(st.none(), st.binary(max_size=80))))
def test_any_octets_say_something_short_or_nothing(claims):
    assert client_of(claims) is None or len(client_of(claims)) in {4, 16}
    assert len(mac_of(claims)) <= 20
    assert len(cpe_id_of(claims)) <= 64
    assert cpe_id_of(claims).isprintable()
