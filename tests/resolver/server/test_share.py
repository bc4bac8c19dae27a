"""A machine's share of questions: what is over it costs others nothing, is told to come by TCP, and no hit is lost.

What one such question gets is resolver.throttle's; here servers decide when, over real sockets.
"""

from __future__ import annotations

import ipaddress

import dns.flags
import pytest

from contracts.clients import Forwarder
from contracts.networks import NetworkTable
from contracts.settings import Limits
from resolver.server.limits import LOUDEST, ClientLimits, Loudest
from resolver.server.tcp import REST_SECONDS
from tests.resolver.making import CLIENT, query, understood
from tests.resolver.server.streams import INSIDE, settle

NOW = 1000.0
NEIGHBOUR = CLIENT[:3] + b"\x09"  # of the same /24
HOST, NEXT_HOST = "127.10.0.5", "127.10.0.9"
RATE = 100  # a tenth of it, 10, may come at once


def taken(limits, client, count, now=NOW, **how):
    """How many of so many questions are looked into."""
    return sum(limits.question(client, now=now, **({"forwarder": False} | how)) for _ in range(count))


def test_a_machine_has_its_share_and_its_network_twice_that():
    limits = ClientLimits(Limits(questions=RATE))
    assert taken(limits, CLIENT, 100) == 10
    assert taken(limits, NEIGHBOUR, 100) == 10, "a neighbour's flood takes nothing from it"
    assert taken(limits, CLIENT[:3] + b"\x0a", 100) == 0, "but the share of a whole network is used up"
    assert taken(limits, CLIENT[:2] + b"\x99\x01", 100) == 10
    assert taken(limits, CLIENT, 100, NOW + 0.055) == 5
    assert taken(limits, CLIENT, 100, NOW + 1000) == 10, "no more is saved up"


def test_who_has_shown_that_it_reads_is_counted_by_itself():
    limits = ClientLimits(Limits(questions=RATE))
    assert taken(limits, CLIENT, 100) == 10
    assert taken(limits, CLIENT, 100, proven=True) == 10


def test_a_forwarder_has_a_share_of_its_own():
    limits = ClientLimits(Limits(questions=RATE, forwarder_questions=5 * RATE))
    assert taken(limits, CLIENT, 100, forwarder=True) == 50
    assert taken(limits, NEIGHBOUR, 100, forwarder=True) == 50


def test_the_loudest_are_remembered_however_many_there_are():
    loudest = Loudest()
    for number in range(3 * LOUDEST):
        for _ in range(1 + (number % 100 == 7)):
            loudest.add(number.to_bytes(4, "big"))
        loudest.add(CLIENT)
        if number % 2:
            loudest.add(NEIGHBOUR)
    assert loudest.first(2) == [(CLIENT, 3 * LOUDEST), (NEIGHBOUR, 3 * LOUDEST // 2)]
    assert len(loudest.first(10 * LOUDEST)) <= LOUDEST


def test_a_share_of_less_than_one_at_once_is_one():
    assert taken(ClientLimits(Limits(questions=1)), CLIENT, 5) == 1


def test_a_share_of_less_than_one_comes_back():
    limits = ClientLimits(Limits(questions=1))
    assert [taken(limits, CLIENT, 5, NOW + second) for second in range(0, 6, 2)] == [1, 1, 1]


def test_each_machine_is_told_by_itself_whoever_forges_its_network():
    limits = ClientLimits(Limits(questions=RATE, forwarder_questions=5 * RATE))

    def told(client, *, forwarder=False):
        return sum(limits.told(client, forwarder=forwarder, now=NOW) for _ in range(100))

    assert [told(CLIENT[:3] + bytes((number,))) for number in range(5)] == [10] * 5
    assert told(NEIGHBOUR, forwarder=True) == 50


def test_ipv4_clients_of_an_ipv6_socket_are_machines_each():
    limits = ClientLimits(Limits(questions=RATE))
    mapped = bytes(10) + b"\xff\xff"
    assert [taken(limits, mapped + one, 100) for one in (CLIENT, NEIGHBOUR)] == [10, 10]


def test_the_first_large_answer_may_be_as_large_as_it_likes():
    limits = ClientLimits(Limits(octets=1, burst_seconds=1))
    assert limits.answer(CLIENT, 1200, forwarder=False, now=NOW)
    assert not limits.answer(CLIENT, 1200, forwarder=False, now=NOW)


def test_no_limit():
    limits = ClientLimits(Limits(questions=0, forwarder_questions=0))
    assert taken(limits, CLIENT, 50_000) == taken(limits, CLIENT, 50_000, forwarder=True) == 50_000


def test_a_flood_by_udp_is_answered_then_told_then_not_answered_and_each_hit_counts(served, clock):
    served.dispatcher.limits = ClientLimits(Limits(questions=RATE))
    for number in range(40):
        served.put(HOST, query(f"x{number}.evil.example", ident=number))
    served.serve()
    answers = [understood(message[2:], number) for number, message in enumerate(served.answers(HOST))]
    assert [bool(answer.flags & dns.flags.TC) for answer in answers] == [False] * 10 + [True] * 10
    assert all(answer.answer for answer in answers[:10])
    counted = {("*.evil.example", "tcp-only"): 30, **{(f"x{n}.evil.example", "sinkhole"): 1 for n in range(10)}}
    assert served.dispatcher.hits.sent == {(CLIENT, *what): count for what, count in counted.items()}
    assert served.dispatcher.engine.counters.limited == 30
    assert served.dispatcher.limits.loudest.first(5) == [(CLIENT, 30)]
    assert understood(served.exchange(NEXT_HOST, query("x.evil.example"))[2:]).answer, "the neighbour is answered"
    clock.now += 1
    assert understood(served.exchange(HOST, query("new.evil.example"))[2:]).answer, "and so is the machine, later"


def test_what_is_repeated_has_no_limit(served):
    served.dispatcher.limits = ClientLimits(Limits(questions=RATE))
    for _ in range(5):
        for _ in range(40):
            served.put(HOST, query("evil.example"))
        served.serve()
    assert len(served.answers(HOST)) == 200
    assert not served.dispatcher.engine.counters.limited


def test_a_flooding_stranger_gets_nothing(served):
    served.dispatcher.limits = ClientLimits(Limits(questions=RATE))
    for number in range(40):
        served.put("127.99.0.1", query(f"x{number}.evil.example", ident=number))
    served.serve()
    assert [understood(message[2:], n).rcode() for n, message in enumerate(served.answers("127.99.0.1"))] == [5] * 10
    assert not served.dispatcher.hits.sent
    counters = served.dispatcher.engine.counters
    assert (counters.refused, counters.limited) == (40, 30)


def test_what_is_no_question_is_over_the_share_too(served):
    served.dispatcher.limits = ClientLimits(Limits(questions=1))
    served.exchange(HOST, query("one.evil.example"))
    for packet in (b"short", query("two.evil.example")[:20], b"\0\0\x80" + bytes(9)):
        served.put(HOST, packet)
    served.serve()
    assert served.answers(HOST) == []
    assert served.dispatcher.engine.counters.limited == 3


def test_a_bug_in_it_is_servfail_and_the_worker_lives(served, monkeypatch, caplog):
    served.dispatcher.limits = ClientLimits(Limits(questions=1))
    served.exchange(HOST, query("one.evil.example"))
    monkeypatch.setattr(type(served.dispatcher.engine.policy), "match", None)
    assert understood(served.exchange(HOST, query("two.evil.example"))[2:]).rcode() == 2
    assert served.dispatcher.engine.counters.internal_errors == 1
    assert "Traceback" in caplog.text


def test_by_tcp_a_flood_is_read_more_slowly_and_answered_whole(connect, factory, reactor, spin, timers, clock):
    factory.dispatcher.limits = ClientLimits(Limits(questions=RATE))
    client, other = connect(), connect(NEXT_HOST)
    client.send(*(query(f"x{number}.evil.example", ident=number) for number in range(30)))
    answers = client.take(11)  # the one that finds nothing left is answered, too
    settle(reactor)
    assert client.read() == []
    other.send(query("x.evil.example", ident=7))
    assert len(other.take(1)) == 1

    def more():
        answers.extend(client.read())
        return len(answers) > had

    while len(answers) < 30:
        had = len(answers)
        clock.now += REST_SECONDS
        timers.advance(REST_SECONDS)
        timers.advance(0)  # it reads on in the reactor's next turn
        spin(more, "more answers")
        settle(reactor)
        more()
        assert len(answers) - had <= REST_SECONDS * RATE + 1
    assert [int.from_bytes(message[:2], "big") for message in answers] == list(range(30))
    assert factory.dispatcher.engine.counters.limited == 0
    packed = ipaddress.ip_address(INSIDE).packed
    assert sum(count for (who, *_), count in factory.dispatcher.hits.sent.items() if who == packed) == 30


def test_a_resting_connection_may_be_cut(connect, factory, reactor, timers):
    factory.dispatcher.limits = ClientLimits(Limits(questions=RATE))
    client = connect()
    client.send(*(query(f"x{number}.evil.example", ident=number) for number in range(30)))
    client.take(11)
    factory.close_all()
    client.until_closed()
    timers.advance(1)  # nothing of it is left to be called


@pytest.mark.parametrize("listed", [True, False])
def test_a_registered_forwarder_goes_on_where_a_machine_would_not(served, listed):
    served.dispatcher.limits = ClientLimits(Limits(questions=RATE, forwarder_questions=5 * RATE))
    network = ipaddress.ip_network(f"{HOST}/32")
    access = served.dispatcher.engine.access
    if listed:
        access.follow(forwarders=NetworkTable([(network, Forwarder(HOST, "so-mau", ()))]))
    for number in range(40):
        served.put(HOST, query(f"x{number}.evil.example", ident=number))
    served.serve()
    assert len(served.answers(HOST)) == (40 if listed else 20)
    assert served.dispatcher.engine.counters.limited == (0 if listed else 30)
