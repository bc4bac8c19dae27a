"""The UDP server over real sockets: the hot path says what the slow path says, and to each client its own answer."""

from __future__ import annotations

import math
import socket
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.settings import SpecialNames
from resolver.net.mmsg import PlainBatch, make_batch
from resolver.outcome import Reply
from resolver.policy.clients import STRANGERS, Access, Group
from resolver.policy.local import LocalNames
from resolver.wire.constants import HEADER
from tests.resolver.making import engine as make_engine
from tests.resolver.making import listed, policy, query, understood
from tests.resolver.server.datagrams import ALLOWED, Served

OUTSIDE = ["127.9.255.255", "127.11.0.1", "127.99.0.1"]
A = "other.example. 300 IN A 192.0.2.1"


def packed(host):
    return socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)


def test_the_hot_path_says_byte_for_byte_what_the_slow_path_said(served, answer_all):
    served.put(ALLOWED[0], query("other.example"))
    served.serve()
    answer_all(A)
    served.server.flush_late()
    served.answers(ALLOWED[0])
    counters = served.dispatcher.engine.counters
    for name in ("evil.example", "other.example"):
        first = served.exchange(ALLOWED[0], query(name, ident=1))
        hot = counters.hot
        second = served.exchange(ALLOWED[1], query(name, ident=0xFFFE))
        assert counters.hot == hot + 1
        assert (first[:2], second[:2]) == (b"\0\1", b"\xff\xfe")
        assert first[2:] == second[2:]
        assert understood(first[2:]).answer


@pytest.mark.parametrize("plain", [False, True])
def test_ipv6(dispatcher, plain):
    with Served(dispatcher, "::1") as served:
        if plain:
            served.server._batch = PlainBatch(wide=True)
        for ident in (1, 2):
            answer = served.exchange("::1", query("evil.example", ident=ident))
            assert int.from_bytes(answer[:2], "big") == ident
            assert understood(answer[2:]).answer[0][0].address == "127.53.0.9"
        assert dispatcher.hits.sent == {(packed("::1"), "evil.example", "sinkhole"): 2}


def test_clients_of_every_kind_in_one_batch_get_their_own_answers(served):
    """The order within a batch is what matters: the tables are chosen anew wherever the client changes."""
    packet = query("evil.example")
    for ident in range(4):
        served.exchange(ALLOWED[0], query("evil.example", ident=ident))  # the answer is hot now
    for turn in range(3):
        hosts = [ALLOWED[0], OUTSIDE[0], ALLOWED[1], OUTSIDE[1], OUTSIDE[0], ALLOWED[0], OUTSIDE[2], ALLOWED[2]]
        if turn == 1:
            hosts.reverse()
        for host in hosts:
            served.put(host, packet)
        served.serve()
        for host in ALLOWED + OUTSIDE:
            answers = [understood(answer[2:]) for answer in served.answers(host)]
            assert len(answers) == hosts.count(host)
            for answer in answers:
                assert answer.rcode() == (0 if host in ALLOWED else 5)
                assert len(answer.answer) == (1 if host in ALLOWED else 0)
    hits = served.dispatcher.hits.sent
    assert {client for client, _name, _action in hits} == {packed(host) for host in ALLOWED}
    assert hits[packed(ALLOWED[0]), "evil.example", "sinkhole"] == 4 + 6
    assert served.dispatcher.engine.tables(STRANGERS).raw.get(packet[2:]) is None


class TwoGroups(Access):
    """127.20.0.0/16 is a group of its own."""

    other = Group("other")

    def group(self, packed_address):
        return self.other if packed_address.startswith(b"\x7f\x14") else super().group(packed_address)


def test_the_same_bytes_hot_in_two_groups(dispatcher):
    """Both groups have finished packets under the same key; a mixed batch must never mix them up."""
    engine = dispatcher.engine
    access = TwoGroups(engine.dns.allowed_clients)
    with Served(dispatcher, access=access) as served:
        packet = query("evil.example")
        engine.tables(access.default).raw.put(packet[2:], (b"for the default group", math.inf, None))
        engine.tables(TwoGroups.other).raw.put(packet[2:], (b"for the other group", math.inf, None))
        hosts = ["127.10.0.1", "127.20.0.1", "127.99.0.1", "127.20.0.2", "127.10.0.2", "127.99.0.1", "127.10.0.1"]
        for host in hosts * 9:  # not quite a batch
            served.put(host, packet)
        served.serve()
        for host in set(hosts):
            said = {answer[2:] for answer in served.answers(host)}
            if host.startswith("127.10."):
                assert said == {b"for the default group"}
            elif host.startswith("127.20."):
                assert said == {b"for the other group"}
            else:
                assert [understood(body).rcode() for body in said] == [5]
        assert engine.counters.hot == 5 * 9


NAMES = ["evil.example", "A.evil.example", "watched.example", "other.example", "missing.example"]
PACKETS = st.one_of(
    st.builds(
        query,
        st.sampled_from(NAMES),
        st.sampled_from(["A", "TXT"]),
        ident=st.integers(0, 65535),
        edns=st.sampled_from([None, 1232]),
        do=st.booleans(),
    ),
    st.binary(max_size=40),
)
TRAFFIC = st.lists(st.lists(st.tuples(st.sampled_from(ALLOWED + OUTSIDE), PACKETS), max_size=80), max_size=4)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(traffic=TRAFFIC)
def test_any_mixture_is_answered_as_the_engine_alone_would(dispatcher, live, answer_all, clock, traffic):
    """Against an engine without any hot table; hits counted exactly, per client."""
    dispatcher.engine.swap(live)  # forget what earlier examples finished
    dispatcher.hits.sent.clear()
    dispatcher.upstream.waiting.clear()
    alone = make_engine(live)
    with Served(dispatcher) as served:
        for name in ("other.example", "watched.example"):
            served.put(ALLOWED[0], query(name))
        served.serve()
        answer_all("other.example. 300 IN A 192.0.2.1")
        served.server.flush_late()
        served.answers(ALLOWED[0])
        alone.cache = dispatcher.engine.cache
        dispatcher.hits.sent.clear()
        expected_hits = Counter()
        for round_of_packets in traffic:
            expected = {host: [] for host in ALLOWED + OUTSIDE}
            for host, packet in round_of_packets:
                served.put(host, packet)
                outcome = alone.answer(packet, alone.access.group(packed(host)), "udp", clock.now)
                if isinstance(outcome, Reply):
                    expected[host].append(packet[:2] + outcome.body)
                if outcome is not None and outcome.hit is not None:
                    expected_hits[packed(host)] += 1
            served.serve()
            for host, wanted in expected.items():
                assert served.answers(host) == wanted
            clock.now += 0.4
        counted = Counter()
        for (client, _name, _action), count in dispatcher.hits.sent.items():
            counted[client] += count
        assert counted == expected_hits


def test_hits_are_counted_per_client_in_hot_and_slow_batches(served):
    for turn in range(3):
        for number, host in enumerate(ALLOWED):
            for ident in range(number + 1):
                served.put(host, query("evil.example", ident=turn * 100 + ident))
                served.put(host, query("x.evil.example", "TXT", ident=ident))
        served.serve()
    assert served.dispatcher.hits.sent == {
        (packed(host), name, action): 3 * (number + 1)
        for number, host in enumerate(ALLOWED)
        for name, action in (("evil.example", "sinkhole"), ("x.evil.example", "nodata"))
    }
    assert served.dispatcher.engine.counters.udp_queries == 3 * 6 * 2


def test_hits_are_handed_over_before_the_answers_leave(served, monkeypatch):
    """Whoever has an answer can be sure that its hit is on the way."""
    order = []
    flush = served.dispatcher.hits.flush
    monkeypatch.setattr(served.dispatcher.hits, "flush", lambda: (order.append("hits"), flush()))
    send = served.server._batch.send
    monkeypatch.setattr(served.server._batch, "send", lambda *given_: (order.append("answers"), send(*given_))[1])
    for _ in range(2):  # slow, then hot
        served.exchange(ALLOWED[0], query("evil.example"))
    assert order == ["hits", "answers"] * 2
    assert served.dispatcher.hits.sent.total() == 2


def test_late_answers_go_to_those_who_asked(served, answer_all):
    for number, host in enumerate([*ALLOWED, ALLOWED[0]]):
        served.put(host, query("other.example", ident=number))
    served.put(ALLOWED[1], query("evil.example", ident=99))
    served.serve()
    assert served.dispatcher.upstream.flushes
    assert [answer[:2] for answer in served.answers(ALLOWED[1])] == [b"\0\x63"]
    answer_all(A)
    served.server.flush_late()
    got = {host: served.answers(host) for host in ALLOWED}
    assert [[answer[:2] for answer in got[host]] for host in ALLOWED] == [[b"\0\0", b"\0\3"], [b"\0\1"], [b"\0\2"]]
    assert all(understood(answer[2:]).answer[0].to_text() == A for answers in got.values() for answer in answers)


def test_silence_between_answers(served):
    """Packets that get no answer leave gaps; those behind them still get theirs."""
    response = query("evil.example")[:2] + b"\x81\x80" + query("evil.example")[4:]
    sequence = [response, query("evil.example", ident=1), b"", b"short", query("evil.example", ident=2), response]
    for packet in sequence * 3:
        served.put(ALLOWED[0], packet)
    served.serve()
    assert [answer[:2] for answer in served.answers(ALLOWED[0])] == [b"\0\1", b"\0\2"] * 3
    assert served.dispatcher.engine.counters.ignored == 12


def test_more_than_one_batch_and_buffers_that_grow_back(served):
    """Short answers shrink a slot's size for sending; the next query in it must not be cut."""
    for turn in range(3):
        for number in range(100):
            served.put(ALLOWED[0], query("evil.example", ident=number))
        served.serve()
        assert len(served.answers(ALLOWED[0])) == 100
        long_name = ".".join(["x" * 60] * 3) + ".evil.example"
        for number in range(100):
            served.put(ALLOWED[1], query(long_name, ident=number))
        served.serve()
        answers = served.answers(ALLOWED[1])
        assert len(answers) == 100, turn
        assert all(understood(answer[2:], answer[0] * 256 + answer[1]).answer for answer in answers)


def test_a_finished_packet_is_given_only_while_it_is_right(served, answer_all, clock):
    served.put(ALLOWED[0], query("other.example"))
    served.serve()
    answer_all(A)
    served.server.flush_late()
    served.answers(ALLOWED[0])
    for age, ttl in ((0, 300), (0.5, 300), (1, 299), (1.5, 299), (299.5, 1)):
        clock.now = 5000.0 + age
        assert understood(served.exchange(ALLOWED[0], query("other.example"))[2:]).answer[0].ttl == ttl
    clock.now = 5300.0
    served.put(ALLOWED[0], query("other.example"))
    served.serve()
    assert served.answers(ALLOWED[0]) == []
    assert len(served.dispatcher.upstream.waiting) == 1


def test_a_new_policy_is_seen_by_the_next_packet(served, tmp_path):
    before = served.exchange(ALLOWED[0], query("evil.example"))
    assert understood(before[2:]).answer
    served.dispatcher.engine.swap(policy(tmp_path, ("new", "enforce", [listed("other.example")]), serial=8))
    assert understood(served.exchange(ALLOWED[0], query("other.example"))[2:]).answer
    served.put(ALLOWED[0], query("evil.example"))
    served.serve()
    assert served.answers(ALLOWED[0]) == []  # asked upstream


def test_what_fell_into_the_old_generation_is_still_hot_and_still_a_hit(served):
    first = served.exchange(ALLOWED[0], query("evil.example"))
    raw = served.dispatcher.engine.tables(served.dispatcher.engine.access.default).raw
    for number in range(2 * raw.size):
        raw.put(b"%d" % number, (b"", 0.0, None))
    assert query("evil.example")[2:] in raw.old
    listed_before = served.dispatcher.engine.counters.listed
    assert served.exchange(ALLOWED[0], query("evil.example")) == first
    assert served.dispatcher.engine.counters.listed == listed_before
    assert query("evil.example")[2:] in raw.young
    assert served.dispatcher.hits.sent.total() == 2


def test_a_bug_in_a_batch_harms_no_later_one(served, monkeypatch, caplog):
    monkeypatch.setattr(served.dispatcher, "packet", lambda *_given: {}["a bug"])
    served.put(ALLOWED[0], query("evil.example"))
    served.serve()
    monkeypatch.undo()
    assert len(caplog.records) == 1
    served.answers(ALLOWED[0])
    long_name = ".".join(["x" * 60] * 3) + ".evil.example"
    assert understood(served.exchange(ALLOWED[0], query(long_name))[2:]).answer


def test_many_clients_are_remembered_only_up_to_a_bound(served, monkeypatch):
    monkeypatch.setattr("resolver.server.udp._KNOWN_CLIENTS", 5)
    for number in range(20):
        host = f"127.10.1.{number + 1}" if number % 2 else f"127.30.1.{number + 1}"
        answer = understood(served.exchange(host, query("evil.example"))[2:])
        assert answer.rcode() == (0 if number % 2 else 5)
        assert len(served.server._clients) <= 5


@pytest.mark.parametrize("size", [HEADER, 512, 4096, 9000])
def test_long_datagrams(served, size):
    packet = query("evil.example")
    answer = served.exchange(ALLOWED[0], packet + b"\0" * (size - len(packet)) if size > len(packet) else packet)
    assert answer[:2] == packet[:2]
    assert understood(answer[2:]).rcode() == (1 if size > len(packet) else 0)


def test_with_one_system_call_a_datagram(served):
    """On systems without recvmmsg."""
    served.server._batch = PlainBatch()
    assert type(make_batch()) is not PlainBatch
    test_clients_of_every_kind_in_one_batch_get_their_own_answers(served)


def test_an_alias_is_hot_when_it_is_asked_again_and_each_time_a_hit(served, dispatcher, tmp_path):
    """It was made anew for each question: up to 12 ms."""
    rule = {"action": "alias", "target": b"\6router\5local\0"}
    dispatcher.engine.local = LocalNames(["router.local. 60 IN A 192.0.2.7"], SpecialNames())
    dispatcher.engine.swap(policy(tmp_path, ("one", "enforce", [listed("led.example", **rule)]), serial=8))
    for ident in range(5):
        answer = served.exchange(ALLOWED[0], query("led.example", ident=ident))
        assert [one.to_text() for one in understood(answer[2:], ident).answer] == [
            "led.example. 30 IN CNAME router.local.", "router.local. 60 IN A 192.0.2.7",
        ]  # fmt: skip
    assert dispatcher.engine.counters.hot == 4
    assert dispatcher.hits.sent == {(b"\x7f\x0a\0\1", "led.example", "alias"): 5}
