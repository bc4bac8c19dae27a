"""Packets to begin from: well-formed questions and answers of many kinds, and the vectors of the resolver's own tests.

Nothing damaged is made here: that is tests.fuzz.mutating's.
"""

from __future__ import annotations

import random

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rrset

from contracts import yamlio
from tests.conftest import REPO
from tests.resolver.server.proxying import header, raw

VECTORS = REPO / "tests" / "resolver" / "wire" / "vectors"
NAMES = (
    "host.good.example",
    "www.evil-sample.example",
    "EVIL-sample.Example",
    ".",
    "localhost",
    "a." * 100 + "example",
    r"b\000in\255.good.example",
    "1.0.0.127.in-addr.arpa",
    "x" * 63 + ".good.example",
    "version.bind",
)
KINDS = ("A", "AAAA", "TXT", "MX", "HTTPS", "ANY", "DS", "PTR", "SOA", "AXFR", "TYPE65280", "OPT", "TSIG")
OPTIONS = (
    (), ((3, b""),), ((10, b"clientCK"),), ((10, b"clientCK" + b"\1\0\0\0" + b"\0" * 12),), ((10, b"short"),),
    ((8, b"\0\1\x18\0\x0a\0\1"),), ((8, b"\0\2\x38\0" + b"\x20\1\x0d\xb8\0\0\0"),), ((11, b""),), ((11, b"\0\x64"),),
    ((12, b"\0" * 300),), ((15, b"\0\x0fblocked"),), ((13, b"\3abc\0"),), ((14, b"\0\1\0\2"),), ((9, b"\0\0\0\1"),),
    ((65001, b"x" * 40), (65001, b"")), ((5, b"\x08\x0d"), (6, b"\1"), (7, b"\1")),
)  # fmt: skip


def questions() -> list[bytes]:
    """What clients may send."""
    source = random.Random(1)
    found = []
    for number, options in enumerate(OPTIONS * 4):
        query = dns.message.make_query(dns.name.from_text(NAMES[number % len(NAMES)]), KINDS[number % len(KINDS)], id=7)
        query.flags = source.choice((0x0100, 0x0120, 0x0110, 0x0130, 0x0000))
        if options or number % 3:
            flags = dns.flags.DO if number % 2 else 0
            each = [dns.edns.GenericOption(code, data) for code, data in options]
            query.use_edns(0, flags, source.choice((0, 512, 1232, 4096, 65535)), options=each)
        found.append(query.to_wire())
    for name in ("host", "hosts"):  # long answers, and questions without EDNS for them
        found += [
            dns.message.make_query(f"{name}.good.example", "TXT", id=7, use_edns=edns).to_wire() for edns in (0, False)
        ]
    return found + vectors()


def proxied() -> list[bytes]:
    """What a proxy in front may send: headers of every kind before questions, and questions without any."""
    asked = questions()
    headers = [
        header("127.10.0.5"), header("fd00:10::5", stream=True), header("::ffff:127.10.0.5"), header(None),
        header("127.10.0.5", more=b"\x04\0\x04abcd\xea\0\x05rest."), header("127.10.0.5", more=bytes(500)),
        raw(0x21, 0x31, bytes(216)), raw(0x21, 0, b""), raw(0x20, 0x11, bytes(12)), b"",
    ]  # fmt: skip
    return [one + asked[number * 7 % len(asked)] for number, one in enumerate(headers * 3)]


def vectors() -> list[bytes]:
    """The packets in the files of tests/resolver/server/test_vectors.py, long enough to have an ID."""
    found = []
    for file in sorted(VECTORS.glob("*.yaml")):
        for vector in yamlio.read(file.read_text(encoding="utf-8")).data:
            packet = bytes.fromhex(str(vector["send"]).replace("\n", " "))
            if len(packet) >= 2:
                found.append(packet)
    return found


QUESTION = "host.good.example"
_SOA = "good.example. 300 IN SOA ns.good.example. h.good.example. 1 3600 600 86400 300"
_SECTIONS: tuple[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], int], ...] = (
    (("host.good.example. 300 IN A 192.0.2.1", "host.good.example. 300 IN A 192.0.2.2"), (), (), 0),
    (("host.good.example. 300 IN CNAME a.good.example.", "a.good.example. 60 IN CNAME b.good.example.",
      "b.good.example. 5 IN A 192.0.2.1"), (), (), 0),
    ((), (_SOA,), (), 3),
    ((), (_SOA,), (), 0),
    ((), (), (), 2),
    (("host.good.example. 300 IN A 192.0.2.1",), ("good.example. 300 IN NS ns.good.example.",),
     ("ns.good.example. 300 IN A 192.0.2.53", "ns.good.example. 300 IN AAAA 2001:db8::53"), 0),
    (("host.good.example. 300 IN MX 10 mail.good.example.", "host.good.example. 0 IN MX 20 m.elsewhere.example."), (),
     ("mail.good.example. 300 IN A 192.0.2.25",), 0),
    (('host.good.example. 300 IN TXT "' + "x" * 200 + '" "y"',), (), (), 0),
    (("good.example. 300 IN DNAME other.example.", "host.good.example. 300 IN CNAME host.other.example.",
      "host.other.example. 300 IN A 192.0.2.1"), (), (), 0),
    (("host.good.example. 300 IN HTTPS 1 . alpn=h2 ipv4hint=192.0.2.1",), (), (), 0),
    (("host.good.example. 300 IN A 192.0.2.1", "host.good.example. 300 IN RRSIG A 13 3 300 20300101000000 "
      "20200101000000 1 good.example. " + "A" * 86 + "=="), (), (), 0),
    ((), (_SOA, "abc.good.example. 300 IN NSEC3 1 0 0 - 2T7B4G4VSA5SMI47K61MV5BV1A22BOJR A RRSIG"), (), 3),
    (("host.good.example. 300 IN TYPE65280 \\# 4 c00cc00c",), (), (), 0),
    (("host.good.example. 300 IN SRV 0 5 5060 sip.good.example.",
      'host.good.example. 300 IN NAPTR 1 1 "u" "x" "!a!b!" .'), (), (), 0),
)  # fmt: skip


def answers() -> list[bytes]:
    """What upstreams may answer to `host.good.example A` with the ID 7."""
    found = []
    query = dns.message.make_query(QUESTION, "A", id=7, use_edns=0)
    for number, (answer, authority, additional, rcode) in enumerate(_SECTIONS):
        reply = dns.message.make_response(query, recursion_available=True)
        for section, lines in (
            (reply.answer, answer), (reply.authority, authority), (reply.additional, additional)
        ):  # fmt: skip
            section.extend(_record(line) for line in lines)
        reply.set_rcode(rcode)
        if number % 2:
            reply.use_edns(0, 0, 1232, options=[dns.edns.GenericOption(15, b"\0\x16no")] if number % 4 == 1 else [])
        found.append(reply.to_wire())
    return found


def _record(line: str) -> dns.rrset.RRset:
    owner, ttl, qclass, kind, data = line.split(None, 4)
    return dns.rrset.from_text(owner, int(ttl), qclass, kind, data)
