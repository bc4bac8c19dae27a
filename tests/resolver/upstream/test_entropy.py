"""Mixed case: what is sent, who does not keep it, and that neither cache nor clients see it. No sockets."""

from __future__ import annotations

import dns.message
import dns.name
import dns.rdatatype
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.upstream.entropy import Entropy
from resolver.upstream.exchange import FLOOD
from resolver.upstream.question import REMEMBERED
from resolver.upstream.server import LEVEL_AFTER, LEVEL_SECONDS
from resolver.wire import answer as wire_answer
from tests.resolver.making import answer_to, any_name
from tests.resolver.upstream.asked import A, Asked, key

LONG = "the-quick-brown-fox-jumps-over-the-lazy-dog.example"


@given(name=any_name())
def test_only_letters_change(name):
    lower = name.to_wire().lower()
    mixed = Entropy().mixed(lower)
    assert mixed.lower() == lower
    assert len(mixed) == len(lower)


def test_every_letter_has_both_cases():
    entropy = Entropy()
    name = key(LONG)[0][:-4]
    seen = [entropy.mixed(name) for _ in range(200)]
    for at, octet in enumerate(name):
        cases = {mixed[at] for mixed in seen}
        assert len(cases) == (2 if chr(octet).isalpha() and at else 1), at
    assert len(set(seen)) == 200


def other_case(asked, question, *records):
    """An answer whose question is in lower case, or upper where it was."""
    packet = asked.packet(question)
    swapped = packet[:12] + packet[12:-4].swapcase() + packet[-4:]
    message = answer_to(swapped, *records)
    return asked.exchange.received(question.link, message.to_wire(), asked.now)


def test_another_case_is_asked_again_without_mixing_by_another_port():
    asked = Asked(attempts=1)
    question = asked.ask(LONG)
    assert question.asked != key(LONG)[0]
    first = question.link
    assert other_case(asked, question, f"{LONG}. 300 IN A 192.0.2.66") is question
    assert asked.delivered == []
    assert asked.counters.upstream_mismatches == 1
    packet = asked.send(question)
    assert question.asked == key(LONG)[0]
    assert question.link is not first
    assert question.server is first.server
    assert len(question.tried) == 1
    assert dns.message.from_wire(packet).question[0].name == dns.name.from_text(LONG)
    asked.answer(question, f"{LONG}. 300 IN A 192.0.2.1")
    assert asked.delivered[0][1].records.data[-4:] == b"\xc0\0\2\1"


def test_a_server_that_lowers_is_remembered_for_an_hour():
    asked = Asked(servers=1)
    (server,) = asked.servers
    for number in range(LEVEL_AFTER):
        question = asked.ask(f"x{number}.{LONG}")
        assert other_case(asked, question) is question
        asked.send(question)
        asked.answer(question)
    assert not asked.exchange.mixes_case(server, asked.now)
    assert asked.ask(LONG).asked == key(LONG)[0]
    asked.now += LEVEL_SECONDS
    assert asked.ask(f"later.{LONG}").asked != key(f"later.{LONG}")[0]


def test_mixing_can_be_switched_off_and_is_not_for_connections():
    assert Asked(mixed_case=False).ask(LONG).asked == key(LONG)[0]
    assert Asked(servers=["tcp://127.0.0.1:53"]).ask(LONG).asked == key(LONG)[0]


def written_out(question, ident, owner):
    """An answer of a server that compresses nothing: one A record of `owner`."""
    record = owner + b"\0\1\0\1\0\0\1\x2c\0\4\xc0\0\2\1"
    return ident + b"\x81\x80\0\1\0\1\0\0\0\0" + question + record


@pytest.mark.parametrize("labels", [0, 1])
def test_owner_names_in_our_mixed_case_come_back_in_lower_case(labels):
    """Clients and the cache must not see what chance made of a name."""
    asked = Asked()
    question = asked.ask(LONG)
    owner = question.asked[:-4]
    for _ in range(labels):
        owner = owner[1 + owner[0] :]
    asked.exchange.received(question.link, written_out(question.asked, question.ident, owner), asked.now)
    ((_key, answer, _waiters),) = asked.delivered
    assert answer.records.data.startswith(owner.lower())
    assert answer.records.data[len(owner) :].endswith(b"\xc0\0\2\1")


def test_other_owner_names_keep_their_case():
    owner = dns.name.from_text("Other.Example").to_wire()
    question = b"\3wWw\7eXample\0\0\1\0\1"
    answer = wire_answer.read(written_out(question, b"\0\0", owner), question, 300, 300)
    assert answer.records.data.startswith(owner)


def test_a_pointer_into_the_question_is_fine():
    asked = Asked()
    question = asked.ask()
    asked.answer(question, A)
    assert asked.delivered[0][1].records.data.startswith(b"\xc0\x0c\0\1")


def test_a_flood_of_wrong_ids_moves_the_port_to_tcp():
    asked = Asked(servers=1, attempts=1)
    questions = [asked.ask(f"x{number}.example") for number in range(3)]
    (link,) = {question.link for question in questions}
    unknown = next(ident for number in range(9) if (ident := bytes((number, 7))) not in link.pending)
    for _ in range(FLOOD):
        assert asked.exchange.received(link, unknown + bytes(30), asked.now) is None
    assert link.wrong == FLOOD
    assert asked.exchange.flooded(link) == questions
    for question in questions:
        asked.send(question)
        assert question.link.stream
        asked.answer(question)
    assert len(asked.waiters()) == 3
    assert asked.counters.upstream_tcp == 3


def test_answers_that_come_late_are_no_flood():
    asked = Asked(servers=1, attempts=1)
    questions = [asked.ask(f"x{number}.example") for number in range(FLOOD * 2)]
    link = questions[0].link
    late = [question.ident for question in questions]
    asked.expire()
    for ident in late:
        asked.exchange.received(link, ident + bytes(30), asked.now)
    assert link.wrong == 0
    unknown = next(ident for number in range(256) if (ident := bytes((number, 7))) not in late)
    asked.exchange.received(link, unknown + bytes(30), asked.now)
    assert link.wrong == 1


def test_time_outs_give_a_forger_no_free_guesses():
    """Anyone can bring about questions that nobody answers."""
    asked = Asked(servers=1, attempts=1)
    for number in range(REMEMBERED * 2):
        link = asked.ask(f"x{number}.dead.example").link
    asked.expire()
    for number in range(1000):
        asked.exchange.received(link, number.to_bytes(2, "big") + bytes(30), asked.now)
    assert link.wrong > FLOOD


def test_an_id_is_not_given_out_again_while_its_answer_may_come_late(monkeypatch):
    asked = Asked(servers=1, attempts=1)
    first = asked.ask("one.example")
    link, ident = first.link, first.ident
    asked.expire()
    idents = iter([ident, b"\1\2"])
    monkeypatch.setattr(Entropy, "ident", lambda _self: next(idents))
    assert asked.ask("two.example").ident == b"\1\2"
    assert link.wrong == 0


@pytest.mark.parametrize("end", ["given up", "refused", "another case"])
def test_nor_are_answers_to_what_was_let_go_of_before(end):
    asked = Asked(servers=1, attempts=1)
    questions = [asked.ask(f"x{number}.{LONG}") for number in range(FLOOD * 2)]
    link = questions[0].link
    late = [(question, asked.packet(question)) for question in questions]
    if end == "refused":
        asked.exchange.broken(link, asked.now)
    for question, packet in late:
        if end == "given up":
            asked.exchange.give_up(question)
        elif end == "another case":  # that was a forgery, say: the true one may still come
            asked.exchange.received(link, answer_to(packet[:12] + packet[12:].swapcase()).to_wire(), asked.now)
    assert not link.pending
    for _question, packet in late:
        asked.exchange.received(link, packet[:2] + bytes(30), asked.now)
    assert link.wrong == 0


def test_duplicates_are_no_flood():
    asked = Asked(servers=1)
    for number in range(FLOOD * 2):
        question = asked.ask(f"x{number}.example")
        link = question.link
        asked.answer(question)
        asked.answer(question, link=link)
    assert asked.counters.upstream_mismatches == FLOOD * 2
    assert link.wrong == 0


@given(junk=st.binary(max_size=80))
def test_any_octets_in_answer_to_a_mixed_question(junk):
    asked = Asked(servers=1, attempts=1)
    question = asked.ask(LONG)
    asked.exchange.received(question.link, question.ident + junk, asked.now)
    assert len(asked.delivered) + len(asked.exchange) == 1
