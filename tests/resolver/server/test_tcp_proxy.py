"""Connections of listed proxies: one header before the first question names the client of them all."""

from __future__ import annotations

import ipaddress

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import pytest

from contracts.clients import Clients, ClientTable, Forwarder
from contracts.hit import Claim
from contracts.settings import Limits
from resolver.server.limits import ClientLimits
from resolver.server.tcp import HEADER_SECONDS
from tests.resolver.making import listed, policy, query
from tests.resolver.server.proxying import SIGNATURE, header, raw
from tests.resolver.server.streams import INSIDE, OUTSIDE, PER_CLIENT, framed, settle

PROXY = "127.99.0.54"
OTHER = "127.10.0.6"


def packed(text):
    return ipaddress.ip_address(text).packed


@pytest.fixture(autouse=True)
def listed_proxy(dispatcher):
    register(dispatcher, PROXY)


def register(dispatcher, *proxies):
    forwarders = tuple(Forwarder(f"{proxy}/32", "", ("proxy",)) for proxy in proxies)
    dispatcher.engine.access.follow(forwarders=Clients(ClientTable(1, 0.0, (), (), forwarders)).forwarders)


@pytest.fixture
def proxied(connect):
    """A connection from the proxy, with its first octets."""

    def make(first=b""):
        client = connect(PROXY, proxied=True)
        client.link.sendall(first)
        return client

    return make


def answer(client):
    return dns.message.from_wire(client.take(1)[0])


def test_the_client_of_the_header_is_that_of_all_questions(proxied, dispatcher):
    client = proxied(
        header(INSIDE, stream=True) + framed(query("evil.example", ident=1)) + framed(query("evil.example"))
    )
    assert [dns.message.from_wire(one).id for one in client.take(2)] == [1, 0x1234]
    client.send(query("evil.example"))
    assert answer(client).answer[0][0].address == "127.53.0.9"
    assert dispatcher.hits.sent == {(packed(INSIDE), "evil.example", "sinkhole"): 3}
    assert {(claim, facts.verified) for _client, claim, facts in dispatcher.hits.claimed} == {
        (Claim(packed(PROXY), "proxy"), True)
    }


def test_who_came_to_the_proxy_by_udp_has_shown_nothing(proxied, dispatcher):
    client = proxied(header(INSIDE) + framed(query("evil.example")))
    assert answer(client).answer
    assert [facts.verified for _client, _claim, facts in dispatcher.hits.claimed] == [False]


def test_octet_by_octet(proxied, reactor, dispatcher):
    client = proxied()
    for octet in header(INSIDE, stream=True, more=b"tlv") + framed(query("evil.example")):
        client.link.sendall(bytes([octet]))
        settle(reactor, 1)
    assert answer(client).answer
    assert dispatcher.engine.counters.proxy_refused == 0


def test_an_answer_that_comes_later(proxied, spin, dispatcher, answer_all):
    client = proxied(header(INSIDE, stream=True) + framed(query("watched.example")))
    spin(lambda: dispatcher.upstream.waiting, "asked")
    answer_all("watched.example. 300 IN A 192.0.2.1")
    assert answer(client).answer[0][0].address == "192.0.2.1"
    assert dispatcher.hits.claimed[0][:2] == (packed(INSIDE), Claim(packed(PROXY), "proxy"))


@pytest.mark.parametrize(
    "sent",
    [
        framed(query("evil.example")),
        SIGNATURE[:5] + b"x",
        raw(0x21, 0x00, b""),
        raw(0x21, 0x11, bytes(600)),
        b"PROXY TCP4",
    ],
    ids=["a question", "no signature", "nobody", "too long", "version 1"],
)
def test_without_a_header_the_connection_ends_and_is_counted(proxied, factory, dispatcher, sent):
    client = proxied(sent)
    client.until_closed()
    assert dispatcher.engine.counters.proxy_refused == 1
    assert dispatcher.engine.counters.tcp_queries == 0
    assert not factory.unnamed


def test_a_header_that_does_not_come_is_not_waited_for_long(proxied, factory, timers, dispatcher):
    client = proxied(header(INSIDE)[:20])
    timers.advance(HEADER_SECONDS - 0.1)
    assert factory.unnamed
    timers.advance(0.2)
    client.until_closed()
    assert dispatcher.engine.counters.proxy_refused == 1


def test_places_are_those_of_the_clients(proxied, connect, factory, reactor):
    """More connections of one proxy than any one client may have, and a client's own cap behind it."""
    clients = [proxied(header(f"127.10.0.{number}", stream=True)) for number in range(1, PER_CLIENT + 2)]
    settle(reactor)
    assert len(factory._places.holders()) == PER_CLIENT + 1
    for client in clients:
        client.link.close()
    settle(reactor, 20)
    several = [proxied(header(INSIDE, stream=True)) for _ in range(PER_CLIENT + 1)]
    several[0].until_closed()
    assert len(factory._places.holders()) == PER_CLIENT


def test_a_stranger_behind_it_is_one(proxied, dispatcher):
    client = proxied(header(OUTSIDE, stream=True) + framed(query("evil.example")))
    assert answer(client).rcode() == dns.rcode.REFUSED
    assert not dispatcher.hits.sent


def test_a_proxy_asks_for_itself(proxied, dispatcher):
    client = proxied(header(None) + framed(query("evil.example")))
    assert answer(client).answer
    assert dispatcher.hits.sent == {(packed(PROXY), "evil.example", "sinkhole"): 1}
    assert dispatcher.hits.claimed == []


def test_a_client_subnet_behind_a_proxy_alone_is_not_believed(proxied, dispatcher):
    option = dns.edns.ECSOption("127.20.0.9", 32)
    client = proxied(header(INSIDE, stream=True) + framed(query("evil.example", options=[option])))
    assert answer(client).answer
    assert dispatcher.hits.sent == {(packed(INSIDE), "evil.example", "sinkhole"): 1}
    assert dispatcher.engine.counters.claims_ignored == 1


def test_from_anybody_else_a_header_is_rubbish(connect, reactor, timers, dispatcher):
    client = connect(OTHER)
    client.link.sendall(header(INSIDE) + framed(query("evil.example")))
    settle(reactor)
    assert client.read() == []  # the first two octets are a length
    assert not dispatcher.hits.sent
    assert dispatcher.engine.counters.proxy_refused == 0


def test_a_connection_of_who_becomes_a_proxy_ends(connect, dispatcher):
    client = connect(OTHER)
    client.send(query("evil.example"))
    assert answer(client).answer
    register(dispatcher, OTHER)
    client.send(query("evil.example"))
    client.until_closed()
    assert dispatcher.engine.counters.proxy_refused == 1
    assert dispatcher.hits.sent == {(packed(OTHER), "evil.example", "sinkhole"): 1}


def test_those_without_a_header_end_with_all_others(proxied, factory):
    client = proxied()
    factory.close_all()
    client.until_closed()
    assert not factory.unnamed


def is_cut(message):
    return bool(message.flags & dns.flags.TC)


def test_who_came_to_the_proxy_by_udp_is_told_to_come_by_tcp(proxied, dispatcher, spin, answer_all, tmp_path):
    """The connection is the proxy's own; to take it for the client's would let the name through."""
    dispatcher.engine.swap(policy(tmp_path, ("one", "enforce", [listed("slow.example", action="tcp-only")]), serial=8))
    client = proxied(header(INSIDE) + framed(query("slow.example")) * 2)
    assert [is_cut(dns.message.from_wire(one)) for one in client.take(2)] == [True, True]
    other = proxied(header(INSIDE, stream=True) + framed(query("slow.example")))
    spin(lambda: dispatcher.upstream.waiting, "asked")
    answer_all("slow.example. 300 IN A 192.0.2.1")
    assert answer(other).answer
    assert [(facts.transport, facts.verified) for _client, _claim, facts in dispatcher.hits.claimed] == [
        ("udp", False), ("udp", False), ("tcp", True),
    ]  # fmt: skip
    assert not any(len(tables.raw) for tables in dispatcher.engine._tables.values())


def large(name="other.example", strings=4):
    return f"{name}. 300 IN TXT " + " ".join(f'"{"x" * 250}"' for _ in range(strings))


def test_the_size_is_that_of_the_connection_and_nothing_of_it_is_kept_for_datagrams(
    proxied, dispatcher, spin, answer_all
):
    client = proxied(header(INSIDE) + framed(query("other.example", "TXT")))
    spin(lambda: dispatcher.upstream.waiting, "asked")
    answer_all(large(strings=40))
    assert len(client.take(1)[0]) > 10_000
    client.send(query("other.example", "TXT"))
    assert len(client.take(1)[0]) > 10_000
    assert not any(len(tables.raw) for tables in dispatcher.engine._tables.values())


def test_large_answers_that_go_on_by_udp_have_their_limit(proxied, dispatcher, spin, answer_all):
    """Who sends to the proxy in another's name gets no more than who sends to us: at once, and later."""
    dispatcher.limits = ClientLimits(Limits(octets=2400, burst_seconds=1))
    client = proxied(header(INSIDE))
    cut = []
    for number in range(4):
        client.send(query(f"n{number}.example", "TXT"))
        spin(lambda: dispatcher.upstream.waiting, "asked")
        answer_all(large(f"n{number}.example"))
        cut.append(is_cut(answer(client)))
    client.send(query("n0.example", "TXT"))
    assert [*cut, is_cut(answer(client))] == [False, False, True, True, True]
    assert dispatcher.engine.counters.limited == 3
    other = proxied(header(INSIDE, stream=True) + framed(query("n0.example", "TXT")) * 5)
    assert not any(is_cut(dns.message.from_wire(one)) for one in other.take(5))


def test_over_the_limit_of_new_names_who_came_by_udp_is_told_to_come_by_tcp(proxied, dispatcher):
    dispatcher.limits = ClientLimits(Limits(misses=1, burst_seconds=1))
    for stream, rcode, cut in ((False, dns.rcode.NOERROR, True), (True, dns.rcode.SERVFAIL, False)):
        client = proxied(header(INSIDE, stream=stream))
        client.send(query("one.example"), query("two.example"))
        message = answer(client)
        assert (message.question[0].name.to_text(), message.rcode(), is_cut(message)) == ("two.example.", rcode, cut)


def test_what_is_asked_in_a_clients_name_takes_nothing_from_its_own_connections(proxied, dispatcher):
    dispatcher.limits = ClientLimits(Limits(questions=20))  # two at once
    client = proxied(header(INSIDE) + framed(query("evil.example")) * 2)
    assert len(client.take(2)) == 2
    limits, now = dispatcher.limits, dispatcher.clock()
    assert limits.question(packed(INSIDE), forwarder=False, now=now, proven=True)
    assert not limits.question(packed(INSIDE), forwarder=False, now=now)
