"""Writing answers: dnspython reads each of them and finds what was meant, under every limit."""

from __future__ import annotations

import struct

import dns.flags
import dns.message
import dns.rdatatype
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import names
from resolver.wire import reply
from resolver.wire.constants import EDE_BLOCKED, MAX_TCP, SERVFAIL
from resolver.wire.query import Malformed, parse
from tests.resolver.making import any_name, errors, query, understood

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
)
RECORDS = st.one_of(
    st.just(reply.NOTHING),
    st.builds(reply.address, st.binary(min_size=4, max_size=4), st.integers(0, 2**31 - 1)),
    st.builds(reply.address, st.binary(min_size=16, max_size=16), st.integers(0, 2**31 - 1)),
)


@given(QUERIES, RECORDS, st.sampled_from([0, 1, 2, 3, 4, 5, 16, 23]), st.booleans(), st.none() | st.integers(0, 30))
def test_every_answer_is_understood_and_fits_its_question(data, records, rcode, ad, ede):
    asked = parse(data)
    body = reply.write(asked, records, rcode, MAX_TCP, 1232, ad=ad, ede=ede)
    question, answer = dns.message.from_wire(data), understood(body, int.from_bytes(asked.id, "big"))
    assert question.is_response(answer)
    assert answer.question[0].name.labels == question.question[0].name.labels  # the case is kept
    copied = question.flags & (dns.flags.RD | dns.flags.CD)
    assert answer.flags & ~0xF == dns.flags.QR | dns.flags.RA | copied | (dns.flags.AD if ad else 0)
    assert len(answer.answer) == records.answers
    assert answer.edns == (0 if question.edns == 0 else -1)
    if answer.edns == 0:
        assert answer.rcode() == rcode
        assert answer.payload == 1232
        assert answer.ednsflags & dns.flags.DO == question.ednsflags & dns.flags.DO
        assert errors(answer) == ([] if ede is None else [ede])
    else:
        assert answer.rcode() == rcode & 0xF


@pytest.mark.parametrize(("address", "kind"), [(b"\x7f\x35\1\2", "A"), (b"\xfd" + b"\0" * 14 + b"\7", "AAAA")])
def test_an_address(address, kind):
    asked = parse(query("x.EVIL.example", kind))
    answer = understood(reply.write(asked, reply.address(address, 30), 0, 512, 1232))
    assert answer.answer[0].to_text() == f"x.EVIL.example. 30 IN {kind} " + ("127.53.1.2" if kind == "A" else "fd00::7")


@pytest.mark.parametrize(
    ("zone", "owner"),
    [("a.b.evil.example", "A.b.Evil.example."), ("evil.example", "Evil.example."), ("example", "example."), (".", ".")],
)
def test_no_data_has_the_soa_of_the_listed_name(zone, owner):
    asked = parse(query("A.b.Evil.example", "HTTPS"))
    records = reply.no_data(asked.name, names.to_wire(zone), 2**32 + 5, 30)
    answer = understood(reply.write(asked, records, 0, 512, 1232))
    (soa,) = answer.authority
    assert not answer.answer
    assert soa.name.to_text() == owner
    assert (soa.rdtype, soa.ttl, soa[0].serial, soa[0].minimum) == (dns.rdatatype.SOA, 30, 5, 30)


@given(any_name(), st.data())
def test_no_data_for_any_listed_parent(name, data):
    asked = parse(query(name, "TXT"))
    depth = data.draw(st.integers(0, len(name.labels) - 1))
    zone = b"".join(bytes((len(label),)) + label for label in name.labels[depth:]).lower()
    answer = understood(reply.write(asked, reply.no_data(asked.name, zone, 1, 30), 0, 4096, 1232))
    assert answer.authority[0].name.labels == name.labels[depth:]


@pytest.mark.parametrize("edns", [None, 1232])
def test_over_the_limit_means_truncated_and_empty(edns):
    asked = parse(query("big.example", "A", edns=edns))
    one = reply.address(b"\x7f\0\0\1", 30)
    records = reply.Records(one.data * 40, 40, 0)
    whole = reply.write(asked, records, 0, 65535, 1232, ede=EDE_BLOCKED)
    fits = reply.write(asked, records, 0, len(whole) + 2, 1232, ede=EDE_BLOCKED)
    bare = reply.write(asked, records, 0, 65535, 1232)
    cut = reply.write(asked, records, 0, len(bare) + 1, 1232, ede=EDE_BLOCKED)
    assert fits == whole
    if edns:  # RFC 8914 section 3: the extended error goes first
        assert reply.write(asked, records, 0, len(whole) + 1, 1232, ede=EDE_BLOCKED) == bare
    assert len(understood(whole).answer) == 40
    truncated = understood(cut)
    assert truncated.flags & dns.flags.TC
    assert not truncated.answer
    assert errors(truncated) == ([EDE_BLOCKED] if edns else [])
    assert len(cut) + 2 <= 512


@given(QUERIES, st.integers(512, 4096), st.integers(0, 300))
def test_never_longer_than_the_limit(data, limit, count):
    one = reply.address(b"\x7f\0\0\1", 30)
    body = reply.write(parse(data), reply.Records(one.data * count, count, 0), 0, limit, 1232, ede=4, text="x" * 99)
    assert len(body) + 2 <= limit
    understood(body)


@pytest.mark.parametrize("opcode", [1, 2, 4, 5, 15])
def test_errors_copy_the_opcode(opcode):
    """RFC 1035 section 4.1.1: it is copied into the response; clients drop answers of another opcode."""
    packet = struct.pack("!HHHHHH", 0x1234, opcode << 11 | 0x0110, 1, 0, 0, 0) + b"\1X\0\0\6\0\1"
    with pytest.raises(Malformed) as refused:
        parse(packet)
    body = reply.write(refused.value.query, reply.NOTHING, refused.value.rcode, 512, 1232)
    assert dns.message.from_wire(b"\x12\x34" + body, ignore_trailing=True).opcode() == opcode
    head = struct.unpack_from("!HHHHH", body)
    assert head == (0x8000 | opcode << 11 | 0x0190 | refused.value.rcode, 1, 0, 0, 0)
    assert body[10:] == packet[12:], "the question as it came"


def test_an_error_about_an_unread_question_echoes_none():
    with pytest.raises(Malformed) as refused:
        parse(b"\x12\x34\x01\x00\x00\x02\x00\x00\x00\x00\x00\x00")
    answer = understood(reply.write(refused.value.query, reply.NOTHING, SERVFAIL, 512, 1232))
    assert (answer.question, answer.rcode(), answer.edns) == ([], SERVFAIL, -1)


@given(any_name(), st.sampled_from([0, 0x10, 0x20, 0x30]), st.booleans(), st.integers(512, 4096))
def test_the_question_to_an_upstream(name, flags, do, payload):
    asked = parse(query(name, "AAAA"))
    body = reply.upstream_question(asked.name + b"\0\x1c\0\1", flags | do, payload)
    sent = understood(body)
    assert sent.flags == dns.flags.RD | flags
    assert sent.question[0].name == name
    assert sent.question[0].rdtype == dns.rdatatype.AAAA
    assert (sent.edns, sent.payload, sent.ednsflags) == (0, payload, dns.flags.DO if do else 0)
    assert parse(b"\0\1" + body).bits == flags | do
