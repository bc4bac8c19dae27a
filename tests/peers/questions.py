"""The questions of the differential test: some 1,500, made from the zones' own records, the same in every run.

What the answers must be is nobody's knowledge here: two servers are asked and compared.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rdataclass
import dns.rdatatype

from tests.peers.zones import CHAIN, LONGEST, PLAIN, RECORDS, SIGNED, SIGNED3


class Manner(NamedTuple):
    """How a question is put."""

    name: str
    edns: int = -1  # version, -1 for none
    payload: int = 1232
    do: bool = False
    cd: bool = False
    ad: bool = False
    rd: bool = True
    tcp: bool = False
    options: tuple[dns.edns.Option, ...] = ()


MANNERS = (
    Manner("plain"),
    Manner("edns", 0),
    Manner("edns-512", 0, 512),
    Manner("edns-4096", 0, 4096),
    Manner("edns-0", 0, 0),
    Manner("do", 0, do=True),
    Manner("do-cd", 0, do=True, cd=True),
    Manner("cd", 0, cd=True),
    Manner("ad", ad=True),
    Manner("tcp", tcp=True),
    Manner("tcp-do", 0, do=True, tcp=True),
    Manner("options", 0, options=(dns.edns.GenericOption(10, b"12345678"), dns.edns.GenericOption(65001, b"xyz"),
                                  dns.edns.GenericOption(3, b""), dns.edns.GenericOption(12, b"\0" * 64))),
    Manner("rd0", 0, rd=False),
    Manner("edns-1", 1),
)  # fmt: skip
USUAL = MANNERS[:11]
BY_NAME = {manner.name: manner for manner in MANNERS}


class Question(NamedTuple):
    """One question; `id` names it in reports."""

    name: dns.name.Name
    kind: int
    manner: Manner
    qclass: int = dns.rdataclass.IN

    @property
    def id(self) -> str:
        """For a person."""
        text = self.name.to_text()
        shown = text if len(text) < 60 else text[:28] + "…" + text[-28:]
        return f"{shown} {dns.rdataclass.to_text(self.qclass)} {dns.rdatatype.to_text(self.kind)} [{self.manner.name}]"

    def message(self) -> dns.message.Message:
        """Ready to be sent."""
        how = self.manner
        query = dns.message.make_query(self.name, self.kind, self.qclass)
        query.flags = (
            (dns.flags.RD if how.rd else 0) | (dns.flags.CD if how.cd else 0) | (dns.flags.AD if how.ad else 0)
        )
        if how.edns >= 0:
            flags = (how.edns << 16) | (dns.flags.DO if how.do else 0)
            query.use_edns(how.edns, flags, how.payload, options=list(how.options))
        return query


ODD_TYPES = (
    "DS",
    "NSEC",
    "RRSIG",
    "DNSKEY",
    "NSEC3PARAM",
    "SPF",
    "NULL",
    "WKS",
    "KEY",
    "SIG",
    "NXT",
    "TYPE128",
    "TYPE65280",
    "TYPE65534",
)
MISSING = ("nothing", "a.b.c.nothing", "_dmarc", "host.host", "below.deep.many", "b.ent", "ent", "wild", "x.exact.wild",
           r"\000", r"\255\254", r"back\\slash", r"a\.b.ent", "NoThInG")  # fmt: skip
MADE = (*(f"chain{i}" for i in range(CHAIN + 1)), "big", "huge", "huge2", "middle", "tight", "pool", "any.wild",
        "two.any.wild", "x.wildalias", "host.tree", "missing.tree", "deep.host.tree", "*.wild", r"\*.wild")  # fmt: skip
FULL = ("host", "many", "nothing", "v4only", "alias", "chain0", "x.wild", "middle", "pool", "host.tree", "mx", "@",
        "big", "https", "a.b.ent")  # fmt: skip


def owners() -> dict[str, set[str]]:
    """Owner as the zone file has it -> types there."""
    found: dict[str, set[str]] = {}
    for line in RECORDS.strip().splitlines():
        owner, *rest = line.split()
        kind = next(word for word in rest if not word.isdigit())
        found.setdefault(owner, set()).add(kind)
    return found


def _absolute(owner: str, zone: str) -> dns.name.Name:
    origin = dns.name.from_text(zone)
    return origin if owner == "@" else dns.name.from_text(owner, origin)


def _zone(zone: str) -> Iterator[tuple[dns.name.Name, str]]:
    known = owners()
    for owner, kinds in known.items():
        for kind in sorted(kinds | {"A", "AAAA"}):
            yield _absolute(owner, zone), kind
    for owner, kind in itertools.product(MISSING, ("A", "MX")):
        yield _absolute(owner, zone), kind
    for owner, kind in itertools.product(MADE, ("A", "TXT")):
        yield _absolute(owner, zone), kind
    for kind in ODD_TYPES:
        yield _absolute("@", zone), kind
        yield _absolute("host", zone), kind
    for owner in ("host", "alias", "many", "nothing"):
        yield _absolute(owner, zone), "CNAME"


def _cased(name: dns.name.Name) -> dns.name.Name:
    """Every other letter in the other case."""
    return dns.name.Name(
        bytes(o ^ 0x20 if i % 2 and chr(o).isascii() and chr(o).isalpha() else o for i, o in enumerate(label))
        for label in name.labels
    )


def _special() -> Iterator[Question]:
    usual = [BY_NAME[name] for name in ("plain", "edns", "do", "tcp")]
    for name, kind in ((LONGEST, "A"), (f"across.{PLAIN}", "A"), (f"h.1.2.3.4.5.6.7.8.9.0.{PLAIN}", "A"),
                       ("outside.example", "A"), ("example", "NS")):  # fmt: skip
        for manner in usual:
            yield Question(dns.name.from_text(name), dns.rdatatype.from_text(kind), manner)
    for name, kind in ((".", "NS"), (".", "SOA"), (".", "DNSKEY"), ("localhost", "A"), ("localhost", "AAAA"),
                       ("www.localhost", "A"), ("1.0.0.127.in-addr.arpa", "PTR"), ("x.invalid", "A"), ("x.onion", "A"),
                       ("x.test", "A"), ("1.1.168.192.in-addr.arpa", "PTR"), ("x.home.arpa", "A"), ("x.local", "A"),
                       ("_dns.resolver.arpa", "SVCB"), ("use-application-dns.net", "A")):  # fmt: skip
        for manner in usual[1:3]:
            yield Question(dns.name.from_text(name), dns.rdatatype.from_text(kind), manner)
    host = dns.name.from_text(f"host.{PLAIN}")
    for kind in ("ANY", "AXFR", "IXFR", "MAILB", "MAILA", "TYPE0", "OPT", "TSIG", "TKEY"):
        for manner in (BY_NAME["edns"], BY_NAME["tcp"]):
            yield Question(host, dns.rdatatype.from_text(kind), manner)
    for name, kind in (("version.bind", "TXT"), ("id.server", "TXT"), ("host.plain.example", "A")):
        for qclass in ("CH", "HS", "ANY", "NONE"):
            yield Question(dns.name.from_text(name), dns.rdatatype.from_text(kind), BY_NAME["edns"],
                           dns.rdataclass.from_text(qclass))  # fmt: skip
    for name in ("bad.plain.example", "www.bad.plain.example"):
        for kind in ("A", "AAAA", "TXT"):
            yield Question(dns.name.from_text(name), dns.rdatatype.from_text(kind), BY_NAME["edns"])


def everything() -> list[Question]:
    """All of them, in the order they are asked."""
    manners = itertools.cycle(USUAL)
    found = []
    for zone in (PLAIN, SIGNED, SIGNED3):
        for number, (name, kind) in enumerate(_zone(zone)):
            asked = _cased(name) if number % 5 == 4 else name
            if name.to_text().startswith(("bad.", "deep.bad.", "www.bad.")):
                continue
            found.append(Question(asked, dns.rdatatype.from_text(kind), next(manners)))
        for owner, manner in itertools.product(FULL, MANNERS):
            kind = {"middle": "TXT", "big": "TXT", "https": "HTTPS", "mx": "MX", "@": "SOA"}.get(owner, "A")
            found.append(Question(_absolute(owner, zone), dns.rdatatype.from_text(kind), manner))
    return [*found, *_special()]
