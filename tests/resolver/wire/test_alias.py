"""What stands behind an alias: the same records as at its target, whatever they hold; and no answer costs much."""

from __future__ import annotations

import struct

import dns.flags
import dns.message
import dns.rdatatype
import pytest
from hypothesis import event, given
from hypothesis import settings as tries
from hypothesis import strategies as st

from contracts import names
from resolver.bodies import Bodies
from resolver.wire import alias, answer, reply
from resolver.wire.alias import MAX_BEHIND, MAX_OCTETS_BEHIND
from resolver.wire.answer import MAX_JUMPS
from resolver.wire.constants import HEADER
from resolver.wire.query import parse
from tests.resolver.making import SOA, answer_to, damaged, query, record, understood

TARGET = names.to_wire("www.garden.vn")
ASKED = ["x.vn", "www.garden.vn", "a.very.long.name.of.the.kind.that.malware.asks.for.example", "."]
SIGNED = "A 8 3 300 20300101000000 20200101000000 7 garden.vn. AAAA"
DATA = {
    "A": "192.0.2.1", "AAAA": "2001:db8::1", "NS": "ns.garden.vn.", "PTR": "host.www.garden.vn.",
    "MX": "7 mx.garden.vn.", "KX": "3 kx.garden.vn.", "RT": "2 rt.garden.vn.", "AFSDB": "1 afs.garden.vn.",
    "SOA": "ns.garden.vn. admin.garden.vn. 7 3600 600 86400 300", "SRV": "1 2 53 host.garden.vn.", "TXT": '"a" "b c"',
    "RP": "who.garden.vn. txt.garden.vn.",
    "PX": "4 map.garden.vn. x400.garden.vn.", "HTTPS": '1 . alpn=h2 ipv4hint="192.0.2.1"', "SVCB": "0 svc.garden.vn.",
    "NAPTR": '1 1 "u" "E2U+sip" "!^.*$!sip:x@garden.vn!" .', "CAA": '0 issue "ca.garden.vn"',
    "DS": "7 8 2 " + "ab" * 32,
    "TLSA": "3 1 1 " + "cd" * 32, "RRSIG": SIGNED, "NSEC": "z.garden.vn. A MX RRSIG NSEC TYPE1234",
    "NSEC3": "1 1 12 aabbccdd 2vptu5timamqttgl4luu9kg21e0aor3s A RRSIG", "TYPE65400": r"\# 3 c00c00",
}  # fmt: skip
OWNERS = ["www.garden.vn.", "garden.vn.", "a.www.garden.vn.", "WWW.Garden.vn.", "elsewhere.example.", "."]
LINES = st.builds(
    lambda owner, ttl, kind: f"{owner} {ttl} IN {kind} {DATA[kind]}",
    st.sampled_from(OWNERS), st.integers(0, 86400), st.sampled_from(sorted(DATA)),
)  # fmt: skip
CHAINS = st.sampled_from([(), ("www.garden.vn. 60 IN CNAME web.garden.vn.", "web.garden.vn. 60 IN CNAME w.garden.vn.")])
MESSAGES = st.builds(
    lambda chain, answers, authority: answer_to(query("www.garden.vn"), *chain, *answers, authority=authority),
    CHAINS, st.lists(LINES, max_size=8), st.lists(LINES, max_size=5),
)  # fmt: skip


def read(wire):
    """As an upstream's answer is read."""
    return answer.read(wire, TARGET + b"\0\1\0\1", 86400, 86400).records


def behind(found, asked="x.vn"):
    """The whole answer for `asked`, after its ID."""
    asked_for = parse(query(asked))
    return Bodies(1232).of(asked_for, "tcp", alias.behind(TARGET, b"\0\1\0\1", found, 30))


def rrs(section):
    """(owner, TTL, record) in their order; owners compare as names do."""
    return [(one.name, one.ttl, one[0]) for one in section]


@tries(max_examples=300, deadline=None)
@given(MESSAGES, st.sampled_from(ASKED))
def test_the_same_records_as_another_codec_wrote(message, asked):
    """dnspython compresses whatever may be compressed, and reads what we wrote."""
    message.answer[:0] = [record("www.garden.vn. 300 IN A 192.0.2.9")]  # or without a SOA it is a referral
    wire = message.to_wire()
    original = dns.message.from_wire(wire, one_rr_per_rrset=True)
    written = understood(behind(read(wire), asked))
    first, *others = rrs(written.answer)
    assert (first[0], first[1], first[2].to_text()) == (written.question[0].name, 30, "www.garden.vn.")
    assert others == rrs(original.answer)
    assert rrs(written.authority) == rrs(original.authority)


@tries(max_examples=500, deadline=None)
@given(damaged(MESSAGES.map(lambda message: message.to_wire())), st.sampled_from(ASKED))
def test_whatever_is_taken_from_an_upstream_is_written_well_formed(wire, asked):
    try:
        found = read(wire)
    except answer.BadAnswer:
        event("no answer")
        return
    body = behind(found, asked)
    asked_for = parse(query(asked))
    again = answer.read(b"\0\0" + body, asked_for.name + b"\0\1\0\1", 86400, 86400).records
    event("alone" if again.answers == 1 and found.answers else "whole")
    assert (again.answers, again.authorities) in {(1 + found.answers, found.authorities), (1, 0)}


def rr(owner, kind, data):
    """A record by hand."""
    return owner + struct.pack("!HHIH", kind, 1, 60, len(data)) + data


DENIED = rr(b"\xc0\x0c", 47, b"\1z\6garden\2vn\0\0\6\x40\1\0\0\0\3")
START = HEADER + len(TARGET) + 4
TO_GARDEN = b"\xc0\x10"  # garden.vn in the question
GARDEN = b"\6garden\2vn\0"


@pytest.mark.parametrize(
    ("kind", "data", "expected"),
    [
        (47, b"\1z" + TO_GARDEN + b"\0\1\x40", b"\1z" + GARDEN + b"\0\1\x40"),
        (46, bytes(18) + TO_GARDEN + b"sig", bytes(18) + GARDEN + b"sig"),
        (24, bytes(18) + TO_GARDEN + b"sig", bytes(18) + GARDEN + b"sig"),
        (30, TO_GARDEN + b"\x40", GARDEN + b"\x40"),
        (14, b"\1a" + TO_GARDEN + b"\xc0\x0c", b"\1a" + GARDEN + b"\3www" + GARDEN),
        (17, TO_GARDEN + b"\0", GARDEN + b"\0"),
        (26, b"\0\1" + TO_GARDEN + TO_GARDEN, b"\0\1" + GARDEN + GARDEN),
        (33, b"\0\1\0\2\0\3" + TO_GARDEN, b"\0\1\0\2\0\3" + GARDEN),
        *((kind, TO_GARDEN, GARDEN) for kind in (2, 3, 4, 5, 7, 8, 9, 12, 39)),
        *((kind, b"\0\1" + TO_GARDEN, b"\0\1" + GARDEN) for kind in (15, 18, 21, 36)),
        (50, TO_GARDEN, TO_GARDEN), (16, b"\2" + TO_GARDEN, b"\2" + TO_GARDEN), (65400, TO_GARDEN, TO_GARDEN),
    ],
)  # fmt: skip
def test_compressed_names_in_data_even_where_none_may_be(kind, data, expected):
    whole = alias.behind(TARGET, b"\0\1\0\1", reply.Records(rr(b"\xc0\x0c", kind, data), 0, 1), 30)
    assert whole == reply.Records(reply.alias(TARGET, 30).data + rr(TARGET, kind, expected), 1, 1)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\1", b"\1z", b"\xc0", b"\1z\xc0", b"\x80a\0", b"\x40" + b"a" * 64 + b"\0", b"\1a" * 128 + b"\0",
        b"\xc0\0", b"\xc0\x0b", struct.pack("!H", 0xC000 | (START + 28)), struct.pack("!H", 0xC000 | (START + 30)),
        b"\xff\xff", b"\1a" * 121 + b"\xc0\x0c",
    ],
    ids=["nothing", "cut in a length", "cut in a label", "cut in a pointer", "cut behind a label", "reserved",
         "long label", "long name", "the header", "before the question", "itself", "behind itself", "behind all",
         "long by its pointer"],
)  # fmt: skip
@pytest.mark.parametrize("last", [True, False])
def test_a_proof_that_cannot_be_read_is_left_out_with_all_others(data, last):
    """The alias alone is right, and clients can ask for its target."""
    records = [rr(b"\xc0\x0c", 1, b"\xc0\0\2\1"), rr(b"\xc0\x0c", 47, data)]
    if not last:
        records.append(rr(b"\xc0\x0c", 1, b"\xc0\0\2\2"))
    found = reply.Records(b"".join(records), len(records), 0)
    answer.read(struct.pack("!HHHHHH", 0, 0x8180, 1, len(records), 0, 0) + TARGET + b"\0\1\0\1" + found.data,
                TARGET + b"\0\1\0\1", 86400, 3600)  # fmt: skip  # clients without an alias would get it
    assert alias.behind(TARGET, b"\0\1\0\1", found, 30) == reply.alias(TARGET, 30)


@tries(max_examples=300, deadline=None)
@given(st.sampled_from([47, 50, 46, 24, 14]), st.binary(max_size=60), st.booleans())
def test_proofs_of_any_octets(kind, data, more):
    tail = rr(b"\xc0\x0c", 1, b"\xc0\0\2\1") if more else b""
    found = reply.Records(rr(b"\xc0\x0c", kind, data) + tail, 0, 1 + more)
    whole = alias.behind(TARGET, b"\0\1\0\1", found, 30)
    if whole != reply.alias(TARGET, 30):
        assert (whole.answers, whole.authorities) == (1, found.authorities)
        assert whole.data.endswith(rr(TARGET, 1, b"\xc0\0\2\1") if more else b"")
        assert struct.unpack_from("!H", whole.data, 12 + 2 * len(TARGET))[0] == kind


def test_proofs_are_whole_for_who_validates():
    """No name but the alias's own is changed: NSEC and signatures are those of the target."""
    authority = [
        SOA.replace("example.", "garden.vn.", 1), "www.garden.vn. 300 IN NSEC z.garden.vn. A RRSIG NSEC",
        f"www.garden.vn. 300 IN RRSIG {SIGNED.replace('A 8', 'NSEC 8', 1)}",
        "2vptu5timamqttgl4luu9kg21e0aor3s.garden.vn. 300 IN NSEC3 1 0 0 - 35mthgpgcu1qg68fab165klnsnk3dpvl A",
    ]  # fmt: skip
    wire = answer_to(query("www.garden.vn", do=True), authority=authority).to_wire()
    written = understood(behind(read(wire)))
    assert [one.rdtype for one in written.authority] == [
        dns.rdatatype.SOA, dns.rdatatype.NSEC, dns.rdatatype.RRSIG, dns.rdatatype.NSEC3,
    ]  # fmt: skip
    assert rrs(written.authority) == rrs(dns.message.from_wire(wire, one_rr_per_rrset=True).authority)


def test_the_same_again_is_not_made_again():
    found = [reply.Records(rr(b"\xc0\x0c", 1, bytes([192, 0, 2, last])), 1, 0) for last in (77, 77, 78)]
    first, same, other = [alias.behind(TARGET, b"\0\1\0\1", one, 30) for one in found]
    assert same is first
    assert other.data.endswith(b"\xc0\0\2\x4e")
    assert alias.behind(b"\1a\0", b"\0\1\0\1", found[0], 30) != first
    assert alias.behind(TARGET, b"\0\1\0\1", found[0], 60) != first


def test_more_than_any_name_needs_is_left_out():
    one = rr(b"\xc0\x0c", 1, b"\xc0\0\2\1")
    alone = reply.alias(TARGET, 30)
    assert alias.behind(TARGET, b"\0\1\0\1", reply.Records(one * MAX_BEHIND, MAX_BEHIND, 0), 30).answers == 51
    assert alias.behind(TARGET, b"\0\1\0\1", reply.Records(one * (MAX_BEHIND + 1), MAX_BEHIND, 1), 30) == alone
    large = rr(b"\xc0\x0c", 65400, bytes(MAX_OCTETS_BEHIND - 12))
    assert alias.behind(TARGET, b"\0\1\0\1", reply.Records(large, 1, 0), 30).answers == 2
    large = rr(b"\xc0\x0c", 65400, bytes(MAX_OCTETS_BEHIND - 11))
    assert alias.behind(TARGET, b"\0\1\0\1", reply.Records(large, 1, 0), 30) == alone


@pytest.mark.parametrize(("jumps", "answers"), [(MAX_JUMPS, 3), (MAX_JUMPS + 1, 1), (1000, 1)])
def test_a_chain_of_pointers_has_an_end(jumps, answers):
    """Fifty names with two thousand each would keep all other questions waiting."""
    first = START + 12
    chain = b"".join(struct.pack("!H", 0xC000 | (12 if not at else first + 2 * (at - 1))) for at in range(jumps - 1))
    last = struct.pack("!H", 0xC000 | (first + len(chain) - 2))
    found = reply.Records(rr(b"\xc0\x0c", 65400, chain) + rr(b"\xc0\x0c", 47, last + b"\0\1\x40"), 2, 0)
    assert alias.behind(TARGET, b"\0\1\0\1", found, 30).answers == answers
