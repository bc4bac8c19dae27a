"""What anybody may send to the transfer port: octets of any kind lead to an answer or to none, never to more."""

from __future__ import annotations

import ipaddress

import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.tsig
import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from blocklists.transfer.outgoing import Counts, Outgoing, Stream
from blocklists.transfer.published import Published
from contracts.settings import Transfer
from tests.blocklists.transfer.primaries import KEY, ZONE

HERE = "127.0.0.1"


@pytest.fixture
def made(lists, take):
    """A zone that anybody of loopback may take, one at a time."""
    take("a.example\nb.example\n")
    transfer = Transfer(zone=ZONE, allow=(ipaddress.ip_network("127.0.0.0/8"),), at_once=1)
    settings = msgspec.structs.replace(lists.settings, transfer=transfer)
    published = Published(settings.state, lambda: 1000.0)
    published.load()
    published.renew(settings)
    heard = []
    return Outgoing(
        transfer, published, {KEY.name: KEY}, lambda *_: dns.rcode.NOTAUTH, lambda *what: heard.append(what), Counts()
    )


@hypothesis_settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.one_of(
        st.binary(max_size=80),
        st.builds(
            lambda head, at, octet: head[:at] + bytes([octet]) + head[at + 1 :],
            st.sampled_from([dns.message.make_query(f"{ZONE}.", kind).to_wire() for kind in ("SOA", "AXFR", "IXFR")]),
            st.integers(0, 28),
            st.integers(0, 255),
        ),
    ),
    st.booleans(),
)
def test_any_octets(made, octets, tcp):
    reply = made.answer(octets, HERE, tcp=tcp)
    if isinstance(reply, Stream):
        reply.done()
    elif reply is not None:
        assert reply[:2] == octets[:2]
        assert reply[2] & 0x80
        assert not octets[2] & 0x80, "answers are not answered"


def test_who_else_asks_is_refused(made):
    query = dns.message.make_query(f"{ZONE}.", "AXFR").to_wire()
    refused = made.answer(query, "192.0.2.1", tcp=True)
    assert dns.message.from_wire(refused).rcode() == dns.rcode.REFUSED
    assert made.counts.refused == 1
    stream = made.answer(query, HERE, tcp=True)
    assert dns.message.from_wire(made.answer(query, HERE, tcp=True)).rcode() == dns.rcode.REFUSED
    stream.done()
    stream.done()
    assert isinstance(made.answer(query, HERE, tcp=True), Stream)
    assert (made.counts.transfers, made.counts.busy) == (2, 1)


def test_a_signed_stream_is_signed_in_every_message(made, monkeypatch):
    monkeypatch.setattr("blocklists.transfer.outgoing.BATCH", 60)
    query = dns.message.make_query(f"{ZONE}.", "AXFR")
    query.use_tsig(KEY, algorithm=KEY.algorithm)
    stream = made.answer(query.to_wire(), HERE, tcp=True)
    messages, context = list(stream.messages), None
    assert len(messages) > 3
    for wire in messages:
        read = dns.message.from_wire(
            wire, keyring=KEY, request_mac=query.mac, xfr=True, tsig_ctx=context, multi=True, one_rr_per_rrset=True
        )
        context = read.tsig_ctx
        assert read.had_tsig
    with pytest.raises(dns.tsig.BadSignature):
        dns.message.from_wire(messages[0], keyring=KEY, request_mac=b"another", multi=True)


def test_differences_by_udp_and_without_a_serial(made):
    bare = dns.message.make_query(f"{ZONE}.", "IXFR").to_wire()
    assert dns.message.from_wire(made.answer(bare, HERE, tcp=True)).rcode() == dns.rcode.FORMERR
    asked = dns.message.make_query(f"{ZONE}.", "AXFR").to_wire()
    assert dns.message.from_wire(made.answer(asked, HERE, tcp=False)).rcode() == dns.rcode.FORMERR
    update = dns.message.make_query(f"{ZONE}.", "SOA")
    update.set_opcode(dns.opcode.STATUS)
    assert dns.message.from_wire(made.answer(update.to_wire(), HERE, tcp=False)).rcode() == dns.rcode.NOTIMP
