"""What changes while a question is put aside, and hits that must be handed over before answers leave."""

from __future__ import annotations

import ipaddress

import dns.edns
import dns.flags
import pytest

from contracts.settings import Limits
from resolver.cookies import CookieJar
from resolver.server import aside
from resolver.server.limits import ClientLimits
from tests.resolver.making import listed, listed_network, policy, query, understood

HOST = "127.10.0.5"
PACKED = ipaddress.ip_address(HOST).packed


@pytest.fixture
def flooding(served):
    """One question of HOST goes ahead, nine behind, the rest is over."""
    served.dispatcher.limits = ClientLimits(Limits(questions=100))
    return served


def ask(served, names):
    for number, name in enumerate(names):
        served.put(HOST, query(name, ident=number))
    served.loop.settle()


@pytest.mark.parametrize("count", [9, 29], ids=["behind", "and over"])
def test_a_policy_that_comes_meanwhile_blames_its_own_list(flooding, tmp_path, count):
    engine = flooding.dispatcher.engine
    network = listed_network(f"{HOST}/32", "client")
    engine.swap(policy(tmp_path, ("clients", "enforce", [network]), ("names", "enforce", []), serial=2))
    ask(flooding, ["first.example"])
    ask(flooding, [f"x{number}.example" for number in range(count)])
    before = sum(flooding.dispatcher.hits.sent.values())
    engine.swap(policy(tmp_path, ("names", "enforce", [listed("other.example")]), serial=3))
    flooding.loop.advance(1)
    assert sum(flooding.dispatcher.hits.sent.values()) == before, "no list of this policy speaks of the machine"


def test_nothing_leaves_before_its_hit_where_older_questions_make_room(flooding, monkeypatch):
    """A full table of questions under way sheds one, whose client waits in the same outbox."""
    flooding.dispatcher.limits = ClientLimits(Limits(questions=1000))  # ten ahead, ninety behind
    monkeypatch.setattr(aside, "SECONDS", 1)  # a fast machine
    dispatcher, upstream = flooding.dispatcher, flooding.dispatcher.upstream
    ask(flooding, ["waits.example"] * 5)
    (shed,) = list(upstream.waiting.items())

    def make_room(key, waiting):
        upstream.waiting.clear()
        dispatcher.shed(*shed)
        upstream.waiting[key] = [waiting]
        return True

    monkeypatch.setattr(upstream, "ask", make_room)
    unsaid = []
    batch = flooding.server._late._batch
    send = batch.send

    def watched(*given):
        unsaid.append(sum(dispatcher.hits.folded.values()))
        return send(*given)

    monkeypatch.setattr(batch, "send", watched)
    names = [f"x{number}.evil.example" for number in range(5)] + ["new.example"]
    names += [f"y{number}.evil.example" for number in range(70)]
    ask(flooding, names)
    flooding.loop.advance(1)
    assert len(flooding.answers(HOST)) == 80
    assert unsaid == [0] * len(unsaid)


def test_what_was_put_aside_leaves_behind_its_hits(flooding, monkeypatch):
    ask(flooding, ["first.evil.example"])
    flooding.answers(HOST)
    seen = []
    flush = flooding.server.flush_late

    def watched():
        seen.append(sum(flooding.dispatcher.hits.folded.values()))
        flush()

    monkeypatch.setattr(flooding.server, "flush_late", watched)
    ask(flooding, [f"x{number}.evil.example" for number in range(15)])
    flooding.loop.advance(1)
    assert len(flooding.answers(HOST)) == 15
    assert seen
    assert not any(seen)


def test_who_has_shown_that_it_reads_is_told_however_much_others_ask_in_its_name(flooding, tmp_path):
    """No forger has its cookie: that all the machine may be told is used up by forged questions is not its doing."""
    jar = flooding.dispatcher.engine.options.jar = CookieJar(tmp_path)
    cookie, _verified = jar.renew(b"clientck", PACKED)
    ask(flooding, [f"forged{number}.evil.example" for number in range(40)])
    flooding.loop.advance(1)
    flooding.answers(HOST)
    packet = query("real.evil.example", options=[dns.edns.GenericOption(10, cookie)])
    assert understood(flooding.exchange(HOST, packet)[2:]).flags & dns.flags.TC
