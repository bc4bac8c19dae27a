"""What a listed name gets: by mode, then by type; and the facts that its hit carries."""

from __future__ import annotations

import pytest

from contracts import names
from contracts.hit import HitFacts, unpack_facts
from resolver.policy.clients import Group
from resolver.policy.verdict import FORWARD
from resolver.wire.constants import EDE_BLOCKED, EDE_FORGED
from tests.resolver.making import listed, policy, pool

NORMAL = Group("normal")
NAME = names.to_wire("x.evil.example")
A, TXT, AAAA, SVCB, HTTPS, ANY = 1, 16, 28, 64, 65, 255


def judge(folder, mode="enforce", qtype=A, **how):
    live = policy(folder, ("letter-7", mode, [listed("evil.example", line=12)]), serial=4, **how)
    return live.judge(NAME, qtype, NORMAL)


@pytest.mark.parametrize(
    ("mode", "qtype", "ipv6", "action", "ede"),
    [
        ("enforce", A, None, "sinkhole", EDE_FORGED),
        ("enforce", AAAA, None, "nodata", EDE_BLOCKED),
        ("enforce", AAAA, "fd00::/64", "sinkhole", EDE_FORGED),
        ("enforce", HTTPS, "fd00::/64", "nodata", EDE_BLOCKED),
        ("enforce", SVCB, None, "nodata", EDE_BLOCKED),
        ("enforce", TXT, None, "nodata", EDE_BLOCKED),
        ("enforce", ANY, None, "nodata", EDE_BLOCKED),
        ("monitor", A, None, "monitor", None),
        ("monitor", HTTPS, None, "monitor", None),
        ("passthru", A, None, "passthru", None),
        ("passthru", AAAA, "fd00::/64", "passthru", None),
    ],
)
def test_mode_then_type(tmp_path, mode, qtype, ipv6, action, ede):
    verdict = judge(tmp_path, mode, qtype, addresses=pool(ipv6=ipv6))
    assert (verdict.action, verdict.ede) == (action, ede)
    assert (verdict.records is None) == (mode != "enforce")
    facts = unpack_facts(verdict.hit("udp"))
    assert (facts.action, facts.qtype) == (action, qtype)
    assert bool(facts.address) == (action == "sinkhole")
    assert bool(verdict.address) == (action == "sinkhole")


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_the_facts_of_a_hit(tmp_path, transport):
    verdict = judge(tmp_path, addresses=pool("127.53.0.9/32"))
    assert unpack_facts(verdict.hit(transport)) == HitFacts(
        "x.evil.example", A, transport, "sinkhole", "127.53.0.9", "evil.example", True, "c2", "emotet", "letter-7",
        4, 12, "campaign-letter-7", "7/CV", "ncsc", 4, "name", False,
    )  # fmt: skip
    assert verdict.hit(transport) is verdict.hit(transport)  # packed once


def test_the_address_of_an_ipv6_hit(tmp_path):
    verdict = judge(tmp_path, qtype=AAAA, addresses=pool(ipv6="fd00::53/128"))
    assert unpack_facts(verdict.hit("udp")).address == "fd00::53"
    assert verdict.address == b"\xfd" + b"\0" * 14 + b"\x53"


def test_a_name_of_odd_octets_survives_in_the_facts(tmp_path):
    live = policy(tmp_path, ("one", "enforce", [listed("evil.example")]))
    name = b"\x05\xff.\\\0A" + names.to_wire("evil.example")
    facts = unpack_facts(live.judge(name, A, NORMAL).hit("udp"))
    assert names.to_wire(facts.qname) == name.lower()
    assert facts.indicator == "evil.example"


def test_an_unlisted_name_has_no_hit():
    assert FORWARD.hit("udp") is None
    assert FORWARD.hit("tcp") is None
    assert FORWARD.records is None
    assert FORWARD.address_text == ""
