"""Reading queries: every byte string has a declared outcome, and what another codec writes is read as it was meant."""

from __future__ import annotations

import struct

import dns.edns
import dns.flags
import dns.message
import dns.name
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.wire.constants import BADVERS, EDE_INVALID_TYPE, EDE_NOT_SUPPORTED, FORMERR, NOTIMP
from resolver.wire.query import Ignored, Malformed, Query, header_only, parse, wants_recursion
from tests.resolver.making import any_name, ask, damaged, query

OPTIONS = st.lists(st.builds(dns.edns.GenericOption, st.integers(65001, 65534), st.binary(max_size=40)), max_size=3)
QUERIES = st.builds(
    query,
    any_name(),
    st.integers(1, 65535).filter(lambda kind: kind not in {41, 128, 249, 250}),
    ident=st.integers(0, 65535),
    rd=st.booleans(),
    ad=st.booleans(),
    cd=st.booleans(),
    do=st.booleans(),
    edns=st.none() | st.integers(0, 65535),
    options=OPTIONS,
)

EVIL = b"\x04evil\x07example\0"
OPT = b"\0" + struct.pack("!HHBBHH", 41, 1232, 0, 0, 0, 0)
COOKIE = b"\0\x0a\0\x08clientck"
IXFR = b"\0\xfb\0\1"
RECORD = EVIL + struct.pack("!HHIH", 1, 1, 60, 4) + b"\x7f\0\0\1"


def opt(options, version=0):
    """An OPT record with these octets for options."""
    return b"\0" + struct.pack("!HHBBHH", 41, 1232, 0, version, 0, len(options)) + options


def packet(name=EVIL, flags=0x0100, counts=(1, 0, 0, 0), rest=b"", tail=b"\0\1\0\1"):
    """A query made by hand."""
    return struct.pack("!HHHHHH", 0xBEEF, flags, *counts) + name + tail + rest


def outcome(data):
    """What `parse` makes of it: "query", "ignored", or the rcode of Malformed. Any other exception fails the test."""
    try:
        read = parse(data)
    except Ignored:
        return "ignored"
    except Malformed as error:
        return error.rcode if error.query and error.query.id == data[:2] else "refused without its ID"
    return "query" if isinstance(read, Query) else "something else"


RULES = [
    ("RFC 1035 4.1: a plain question", packet(), "query"),
    ("RFC 1035 3.1: the root", packet(b"\0"), "query"),
    ("RFC 1035 4.1.1: shorter than a header", packet()[:11], "ignored"),
    ("nothing at all", b"", "ignored"),
    ("RFC 1035 4.1.1: QR=1, answering could loop", packet(flags=0x8100), "ignored"),
    ("QR=1 before anything else", packet(flags=0x9100, counts=(0, 9, 9, 9)), "ignored"),
    ("RFC 1035 4.1.1: opcode STATUS", packet(flags=0x1000), NOTIMP),
    ("RFC 1996: NOTIFY", packet(flags=0x2000), NOTIMP),
    ("RFC 2136: UPDATE", packet(flags=0x2800), NOTIMP),
    ("only a header, QDCOUNT 0", packet(b"", counts=(0, 0, 0, 0), tail=b""), FORMERR),
    ("RFC 9619 4: QDCOUNT 2", packet(counts=(2, 0, 0, 0), rest=EVIL + b"\0\1\0\1"), FORMERR),
    ("QDCOUNT 65535", packet(counts=(65535, 0, 0, 0)), FORMERR),
    ("QDCOUNT 0 with OPT but without a cookie", packet(b"", counts=(0, 0, 0, 1), tail=b"", rest=OPT), FORMERR),
    ("RFC 7873 5.4: QDCOUNT 0 with a cookie", packet(b"", counts=(0, 0, 0, 1), tail=b"", rest=opt(COOKIE)), "query"),
    ("... and octets behind", packet(b"", counts=(0, 0, 0, 1), tail=b"", rest=opt(COOKIE) + b"x"), FORMERR),
    ("... and an answer record", packet(b"", counts=(0, 1, 0, 1), tail=b"", rest=RECORD + opt(COOKIE)), FORMERR),
    ("... and two OPT", packet(b"", counts=(0, 0, 0, 2), tail=b"", rest=opt(COOKIE) + OPT), FORMERR),
    ("an answer record in a query", packet(counts=(1, 1, 0, 0), rest=RECORD), FORMERR),
    ("an authority record in a query", packet(counts=(1, 0, 1, 0), rest=RECORD), FORMERR),
    ("RFC 1995 3: an IXFR with its SOA", packet(tail=IXFR, counts=(1, 0, 1, 0), rest=RECORD), "query"),
    ("an IXFR with two of them", packet(tail=IXFR, counts=(1, 0, 2, 0), rest=RECORD * 2), FORMERR),
    ("an IXFR whose SOA ends early", packet(tail=IXFR, counts=(1, 0, 1, 0), rest=RECORD[:-1]), FORMERR),
    ("QDCOUNT 1, no question", packet(b"", tail=b""), FORMERR),
    ("the name ends early", packet(b"\x04evi", tail=b""), FORMERR),
    ("no root label", packet(b"\x04evil", tail=b""), FORMERR),
    ("type without class", packet(tail=b"\0\1"), FORMERR),
    ("octets behind the question", packet(rest=b"\0"), FORMERR),
    ("octets behind OPT", packet(counts=(1, 0, 0, 1), rest=OPT + b"x"), FORMERR),
    ("RFC 1035 4.1.4: a pointer to itself", packet(b"\xc0\x0c"), FORMERR),
    ("a pointer behind a label", packet(b"\x04evil\xc0\x0c"), FORMERR),
    ("RFC 6891 5: reserved label type 01", packet(b"\x41" + b"x" * 65 + b"\0"), FORMERR),
    ("reserved label type 10", packet(b"\x81x\0"), FORMERR),
    ("RFC 1035 2.3.4: 255 octets", packet((b"\x3f" + b"x" * 63) * 3 + b"\x3d" + b"x" * 61 + b"\0"), "query"),
    ("256 octets", packet((b"\x3f" + b"x" * 63) * 3 + b"\x3e" + b"x" * 62 + b"\0"), FORMERR),
    ("RFC 6891 6.1.1: OPT", packet(counts=(1, 0, 0, 1), rest=OPT), "query"),
    ("RFC 6891 6.1.1: two OPT", packet(counts=(1, 0, 0, 2), rest=OPT + OPT), FORMERR),
    ("RFC 6891 6.1.2: OPT not owned by the root", packet(counts=(1, 0, 0, 1), rest=b"\1x" + OPT), FORMERR),
    ("OPT owned by a pointer", packet(counts=(1, 0, 0, 1), rest=b"\xc0\x0c" + OPT[1:]), FORMERR),
    ("RFC 6891 6.1.3: version 1", packet(counts=(1, 0, 0, 1), rest=OPT[:6] + b"\1" + OPT[7:]), BADVERS),
    ("OPT data longer than the packet", packet(counts=(1, 0, 0, 1), rest=OPT[:-1] + b"\4ab"), FORMERR),
    ("ARCOUNT 1 without a record", packet(counts=(1, 0, 0, 1)), FORMERR),
    ("ARCOUNT 2 with one record", packet(counts=(1, 0, 0, 2), rest=OPT), FORMERR),
    ("ARCOUNT 65535", packet(counts=(1, 0, 0, 65535), rest=OPT), FORMERR),
    ("RFC 6891 6.1.2: an unknown option", packet(counts=(1, 0, 0, 1), rest=opt(b"\xff\xfa\0\2ab")), "query"),
    ("an empty option", packet(counts=(1, 0, 0, 1), rest=opt(b"\xff\xfa\0\0")), "query"),
    ("an option longer than its OPT", packet(counts=(1, 0, 0, 1), rest=opt(b"\xff\xfa\0\3ab")), FORMERR),
    ("three octets of an option", packet(counts=(1, 0, 0, 1), rest=opt(b"\xff\xfa\0")), FORMERR),
    ("an option, then one octet", packet(counts=(1, 0, 0, 1), rest=opt(COOKIE + b"\0")), FORMERR),
    ("version 1 with options nobody knows", packet(counts=(1, 0, 0, 1), rest=opt(b"?", version=1)), BADVERS),
    ("RFC 9824 3.5: NXNAME as the type that is asked", packet(tail=b"\0\x80\0\1"), FORMERR),
    ("TKEY as the type that is asked", packet(tail=b"\0\xf9\0\1"), FORMERR),
    ("TSIG as the type that is asked", packet(tail=b"\0\xfa\0\1"), FORMERR),
    ("OPT as the type that is asked", packet(tail=b"\0\x29\0\1"), FORMERR),
    ("another additional record, then OPT", packet(counts=(1, 0, 0, 2), rest=RECORD + OPT), "query"),
    ("a reserved label in an additional owner", packet(counts=(1, 0, 0, 1), rest=b"\x80" + OPT), FORMERR),
]


@pytest.mark.parametrize(("rule", "data", "expected"), RULES, ids=[rule[0] for rule in RULES])
def test_rules(rule, data, expected):
    assert outcome(data) == expected


@pytest.mark.parametrize(("rule", "data", "expected"), RULES, ids=[rule[0] for rule in RULES])
def test_header_only_gives_a_query_wherever_something_may_be_answered(rule, data, expected):
    read = header_only(data)
    if expected == "ignored":
        assert read is None
    else:
        assert read is not None
        assert read.id == data[:2]


@given(st.binary(max_size=600))
def test_any_bytes(data):
    assert outcome(data) in {"query", "ignored", FORMERR, NOTIMP, BADVERS}
    assert (header_only(data) is None) == (outcome(data) == "ignored")


@given(damaged(QUERIES))
def test_damaged_queries(data):
    assert outcome(data) in {"query", "ignored", FORMERR, NOTIMP, BADVERS}
    assert (header_only(data) is None) == (outcome(data) == "ignored")


@given(QUERIES)
def test_every_cut_of_a_query_is_refused(data):
    assert [outcome(data[:end]) for end in range(len(data))] == ["ignored"] * 12 + [FORMERR] * (len(data) - 12)


@given(QUERIES)
def test_what_dnspython_writes_is_read_with_the_same_meaning(data):
    meant = dns.message.from_wire(data)
    read = parse(data)
    question = meant.question[0]
    labels = b"".join(bytes((len(label),)) + label for label in question.name.labels)
    assert int.from_bytes(read.id, "big") == meant.id
    assert read.question == labels + struct.pack("!HH", question.rdtype, question.rdclass)
    assert read.name == labels.lower()
    assert (read.qtype, read.qclass) == (question.rdtype, question.rdclass)
    assert wants_recursion(read) == bool(meant.flags & dns.flags.RD)
    assert read.edns == (meant.edns == 0)
    assert read.payload == (max(meant.payload, 512) if read.edns else 512)
    assert read.do == bool(meant.ednsflags & dns.flags.DO)
    assert read.options == b"".join(
        struct.pack("!HH", option.otype, len(option.to_wire())) + option.to_wire() for option in meant.options
    )
    wanted = meant.flags & (dns.flags.AD | dns.flags.CD)
    assert read.bits == wanted | int(read.do)


@given(QUERIES, QUERIES)
def test_bits_differ_exactly_where_answers_differ(one, other):
    def asked(data):
        message = dns.message.from_wire(data)
        return message.flags & (dns.flags.AD | dns.flags.CD), message.ednsflags & dns.flags.DO

    assert (parse(one).bits == parse(other).bits) == (asked(one) == asked(other))


@pytest.mark.parametrize("version", [1, 7, 255])
def test_unknown_edns_versions(version):
    message = ask("evil.example")
    message.use_edns(version)
    with pytest.raises(Malformed) as refused:
        parse(message.to_wire())
    assert refused.value.rcode == BADVERS
    assert refused.value.query.edns


def test_case_is_kept_in_the_question_and_lowered_in_the_name():
    read = parse(query("eViL.ExAmPlE"))
    assert read.question[:14] == b"\x04eViL\x07ExAmPlE\0"
    assert read.name == EVIL


@pytest.mark.parametrize("flags", [0x1000, 0x2000, 0x2800, 0x7900])
@pytest.mark.parametrize("rest", [b"", OPT, opt(b"?")], ids=["no OPT", "OPT", "bad options"])
def test_another_opcode_is_refused_with_its_question_and_its_edns(flags, rest):
    """RFC 6891 section 7: who asks with EDNS is answered with it, errors included."""
    with pytest.raises(Malformed) as refused:
        parse(packet(b"\4EviL\0", flags=flags, counts=(1, 0, 0, 1 if rest else 0), rest=rest))
    error = refused.value
    assert (error.rcode, error.ede, error.query.edns) == (NOTIMP, EDE_NOT_SUPPORTED, bool(rest))
    assert error.query.question == b"\4EviL\0\0\1\0\1"


@pytest.mark.parametrize("counts", [(0, 0, 0, 0), (2, 0, 0, 0), (1, 0, 1, 0), (1, 1, 0, 0)])
def test_another_opcode_of_another_shape_is_refused_by_its_header(counts):
    """UPDATE with records in its sections, say."""
    with pytest.raises(Malformed) as refused:
        parse(packet(flags=0x2800, counts=counts, rest=RECORD))
    assert (refused.value.rcode, refused.value.query.question) == (NOTIMP, b"")


def test_what_cannot_be_asked_is_told_so():
    with pytest.raises(Malformed) as refused:
        parse(packet(tail=b"\0\x80\0\1", counts=(1, 0, 0, 1), rest=OPT))
    assert (refused.value.ede, refused.value.query.edns) == (EDE_INVALID_TYPE, True)


def test_a_question_without_cookie_or_keepalive_has_neither():
    read = parse(query("evil.example", edns=1232))
    assert (read.cookie, read.keepalive, read.cookie_verified, read.returns) == (None, None, False, b"")


def test_a_cookie_alone_has_no_name():
    read = parse(packet(b"", counts=(0, 0, 0, 1), tail=b"", rest=opt(COOKIE)))
    assert (read.question, read.name, read.cookie, read.edns) == (b"", b"", b"clientck", True)
