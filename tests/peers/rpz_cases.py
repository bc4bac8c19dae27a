"""Response policy zones and questions for them, with the answers that everyone should give: tests/peers/test_rpz.py.

Plain tables, and the page that is made of them.
"""

from __future__ import annotations

from typing import NamedTuple

from tests.conftest import REPO

PAGE = REPO / "docs" / "rpz.md"

# What the world says: served by NSD, asked by all three.
WORLD = """
$ORIGIN world.example.
$TTL 300
@        SOA ns.world.example. admin.world.example. 1 3600 600 86400 300
@        NS  ns.world.example.
ns       A   127.0.0.1
plain    A   192.0.2.1
plain    TXT "plain"
*.wild   A   192.0.2.1
wild     A   192.0.2.1
two      A   192.0.2.1
two      A   198.51.100.66
bad      A   198.51.100.66
narrow   A   198.51.100.77
edge     A   198.51.100.127
outside  A   198.51.100.128
bad6     AAAA 2001:db8:66::1
good6    AAAA 2001:db8:67::1
mixed    A   192.0.2.1
mixed    AAAA 2001:db8:66::1
alias1   CNAME listed-nx
alias2   CNAME alias1
alias3   CNAME bad
alias4   CNAME listed-pass
alias5   CNAME step
step     CNAME listed-nodata
listed-nx     A 192.0.2.1
listed-nodata A 192.0.2.1
listed-nodata TXT "real"
listed-pass   A 198.51.100.66
listed-drop   A 192.0.2.1
listed-tcp    A 192.0.2.1
listed-a      A 192.0.2.1
listed-a      AAAA 2001:db8::1
listed-a      TXT "real"
listed-many   A 192.0.2.1
listed-cname  A 192.0.2.1
listed-cname  MX 10 plain
listed-star   A 192.0.2.1
listed-self   A 192.0.2.1
twice         A 192.0.2.1
second        A 192.0.2.1
second-pass   A 198.51.100.66
first-ip      A 203.0.113.9
name-and-ip   A 198.51.100.66
garden        A 192.0.2.20
garden        TXT "garden"
listed-star.world.example.garden A 192.0.2.21
UPPER         A 192.0.2.1
under_score   A 192.0.2.1
below.exact   A 192.0.2.1
exact         A 192.0.2.1
only-below    A 192.0.2.1
x.only-below  A 192.0.2.1
a.b.both      A 192.0.2.1
both          A 192.0.2.1
ok.both       A 192.0.2.1
svc           HTTPS 1 . ipv4hint=198.51.100.66
"""

FIRST = """
$TTL 60
@ SOA localhost. admin.localhost. 1 3600 600 86400 60
@ NS localhost.
listed-nx.world.example          CNAME .
listed-nodata.world.example      CNAME *.
listed-pass.world.example        CNAME rpz-passthru.
listed-drop.world.example        CNAME rpz-drop.
listed-tcp.world.example         CNAME rpz-tcp-only.
listed-a.world.example           A 192.0.2.10
listed-many.world.example        A 192.0.2.10
listed-many.world.example        A 192.0.2.11
listed-many.world.example        TXT "local"
listed-cname.world.example       CNAME garden.world.example.
listed-star.world.example        CNAME *.garden.world.example.
twice.world.example              A 192.0.2.12
exact.world.example              CNAME .
*.only-below.world.example       CNAME .
both.world.example               CNAME .
*.both.world.example             CNAME *.
ok.both.world.example            CNAME rpz-passthru.
upper.world.example              CNAME .
under_score.world.example        CNAME .
gone.world.example               A 192.0.2.13
name-and-ip.world.example        A 192.0.2.14
25.0.100.51.198.rpz-ip        CNAME .
32.77.100.51.198.rpz-ip       CNAME rpz-passthru.
48.zz.66.db8.2001.rpz-ip      CNAME *.
24.0.66.10.127.rpz-client-ip  CNAME .
32.7.66.10.127.rpz-client-ip  CNAME rpz-passthru.
"""

SECOND = """
$TTL 60
@ SOA localhost. admin.localhost. 1 3600 600 86400 60
@ NS localhost.
twice.world.example              A 192.0.2.99
second.world.example             CNAME .
listed-pass.world.example        CNAME .
second-pass.world.example        CNAME rpz-passthru.
24.0.113.0.203.rpz-ip         CNAME .
first-ip.world.example           CNAME *.
"""

HINT = 'HTTPS 1 . ipv4hint="198.51.100.66"'
TO_NX, TO_BAD = "CNAME listed-nx.world.example.", "CNAME bad.world.example."
CHAIN = f"CNAME alias1.world.example., {TO_NX}"
STEPS = "CNAME listed-nodata.world.example., CNAME step.world.example."
HINTS_COUNT = "a browser connects to the addresses in the hints of an HTTPS record as to any other"
NO_ALIAS = "the names on the way are not shown: the answer is about the name that was asked, with the same rcode"
DEEP = "Unbound judges the first name of a chain that an upstream gives whole, we judge each"
NO_WAIT = "a name match never waits for an upstream, so it stands before an address match of a list above"
CLIENT_PASSES = "passthru for a client ends the policy for it (draft section 4.1); Unbound goes on to the name"
NXDOMAIN, NODATA, DROP, TC = "NXDOMAIN", "NODATA", "nothing", "TC"


class Case(NamedTuple):
    """A question and the answer to it: a word, or the data of the answer's records with their types, sorted."""

    name: str  # below world.example
    kind: str
    answer: str
    client: str = "127.0.0.1"
    tcp: bool = False
    unbound: str = ""  # where it says something else
    bind: str = ""
    why: str = ""


CASES = (
    Case("plain", "A", "A 192.0.2.1"),
    Case("plain", "TXT", 'TXT "plain"'),
    Case("nobody", "A", NXDOMAIN),
    Case("listed-nx", "A", NXDOMAIN),
    Case("listed-nx", "TXT", NXDOMAIN),
    Case("below.listed-nx", "A", NXDOMAIN),
    Case("listed-nodata", "A", NODATA),
    Case("listed-nodata", "TXT", NODATA),
    Case("listed-pass", "A", "A 198.51.100.66"),
    Case("listed-drop", "A", DROP),
    Case("listed-drop", "A", DROP, tcp=True),
    Case("listed-tcp", "A", TC),
    Case("listed-tcp", "A", "A 192.0.2.1", tcp=True),
    Case("listed-a", "A", "A 192.0.2.10"),
    Case("listed-a", "AAAA", NODATA),
    Case("listed-a", "TXT", NODATA),
    Case("listed-many", "A", "A 192.0.2.10, A 192.0.2.11"),
    Case("listed-many", "TXT", 'TXT "local"'),
    Case("listed-cname", "A", "A 192.0.2.20, CNAME garden.world.example."),
    Case("listed-cname", "TXT", 'CNAME garden.world.example., TXT "garden"'),
    Case("listed-cname", "MX", "CNAME garden.world.example."),
    Case("listed-cname", "CNAME", "CNAME garden.world.example."),
    Case("listed-star", "A", "A 192.0.2.21, CNAME listed-star.world.example.garden.world.example."),
    Case("twice", "A", "A 192.0.2.12"),
    Case("second", "A", NXDOMAIN),
    Case("second-pass", "A", "A 198.51.100.66", bind=NXDOMAIN, why=NO_WAIT),
    Case("exact", "A", NXDOMAIN),
    Case("below.exact", "A", "A 192.0.2.1"),
    Case("only-below", "A", "A 192.0.2.1"),
    Case("x.only-below", "A", NXDOMAIN),
    Case("both", "A", NXDOMAIN),
    Case("a.b.both", "A", NODATA),
    Case("ok.both", "A", "A 192.0.2.1"),
    Case("UPPER", "A", NXDOMAIN),
    Case("under_score", "A", NXDOMAIN),
    Case("gone", "A", "A 192.0.2.13"),
    Case("two", "A", NXDOMAIN),
    Case("bad", "A", NXDOMAIN),
    Case("edge", "A", NXDOMAIN),
    Case("outside", "A", "A 198.51.100.128"),
    Case("narrow", "A", "A 198.51.100.77"),
    Case("bad6", "AAAA", NODATA),
    Case("good6", "AAAA", "AAAA 2001:db8:67::1"),
    Case("mixed", "A", "A 192.0.2.1"),
    Case("mixed", "AAAA", NODATA),
    Case("svc", "HTTPS", NXDOMAIN, unbound=HINT, bind=HINT, why=HINTS_COUNT),
    Case("first-ip", "A", NODATA),
    Case("name-and-ip", "A", "A 192.0.2.14"),
    Case("alias1", "A", NXDOMAIN, unbound=TO_NX, bind=TO_NX, why=NO_ALIAS),
    Case("alias2", "A", NXDOMAIN, unbound=f"A 192.0.2.1, {CHAIN}", bind=CHAIN, why=f"{NO_ALIAS}. {DEEP}"),
    Case("alias3", "A", NXDOMAIN, unbound=TO_BAD, bind=TO_BAD, why=NO_ALIAS),
    Case("alias4", "A", "A 198.51.100.66, CNAME listed-pass.world.example."),
    Case("alias5", "A", NODATA, unbound=STEPS, bind=STEPS, why=NO_ALIAS),
    Case("plain", "A", NXDOMAIN, client="127.10.66.1"),
    Case("listed-a", "A", NXDOMAIN, client="127.10.66.1"),
    Case("listed-nx", "A", "A 192.0.2.1", client="127.10.66.7", unbound=NXDOMAIN, why=CLIENT_PASSES),
    Case("bad", "A", "A 198.51.100.66", client="127.10.66.7", unbound=NXDOMAIN, why=CLIENT_PASSES),
)


def page() -> str:
    """docs/rpz.md."""
    head = """# Response policy zones beside Unbound and BIND

Two zones, the first above the second, in this service (both lists in force, addresses too), in Unbound (`rpz:`) and in
BIND (`response-policy`, `qname-wait-recurse no`). All three forward to the same NSD and are asked the same questions.
Where a cell is empty the server gives this service's answer; where one says something else there is a reason.

Made from the tables in `tests/peers/rpz_cases.py` by `python -m tests.peers.rpz_cases`; checked by
`tests/peers/test_rpz.py`.

The zones:

```
"""
    zones = "\n".join(f"; {name}{text}" for name, text in (("the first", FIRST), ("the second", SECOND)))
    rows = "".join(
        f"| {_asked(case)} | {case.answer} | {case.unbound} | {case.bind} | {case.why} |\n" for case in CASES
    )  # fmt: skip
    return f"""{head}{zones.strip()}
```

| asked (below world.example) | this service | Unbound | BIND | why |
|---|---|---|---|---|
{rows}
Not honoured, here: `rpz-nsdname` and `rpz-nsip`. A forwarder never sees the name servers of a name; such rules are
counted when a zone is imported, and never fail it.
"""


def _asked(case: Case) -> str:
    by = " by TCP" if case.tcp else ""
    return f"`{case.name} {case.kind}`{by}" + (f" from {case.client}" if case.client != "127.0.0.1" else "")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
