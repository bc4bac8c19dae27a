"""Limits by client network and by forwarder: what is over them costs the others nothing, and no hit is lost."""

from __future__ import annotations

import ipaddress

import dns.edns
import dns.flags
import dns.rcode
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.clients import Forwarder
from contracts.networks import NetworkTable
from contracts.settings import Limits
from resolver.cookies import CookieJar
from resolver.outcome import Forward, Reply
from resolver.server.limits import LARGE, Buckets, ClientLimits, network
from tests.resolver.making import CLIENT, query, understood
from tests.resolver.server.datagrams import ALLOWED

NOW = 1000.0
NEIGHBOUR = CLIENT[:3] + b"\x09"  # of the same /24
OTHER = CLIENT[:2] + b"\x99\x01"


def taken(limits, client, count, now=NOW, *, forwarder=False):
    """How many of so many questions may go on."""
    return sum(limits.miss(client, forwarder=forwarder, now=now) for _ in range(count))


def test_a_burst_and_then_so_many_a_second():
    limits = ClientLimits(Limits(misses=10, burst_seconds=3))
    assert taken(limits, CLIENT, 100) == 30
    assert taken(limits, CLIENT, 100, NOW + 1) == 10
    assert taken(limits, CLIENT, 100, NOW + 1.5) == 5
    assert taken(limits, CLIENT, 100, NOW + 1000) == 30  # no more is saved up


def test_a_network_is_one_and_others_are_not_touched():
    limits = ClientLimits(Limits(misses=10, burst_seconds=1))
    assert taken(limits, CLIENT, 5) + taken(limits, NEIGHBOUR, 20) == 10
    assert taken(limits, OTHER, 20) == 10


def test_a_forwarder_is_one_by_its_address():
    limits = ClientLimits(Limits(misses=1, forwarder_misses=20, burst_seconds=1))
    assert taken(limits, CLIENT, 100, forwarder=True) == 20
    assert taken(limits, NEIGHBOUR, 100, forwarder=True) == 20


def test_no_limit():
    limits = ClientLimits(Limits(misses=0, octets=0))
    assert taken(limits, CLIENT, 100_000) == 100_000
    assert all(limits.answer(CLIENT, 4096, forwarder=False, now=NOW) for _ in range(10_000))


def test_only_large_answers_count():
    limits = ClientLimits(Limits(octets=10_000, burst_seconds=1))
    assert all(limits.answer(CLIENT, LARGE, forwarder=False, now=NOW) for _ in range(10_000))
    assert sum(limits.answer(CLIENT, 1000, forwarder=False, now=NOW) for _ in range(100)) == 10


@pytest.mark.parametrize(
    ("first", "second", "one"),
    [
        ("127.10.0.5", "127.10.0.250", True),
        ("127.10.0.5", "127.10.1.5", False),
        ("fd00:0:0:1::1", "fd00:0:0:2::1", True),
        ("fd00:0:0:100::1", "fd00:0:0:200::1", False),
        ("::ffff:127.10.0.5", "127.10.0.9", True),
    ],
)
def test_what_counts_as_one_network(first, second, one):
    packed = [ipaddress.ip_address(text).packed for text in (first, second)]
    assert (network(packed[0]) == network(packed[1])) is one


@given(st.lists(st.floats(0, 3), max_size=60), st.integers(1, 50), st.integers(1, 5))
def test_never_more_than_the_rate_and_the_burst(waits, rate, seconds):
    buckets = Buckets(rate, seconds)
    now, given_ = NOW, 0
    for wait in waits:
        now += wait
        given_ += sum(buckets.take(b"x", now) for _ in range(20))
    assert given_ <= rate * seconds + (now - NOW) * rate + 1


def test_over_the_limit_by_udp_is_tc_by_tcp_a_failure_and_a_hit_all_the_same(dispatcher):
    dispatcher.limits = ClientLimits(Limits(misses=1, burst_seconds=1))
    group = dispatcher.engine.access.group(CLIENT)

    def ask(name, transport="udp"):
        return dispatcher.packet(query(name), CLIENT, group, transport, lambda _message: None, NOW)

    assert isinstance(ask("one.example"), Forward)
    answer = understood(ask("watched.example").body)
    assert answer.flags & dns.flags.TC
    assert answer.question[0].name.to_text() == "watched.example."
    assert isinstance(ask("two.example", "tcp"), Forward)  # proven: counted by itself
    failed = understood(ask("three.example", "tcp").body)
    assert failed.rcode() == dns.rcode.SERVFAIL
    assert failed.question[0].name.to_text() == "three.example."
    assert dispatcher.hits.folded == {(CLIENT, "watched.example", "monitor"): 1}
    assert dispatcher.engine.counters.limited == 2
    assert understood(ask("evil.example").body).answer  # what needs no upstream has no limit
    assert len(dispatcher.upstream.waiting) == 2


def test_a_registered_forwarder_has_limits_of_its_own(dispatcher):
    dispatcher.limits = ClientLimits(Limits(misses=1, forwarder_misses=5, burst_seconds=1))
    access = dispatcher.engine.access
    host = ipaddress.ip_network("127.10.0.5/32")
    access.follow(forwarders=NetworkTable([(host, Forwarder("127.10.0.5", "so-mau", ()))]))
    assert access.group(CLIENT).forwarder
    assert not access.group(NEIGHBOUR).forwarder
    asked = [
        dispatcher.packet(query(f"x{n}.example"), CLIENT, access.group(CLIENT), "udp", lambda _m: None, NOW)
        for n in range(9)
    ]  # fmt: skip
    assert sum(isinstance(one, Forward) for one in asked) == 5


def test_large_answers_over_the_limit_are_truncated_also_from_the_table_of_finished_packets(served, answer_all, clock):
    served.dispatcher.limits = ClientLimits(Limits(octets=3600, burst_seconds=1))
    packet = query("other.example", "TXT", edns=1232)
    served.put(ALLOWED[0], packet)
    served.serve()
    answer_all("other.example. 300 IN TXT " + " ".join(f'"{"x" * 250}"' for _ in range(4)))
    served.server.flush_late()
    (first,) = served.answers(ALLOWED[0])
    assert len(first) > 1000
    flags = []
    for ident in range(4):
        answer = served.exchange(ALLOWED[0], query("other.example", "TXT", edns=1232, ident=ident))
        message = understood(answer[2:], ident)
        flags.append(bool(message.flags & dns.flags.TC))
        assert message.id == ident
        assert message.question[0].name.to_text() == "other.example."
    assert flags == [False, False, True, True]
    assert served.dispatcher.engine.counters.limited == 2
    other = served.exchange("127.10.77.1", query("other.example", "TXT", edns=1232))
    assert len(other) > 1000
    clock.now += 1
    assert len(served.exchange(ALLOWED[0], packet)) > 1000


def test_who_has_shown_that_it_reads_loses_nothing_to_what_others_ask_in_its_name():
    limits = ClientLimits(Limits(misses=10, burst_seconds=1))
    assert taken(limits, CLIENT, 100) == 10
    proven = sum(limits.miss(CLIENT, forwarder=False, now=NOW, proven=True) for _ in range(100))
    assert proven == 10
    assert limits.miss(NEIGHBOUR, forwarder=False, now=NOW, proven=True)


def test_a_machine_with_a_network_of_its_own_is_one():
    """An IPv6 host takes another address whenever it likes."""
    limits = ClientLimits(Limits(misses=10, burst_seconds=1))
    prefix = bytes.fromhex("20010db800000001")
    hosts = [prefix + number.to_bytes(8, "big") for number in range(1000)]
    assert sum(limits.miss(one, forwarder=False, now=NOW, proven=True) for one in hosts) == 10
    assert limits.miss(bytes.fromhex("20010db800000002") + bytes(8), forwarder=False, now=NOW, proven=True)


def test_large_answers_that_come_late_count_too(served, answer_all):
    served.dispatcher.limits = ClientLimits(Limits(octets=1000, burst_seconds=1))
    for number in range(5):
        served.put(ALLOWED[0], query(f"n{number}.example", "TXT", edns=1232, ident=number))
    served.serve()
    for number in range(5):
        answer_all(f"n{number}.example. 300 IN TXT " + " ".join(f'"{"x" * 220}"' for _ in range(4)))
    served.server.flush_late()
    lengths = sorted(len(answer) for answer in served.answers(ALLOWED[0]))
    assert len(lengths) == 5
    assert lengths[-1] > 800
    assert lengths[-2] < 100


def test_a_forwarder_that_is_proven_is_so_whomever_it_names(dispatcher):
    """Else whoever sends in its name could silence it for all its machines."""
    dispatcher.limits = ClientLimits(Limits(forwarder_misses=1, burst_seconds=1))
    access = dispatcher.engine.access
    host = ipaddress.ip_network("127.10.0.5/32")
    access.follow(forwarders=NetworkTable([(host, Forwarder("127.10.0.5", "", ("ecs",)))]))
    named = [dns.edns.ECSOption("127.10.0.77", 32)]

    def ask(name, transport, options=()):
        packet = query(name, options=options)
        return dispatcher.packet(packet, CLIENT, access.group(CLIENT), transport, lambda _message: None, NOW)

    assert isinstance(ask("forged.example", "udp"), Forward)
    assert isinstance(ask("one.example", "udp"), Reply)  # over the limit of what anyone can send
    assert isinstance(ask("two.example", "tcp", named), Forward)


def test_a_forwarders_cookie_proves_nothing_of_the_next_packet(dispatcher, tmp_path):
    dispatcher.limits = ClientLimits(Limits(misses=1, burst_seconds=1))
    jar = dispatcher.engine.options.jar = CookieJar(tmp_path)
    access = dispatcher.engine.access
    host = ipaddress.ip_network("127.10.0.9/32")
    access.follow(forwarders=NetworkTable([(host, Forwarder("127.10.0.9", "", ("ecs",)))]))
    forwarder = host.network_address.packed
    cookie, _verified = jar.renew(b"clientck", forwarder)

    def ask(name, client, options=()):
        packet = query(name, options=options)
        return dispatcher.packet(packet, client, access.group(client), "udp", lambda _message: None, NOW)

    assert isinstance(ask("one.example", CLIENT), Forward)
    named = [dns.edns.GenericOption(10, cookie), dns.edns.ECSOption("127.10.0.77", 32)]
    assert isinstance(ask("two.example", forwarder, named), Forward)
    assert isinstance(ask("three.example", CLIENT), Reply)
