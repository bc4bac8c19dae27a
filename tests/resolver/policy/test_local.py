"""Names answered here: what each special name gets, whose a name is where zones lie in each other, local records.

dnspython reads the answers; a slow walk over plain lists is the second opinion on whose a name is.
"""

from __future__ import annotations

import ipaddress

import dns.message
import dns.rcode
import dns.rdatatype
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.names import to_text, to_wire
from contracts.settings import SpecialNames
from contracts.zone_text import BadRecord
from resolver.policy.local import LocalNames
from resolver.policy.special import special_zones
from resolver.wire import reply
from resolver.wire.query import parse
from tests.resolver.making import query, understood

PLAIN = LocalNames((), SpecialNames())
ZONES = [to_text(zone.name) for zone in special_zones(SpecialNames())]


def local(*records, forwarded=(), **switches):
    """Local names of record lines and forwarded zones."""
    return LocalNames(records, SpecialNames(**switches), [to_wire(zone) for zone in forwarded])


def found(names, text, kind="A"):
    """The LocalAnswer."""
    return names.find(to_wire(text), dns.rdatatype.from_text(kind))


def answer(names, text, kind="A") -> dns.message.Message:
    """The whole message that a client would get, as dnspython reads it."""
    got = found(names, text, kind)
    asked = parse(query(text, kind))
    return understood(reply.write(asked, got.records, got.rcode, 65535, 1232, ede=got.ede))


def told(names, text, kind="A"):
    """`rcode data...`, or None where the name is not ours; a negative answer must have its SOA."""
    if found(names, text, kind) is None:
        return None
    message = answer(names, text, kind)
    data = [f"{item}" for rrset in message.answer for item in rrset]
    assert all(rrset.name == message.question[0].name for rrset in message.answer)
    assert [rrset.rdtype for rrset in message.authority] == ([] if data else [dns.rdatatype.SOA])
    assert all(message.question[0].name.is_subdomain(rrset.name) for rrset in message.authority)
    return " ".join([dns.rcode.to_text(message.rcode()), *sorted(data)])


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("localhost", "A", "NOERROR 127.0.0.1"),
        ("localhost", "AAAA", "NOERROR ::1"),
        ("a.b.localhost", "A", "NOERROR 127.0.0.1"),
        ("localhost", "MX", "NOERROR"),
        ("invalid", "A", "NXDOMAIN"),
        ("a.invalid", "NS", "NXDOMAIN"),
        ("test", "SOA", "NXDOMAIN"),
        ("a.test", "A", "NXDOMAIN"),
        ("facebookcorewwwi.onion", "AAAA", "NXDOMAIN"),
        ("a.alt", "A", "NXDOMAIN"),
        ("printer.local", "A", "NXDOMAIN"),
        ("wpad.internal", "A", "NXDOMAIN"),
        ("home.arpa", "A", "NOERROR"),
        ("home.arpa", "NS", "NOERROR localhost."),
        ("home.arpa", "SOA", "NOERROR localhost. nobody.invalid. 1 3600 600 86400 3600"),
        ("home.arpa", "ANY", "NOERROR localhost. nobody.invalid. 1 3600 600 86400 3600"),
        ("nas.home.arpa", "A", "NXDOMAIN"),
        ("ipv4only.arpa", "A", "NOERROR 192.0.0.170 192.0.0.171"),
        ("ipv4only.arpa", "AAAA", "NOERROR"),
        ("a.ipv4only.arpa", "A", "NXDOMAIN"),
        ("170.0.0.192.in-addr.arpa", "PTR", "NOERROR ipv4only.arpa."),
        ("171.0.0.192.in-addr.arpa", "PTR", "NOERROR ipv4only.arpa."),
        ("172.0.0.192.in-addr.arpa", "PTR", None),
        ("_dns.resolver.arpa", "SVCB", "NOERROR"),
        ("_dns.resolver.arpa", "HTTPS", "NOERROR"),
        ("resolver.arpa", "TYPE261", "NOERROR"),
        ("resolver.arpa", "DS", "NOERROR"),
        ("1.0.0.127.in-addr.arpa", "PTR", "NOERROR localhost."),
        ("1.0.0.127.in-addr.arpa", "A", "NOERROR"),
        ("0.0.127.in-addr.arpa", "PTR", "NOERROR"),  # it exists: there is a name below (RFC 8020)
        ("2.0.0.127.in-addr.arpa", "PTR", "NXDOMAIN"),
        ("1" + ".0" * 31 + ".ip6.arpa", "PTR", "NOERROR localhost."),
        ("10.in-addr.arpa", "PTR", "NOERROR"),
        ("5.4.3.10.in-addr.arpa", "PTR", "NXDOMAIN"),
        ("255.255.255.255.in-addr.arpa", "PTR", "NOERROR"),
        ("255.255.255.in-addr.arpa", "PTR", None),
        ("d.f.ip6.arpa", "PTR", "NOERROR"),
        ("c.f.ip6.arpa", "PTR", None),
        ("a.e.f.ip6.arpa", "PTR", "NOERROR"),
        ("c.e.f.ip6.arpa", "PTR", None),
        ("use-application-dns.net", "A", "NXDOMAIN"),
        ("mask.icloud.com", "AAAA", "NXDOMAIN"),
        ("mask-h2.icloud.com", "HTTPS", "NXDOMAIN"),
        ("www.icloud.com", "A", None),
        ("icloud.com", "A", None),
        ("www.google.com", "A", None),
        ("arpa", "NS", None),
        ("in-addr.arpa", "NS", None),
        ("com", "A", None),
        (".", "NS", None),
        ("notlocalhost", "A", None),
        ("localhost.example", "A", None),
        ("xtest", "A", None),
        ("t.est", "A", None),
    ],
)
def test_special_names(text, kind, expected):
    assert told(PLAIN, text, kind) == expected


def test_a_negative_answer_names_its_zone_and_may_be_kept_for_an_hour():
    for text, zone in (("a.b.test", "test."), ("4.3.10.in-addr.arpa", "10.in-addr.arpa."), ("invalid", "invalid.")):
        (soa,) = answer(PLAIN, text, "TXT").authority
        assert (soa.name.to_text(), soa.ttl, soa[0].minimum) == (zone, 3600, 3600)


def test_ds_of_a_zone_that_exists_is_its_parents_to_answer():
    """RFC 8375 section 4, item 4: a validator behind us needs the proof that there is none."""
    for text in ("10.in-addr.arpa", "home.arpa", "ipv4only.arpa", "d.f.ip6.arpa"):
        assert found(PLAIN, text, "DS") is None
        assert told(PLAIN, f"a.{text}", "DS") == "NXDOMAIN"
    assert told(PLAIN, "onion", "DS") == "NXDOMAIN"


def test_only_names_that_we_hide_have_an_extended_error():
    assert [found(PLAIN, text).ede for text in ("use-application-dns.net", "mask.icloud.com")] == [15, 15]
    assert [found(PLAIN, text).ede for text in ("a.onion", "localhost", "10.in-addr.arpa")] == [None] * 3


def test_switches():
    assert found(local(firefox_canary=False), "use-application-dns.net") is None
    assert found(local(firefox_canary=False), "mask.icloud.com") is not None
    assert found(local(private_relay=False), "mask.icloud.com") is None
    assert found(local(private_relay=False), "mask-h2.icloud.com") is None


def test_every_reason_is_a_sentence_for_explain():
    assert all(zone.reason.count("RFC") or "dns.special_names" in zone.reason or "ICANN" in zone.reason
               for zone in special_zones(SpecialNames()))  # fmt: skip


LABEL = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=10)


@given(st.sampled_from(ZONES), LABEL)
def test_borders(zone, label):
    """Below a special name is ours; letters before it, another label behind it, or its parent are not."""
    assert found(PLAIN, zone) is not None
    assert found(PLAIN, f"{label}.{zone}") is not None
    assert found(PLAIN, f"{zone}.{label}.example") is None
    beside = label + zone
    if beside not in ZONES and len(beside.split(".")[0]) < 64 and "arpa" not in zone:
        assert found(PLAIN, beside) is None
    if "." in zone:
        assert found(PLAIN, zone.partition(".")[2]) is None


# RFC 6303 sections 4.1 to 4.6 and RFC 7793, by address.
RESERVED = [ipaddress.ip_network(text) for text in (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.2.0/24",
    "192.168.0.0/16", "198.51.100.0/24", "203.0.113.0/24", "255.255.255.255/32", "192.0.0.170/31",
    "::/127", "2001:db8::/32", "fd00::/8", "fe80::/10",
)]  # fmt: skip
NEAR = st.sampled_from(RESERVED).flatmap(
    lambda network: st.sampled_from(
        [network.network_address, network.broadcast_address, network.broadcast_address - 1]
    ).flatmap(lambda edge: st.integers(-2, 2).map(lambda step: type(edge)((int(edge) + step) % 2**edge.max_prefixlen)))
)


@given(NEAR | st.ip_addresses())
def test_reverse_names_by_address(address):
    ours = any(address in network for network in RESERVED)
    got = found(PLAIN, address.reverse_pointer, "PTR")
    assert (got is not None) == ours, address


# Local records


RECORDS = (
    "intranet.example.vn. 300 IN A 10.1.1.1",
    "intranet.example.vn. 60 IN A 10.1.1.2",
    "intranet.example.vn. AAAA fd00::1",
    "alias.example.vn. CNAME intranet.example.vn.",
    "*.apps.example.vn. 120 A 10.1.1.3",
    "web.apps.example.vn. A 10.1.1.4",
    "mail.example.vn. MX 10 mail.example.vn.",
    "odd.example.vn. TYPE65534 \\# 2 abcd",
    'text.example.vn. TXT "một" "hai"',
    "_dns.resolver.arpa. SVCB 1 dns.example.vn. alpn=dot",
)


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("intranet.example.vn", "A", "NOERROR 10.1.1.1 10.1.1.2"),
        ("INTRANET.example.VN", "AAAA", "NOERROR fd00::1"),
        ("intranet.example.vn", "MX", "NOERROR"),
        ("intranet.example.vn", "ANY", "NOERROR 10.1.1.1 10.1.1.2"),
        ("www.intranet.example.vn", "A", None),
        ("example.vn", "A", None),
        ("other.example.vn", "A", None),
        ("notintranet.example.vn", "A", None),
        ("intranet.example.vn.evil.example", "A", None),
        ("alias.example.vn", "A", "NOERROR intranet.example.vn."),
        ("alias.example.vn", "CNAME", "NOERROR intranet.example.vn."),
        ("a.apps.example.vn", "A", "NOERROR 10.1.1.3"),
        ("b.a.apps.example.vn", "A", "NOERROR 10.1.1.3"),
        ("a.apps.example.vn", "AAAA", "NOERROR"),
        ("*.apps.example.vn", "A", "NOERROR 10.1.1.3"),
        ("apps.example.vn", "A", None),
        ("xapps.example.vn", "A", None),
        ("web.apps.example.vn", "A", "NOERROR 10.1.1.4"),
        ("x.web.apps.example.vn", "A", None),  # RFC 4592 section 3.3.1: web.apps ends the reach of *.apps
        ("mail.example.vn", "MX", "NOERROR 10 mail.example.vn."),
        ("odd.example.vn", "TYPE65534", "NOERROR \\# 2 abcd"),
        ("text.example.vn", "TXT", 'NOERROR "m\\225\\187\\153t" "hai"'),
        ("_dns.resolver.arpa", "SVCB", 'NOERROR 1 dns.example.vn. alpn="dot"'),
        ("resolver.arpa", "SVCB", "NOERROR"),
    ],
)
def test_local_records(text, kind, expected):
    assert told(local(*RECORDS), text.lower(), kind) == expected


def test_ttls():
    names = local(*RECORDS)
    (addresses,) = {rrset.ttl for rrset in answer(names, "intranet.example.vn").answer}
    assert addresses == 60  # one set has one TTL: the smallest that is written
    assert answer(names, "mail.example.vn", "MX").answer[0].ttl == 300
    (soa,) = answer(names, "mail.example.vn", "A").authority
    assert (soa.name.to_text(), soa.ttl, soa[0].minimum) == ("mail.example.vn.", 300, 300)


def test_a_bad_line_that_nobody_checked_is_told():
    with pytest.raises(BadRecord, match="no IPv4 address"):
        local("a.vn A 10")


# Whose a name is


@pytest.mark.parametrize(
    ("records", "forwarded", "text", "expected"),
    [
        ((), ["10.in-addr.arpa"], "1.1.1.10.in-addr.arpa", None),  # a forward zone wins a tie with a special one
        ((), ["10.in-addr.arpa"], "10.in-addr.arpa", None),
        ((), ["1.10.in-addr.arpa"], "1.1.1.10.in-addr.arpa", None),
        ((), ["1.10.in-addr.arpa"], "1.1.2.10.in-addr.arpa", "NXDOMAIN"),
        ((), ["in-addr.arpa"], "1.1.1.10.in-addr.arpa", "NXDOMAIN"),  # the special zone is the longer match
        ((), ["in-addr.arpa"], "8.8.8.8.in-addr.arpa", None),
        ((), ["."], "a.test", "NXDOMAIN"),
        ((), ["local"], "dc.corp.local", None),
        ((), ["corp.local"], "dc.corp.local", None),
        ((), ["corp.local"], "dc.other.local", "NXDOMAIN"),
        ((), ["corp.local"], "xcorp.local", "NXDOMAIN"),
        ((), ["ad.so-a.internal"], "so-a.internal", "NOERROR"),  # something lies below, so it exists (RFC 8020)
        ((), ["ad.so-a.internal"], "internal", "NOERROR"),
        ((), ["ad.so-a.internal"], "so-b.internal", "NXDOMAIN"),
        (["h.so-a.internal A 10.0.0.1"], (), "h.so-a.internal", "NOERROR 10.0.0.1"),
        (["h.so-a.internal A 10.0.0.1"], (), "so-a.internal", "NOERROR"),
        (["h.so-a.internal A 10.0.0.1"], (), "x.h.so-a.internal", "NXDOMAIN"),
        (["*.so-a.internal A 10.0.0.1"], (), "so-a.internal", "NOERROR"),
        (["*.internal A 10.0.0.1"], (), "a.b.internal", "NOERROR 10.0.0.1"),  # a local record wins every tie
        (["internal A 10.0.0.1"], (), "internal", "NOERROR 10.0.0.1"),
        (["h.corp.vn A 10.0.0.1"], ["corp.vn"], "h.corp.vn", "NOERROR 10.0.0.1"),
        (["h.corp.vn A 10.0.0.1"], ["corp.vn"], "x.h.corp.vn", None),
        (["corp.vn A 10.0.0.1"], ["corp.vn"], "corp.vn", "NOERROR 10.0.0.1"),
        (["*.corp.vn A 10.0.0.1"], ["corp.vn"], "h.corp.vn", "NOERROR 10.0.0.1"),
        (["*.corp.vn A 10.0.0.1"], ["ad.corp.vn"], "h.ad.corp.vn", None),
        (["*.corp.vn A 10.0.0.1"], ["ad.corp.vn"], "h.corp.vn", "NOERROR 10.0.0.1"),
        (["*.vn A 10.0.0.1"], ["b.c.vn"], "c.vn", None),  # c.vn exists, for b.c.vn does, so `*` does not reach it
        (["1.1.1.10.in-addr.arpa PTR h.vn"], (), "1.1.1.10.in-addr.arpa", "NOERROR"),
    ],
)
def test_the_longest_match_decides(records, forwarded, text, expected):
    assert told(local(*records, forwarded=forwarded), text) == expected


SMALL = st.lists(st.sampled_from(["a", "b", "test", "vn", "10", "arpa"]), min_size=1, max_size=5).map(".".join)
TREE = st.one_of(SMALL, st.tuples(SMALL, st.sampled_from(["test", "vn", "10.in-addr.arpa"])).map(".".join))


def owner(text, exact, wild, forwarded):
    """Who answers for a name: the slow way, over plain lists of text."""
    if text in exact:
        return "own"
    labels = text.split(".")
    parents = [".".join(labels[at:]) for at in range(len(labels))]
    known = [f".{name}" for name in (*exact, *forwarded, *(f"*.{zone}" for zone in wild))]
    exists = [any(name.endswith(f".{parent}") for name in known) for parent in parents]
    encloser = exists.index(True) if True in exists else None
    for at, parent in enumerate(parents):
        if at and at == encloser and parent in wild:
            return "wild"
        if parent in forwarded:
            return "upstream"
        if parent in ZONES:
            return "nothing" if not exists[0] and parent != text else "special"
    return "upstream"


@settings(max_examples=500)
@given(st.sets(TREE, max_size=3), st.sets(TREE, max_size=2), st.sets(TREE, max_size=3), TREE)
def test_a_slow_walk_agrees(exact, wild, forwarded, text):
    lines = [f"{name}. A 10.0.0.1" for name in exact] + [f"*.{name}. A 10.0.0.2" for name in wild]
    got = found(local(*lines, forwarded=forwarded), text)
    expected = owner(text, exact, wild, forwarded)
    if expected == "upstream":
        assert got is None
        return
    data = answer(local(*lines, forwarded=forwarded), text)
    addresses = [str(item) for rrset in data.answer for item in rrset]
    assert addresses == {"own": ["10.0.0.1"], "wild": ["10.0.0.2"]}.get(expected, [])
    if expected == "nothing":
        assert got.rcode == 3
    below = [name for name in (*exact, *forwarded, *(f"*.{zone}" for zone in wild)) if name.endswith(f".{text}")]
    assert not (got.rcode == 3 and below), "NXDOMAIN would deny what lies below (RFC 8020)"


def test_any_name_is_looked_for_without_harm():
    for name in (b"\0", b"\1a\0", b"\x3f" + b"a" * 63 + b"\0", b"\1a" * 126 + b"\4test\0"[-3:], b"\1\0\4test\0"):
        PLAIN.find(name, 1)
    assert PLAIN.find(b"\1\0\4test\0", 1).rcode == 3
