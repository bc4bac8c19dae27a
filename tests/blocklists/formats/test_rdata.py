"""Data of records: dnspython reads it, dnslib looks whether it can be read again."""

from __future__ import annotations

import dnslib  # noqa: TID251  a second opinion
import pytest

from blocklists.formats.rdata import DNSSEC, number_of, octets
from blocklists.formats.zonefile import Malformed

GOOD = [
    ("A", "192.0.2.1", "192.0.2.1"),
    ("AAAA", "2001:db8::1", "2001:db8::1"),
    ("TXT", '"two words" more', '"two words","more"'),
    ("MX", "10 mail.garden.example.", "10 mail.garden.example."),
    ("MX", "10 mail", "10 mail.rpz.example."),
    ("SRV", "1 2 3 host.example.", "1 2 3 host.example."),
    ("PTR", "host.example.", "host.example."),
    ("CAA", '0 issue "ca.example"', '0 issue "ca.example"'),
]


@pytest.mark.parametrize(("kind", "text", "shown"), GOOD)
def test_data_as_another_library_reads_it(kind, text, shown):
    qtype = number_of(kind)
    data = octets(kind, qtype, tuple(text.split(" ")), "rpz.example")
    reader = dnslib.RDMAP[kind].parse(dnslib.DNSBuffer(data), len(data))
    assert str(reader) == shown


def test_octets_given_as_such():
    assert octets("TYPE65534", 65534, ("\\#", "4", "0a01", "0101"), "") == b"\x0a\1\1\1"
    assert octets("TYPE1", number_of("TYPE1"), ("\\#", "4", "c0000201"), "") == b"\xc0\0\2\1"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("A", "192.0.2"), ("A", "192.0.2.1 192.0.2.2"), ("A", "192.0.02.1"), ("AAAA", "fe80::1%eth0"), ("AAAA", "x"),
        ("MX", "mail.example."), ("MX", "70000 mail.example."), ("TXT", '"caf\u00e9"'), ("SRV", "1 2 3 a..b."),
        ("NS", "ns.example."), ("SOA", "a. b. 1 2 3 4 5"), ("DNAME", "a."), ("OPT", "\\# 0"), ("ANY", "\\# 0"),
        ("AXFR", "\\# 0"), ("TYPE0", "\\# 0"), ("TXT", "x" * 300), ("TYPE65534", "\\# 5 0a01"), ("CAA", "0 issue"),
        ("A", "\\# 5 c000020101"), ("LOC", "x"), ("HTTPS", "1 . alpn=h2 alpn=h3"),
    ],
)  # fmt: skip
def test_bad_data(kind, text):
    with pytest.raises(Malformed):
        octets(kind, number_of(kind), tuple(text.split(" ")), "rpz.example")


def test_unknown_types():
    assert number_of("a") == 1
    assert {number_of(kind) for kind in ("RRSIG", "NSEC", "DNSKEY", "DS", "NSEC3", "NSEC3PARAM", "CDS")} <= DNSSEC
    for kind in ("NOTYPE", "TYPE70000", "TYPEx", ""):
        with pytest.raises(Malformed):
            number_of(kind)
