"""The whole service with upstreams that lie, stumble or are dead: nothing wrong is kept, nobody waits for ever.

Real sockets; how each name is answered stands in tests.peers.hostile.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import dns.message
import dns.query
import dns.rcode
import pytest

from contracts.control import RunFolder
from runtime.control import ask as control
from tests.e2e.service import Service
from tests.peers.conftest import running
from tests.peers.hostile import BEHAVIOURS, POISON, RIGHT, Hostile

pytestmark = [pytest.mark.e2e]
# What the client of a resolver with this one upstream must get in the end.
TRUE_IN_THE_END = ("right", "wrongid", "wrongname", "wrongtype", "wrongclass", "broken", "loops", "servfail",
                   "refused", "formerr", "forged", "huge31", "huge32", "long", "tc")  # fmt: skip
NEVER = ("silent", "tcdead", "tctc", "tcwrong")


def make(tmp_path_factory: pytest.TempPathFactory, name: str, *upstreams: Hostile) -> Iterator[Service]:
    """A service of one worker with these upstreams."""
    made = Service(tmp_path_factory.mktemp(name), upstreams[0].port)
    servers = ", ".join(f'"127.0.0.1:{one.port}"' for one in upstreams)
    text = made.config.read_text(encoding="utf-8").replace("workers: 2", "workers: 1")
    text = text.replace(f'"127.0.0.1:{upstreams[0].port}"', servers).replace("timeout_ms: 400", "timeout_ms: 250")
    made.config.write_text(text, encoding="utf-8")
    yield from running(made)


@pytest.fixture(scope="module")
def liar() -> Iterator[Hostile]:
    """The upstream that lies."""
    server = Hostile()
    yield server
    server.close()


@pytest.fixture(scope="module")
def honest() -> Iterator[Hostile]:
    """One that always tells the truth."""
    server = Hostile("right")
    yield server
    server.close()


@pytest.fixture(scope="module")
def alone(tmp_path_factory, liar: Hostile) -> Iterator[Service]:
    """Nobody but the liar to ask."""
    yield from make(tmp_path_factory, "alone", liar)


@pytest.fixture(scope="module")
def both(tmp_path_factory, liar: Hostile, honest: Hostile) -> Iterator[Service]:
    """The liar first, an honest one behind it."""
    yield from make(tmp_path_factory, "both", liar, honest)


def ask(service: Service, name: str, kind: str = "A", seconds: float = 8.0) -> dns.message.Message:
    """One question. dnspython reads all of the answer, so one that is malformed fails here."""
    query = dns.message.make_query(f"{name}.good.example", kind, use_edns=0)
    return dns.query.udp(query, "127.0.0.1", timeout=seconds, port=service.port, source="127.10.0.5")


def addresses(answer: dns.message.Message) -> set[str]:
    """Addresses of the name that was asked."""
    asked = answer.question[0].name
    return {item.address for rrset in answer.answer if rrset.name == asked for item in rrset if rrset.rdtype == 1}


def counters(service: Service) -> dict[str, int]:
    """Of the one worker."""
    found: dict[str, int] = control(RunFolder(service.state).control("resolver", 0), "status")["counters"]
    return found


@pytest.mark.parametrize("behaviour", TRUE_IN_THE_END)
def test_the_truth_comes_through(alone: Service, behaviour: str):
    for number in range(10 if behaviour in {"broken", "loops"} else 1):
        for turn in (0, 1):
            answer = ask(alone, f"{behaviour}-{number}")
            assert answer.rcode() == dns.rcode.NOERROR, (behaviour, number, turn)
            assert addresses(answer) == {RIGHT}, (behaviour, number, turn)
    assert counters(alone)["internal_errors"] == 0


@pytest.mark.parametrize("behaviour", NEVER)
def test_where_there_is_no_truth_the_client_hears_so_in_time(alone: Service, behaviour: str):
    began = time.monotonic()
    answer = ask(alone, f"{behaviour}-1")
    assert answer.rcode() == dns.rcode.SERVFAIL
    assert not answer.answer
    assert answer.extended_errors()
    assert time.monotonic() - began < 5
    assert addresses(ask(alone, f"right-after-{behaviour}")) == {RIGHT}, "others are not held up"


def test_records_of_other_names_are_not_kept_for_them(alone: Service, liar: Hostile):
    """Names that a forged section spoke of are asked for when they are asked for."""
    assert addresses(ask(alone, "forged-2")) == {RIGHT}
    assert liar.asked["victim"] == 0
    assert addresses(ask(alone, "victim")) == {RIGHT}
    assert addresses(ask(alone, "ns")) == {RIGHT}
    assert liar.asked["victim"] == liar.asked["ns"] == 1


@pytest.mark.parametrize(("behaviour", "kept", "ttl"), [
    ("huge31", False, 0), ("huge32", False, 0), ("long", True, 86400), ("nosoa", False, None), ("nodata", False, None),
    ("negative", True, None),
])  # fmt: skip
def test_how_long_odd_answers_are_kept(alone: Service, liar: Hostile, behaviour: str, kept: bool, ttl: int | None):
    """RFC 2181 section 8: a TTL with its highest bit set is 0. RFC 2308 section 5: no SOA, not kept."""
    name = f"{behaviour}-3"
    first = ask(alone, name)
    ask(alone, name)
    assert liar.asked[name] == (1 if kept else 2)
    if ttl is not None:
        assert first.answer[0].ttl == ttl
    else:
        assert first.rcode() == (dns.rcode.NOERROR if behaviour == "nodata" else dns.rcode.NXDOMAIN)


def test_nothing_malformed_is_handed_on(alone: Service):
    """Every kind of lie, again and again: dnspython can read whatever our clients get."""
    with ThreadPoolExecutor(16) as pool:
        names = [f"{behaviour}-{i}" for i in range(10, 16) for behaviour in ("broken", "loops", "formerr", "forged")]
        for answer in pool.map(lambda name: ask(alone, name), names):
            assert POISON not in addresses(answer)
    assert counters(alone)["internal_errors"] == 0


def test_nobody_fails_while_one_good_upstream_is_left(both: Service):
    """Every behaviour ten times, all at once."""
    lies = [one for one in BEHAVIOURS if one not in {"nosoa", "nodata", "negative", "forged", "data"}]
    with ThreadPoolExecutor(32) as pool:
        names = [f"{behaviour}-{i}" for i in range(20, 30) for behaviour in lies]
        answers = list(pool.map(lambda name: (name, ask(both, name)), names))
    assert [name for name, answer in answers if addresses(answer) != {RIGHT}] == []
    found = counters(both)
    assert (found["failed"], found["internal_errors"]) == (0, 0)


@pytest.mark.parametrize("number", range(3))
def test_malformed_record_data_is_not_handed_on(alone: Service, number: int):
    """A pointer inside a CNAME that leads to itself, an address of two octets: asked again, as any garbage is."""
    for _time in (1, 2):
        assert addresses(ask(alone, f"data-{number}")) == {RIGHT}


def test_dead_names_do_not_hold_up_living_ones(alone: Service):
    """Two hundred questions that nobody answers are under way; names asked behind them come at once."""
    with socket.socket(type=socket.SOCK_DGRAM) as link:
        link.connect(("127.0.0.1", alone.port))
        for number in range(200):
            link.send(dns.message.make_query(f"silent-dead{number}.good.example", "A").to_wire())
        slowest = 0.0
        for number in range(50):
            began = time.monotonic()
            assert addresses(ask(alone, f"right-living{number}")) == {RIGHT}
            slowest = max(slowest, time.monotonic() - began)
    assert slowest < 0.5, "longer than two time-outs of an upstream"


def load(service: Service, phase: str) -> list[str]:
    """A hundred names nobody has asked yet, eight at a time; those that failed."""
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda i: ask(service, f"{phase}-{i}"), range(100)))
    return [answer.question[0].name.to_text() for answer in answers if addresses(answer) != {RIGHT}]


def test_nobody_fails_while_upstreams_are_stopped_one_after_the_other(tmp_path_factory):
    """The port of the first is closed, then the first is back and the second falls silent."""
    first, second = Hostile("right"), Hostile("right")
    course = make(tmp_path_factory, "stopping", first, second)
    service = next(course)
    try:
        assert load(service, "before") == []
        first.close()
        assert load(service, "closed") == []
        first = Hostile("right", first.port)
        second.mood = "silent"
        assert load(service, "silent") == []
    finally:
        first.close()
        second.close()
        course.close()


def test_an_upstream_that_is_started_again_is_heard_at_once(tmp_path_factory):
    """The one upstream of a small place is restarted: what failed meanwhile is over with it."""
    server = Hostile("right")
    course = make(tmp_path_factory, "restarted", server)
    service = next(course)
    try:
        assert load(service, "before") == []
        server.close()
        assert len(load(service, "gone")) == 100
        server = Hostile("right", server.port)
        assert addresses(ask(service, "first")) == {RIGHT}
        began = time.monotonic()
        assert load(service, "again") == []
        assert time.monotonic() - began < 5, "nothing waits for answers that are there"
    finally:
        server.close()
        course.close()


def test_a_stale_answer_where_no_upstream_is_left(tmp_path_factory):
    """RFC 8767: what is over stands in, is marked as such, and comes within two seconds."""
    server = Hostile()
    course = make(tmp_path_factory, "stale", server)
    running_one = next(course)
    assert addresses(ask(running_one, "short-1")) == {RIGHT}
    server.mood = "silent"
    time.sleep(1.2)
    for _time in (1, 2):
        began = time.monotonic()
        answer = ask(running_one, "short-1")
        assert addresses(answer) == {RIGHT}
        assert [one.code for one in answer.extended_errors()] == [3]
        assert answer.answer[0].ttl == 30
        assert time.monotonic() - began < 2.5
    assert ask(running_one, "short-2").rcode() == dns.rcode.SERVFAIL
    assert counters(running_one)["stale"] >= 2
    server.close()
    course.close()
