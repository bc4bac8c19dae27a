"""Reading upstream answers: what dnspython writes is kept and given again unchanged, with its TTLs counted down."""

from __future__ import annotations

import struct

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.cache.entry import CachedAnswer
from resolver.wire import answer, reply
from resolver.wire.answer import Answer, BadAnswer
from resolver.wire.constants import HEADER
from resolver.wire.query import parse
from tests.resolver.making import SOA, answer_to, any_name, damaged, query, record, understood

ASKED = query("www.example", edns=1232)
A = "www.example. 300 IN A 192.0.2.1"
CHAIN = ("www.example. 300 IN CNAME a.cdn.example.", "a.cdn.example. 60 IN CNAME b.cdn.example.")
BIG = "www.example. 300 IN TXT " + " ".join(f'"{"x" * 250}"' for _ in range(20))


def key(asked):
    """The question as `read` wants it."""
    read = parse(asked)
    return read.name + read.question[-4:]


def read(message, asked=ASKED, max_ttl=86400, max_negative=3600) -> Answer:
    data = message if isinstance(message, bytes) else message.to_wire(max_size=65535)
    return answer.read(data, key(asked), max_ttl, max_negative)


def served(found: Answer, asked=ASKED, age=0.0):
    """The answer as a client gets it, `age` seconds later."""
    cached = CachedAnswer(found, HEADER + len(key(asked)), 1000.0)
    records = cached.records(1000.0 + age)
    return understood(reply.write(parse(asked), records, found.rcode, 65535, 1232, remark=cached.remark))


def texts(section):
    return [one.to_text() for one in section]


LIFETIMES = [
    ("an address", answer_to(ASKED, A), 0, 300),
    ("a chain: the smallest TTL", answer_to(ASKED, *CHAIN, "b.cdn.example. 900 IN A 192.0.2.1"), 0, 60),
    ("the smallest of any section", answer_to(ASKED, A, authority=["example. 9 IN NS ns.example."]), 0, 9),
    ("NXDOMAIN: minimum of the SOA", answer_to(ASKED, authority=[SOA], rcode=3), 3, 300),
    ("NXDOMAIN: TTL of the SOA", answer_to(ASKED, authority=[SOA.replace("900", "20")], rcode=3), 3, 20),
    ("NODATA", answer_to(ASKED, authority=[SOA]), 0, 300),
    ("NODATA behind a chain", answer_to(ASKED, *CHAIN, authority=[SOA]), 0, 60),
    ("NXDOMAIN behind a chain", answer_to(ASKED, *CHAIN, authority=[SOA], rcode=3), 3, 60),
    ("NXDOMAIN without SOA", answer_to(ASKED, rcode=3), 3, 0),
    ("NODATA without SOA", answer_to(ASKED), 0, 0),
    ("a chain NXDOMAIN without SOA", answer_to(ASKED, *CHAIN, rcode=3), 3, 0),
    ("TTL 0", answer_to(ASKED, A.replace("300", "0")), 0, 0),
    ("RFC 2181 section 8: TTL 2^31", answer_to(ASKED, A.replace("300", str(2**31))), 0, 0),
    ("TTL 2^31 - 1 is cut", answer_to(ASKED, A.replace("300", str(2**31 - 1))), 0, 86400),
    ("SERVFAIL", answer_to(ASKED, A, rcode=2), 2, 0),
    ("REFUSED with SOA", answer_to(ASKED, authority=[SOA], rcode=5), 5, 0),
    ("BADVERS", answer_to(ASKED, rcode=dns.rcode.BADVERS), 16, 0),
    ("BADCOOKIE", answer_to(ASKED, A, rcode=dns.rcode.BADCOOKIE), 23, 0),
    ("SOA is the answer, not the authority", answer_to(query("example", "SOA"), SOA), 0, 900),
]  # fmt: skip


@pytest.mark.parametrize(("case", "message", "rcode", "lifetime"), LIFETIMES, ids=[case[0] for case in LIFETIMES])
def test_how_long_an_answer_is_kept(case, message, rcode, lifetime):
    asked = message.question[0]
    found = read(message, query(asked.name, asked.rdtype, edns=1232))
    assert (found.rcode, found.lifetime, found.truncated) == (rcode, lifetime, False)


def test_negative_answers_have_their_own_cap():
    message = answer_to(ASKED, authority=[SOA.replace("900", "99999").replace(" 300", " 99999")], rcode=3)
    assert read(message).lifetime == 3600
    assert read(message, max_negative=5).lifetime == 5


SIGNED = "example. 900 IN RRSIG SOA 13 1 900 20300101000000 20200101000000 1 example. " + "A" * 86 + "=="
DENIED = "example. 900 IN NSEC a.example. SOA RRSIG NSEC"
NEGATIVES = [
    ("the last field", [SOA], 3, [300]),
    ("the TTL", [SOA.replace("900", "20")], 3, [20]),
    ("the settings", [SOA.replace(" 300", " 9999").replace("900", "9999")], 3, [3600]),
    ("NODATA", [SOA], 0, [300]),
    ("0: for this once", [SOA.replace(" 300", " 0")], 3, [0]),
    ("a last field of over 31 bits", [SOA.replace(" 300", f" {2**32 - 1}")], 3, [900]),
    ("its signature too, no other record", [SOA, SIGNED, DENIED], 3, [300, 300, 900]),
    ("a signature with nothing before it", [SIGNED, DENIED, SOA], 3, [900, 900, 300]),
    ("a signature of another record", [SOA, SIGNED.replace("SOA", "NSEC")], 0, [300, 900]),
]  # fmt: skip


@pytest.mark.parametrize(("case", "authority", "rcode", "expected"), NEGATIVES, ids=[case[0] for case in NEGATIVES])
def test_the_soa_of_a_negative_answer_says_for_how_long_it_may_be_kept(case, authority, rcode, expected):
    """RFC 2308 section 5: a cache behind us that goes by its TTL keeps the answer no longer than we do."""
    found = read(answer_to(ASKED, authority=authority, rcode=rcode))
    assert found.lifetime == min(expected)
    for age in (0, 7):
        ttls = [one.ttl for one in served(found, age=age).authority]
        assert ttls == [max(ttl - age, 0) for ttl in expected]


def test_behind_a_chain_only_the_soa_is_cut():
    chain = [line.replace(" 60 ", " 900 ") for line in CHAIN]
    again = served(read(answer_to(ASKED, *chain, authority=[SOA], rcode=3)))
    assert [one.ttl for one in again.answer + again.authority] == [300, 900, 300]


def test_a_soa_that_is_asked_for_keeps_its_ttl():
    asked = query("example", "SOA")
    assert [one.ttl for one in served(read(answer_to(asked, SOA, additional=[SOA]), asked), asked).answer] == [900]


MISMATCHES = [
    ("too short", b"\x12\x34\x81\x80"),
    ("nothing", b""),
    ("a query", ASKED),
    ("another name", answer_to(query("wwx.example"), "wwx.example. 1 IN A 192.0.2.1").to_wire()),
    ("a longer name", answer_to(query("www.example.net"), A.replace("example.", "example.net.")).to_wire()),
    ("another type", answer_to(query("www.example", "AAAA"), "www.example. 1 IN AAAA 2001:db8::1").to_wire()),
    ("another class", answer_to(query("www.example", qclass="CH")).to_wire()),
    ("no question", struct.pack("!HHHHHH", 1, 0x8180, 0, 0, 0, 0) + bytes(40)),
    ("two questions", struct.pack("!HHHHHH", 1, 0x8180, 2, 0, 0, 0) + ASKED[12:]),
    ("another opcode", b"\x12\x34\x91\x80" + ASKED[4:]),
]


@pytest.mark.parametrize(("case", "data"), MISMATCHES, ids=[case[0] for case in MISMATCHES])
def test_what_may_be_forged_is_a_mismatch(case, data):
    with pytest.raises(BadAnswer) as bad:
        read(data)
    assert bad.value.mismatch


@pytest.mark.parametrize("rcode", [1, 2, 4, 5])
@pytest.mark.parametrize("edns", [False, True])
def test_an_error_may_echo_no_question(rcode, edns):
    opt = b"\0" + struct.pack("!HHBBHH", 41, 1232, 0, 0, 0, 0)
    packet = struct.pack("!HHHHHH", 1, 0x8180 | rcode, 0, 0, 0, int(edns)) + opt * edns
    assert read(packet) == Answer(rcode, False, False, reply.NOTHING, (), 0, edns)


@pytest.mark.parametrize("rcode", [0, 3])
def test_any_other_answer_must_echo_it(rcode):
    with pytest.raises(BadAnswer) as bad:
        read(struct.pack("!HHHHHH", 1, 0x8180 | rcode, 0, 0, 0, 0))
    assert bad.value.mismatch


def raw(*records, answers=0, authorities=0, additionals=0):
    """An answer to ASKED made by hand."""
    head = struct.pack("!HHHHHH", 1, 0x8180, 1, answers, authorities, additionals)
    return head + key(ASKED) + b"".join(records)


RR = struct.pack("!HHIH", 1, 1, 60, 4) + b"\x7f\0\0\1"


def one(kind, data, owner=b"\xc0\x0c"):
    """An answer of one record."""
    return raw(owner + struct.pack("!HHIH", kind, 1, 60, len(data)) + data, answers=1)


AT = 12 + len(key(ASKED))  # where the first record stands
DATA = struct.pack("!H", 0xC000 | AT + 12)  # a pointer to the data of the first record
TWICE = b"\xc0\x0c" * 2
BROKEN = [
    ("a record is missing", raw(answers=1)),
    ("ends in a name", raw(b"\3ww", answers=1)),
    ("ends in a record", raw(b"\xc0\x0c" + RR[:8], answers=1)),
    ("data over the end", raw(b"\xc0\x0c" + RR[:-1], answers=1)),
    ("a pointer to itself", raw(b"\xc0" + bytes((12 + len(key(ASKED)),)) + RR, answers=1)),
    ("a pointer forward", raw(b"\xc0\xff" + RR, answers=1)),
    ("half a pointer", raw(b"\xc0", answers=1)),
    ("a reserved label", raw(b"\x80" + RR, answers=1)),
    ("OPT as an answer", raw(b"\0" + struct.pack("!HHIH", 41, 1232, 0, 0), answers=1)),
    ("counts too many", raw(b"\xc0\x0c" + RR, answers=1, additionals=1)),
    ("a pointer into the header", raw(b"\xc0\x04" + RR, answers=1)),
    ("a pointer that goes in a circle", one(5, b"\1x" + DATA)),
    ("a CNAME that is itself", one(5, DATA)),
    ("a name over 255 octets", raw((b"\x3f" + b"x" * 63) * 4 + b"\0" + RR, answers=1)),
    ("an address of two octets", one(1, b"\1\2")),
    ("an IPv6 address of four", one(28, b"\1\2\3\4")),
    ("octets behind a CNAME", one(5, b"\xc0\x0c\0")),
    ("a CNAME that ends early", one(5, b"\3ww")),
    ("an empty CNAME", one(5, b"")),
    ("half an MX", one(15, b"\0\1")),
    ("a SOA without times", one(6, TWICE)),
    ("a SOA with too much", one(6, TWICE + bytes(21))),
    ("half a SRV", one(33, bytes(5))),
]
SOUND = [
    ("MX", one(15, b"\0\1\4mail\xc0\x0c")),
    ("SOA", one(6, TWICE + bytes(20))),
    ("SRV", one(33, bytes(6) + b"\xc0\x0c")),
    ("a pointer into the question's name", one(5, b"\xc0\x10")),
    ("an unknown type", one(65399, b"\xc0")),
    ("AAAA", one(28, bytes(16))),
]


@pytest.mark.parametrize(("case", "data"), SOUND, ids=[case[0] for case in SOUND])
def test_record_data_that_is_sound(case, data):
    assert read(data).lifetime == 60


@pytest.mark.parametrize(("case", "data"), BROKEN, ids=[case[0] for case in BROKEN])
def test_what_cannot_be_read_is_bad_but_fits_the_question(case, data):
    with pytest.raises(BadAnswer) as bad:
        read(data)
    assert not bad.value.mismatch


def test_case_of_the_echoed_question_does_not_matter():
    assert read(answer_to(query("wWw.ExAmple", edns=1232), A)).lifetime == 300


def test_truncated_answers_hold_nothing():
    found = read(answer_to(ASKED, A, flags=dns.flags.TC))
    assert found.truncated
    assert (found.records.answers, found.lifetime) == (0, 0)


def test_ad_is_noted():
    assert read(answer_to(ASKED, A, flags=dns.flags.AD)).ad
    assert not read(answer_to(ASKED, A)).ad


def test_octets_behind_the_last_record_are_left_out():
    message = answer_to(ASKED, A).to_wire() + b"trailing"
    assert texts(served(read(message)).answer) == [A]


def test_the_additional_section_is_left_out_and_opt_is_found_anywhere_in_it():
    """Its hints are judged by nobody: an MX record may come with the address of a listed server."""
    hint = "ns.example. 60 IN A 192.0.2.9"
    plain = answer_to(query("www.example"), A, additional=[hint]).to_wire()
    answer_end = len(answer_to(query("www.example"), A).to_wire())
    opt = b"\0" + struct.pack("!HHBBHH", 41, 1232, 0, 0, 0, 0)
    first = plain[:11] + b"\2" + plain[12:answer_end] + opt + plain[answer_end:]
    last = answer_to(ASKED, A, additional=[hint]).to_wire()
    for packet in (first, last):
        found = read(packet)
        assert found.edns
        assert found.records.data == read(answer_to(ASKED, A)).records.data
        assert texts(served(found).answer) == [A]
        assert served(found).additional == []
        assert found.lifetime == 300  # not for 60 s: that is the hint's


@pytest.mark.parametrize(("rcode", "records"), [(0, [A]), (0, []), (3, [])])
def test_an_extended_error_goes_to_clients_that_speak_edns(rcode, records):
    """RFC 8914, kept with the answer."""
    message = answer_to(ASKED, *records, authority=[SOA], rcode=rcode)
    message.use_edns(0, 0, 1232, options=[dns.edns.EDEOption(22, "late"), dns.edns.GenericOption(12, bytes(100))])
    for age in (0, 7):
        (option,) = served(read(message), age=age).options
        assert (option.code, option.text) == (22, "upstream: late")
        assert served(read(message), query("www.example"), age=age).edns == -1


def test_an_extended_error_that_does_not_fit_is_left_out():
    """RFC 8914 section 3: before anything else."""
    message = answer_to(ASKED, A)
    message.use_edns(0, 0, 1232, options=[dns.edns.EDEOption(22)])
    found = read(message)
    whole = reply.write(parse(ASKED), found.records, 0, 65535, 1232, remark=found.remark)
    assert reply.write(parse(ASKED), found.records, 0, len(whole) + 2, 1232, remark=found.remark) == whole
    cut = understood(reply.write(parse(ASKED), found.records, 0, len(whole) + 1, 1232, remark=found.remark))
    assert (cut.flags & dns.flags.TC, len(cut.answer), cut.extended_errors()) == (0, 1, [])


RDATA = st.one_of(
    st.builds(lambda octets: ("A", ".".join(map(str, octets))), st.binary(min_size=4, max_size=4)),
    st.builds(lambda octets: ("AAAA", f"2001:db8::{octets.hex()}"), st.binary(min_size=2, max_size=2)),
    st.builds(lambda name: ("CNAME", name.to_text()), any_name()),
    st.builds(lambda name: ("MX", f"10 {name.to_text()}"), any_name()),
    st.builds(lambda name: ("SRV", f"1 2 443 {name.to_text()}"), any_name()),
    st.builds(lambda text: ("TXT", f"\\# {len(text) + 1} {len(text):02x}{text.hex()}"), st.binary(max_size=255)),
    st.builds(lambda data: ("TYPE65400", f"\\# {len(data)} {data.hex()}"), st.binary(max_size=300)),
    st.just(("SOA", "ns.example. admin.example. 7 3600 600 86400 300")),
    st.just(("HTTPS", "1 . alpn=h2 ipv4hint=192.0.2.1")),
    st.just(("CAA", '0 issue "ca.example"')),
)


@st.composite
def messages(draw):
    """(query, answer) with records of all kinds in all sections."""
    asked = query(draw(any_name()), draw(st.sampled_from(["A", "AAAA", "TXT", "HTTPS"])), edns=1232)
    sections = []
    for _ in range(3):
        records = []
        for kind, data in draw(st.lists(RDATA, max_size=4)):
            ttl = draw(st.integers(0, 100_000) | st.sampled_from([2**31 - 1, 2**31, 2**32 - 1]))
            records.append(dns.rrset.from_text(draw(any_name()), ttl, "IN", kind, data))
        sections.append(records)
    answers, authority, additional = sections
    no_referral = answers or not authority or any(one.rdtype == dns.rdatatype.SOA for one in authority)
    rcode = draw(st.sampled_from([0, 3] if no_referral else [3]))
    return asked, answer_to(asked, *answers, authority=authority, additional=additional, rcode=rcode)


def meant(section, rrset, age, max_ttl=86400):
    """Owner, type, data and TTL that a record should have `age` seconds later."""
    ttl = 0 if rrset.ttl >= 2**31 else min(rrset.ttl, max_ttl)
    if section == "authority" and rrset.rdtype == dns.rdatatype.SOA:
        ttl = min(ttl, rrset[0].minimum)
    return rrset.name, rrset.rdtype, rrset[0], max(ttl - age, 0)


@given(messages(), st.floats(0, 200_000))
def test_what_is_given_again_is_what_came(pair, age):
    asked, message = pair
    found = read(message, asked)
    again = served(found, asked, age)
    assert again.additional == []
    for section in ("answer", "authority"):
        given_again = [(one.name, one.rdtype, one[0], one.ttl) for one in getattr(again, section)]
        assert given_again == [meant(section, one, int(age)) for one in getattr(message, section)]


@given(messages(), st.integers(512, 1500), st.floats(0, 200_000))
def test_what_must_be_there_is_there_whole_or_tc_says_so(pair, limit, age):
    asked, message = pair
    found = read(message, asked)
    records = CachedAnswer(found, HEADER + len(key(asked)), 1000.0).records(1000.0 + age)
    again = understood(reply.write(parse(asked), records, found.rcode, limit, 1232))
    over = len(reply.write(parse(asked), records, found.rcode, 65535, 1232)) + 2 > limit
    assert bool(again.flags & dns.flags.TC) == over
    counts = [len(message.answer), len(message.authority)]
    assert [len(again.answer), len(again.authority)] == ([0, 0] if over else counts)


@given(messages())
def test_reading_what_we_write_gives_the_same(pair):
    asked, message = pair
    found = read(message, asked)
    written = b"\0\1" + reply.write(parse(asked), found.records, found.rcode, 65535, 1232, ad=found.ad)
    assert read(written, asked) == found


@given(st.binary(max_size=400))
def test_any_bytes(data):
    check_outcome(data, ASKED)


@given(st.binary(max_size=400))
def test_any_bytes_behind_the_right_question(data):
    check_outcome(raw(data, answers=2, authorities=1, additionals=1), ASKED)


@given(st.data())
def test_damaged_answers(data):
    asked, message = data.draw(messages())
    check_outcome(data.draw(damaged(st.just(message.to_wire(max_size=65535)))), asked)


def check_outcome(data, asked):
    """An Answer or BadAnswer; and what was taken is written again without losing its form."""
    try:
        found = read(data, asked)
    except BadAnswer:
        return
    written = b"\0\1" + reply.write(parse(asked), found.records, found.rcode, 65535, 1232)
    if not found.truncated:
        assert read(written, asked).records == found.records


def test_a_big_answer():
    asked = query("www.example", "TXT", edns=1232)
    again = served(read(answer_to(asked, BIG), asked), asked)
    assert again.answer == [record(BIG)]
