"""Datagrams of listed proxies: the header names the client, without one nothing is taken, from others none counts."""

from __future__ import annotations

import ipaddress

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import pytest

from contracts.clients import Clients, ClientTable, Forwarder, NetworkStanding
from contracts.hit import Claim
from contracts.settings import Limits
from resolver.server.limits import ClientLimits
from tests.resolver.making import errors, listed, policy, query
from tests.resolver.server.proxying import SIGNATURE, header, raw

PROXY, CLIENT, OTHER, STRANGER = "127.99.0.54", "127.10.0.1", "127.10.0.2", "127.77.0.1"
WATCHED = "127.10.200.1"


def packed(text):
    return ipaddress.ip_address(text).packed


@pytest.fixture(autouse=True)
def listed_proxy(dispatcher):
    """127.99.0.54 is one; it is in no allowed network."""
    table = Clients(
        ClientTable(
            1, 0.0, (), (NetworkStanding("127.10.200.0/24", "monitor", 0, ""),),
            (Forwarder(f"{PROXY}/32", "", ("proxy",)), Forwarder("127.10.0.53/32", "", ("ecs",))),
        )
    )  # fmt: skip
    dispatcher.engine.access.follow(standings=table.standings_at(0), forwarders=table.forwarders)


def read(answer, ident=0x1234):
    message = dns.message.from_wire(answer)
    assert message.id == ident
    return message


def test_the_client_of_the_header_is_the_client(served, dispatcher):
    for ident in (1, 2, 3):  # made, and then from the table of finished packets
        message = read(served.exchange(PROXY, header(CLIENT) + query("evil.example", ident=ident)), ident)
        assert message.answer[0][0].address == "127.53.0.9"
    assert dispatcher.hits.sent == {(packed(CLIENT), "evil.example", "sinkhole"): 3}
    assert [claim for _client, claim, _facts in dispatcher.hits.claimed] == [Claim(packed(PROXY), "proxy")] * 3
    assert dispatcher.engine.counters.proxy_refused == 0
    assert dispatcher.engine.counters.udp_queries == 3


def test_ordinary_clients_and_proxied_ones_in_one_batch(served, dispatcher):
    served.exchange(OTHER, query("evil.example"))  # finished from here on
    for ident in range(40):
        served.put(OTHER, query("evil.example", ident=ident))
        served.put(PROXY, header(CLIENT) + query("evil.example", ident=1000 + ident))
        served.put(PROXY, query("evil.example", ident=2000 + ident))
    served.serve()
    assert sorted(read(answer, int.from_bytes(answer[:2], "big")).id for answer in served.answers(PROXY)) == list(
        range(1000, 1040)
    )
    assert len(served.answers(OTHER)) == 40
    assert dispatcher.hits.sent == {
        (packed(OTHER), "evil.example", "sinkhole"): 41, (packed(CLIENT), "evil.example", "sinkhole"): 40,
    }  # fmt: skip
    assert dispatcher.engine.counters.proxy_refused == 40


def test_an_answer_from_an_upstream_goes_back_to_the_proxy(served, dispatcher, answer_all):
    served.put(PROXY, header(CLIENT) + query("watched.example", ident=77))
    served.serve()
    assert served.answers(PROXY) == []
    assert answer_all("watched.example. 300 IN A 192.0.2.1") == 1
    served.server.flush_late()
    (answer,) = served.answers(PROXY)
    assert read(answer, 77).answer[0][0].address == "192.0.2.1"
    assert dispatcher.hits.sent == {(packed(CLIENT), "watched.example", "monitor"): 1}
    assert dispatcher.hits.claimed[0][1] == Claim(packed(PROXY), "proxy")


@pytest.mark.parametrize(
    "packet",
    [
        query("evil.example"), b"", SIGNATURE, header(CLIENT)[:-1], raw(0x21, 0x00, b"") + query("evil.example"),
        header(CLIENT, more=bytes(600)) + query("evil.example"),
    ],
    ids=["none", "empty", "signature", "cut", "nobody", "too long"],
)  # fmt: skip
def test_without_a_header_nothing_is_taken(served, dispatcher, packet):
    served.put(PROXY, packet)
    served.serve()
    assert served.answers(PROXY) == []
    assert dispatcher.engine.counters.proxy_refused == 1
    assert not dispatcher.hits.sent


@pytest.mark.parametrize("inner", [b"", b"\1", b"\0" * 11, query("evil.example")[:20], b"\x12\x34\x80" + bytes(30)])
def test_what_is_behind_the_header_may_be_anything(served, dispatcher, inner):
    served.put(PROXY, header(CLIENT) + inner)
    served.serve()
    for answer in served.answers(PROXY):
        assert answer[:2] == inner[:2]
        assert dns.message.from_wire(answer, ignore_trailing=True).rcode() == dns.rcode.FORMERR
    assert dispatcher.engine.counters.internal_errors == 0


def test_from_anybody_else_a_header_is_rubbish_and_never_believed(served, dispatcher):
    for host in (OTHER, STRANGER):
        served.put(host, header(CLIENT) + query("evil.example"))
        served.serve()
        for answer in served.answers(host):
            assert answer[:2] == SIGNATURE[:2]
            assert dns.message.from_wire(answer, ignore_trailing=True).rcode() != dns.rcode.NOERROR
    assert not dispatcher.hits.sent
    assert dispatcher.engine.counters.proxy_refused == 0


def test_a_proxy_asks_for_itself(served, dispatcher):
    """A health check; the proxy stands in no allowed network."""
    assert read(served.exchange(PROXY, header(None) + query("evil.example"))).answer
    assert dispatcher.hits.sent == {(packed(PROXY), "evil.example", "sinkhole"): 1}
    assert dispatcher.hits.claimed == []


def test_a_stranger_behind_it_is_one(served, dispatcher):
    assert read(served.exchange(PROXY, header(STRANGER) + query("evil.example"))).rcode() == dns.rcode.REFUSED
    assert dispatcher.engine.counters.refused == 1
    assert not dispatcher.hits.sent


def test_the_group_is_that_of_the_client(served, dispatcher):
    served.put(PROXY, header(WATCHED) + query("evil.example"))
    served.serve()
    assert served.answers(PROXY) == []  # an upstream is asked
    assert dispatcher.hits.sent == {(packed(WATCHED), "evil.example", "monitor"): 1}


def test_a_client_behind_it_that_stands_otherwise_now_does_so_at_its_next_question(served, dispatcher):
    for standing, action in (("normal", "sinkhole"), ("monitor", "monitor"), ("normal", "sinkhole")):
        dispatcher.hits.sent.clear()
        table = Clients(ClientTable(2, 0.0, (), (NetworkStanding(f"{CLIENT}/32", standing, 0, ""),)))
        dispatcher.engine.access.follow(standings=table.standings_at(0))
        served.put(PROXY, header(CLIENT) + query("evil.example"))
        served.serve()
        assert dispatcher.hits.sent == {(packed(CLIENT), "evil.example", action): 1}


def test_a_forwarder_behind_it_is_believed_as_without_it(served, dispatcher):
    option = dns.edns.ECSOption("127.20.0.9", 32)
    for host, client in (("127.10.0.53", "127.20.0.9"), (CLIENT, CLIENT)):
        dispatcher.hits.sent.clear()
        served.exchange(PROXY, header(host) + query("evil.example", options=[option]))
        assert dispatcher.hits.sent == {(packed(client), "evil.example", "sinkhole"): 1}
    assert dispatcher.engine.counters.claims_ignored == 1


def test_who_becomes_a_proxy_is_one_from_then_on(served, dispatcher):
    assert read(served.exchange(OTHER, query("evil.example"))).answer
    dispatcher.engine.access.follow(
        forwarders=Clients(ClientTable(2, 0.0, (), (), (Forwarder(f"{OTHER}/32", "", ("proxy",)),))).forwarders
    )
    served.put(OTHER, query("evil.example"))
    served.serve()
    assert served.answers(OTHER) == []
    assert read(served.exchange(OTHER, header(CLIENT) + query("evil.example"))).answer
    assert read(served.exchange(PROXY, query("evil.example"))).rcode() == dns.rcode.REFUSED, "and no more"


def test_large_answers_to_a_client_behind_it_have_their_limit(served, dispatcher, answer_all):
    """Who sends to the proxy in another's name gets no more than who sends to us."""
    dispatcher.limits = ClientLimits(Limits(octets=3600, burst_seconds=1))
    packet = query("other.example", "TXT", edns=1232, ident=9)
    served.put(PROXY, header(CLIENT) + packet)
    served.serve()
    answer_all("other.example. 300 IN TXT " + " ".join(f'"{"x" * 250}"' for _ in range(4)))
    served.server.flush_late()
    assert len(served.answers(PROXY)[0]) > 1000
    cut = [bool(read(served.exchange(PROXY, header(CLIENT) + packet), 9).flags & dns.flags.TC) for _ in range(4)]
    assert cut == [False, False, True, True]
    assert not read(served.exchange(PROXY, header("127.10.77.1") + packet), 9).flags & dns.flags.TC


@pytest.fixture
def by_tcp_only(dispatcher, tmp_path):
    """slow.example is answered by TCP only."""
    dispatcher.engine.swap(policy(tmp_path, ("one", "enforce", [listed("slow.example", action="tcp-only")]), serial=8))


def is_cut(message):
    return bool(message.flags & dns.flags.TC)


def test_how_the_client_came_to_the_proxy_decides_what_is_answered_by_tcp_only(
    served, dispatcher, by_tcp_only, answer_all
):
    """And what is kept of one is nothing for the other: the same octets, twice each, in turn."""
    packet = query("slow.example")
    served.put(PROXY, header(CLIENT, stream=True) + packet)
    served.serve()
    assert served.answers(PROXY) == []
    assert answer_all("slow.example. 300 IN A 192.0.2.1") == 1
    served.server.flush_late()
    assert [read(one).answer[0][0].address for one in served.answers(PROXY)] == ["192.0.2.1"]
    for _ in range(3):
        assert is_cut(read(served.exchange(PROXY, header(CLIENT) + packet)))
        assert is_cut(read(served.exchange(CLIENT, packet)))
        assert is_cut(read(served.exchange(PROXY, header(None) + packet))), "the proxy itself: by UDP"
        answer = read(served.exchange(PROXY, header(CLIENT, stream=True) + packet))
        assert answer.answer[0][0].address == "192.0.2.1"
    told = {(client, facts.transport, facts.verified) for client, _claim, facts in dispatcher.hits.claimed}
    assert told == {(packed(CLIENT), "udp", False), (packed(CLIENT), "tcp", False)}, "a datagram proves no connection"
    assert [facts.transport for _client, _claim, facts in dispatcher.hits.claimed] == ["tcp", *["udp", "tcp"] * 3]
    assert dispatcher.hits.sent == {
        (packed(CLIENT), "slow.example", "tcp-only"): 10, (packed(PROXY), "slow.example", "tcp-only"): 3,
    }  # fmt: skip


def test_listed_names_by_tcp_are_recorded_so(served, dispatcher):
    for stream in (True, False, True):
        assert read(served.exchange(PROXY, header(CLIENT, stream=stream) + query("evil.example"))).answer
    assert [facts.transport for _client, _claim, facts in dispatcher.hits.claimed] == ["tcp", "udp", "tcp"]


LARGE = "other.example. 300 IN TXT " + " ".join(f'"{"x" * 250}"' for _ in range(4))


def test_the_size_is_that_of_our_own_link_and_no_limit_holds_for_who_came_by_tcp(served, dispatcher, answer_all):
    """Its address is not forged: answers sent there are meant for it."""
    dispatcher.limits = ClientLimits(Limits(octets=1200, burst_seconds=1))
    large, small = query("other.example", "TXT", edns=1232), query("other.example", "TXT", edns=600)
    served.put(PROXY, header(CLIENT, stream=True) + large)
    served.serve()
    answer_all(LARGE)
    served.server.flush_late()
    assert not is_cut(read(served.answers(PROXY)[0]))
    for _ in range(5):
        assert not is_cut(read(served.exchange(PROXY, header(CLIENT, stream=True) + large)))
        assert is_cut(read(served.exchange(PROXY, header(CLIENT, stream=True) + small)))
    cut = [is_cut(read(served.exchange(PROXY, header(CLIENT) + large))) for _ in range(3)]
    assert cut == [False, True, True]
    assert dispatcher.engine.counters.limited == 2


def test_over_the_limit_of_new_names_who_came_by_tcp_is_not_told_to(served, dispatcher):
    dispatcher.limits = ClientLimits(Limits(misses=1, burst_seconds=1))
    served.put(PROXY, header(CLIENT) + query("one.example"))
    served.serve()
    failed = read(served.exchange(PROXY, header(CLIENT, stream=True) + query("two.example", edns=1232)))
    assert (failed.rcode(), is_cut(failed), errors(failed)) == (dns.rcode.SERVFAIL, False, [0])
    told = read(served.exchange(PROXY, header(CLIENT) + query("three.example")))
    assert (told.rcode(), is_cut(told)) == (dns.rcode.NOERROR, True)
    assert dispatcher.engine.counters.limited == 2


def test_over_its_share_who_came_by_tcp_is_not_told_to(served, dispatcher):
    dispatcher.limits = ClientLimits(Limits(questions=10))  # one at once
    seen = []
    for ident in range(3):
        served.put(PROXY, header(CLIENT, stream=True) + query("evil.example", ident=ident))
        served.serve()
        seen += [(message.rcode(), is_cut(message)) for message in map(dns.message.from_wire, served.answers(PROXY))]
    assert seen == [(dns.rcode.NOERROR, False), (dns.rcode.SERVFAIL, False)], "and then nothing"
    assert dispatcher.engine.counters.limited == 2
    assert dispatcher.hits.sent == {
        (packed(CLIENT), "evil.example", "sinkhole"): 1, (packed(CLIENT), "evil.example", "drop"): 2,
    }  # fmt: skip
    assert {facts.transport for _client, _claim, facts in dispatcher.hits.claimed} == {"tcp"}


def test_questions_put_aside_keep_who_named_their_client(served, dispatcher):
    """One goes ahead, nine behind, five are over the share: in each case the proxy's word is with the hit."""
    dispatcher.limits = ClientLimits(Limits(questions=100))
    for ident in range(15):
        served.put(PROXY, header(CLIENT) + query(f"x{ident}.evil.example", ident=ident))
    served.serve()
    assert len(served.answers(PROXY)) == 15
    assert [claim for _client, claim, _facts in dispatcher.hits.claimed] == [Claim(packed(PROXY), "proxy")] * 15
    assert {client for client, _name, _action in dispatcher.hits.sent} == {packed(CLIENT)}
    assert sum(dispatcher.hits.sent.values()) == 15
