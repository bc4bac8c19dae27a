"""Where our answers differ from Unbound's, and why: the whole table.

`python -m tests.peers.differences` writes the page.
A difference that no row explains fails the test, and so does a row that explains nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import dns.flags
import dns.name
import dns.rcode
import dns.rdatatype

from tests.conftest import REPO
from tests.peers.comparing import Difference, Record
from tests.peers.zones import CHAIN

PAGE = REPO / "docs" / "differences.md"
NS, SOA, RRSIG, NSEC, NSEC3 = (
    dns.rdatatype.NS,
    dns.rdatatype.SOA,
    dns.rdatatype.RRSIG,
    dns.rdatatype.NSEC,
    dns.rdatatype.NSEC3,
)
ADDRESSES = {dns.rdatatype.A, dns.rdatatype.AAAA, RRSIG}
SECTIONS = {"answer", "authority", "additional"}
UNBOUND_CHAIN = 11  # CNAMEs that Unbound follows: MAX_RESTART_COUNT

LOCAL = ("localhost", "127.in-addr.arpa", "invalid", "onion", "test", "168.192.in-addr.arpa", "home.arpa")
LOCAL_HERE = ("local", "resolver.arpa", "use-application-dns.net")
FORWARDED_META = {dns.rdatatype.from_text(kind) for kind in ("MAILA", "MAILB")}
REFUSED_META = {dns.rdatatype.from_text(kind) for kind in ("TKEY", "TSIG", "OPT", "TYPE128")}
ECHOED = ((False, True), (1232, 0))  # ours, and the client's AD and payload size given back
TRANSFERS = {dns.rdatatype.AXFR, dns.rdatatype.IXFR}
LISTED = dns.name.from_text("bad.plain.example")


class Row(NamedTuple):
    """One kind of difference. `explains` is asked for a single aspect of a single answer."""

    what: str
    ours: str
    theirs: str
    why: str
    explains: Callable[[Difference], bool]


def _rcodes(found: Difference) -> tuple[str, str]:
    mine, other = (told.message for told in found.told)
    assert mine is not None
    assert other is not None
    return dns.rcode.to_text(mine.rcode()), dns.rcode.to_text(other.rcode())


def _truncated(found: Difference) -> tuple[bool, bool]:
    mine, other = (bool(told.message and told.message.flags & dns.flags.TC) for told in found.told)
    return mine, other


def _only(records: object, kinds: set[int]) -> bool:
    return isinstance(records, list) and all(_kind(record) in kinds for record in records)


def _kind(record: Record) -> int:
    return record[2]


def _first_label(found: Difference) -> str:
    return found.question.name.labels[0].decode("latin-1").lower()


def _below(found: Difference, names: tuple[str, ...]) -> bool:
    return any(found.question.name.is_subdomain(dns.name.from_text(name)) for name in names)


def _optional_section(found: Difference) -> bool:
    hints = found.aspect == "authority" and found.theirs == [] and _only(found.ours, {NS, RRSIG})
    return hints and _rcodes(found)[0] == "NOERROR"


def _additional(found: Difference) -> bool:
    return found.aspect == "additional" and found.ours == [] and _only(found.theirs, ADDRESSES)


def _long_chain(found: Difference) -> bool:
    label = _first_label(found)
    number = label.removeprefix("chain")
    long = label.startswith("chain") and number.isdigit() and CHAIN - int(number) > UNBOUND_CHAIN
    return long and found.aspect in {"rcode", "TC", *SECTIONS} and _rcodes(found)[1] == "SERVFAIL"


def _loop(found: Difference) -> bool:
    asked = found.aspect in {"rcode", *SECTIONS} and _first_label(found) in {"selfish", "ping", "pong"}
    return asked and _rcodes(found) == ("NOERROR", "SERVFAIL")


def _emptied(found: Difference) -> bool:
    return found.aspect in SECTIONS and found.ours == [] and _truncated(found) == (True, True)


def _cut_at_1232(found: Difference) -> bool:
    return found.aspect in {"TC", *SECTIONS} and _truncated(found) == (True, False) and found.told[1].size > 1232


def _no_room_for_hints(found: Difference) -> bool:
    theirs = found.told[1].message
    bare = theirs is not None and not theirs.authority and not theirs.additional and found.told[1].size <= 1232
    return found.aspect in {"TC", *SECTIONS} and _truncated(found) == (True, False) and bare


def _dname(found: Difference) -> bool:
    return found.aspect == "ttl" and found.theirs == 0 and b"tree" in found.question.message().to_wire().lower()


def _denial_behind_dname(found: Difference) -> bool:
    below = (
        found.aspect == "authority" and _first_label(found) == "missing" and found.question.name.labels[1] == b"tree"
    )
    return below and found.ours == [] and _only(found.theirs, {NSEC, NSEC3, RRSIG})


def _local_everywhere(found: Difference) -> bool:
    """Both answer by themselves, alike in the rcode."""
    rcodes = _rcodes(found)
    if not _below(found, LOCAL) or rcodes[0] != rcodes[1]:
        return False
    soa = found.aspect == "authority" and _only(found.ours, {SOA}) and _only(found.theirs, {SOA})
    return soa or (found.aspect == "AA" and found.ours is False) or found.aspect == "ttl"


def _local_here(found: Difference) -> bool:
    known = found.aspect in {"rcode", *SECTIONS} and _below(found, LOCAL_HERE)
    return known and _rcodes(found) in {("NXDOMAIN", "SERVFAIL"), ("NOERROR", "SERVFAIL")}


def _cookie(found: Difference) -> bool:
    return (
        found.aspect == "options" and (found.ours, found.theirs) == ([10], []) and bool(found.question.manner.options)
    )


def _bare_error_ra(found: Difference) -> bool:
    return found.aspect == "RA" and found.ours is True and _rcodes(found)[1] in {"FORMERR", "REFUSED"}


def _forwarded_meta(found: Difference) -> bool:
    return (
        found.question.kind in FORWARDED_META
        and found.aspect in {"rcode", "AD", "payload", *SECTIONS}
        and _rcodes(found)[1] == "FORMERR"
    )


def _refused_meta(found: Difference) -> bool:
    """Alike in the rcode."""
    header = found.aspect in {"AD", "payload"} and (found.ours, found.theirs) in ECHOED
    refused = found.question.kind in REFUSED_META and _rcodes(found) == ("FORMERR", "FORMERR")
    return refused and (header or _extended(found))


def _transfer(found: Difference) -> bool:
    return found.aspect == "rcode" and found.question.kind in TRANSFERS and _rcodes(found) == ("NOTAUTH", "REFUSED")


def _class(found: Difference) -> bool:
    return found.question.qclass != 1 and _rcodes(found)[0] == "REFUSED" and found.aspect in {"AA", "rcode", *SECTIONS}


def _extended(found: Difference) -> bool:
    return found.aspect == "options" and found.ours == [15] and found.theirs == []


def _any(found: Difference) -> bool:
    mine = found.told[0].message
    hinfo = mine is not None and [rrset.rdtype for rrset in mine.answer] == [dns.rdatatype.HINFO]
    return hinfo and found.question.kind == dns.rdatatype.ANY and found.aspect == "answer"


def _listed(found: Difference) -> bool:
    return found.question.name.is_subdomain(LISTED) and found.aspect in {*SECTIONS, "ttl"}


ROWS = (
    Row("listed names", "a sinkhole address, or an empty answer with a SOA of our own", "the real records",
        "what this service is for", _listed),
    Row("NS records in the authority section of a positive answer", "as the upstream sent them",
        "left out", "hints that no client of a forwarder uses; an answer is passed on whole rather than written again",
        _optional_section),
    Row("addresses in the additional section", "left out", "as the upstream sent them",
        "nobody asked for them and no policy has judged them: an MX record may come with the address of a listed "
        "server. Who needs one asks for it (RFC 2181 section 9)", _additional),
    Row("truncated answers", "no records at all, TC", "the records that fit, TC",
        "a client must ask again by TCP and may not use what came (RFC 2181 section 9)", _emptied),
    Row("answers over 1232 octets by UDP to a client that announces more", "TC",
        "sent, as long as the client announces the room",
        "`dns.udp_payload`: fragments are lost or forged (RFC 9715)", _cut_at_1232),
    Row("an answer that fits, with authority records that do not", "TC", "sent without them",
        "known cost: one more exchange by TCP for a few answers close to the client's limit", _no_room_for_hints),
    Row("CNAME chains of more than 11", "passed on", "SERVFAIL",
        "the upstream decides how far it follows; a forwarder does not follow itself", _long_chain),
    Row("CNAMEs in a circle", "the circle as the upstream sent it", "SERVFAIL",
        "the same; clients see that it leads nowhere", _loop),
    Row("TTL of a CNAME made from a DNAME", "the upstream's", "0",
        "RFC 6672 section 3.1 gives it the TTL of the DNAME; Unbound makes it itself each time", _dname),
    Row("the proof that what a DNAME leads to does not exist", "as the upstream sent it: NSD leaves a part out",
        "whole: it asks for the DNAME's target once more",
        "a forwarder passes on; who validates behind it asks again too", _denial_behind_dname),
    Row("names that both answer by themselves (localhost, invalid, onion, test, private reverse zones, home.arpa)",
        "AA not set, a SOA of its own, 3600 s", "AA set, another SOA, 10800 s",
        "same answers; AA stays unset in everything that a forwarder says", _local_everywhere),
    Row("local, resolver.arpa, use-application-dns.net", "answered here", "asked of the upstream",
        "RFC 6762, RFC 9462, and the name that keeps Firefox with this resolver: questions that must not leave the WAN",
        _local_here),
    Row("the types MAILA and MAILB", "forwarded as any type is (RFC 3597)", "FORMERR", "the upstream decides",
        _forwarded_meta),
    Row("the types TKEY, TSIG, OPT and TYPE128 (NXNAME)", "FORMERR with the extended error 30 (invalid query type)",
        "FORMERR without, with the client's own AD and payload size",
        "records of these types belong to a message or to a proof: nobody can ask for them", _refused_meta),
    Row("zone transfers", "NOTAUTH", "REFUSED", "RFC 5936 section 2.2.1: no zone is held here", _transfer),
    Row("classes other than IN", "REFUSED", "CH answers about itself, others SERVFAIL or as if IN",
        "nothing about this server is told to clients", _class),
    Row("ANY", 'HINFO "RFC8482"', "all types that its cache holds for the name",
        "RFC 8482: ANY serves those who amplify, and hardly anyone else", _any),
    Row("DNS cookies (RFC 7873)", "answered", "left out, unless `answer-cookie: yes`", "always on", _cookie),
    Row("RA in FORMERR and REFUSED", "set", "not set", "this server does offer recursion", _bare_error_ra),
    Row("extended errors (RFC 8914)",
        "say why: forged, blocked, not authoritative, no reachable upstream, or what the upstream says",
        "none, unless `ede: yes`", "the person behind the machine, or its administrator, can see why", _extended),
)  # fmt: skip


def row_of(found: Difference) -> Row | None:
    """The first row that explains it."""
    return next((row for row in ROWS if row.explains(found)), None)


def page() -> str:
    """docs/differences.md."""
    head = """# Where answers differ from Unbound's

Some 1,500 questions over three zones (one plain, one signed with NSEC, one with NSEC3), each asked twice of this
service and of an Unbound that forwards to the same NSD, by UDP and TCP, with and without EDNS, DO, CD, AD and RD.
Compared are rcode, every flag, the question, EDNS, each section as a set of records, and every TTL. What differs is in
this table; any other difference fails the test, and so does a row that explains nothing any more.

Made from the table in `tests/peers/differences.py` by `python -m tests.peers.differences`; checked by
`tests/peers/test_differential.py`.

| what | this service | Unbound | why |
|---|---|---|---|
"""
    return head + "".join(f"| {row.what} | {row.ours} | {row.theirs} | {row.why} |\n" for row in ROWS)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
