"""Who keeps a TCP place when there are few: caps for all and for one address, idle times, keepalive (RFC 7828)."""

from __future__ import annotations

import dns.edns
from hypothesis import given
from hypothesis import strategies as st

from resolver.server.places import Places
from tests.resolver.making import query, understood
from tests.resolver.server.streams import IDLE, LIMIT, OUTSIDE, PER_CLIENT

KEEPALIVE = dns.edns.GenericOption(11, b"")


def answered(client, packet=None):
    client.send(packet or query("evil.example"))
    return understood(client.take(1)[0][2:])


def from_inside(connect, count):
    return [connect(f"127.10.1.{number}") for number in range(1, count + 1)]


def test_one_address_has_a_cap_of_its_own(connect):
    first, second, *_rest = [connect() for _ in range(PER_CLIENT)]
    other = connect("127.10.0.6")
    answered(first)
    newest = connect()
    second.until_closed()
    for client in (first, newest, other):
        assert answered(client).answer


def test_an_address_that_uses_all_it_may_have_gets_no_more(connect, spin, factory, answer_all):
    """What it waits for is worth more than what it may ask."""
    clients = [connect() for _ in range(PER_CLIENT)]
    for client in clients:
        client.send(query("other.example"))
    spin(lambda: sum(map(len, factory.dispatcher.upstream.waiting.values())) == PER_CLIENT, "asked")
    connect().until_closed()
    answer_all("other.example. 300 IN A 192.0.2.1")
    for client in clients:
        assert len(client.take(1)) == 1


def test_strangers_get_no_place_when_all_are_taken(connect):
    clients = from_inside(connect, LIMIT)
    connect(OUTSIDE).until_closed()
    for client in clients:
        assert answered(client).answer


def test_strangers_make_place_first(connect):
    inside = connect()
    stranger = connect(OUTSIDE)
    others = from_inside(connect, LIMIT - 2)
    newest = connect("127.10.0.9")
    stranger.until_closed()
    for client in (inside, newest, *others):
        assert answered(client).answer


def test_places_and_those_who_got_or_kept_none_are_told(connect, spin, factory):
    counters = factory.dispatcher.engine.counters
    assert factory.status() == {"limit": LIMIT, "insiders": 0, "strangers": 0}
    stranger = connect(OUTSIDE)
    from_inside(connect, LIMIT - 1)
    assert factory.status() == {"limit": LIMIT, "insiders": LIMIT - 1, "strangers": 1}
    assert (counters.tcp_turned_away, counters.tcp_displaced) == (0, 0)
    connect("127.10.0.9")
    stranger.until_closed()
    assert (counters.tcp_turned_away, counters.tcp_displaced) == (0, 1)
    connect(OUTSIDE).until_closed()
    assert (counters.tcp_turned_away, counters.tcp_displaced) == (1, 1)
    assert factory.status() == {"limit": LIMIT, "insiders": LIMIT, "strangers": 0}


def test_one_that_waits_for_an_answer_is_not_idle(connect, spin, factory, answer_all):
    waits = connect()
    waits.send(query("other.example"))
    spin(lambda: factory.dispatcher.upstream.waiting, "asked")
    idle, *_rest = from_inside(connect, LIMIT - 1)
    connect("127.10.0.9")
    idle.until_closed()
    answer_all("other.example. 300 IN A 192.0.2.1")
    assert len(waits.take(1)) == 1


def test_one_that_was_just_answered_is_not_the_longest_idle(connect, spin, factory, answer_all):
    asked = connect()
    asked.send(query("other.example"))
    spin(lambda: factory.dispatcher.upstream.waiting, "asked")
    idle, *_rest = from_inside(connect, LIMIT - 1)
    answer_all("other.example. 300 IN A 192.0.2.1")
    connect("127.10.0.9")
    idle.until_closed()
    assert len(asked.take(1)) == 1
    assert answered(asked).answer


def test_idle_times_shrink_with_the_places_that_are_left(connect, factory):
    seen = [factory.idle_seconds]
    for client in range(1, LIMIT + 1):
        connect(f"127.10.0.{client}")
        seen.append(factory.idle_seconds)
    assert seen == [IDLE, IDLE, IDLE, IDLE / 2, 1.0]


def test_a_question_starts_the_idle_time_that_holds_now(connect, timers):
    first, *others = from_inside(connect, LIMIT)
    answered(first)
    timers.advance(1.1)
    first.until_closed()
    others[0].send(query("evil.example"))
    assert len(others[0].take(1)) == 1


def promised(client, **how):
    """What keepalive says in the answer, in tenths of a second."""
    options = answered(client, query("evil.example", **how)).options
    return [int.from_bytes(one.to_wire(), "big") for one in options if int(one.otype) == 11]


def test_keepalive_is_told_to_those_who_ask_for_it_as_it_is_now(connect):
    client = connect()
    assert promised(client, options=[KEEPALIVE]) == [IDLE * 10]
    assert promised(client, edns=1232) == promised(client) == []
    from_inside(connect, 2)
    assert promised(client, options=[KEEPALIVE]) == [IDLE * 5]


def test_a_keepalive_that_tells_us_a_time_is_a_format_error(connect):
    answer = answered(connect(), query("evil.example", options=[dns.edns.GenericOption(11, b"\0\x0a")]))
    assert (answer.rcode(), answer.answer) == (1, [])


class Held:
    """A connection as the places see it."""

    def __init__(self, client, stranger):
        self.client = client
        self.stranger = stranger
        self.busy = False


STEPS = st.lists(st.tuples(st.sampled_from(["enter", "active", "leave", "busy"]), st.integers(0, 7)), max_size=80)


@given(STEPS)
def test_no_cap_is_ever_passed_and_nobody_is_forgotten(steps):
    places = Places(4, 2)
    held = []  # in the order in which they were active
    for what, number in steps:
        if what == "enter":
            new = Held(bytes((number // 2,)), number // 2 == 3)
            full = len(held) == 4
            admitted, loser = places.enter(new, new.client, stranger=new.stranger)
            if loser is not None:
                held.remove(loser)
                assert not loser.busy or full
                assert loser.client == new.client or full
                assert loser.stranger or not new.stranger
            assert admitted or new.stranger or sum(one.client == new.client for one in held) == 2
            if admitted:
                held.append(new)
        elif held:
            one = held[number % len(held)]
            if what == "active":
                places.active(one)
                held.append(held.pop(held.index(one)))
            elif what == "leave":
                places.leave(one)
                held.remove(one)
            else:
                one.busy = not one.busy
        assert set(places.holders()) == set(held)
        assert len(places) == len(held) <= 4
        assert all(sum(other.client == one.client for other in held) <= 2 for one in held)
    for one in held:
        places.leave(one)
        places.leave(one)
    assert (len(places), places.taken, places._of) == (0, 0.0, {})


def test_those_who_have_no_place_may_leave():
    places = Places(4, 2)
    places.leave(Held(b"a", False))
    places.active(Held(b"a", False))
    assert len(places) == 0
