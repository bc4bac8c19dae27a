"""What errors and unreadable answers say about a server: that it lives, and whether it knows EDNS. No sockets."""

from __future__ import annotations

import struct

import dns.flags
import pytest

from resolver.upstream.server import DOWN_AFTER, PLAIN_SECONDS
from tests.resolver.making import answer_to, understood
from tests.resolver.upstream.asked import A, Asked


@pytest.mark.parametrize("rcode", [1, 2, 4, 5])
def test_a_server_that_answers_with_errors_is_not_down(rcode):
    """One broken zone must not take a healthy upstream from everyone."""
    asked = Asked(attempts=2)
    for number in range(DOWN_AFTER * 2):
        question = asked.ask(f"x{number}.broken.example")
        assert asked.number(question) == 0
        assert asked.answer(question, rcode=rcode) is question
        asked.send(question)
        assert asked.number(question) == 1
        asked.answer(question, rcode=rcode)
    assert [server.failures for server in asked.servers] == [0, 0]
    assert asked.counters.upstream_failures == DOWN_AFTER * 4


def test_an_answer_that_cannot_be_read_is_not_silence():
    asked = Asked(attempts=2)
    for number in range(DOWN_AFTER):
        question = asked.ask(f"x{number}.example")
        packet = answer_to(asked.packet(question), f"x{number}.example. 1 IN A 192.0.2.1").to_wire()
        asked.exchange.received(question.link, packet[:-15], asked.now)
    assert asked.number(asked.ask("next.example")) == 0


def test_who_only_knows_who_might_know_is_passed_over():
    """A referral (RFC 2308 section 2.2): a client would take it for an empty answer."""
    asked = Asked(attempts=2)
    question = asked.ask()
    assert asked.answer(question, authority=["www.example. 300 IN NS ns.www.example."]) is question
    assert asked.counters.upstream_bad == 1
    asked.send(question)
    assert asked.number(question) == 1
    asked.answer(question)
    assert asked.delivered[0][1].rcode == 0  # nothing at all is an empty answer


def bare(rcode):
    """An error with nothing but a header, as servers send it that could not read the question."""
    return struct.pack("!HHHHH", 0x8180 | rcode, 0, 0, 0, 0)


def knows_edns(question):
    """Whether it is asked with EDNS."""
    return question.edns


def old_answer(asked, question, *records):
    """What a server says that knows no EDNS: FORMERR to questions with it."""
    if knows_edns(question):
        return asked.exchange.received(question.link, question.ident + bare(1), asked.now)
    return asked.answer(question, *records, edns=False)


@pytest.mark.parametrize("rcode", [1, 4])
@pytest.mark.parametrize("echoed", [False, True])
def test_who_knows_no_edns_is_asked_again_without(rcode, echoed):
    """RFC 6891 section 7. It is the same try: the next server is for other troubles."""
    asked = Asked(attempts=1)
    question = asked.ask(bits=0x11)
    if echoed:
        assert asked.answer(question, rcode=rcode, edns=False) is question
    else:
        packet = question.ident + bare(rcode)
        assert asked.exchange.received(question.link, packet, asked.now) is question
    packet = asked.send(question)
    assert asked.number(question) == 0
    message = understood(packet[2:], int.from_bytes(packet[:2], "big"))
    assert (message.edns, message.flags) == (-1, dns.flags.RD | dns.flags.CD)
    asked.answer(question, A, edns=False)
    assert asked.delivered[0][1].lifetime == 300


def test_who_knows_no_edns_is_remembered_for_a_while():
    asked = Asked(attempts=1)
    question = asked.ask("one.example")
    asked.send(old_answer(asked, question))
    old_answer(asked, question, "one.example. 1 IN A 192.0.2.1")
    assert not knows_edns(asked.ask("two.example"))
    asked.now += PLAIN_SECONDS - 1
    old_answer(asked, asked.ask("three.example"), "three.example. 1 IN A 192.0.2.1")
    asked.now += 1
    assert knows_edns(asked.ask("four.example"))  # it may have been replaced meanwhile


def test_an_error_that_has_nothing_to_do_with_edns_goes_to_the_next():
    asked = Asked(attempts=2)
    question = asked.ask()
    asked.send(old_answer(asked, question))
    assert not knows_edns(question)
    assert asked.answer(question, rcode=1, edns=False) is question
    asked.send(question)
    assert asked.number(question) == 1
    assert knows_edns(question)
    asked.answer(question, A)
    assert asked.delivered[0][1].lifetime == 300
    assert knows_edns(asked.ask("other.example"))


def test_a_zone_that_knows_no_edns_costs_the_others_nothing():
    """A forwarder may hand on what servers behind it say: its own EDNS has been seen."""
    asked = Asked(attempts=1)
    asked.answer(asked.ask(), A)
    question = asked.ask("old.example")
    asked.send(old_answer(asked, question))
    old_answer(asked, question, "old.example. 1 IN A 192.0.2.1")
    assert len(asked.delivered) == 2
    assert knows_edns(asked.ask("other.example"))


def test_servers_that_all_refuse_to_read_come_to_an_end():
    asked = Asked(servers=3, attempts=5)
    question = asked.ask()
    for _ in range(3 + 5):  # each once with EDNS more than it has tries
        assert not asked.delivered
        again = asked.exchange.received(question.link, question.ident + bare(1), asked.now)
        if again is not None:
            asked.send(again)
    assert asked.waiters() == ["client"]
    assert asked.exchange.expired(asked.now + 10) == []


@pytest.mark.parametrize("rcode", [2, 5])
def test_an_error_without_question_is_an_answer(rcode):
    """Waiting on would be in vain."""
    asked = Asked(attempts=2)
    question = asked.ask()
    assert asked.exchange.received(question.link, question.ident + bare(rcode), asked.now) is question
    asked.send(question)
    assert asked.number(question) == 1


@pytest.mark.parametrize("rcode", [0, 3])
def test_what_answers_must_have_its_question(rcode):
    asked = Asked()
    question = asked.ask()
    assert asked.exchange.received(question.link, question.ident + bare(rcode), asked.now) is None
    assert asked.counters.upstream_mismatches == 1
    asked.answer(question, A)
    assert len(asked.delivered) == 1
