"""The slow path: every question gets one answer, every hit one count, and a bug of ours harms one packet only."""

from __future__ import annotations

import ipaddress
import logging

import dns.flags
import msgspec
import pytest

from contracts.clients import NetworkStanding
from contracts.networks import NetworkTable
from resolver.cache.entry import CachedAnswer
from resolver.outcome import Forward
from resolver.policy.clients import STRANGERS
from resolver.policy.ladder import Policy
from tests.resolver.making import CLIENT, STRANGER, listed, policy, query, understood

A = "other.example. 300 IN A 192.0.2.1"


@pytest.fixture
def send(dispatcher):
    """Hand in a packet; returns the reply at once, or None. What comes later is in `send.later`."""

    def put(packet, client=CLIENT, transport="udp"):
        group = dispatcher.engine.access.group(client)
        return dispatcher.packet(packet, client, group, transport, put.later.append, dispatcher.clock())

    put.later = []
    return put


def test_a_listed_name_is_answered_at_once_with_its_hit(dispatcher, send):
    reply = send(query("evil.example"))
    assert understood(reply.body).answer[0][0].address == "127.53.0.9"
    assert dispatcher.hits.folded == {(CLIENT, "evil.example", "sinkhole"): 1}


def test_a_stranger_makes_no_hit(dispatcher, send):
    assert understood(send(query("evil.example"), STRANGER).body).rcode() == 5
    assert not dispatcher.hits.folded


def test_answers_come_later_to_everyone_who_waits_each_with_its_own_id(dispatcher, send, answer_all):
    for ident, name in ((1, "other.example"), (2, "OTHER.example"), (3, "other.EXAMPLE")):
        assert isinstance(send(query(name, ident=ident)), Forward)
    assert answer_all(A) == 1
    messages = [understood(message[2:], int.from_bytes(message[:2], "big")) for message in send.later]
    assert [message.id for message in messages] == [1, 2, 3]
    assert [message.question[0].name.to_text() for message in messages] == [
        "other.example.", "OTHER.example.", "other.EXAMPLE.",
    ]  # fmt: skip
    assert understood(send(query("other.example")).body).answer[0].to_text() == A  # from the cache now


@pytest.mark.parametrize("failed", [False, True])
def test_a_watched_name_is_one_hit_a_question(dispatcher, send, answer_all, failed):
    for _ in range(3):
        send(query("watched.example"))
    answer_all("watched.example. 300 IN A 192.0.2.1", failed=failed)
    assert len(send.later) == 3
    assert dispatcher.hits.sent + dispatcher.hits.folded == {(CLIENT, "watched.example", "monitor"): 3}


@pytest.mark.parametrize(("mode", "action"), [("enforce", "sinkhole"), ("monitor", "monitor")])
def test_a_name_listed_meanwhile_is_a_hit_that_is_flushed_before_its_answer(
    dispatcher, send, answer_all, tmp_path, mode, action
):
    send(query("other.example"))
    dispatcher.engine.swap(policy(tmp_path, ("new", mode, [listed("other.example")]), serial=8))
    flushed = []
    send.later = type("Log", (list,), {"append": lambda self, _message: flushed.append(dict(dispatcher.hits.sent))})()
    waiting = next(iter(dispatcher.upstream.waiting.values()))
    waiting[0] = msgspec.structs.replace(waiting[0], send=send.later.append)
    answer_all(A)
    assert flushed == [{(CLIENT, "other.example", action): 1}]


def test_when_all_upstreams_failed(send, answer_all):
    send(query("other.example", edns=1232))
    answer_all(failed=True)
    assert understood(send.later[0][2:]).rcode() == 2


def test_a_question_that_made_room_may_be_asked_again_at_once(dispatcher, send):
    assert isinstance(send(query("other.example")), Forward)
    ((key, waiting),) = dispatcher.upstream.waiting.items()
    dispatcher.shed(key, waiting)
    assert understood(send.later[0][2:]).rcode() == 2
    assert isinstance(send(query("other.example")), Forward)


def test_when_too_much_is_under_way(dispatcher, send):
    dispatcher.upstream.full = True
    assert understood(send(query("other.example")).body).rcode() == 2
    assert understood(send(query("watched.example")).body).rcode() == 2
    assert dispatcher.hits.folded == {(CLIENT, "watched.example", "monitor"): 1}


def test_without_upstreams(dispatcher, send):
    dispatcher.upstream = None
    assert understood(send(query("other.example")).body).rcode() == 2
    assert understood(send(query("evil.example")).body).answer
    dispatcher.flush_questions()


def test_questions_leave_with_flush_questions(dispatcher):
    dispatcher.flush_questions()
    assert dispatcher.upstream.flushes == 1


class Bug:
    """Raises where the live policy is asked, with a text that is new every time."""

    def __init__(self):
        self.count = 0

    def __call__(self, *_given):
        self.count += 1
        raise KeyError(f"packet number {self.count}")


def tracebacks(caplog):
    return [record for record in caplog.records if record.levelno == logging.ERROR]


def test_a_bug_of_ours_is_servfail_and_one_traceback_a_minute(dispatcher, send, clock, monkeypatch, caplog):
    monkeypatch.setattr(Policy, "judge", Bug())
    clock.now = 6000.0
    for _ in range(50):
        answer = understood(send(query("other.example", edns=1232)).body)
        assert (answer.rcode(), answer.question[0].name.to_text()) == (2, "other.example.")
    assert len(tracebacks(caplog)) == 1
    assert "packet number 1" in caplog.text
    assert dispatcher.engine.counters.internal_errors == 50
    clock.now += 60
    send(query("other.example"))
    assert len(tracebacks(caplog)) == 2
    monkeypatch.undo()
    assert understood(send(query("evil.example")).body).answer  # the worker lives


def test_another_bug_is_told_by_itself(dispatcher, send, monkeypatch, caplog):
    monkeypatch.setattr(Policy, "judge", Bug())
    send(query("other.example"))
    monkeypatch.setattr(dispatcher.engine, "answer", lambda *_given: {}["elsewhere"])
    send(query("other.example"))
    assert len(tracebacks(caplog)) == 2


def test_a_bug_met_when_the_answer_comes_is_servfail_to_everyone_who_waits(
    dispatcher, send, answer_all, monkeypatch, caplog
):
    for ident in (1, 2):
        send(query("other.example", ident=ident))
    monkeypatch.setattr(CachedAnswer, "records", Bug())
    answer_all(A)
    assert [(message[:2], understood(message[2:]).rcode()) for message in send.later] == [(b"\0\1", 2), (b"\0\2", 2)]
    assert len(tracebacks(caplog)) == 1


def test_a_bug_met_when_the_answer_is_kept_is_servfail_too(dispatcher, send, answer_all, monkeypatch, caplog):
    send(query("other.example"))
    monkeypatch.setattr(dispatcher.engine, "arrived", Bug())
    answer_all(A)
    assert [understood(message[2:]).rcode() for message in send.later] == [2]
    assert len(tracebacks(caplog)) == 1


@pytest.mark.parametrize("packet", [b"", b"\0" * 11, b"\0\0\x80" + b"\0" * 20])
def test_a_bug_on_what_may_not_be_answered_says_nothing(dispatcher, send, monkeypatch, packet):
    monkeypatch.setattr(dispatcher.engine, "answer", Bug())
    assert send(packet) is None
    assert dispatcher.packet(packet, STRANGER, STRANGERS, "udp", print, 0.0) is None


@pytest.mark.parametrize("client", [CLIENT, STRANGER])
def test_a_bug_in_reading_a_packet_is_servfail_from_its_header(dispatcher, send, monkeypatch, caplog, client):
    """Nothing that reads may be asked again: it would meet the same bug, and the whole batch with it."""
    bug = Bug()
    monkeypatch.setattr("resolver.engine.parse", bug)
    monkeypatch.setattr("resolver.wire.query.parse", bug)
    for _ in range(3):
        answer = understood(send(query("evil.example", cd=True, edns=1232), client).body)
        assert answer.rcode() == 2
        assert answer.flags & ~0xF == dns.flags.QR | dns.flags.RD | dns.flags.RA | dns.flags.CD
        assert answer.question == []
    for packet in (b"", b"\0" * 11, b"\0\0\x80" + b"\0" * 20):
        assert send(packet, client) is None
    assert len(tracebacks(caplog)) == 1
    monkeypatch.undo()
    assert send(query("evil.example")).body


def test_a_bug_in_writing_an_answer_is_servfail_from_its_header(dispatcher, send, answer_all, monkeypatch, caplog):
    send(query("other.example", ident=7))
    monkeypatch.setattr("resolver.wire.reply.write", Bug())
    assert understood(send(query("evil.example")).body).rcode() == 2
    answer_all(A)
    assert [(message[:2], understood(message[2:]).rcode()) for message in send.later] == [(b"\0\7", 2)]


def test_a_way_out_with_a_bug_holds_up_no_other_answer(dispatcher, send, answer_all, caplog):
    send(query("other.example", ident=1))
    send(query("other.example", ident=2))
    waiting = next(iter(dispatcher.upstream.waiting.values()))
    waiting[0] = msgspec.structs.replace(waiting[0], send=Bug())
    answer_all(A)
    assert [message[:2] for message in send.later] == [b"\0\2"]
    assert len(tracebacks(caplog)) == 1


def test_a_bug_in_handing_over_hits_keeps_no_answer(dispatcher, send, answer_all, monkeypatch, caplog):
    send(query("other.example"))
    monkeypatch.setattr(dispatcher.hits, "flush", Bug())
    answer_all(A)
    assert len(send.later) == 1
    assert len(tracebacks(caplog)) == 1


def test_a_bug_in_counting_a_hit_keeps_no_answer(dispatcher, send, answer_all, tmp_path, monkeypatch, caplog):
    for ident in (1, 2):
        send(query("other.example", ident=ident))
    dispatcher.engine.swap(policy(tmp_path, ("new", "enforce", [listed("other.example")]), serial=8))
    monkeypatch.setattr(dispatcher.hits, "add", Bug())
    answer_all(A)
    assert [message[:2] for message in send.later] == [b"\0\1", b"\0\2"]
    assert len(tracebacks(caplog)) == 1


def test_one_place_is_one_kind_whatever_its_message_says(dispatcher, send, monkeypatch, caplog):
    """Names are theirs to choose, and a message may hold one."""
    names = (f'File "x{number}", line {number}' for number in range(20))
    monkeypatch.setattr(Policy, "judge", lambda *_given: {}[next(names)])
    for _ in range(20):
        send(query("other.example"))
    assert len(tracebacks(caplog)) == 1


def test_guard_survives_what_it_calls(dispatcher, caplog):
    done = []
    dispatcher.guard(Bug(), 1)
    dispatcher.guard(done.append, 2)
    assert done == [2]
    assert len(tracebacks(caplog)) == 1


def test_a_late_answer_makes_room_for_a_stale_one(dispatcher, send, answer_all, clock):
    """RFC 8767 section 5: after the client response timer; the question goes on, with nobody waiting."""
    send(query("other.example"))
    answer_all(A)
    clock.now += 301
    send.later.clear()
    send(query("other.example", ident=7))
    ((key, waiting),) = dispatcher.upstream.waiting.items()
    assert dispatcher.late(key, waiting) == []
    assert understood(send.later[0][2:], 7).answer[0].ttl == 30
    dispatcher.deliver(key, None, [])
    assert send(query("other.example")).body == send.later[0][2:]  # and it is not asked for a while


def test_a_late_answer_without_a_stale_one_is_waited_for(dispatcher, send, answer_all):
    send(query("other.example"))
    ((key, waiting),) = dispatcher.upstream.waiting.items()
    assert dispatcher.late(key, waiting) is waiting
    assert not send.later
    assert answer_all(A) == 1
    assert len(send.later) == 1


def test_what_is_in_use_is_asked_again_before_it_is_over(dispatcher, send, answer_all, clock):
    send(query("other.example"))
    answer_all(A)
    clock.now += 280
    assert understood(send(query("other.example")).body).answer
    (key,) = dispatcher.upstream.refreshed
    assert key[0].startswith(b"\5other")


def test_an_exemption_that_ends_while_an_answer_is_under_way(dispatcher, send, answer_all):
    """Who waits is judged by what holds when he is answered."""
    access = dispatcher.engine.access
    network = ipaddress.ip_network("127.10.0.0/24")
    access.follow(standings=NetworkTable([(network, NetworkStanding(str(network), "exempt", 0, "a laboratory"))]))
    assert isinstance(send(query("evil.example")), Forward)
    access.follow(standings=NetworkTable([(network, NetworkStanding(str(network), "normal", 0, "it is over"))]))
    answer_all("evil.example. 300 IN A 192.0.2.1")
    (message,) = send.later
    assert understood(message[2:]).answer[0][0].address.startswith("127.53.")
    assert [key[2] for key in dispatcher.hits.sent] == ["sinkhole"]
