"""What clients' options bring about, through the engine: cookies given and known, and no option in the raw table."""

from __future__ import annotations

import struct

import dns.edns
import dns.message
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.hit import unpack_facts
from resolver.cookies import CookieJar
from resolver.outcome import Forward, Reply
from resolver.policy.clients import STRANGERS
from resolver.wire.answer import read
from resolver.wire.constants import BADCOOKIE, FORMERR, NOERROR, NOTAUTH, REFUSED
from tests.resolver.making import CLIENT, answer_to, ask, errors, query, understood

NOW = 5000.0
OURS = b"clientck"
TRANSPORTS = ["udp", "tcp"]


@pytest.fixture
def jar(engine, tmp_path):
    """Cookies are on."""
    engine.options.jar = CookieJar(tmp_path)
    return engine.options.jar


def with_cookie(cookie, name="evil.example", kind="A", **how):
    return query(name, kind, options=[dns.edns.GenericOption(10, cookie)], **how)


def alone(cookie=None, options=b""):
    """A message without a question."""
    if cookie is not None:
        options = struct.pack("!HH", 10, len(cookie)) + cookie
    opt = b"\0" + struct.pack("!HHIH", 41, 1232, 0, len(options)) + options
    return struct.pack("!HHHHHH", 0x1234, 0x0100, 0, 0, 0, 1) + opt


def asked(engine, packet, transport="udp", client=CLIENT):
    """(rcode, octets of the cookie or None, the answer)."""
    outcome = engine.answer(packet, engine.access.default, transport, NOW, client)
    assert isinstance(outcome, Reply)
    answer = understood(outcome.body)
    cookies = [one.to_wire() for one in answer.options if int(one.otype) == 10]
    assert len(cookies) <= 1
    return answer.rcode(), (cookies[0] if cookies else None), answer


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("server_part", [b"", b"x" * 8, b"x" * 16, b"x" * 32], ids=["none", "8", "16", "32"])
def test_who_has_none_of_ours_is_answered_and_gets_one(engine, jar, transport, server_part):
    """RFC 7873 sections 5.2.3 and 5.2.4, the third choice."""
    rcode, cookie, answer = asked(engine, with_cookie(OURS + server_part), transport)
    assert (rcode, cookie[:8], len(cookie)) == (NOERROR, OURS, 24)
    assert answer.answer
    assert asked(engine, with_cookie(cookie), transport)[1] == cookie


@pytest.mark.parametrize("length", [0, 1, 7, 9, 15, 41, 100])
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_cookie_of_no_possible_length(engine, jar, length, transport):
    assert asked(engine, with_cookie(b"x" * length), transport)[:2] == (FORMERR, None)
    assert asked(engine, alone(b"x" * length), transport)[:2] == (FORMERR, None)


def test_of_two_cookies_the_first_counts(engine, jar):
    options = [dns.edns.GenericOption(10, OURS), dns.edns.GenericOption(10, b"x")]
    rcode, cookie, _answer = asked(engine, query("evil.example", options=options))
    assert (rcode, cookie[:8]) == (NOERROR, OURS)


@pytest.mark.parametrize(
    ("kind", "name", "how", "rcode"),
    [
        ("AXFR", "other.example", {}, NOTAUTH),
        ("A", "other.example", {"rd": False}, REFUSED),
        ("TXT", "version.bind", {"qclass": "CH"}, REFUSED),
        ("ANY", "other.example", {}, NOERROR),
        ("MX", "evil.example", {}, NOERROR),
    ],
)
def test_refusals_carry_it_too(engine, jar, kind, name, how, rcode):
    """RFC 7873 section 5.2: a client that has a cookie may drop an answer without one as forged."""
    found, cookie, answer = asked(engine, with_cookie(OURS, name, kind, **how))
    assert (found, cookie[:8], len(cookie)) == (rcode, OURS, 24)
    assert answer.question[0].name.to_text() == f"{name}."


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_what_comes_from_upstream_carries_it(engine, jar, transport):
    packet = with_cookie(OURS, "other.example")
    forward = engine.answer(packet, engine.access.default, transport, NOW, CLIENT)
    assert isinstance(forward, Forward)
    message = answer_to(query("other.example"), "other.example. 300 IN A 192.0.2.1").to_wire()
    cached = engine.arrived(forward.key, read(message, forward.key[0], 86400, 3600), NOW)
    for found in (cached, None):
        body = engine.complete(forward.query, engine.access.default, transport, found, NOW).body
        assert [one.to_wire()[:8] for one in understood(body).options if int(one.otype) == 10] == [OURS]
    _rcode, cookie, answer = asked(engine, packet, transport)
    assert (cookie[:8], answer.answer[0].to_text()) == (OURS, "other.example. 300 IN A 192.0.2.1")


def test_a_known_cookie_marks_the_question(engine, jar):
    """For what is to be believed of its sender; a forger of addresses has none."""
    _rcode, cookie, _answer = asked(engine, with_cookie(OURS))
    marks = [
        engine.answer(with_cookie(given, "other.example"), engine.access.default, "udp", NOW, client)
        .query.cookie_verified
        for given, client in ((cookie, CLIENT), (OURS, CLIENT), (cookie, b"\x7f\x0a\0\6"), (OURS + b"x" * 16, CLIENT))
    ]  # fmt: skip
    assert marks == [True, False, False, False]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_cookie_without_a_question(engine, jar, transport):
    """RFC 7873 section 5.4."""
    rcode, cookie, answer = asked(engine, alone(OURS), transport)
    assert (rcode, cookie[:8], len(cookie), answer.question, answer.answer) == (NOERROR, OURS, 24, [], [])
    assert asked(engine, alone(cookie), transport)[:2] == (NOERROR, cookie)
    rcode, fresh, _answer = asked(engine, alone(OURS + b"x" * 16), transport)
    assert (rcode, fresh[:8], len(fresh)) == (BADCOOKIE, OURS, 24)


def test_no_question_and_no_cookie(engine, jar):
    assert asked(engine, alone())[:2] == (FORMERR, None)
    assert asked(engine, alone(options=b"\0\x0b\0\0"))[:2] == (FORMERR, None)


def test_where_cookies_are_off_they_are_options_like_others(engine):
    for length in (1, 8, 24):
        rcode, cookie, answer = asked(engine, with_cookie(b"x" * length))
        assert (rcode, cookie, len(answer.answer)) == (NOERROR, None, 1)
    assert asked(engine, alone(OURS))[:2] == (FORMERR, None)


def test_a_stranger_gets_no_cookie(engine, jar):
    outcome = engine.answer(with_cookie(OURS), STRANGERS, "udp", NOW, CLIENT)
    assert (understood(outcome.body).rcode(), [int(one.otype) for one in understood(outcome.body).options]) == (
        REFUSED, [15],
    )  # fmt: skip


@pytest.mark.parametrize("options", [[], [dns.edns.GenericOption(11, b"")], [dns.edns.GenericOption(65001, b"x")]])
def test_no_option_that_was_not_asked_for(engine, jar, options):
    answer = asked(engine, query("evil.example", edns=1232, options=options))[2]
    assert [int(one.otype) for one in answer.options] == [15]
    assert asked(engine, query("evil.example"))[2].edns == -1


def test_keepalive_by_udp_is_ignored_whatever_it_says(engine):
    """RFC 7828 section 3.3.1."""
    rcode, _cookie, answer = asked(
        engine, query("evil.example", options=[dns.edns.GenericOption(11, b"\0\1")])
    )  # fmt: skip
    assert (rcode, len(answer.answer)) == (NOERROR, 1)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=80), st.sampled_from(TRANSPORTS), st.booleans())
def test_any_options_have_an_outcome_and_none_is_kept(engine, tmp_path, octets, transport, on):
    engine.options.jar = CookieJar(tmp_path) if on else None
    message = ask("evil.example", edns=1232).to_wire()
    packet = message[:-2] + struct.pack("!H", len(octets)) + octets
    rcode, _cookie, _answer = asked(engine, packet, transport)
    assert rcode in {NOERROR, FORMERR}
    if octets:
        assert engine.tables(engine.access.default).raw.get(packet[2:]) is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(
    size=st.none() | st.integers(0, 70000).map(lambda number: min(number, 65535)), count=st.integers(1, 120),
    cookie=st.booleans(), name=st.sampled_from(["other.example", "o" * 63 + "." + "p" * 63 + ".example"]),
)  # fmt: skip
def test_no_answer_is_longer_than_the_client_can_take(engine, jar, size, count, cookie, name):
    """RFC 6891 section 6.2.3: below 512 counts as 512; above our own 1232 we cut (RFC 9715)."""
    options = [dns.edns.GenericOption(10, OURS)] if cookie and size is not None else []
    packet = query(name, edns=size, options=options)
    if size == 0:  # `query` takes that for the usual size
        at = packet.index(b"\0\0\x29") + 3
        packet = packet[:at] + b"\0\0" + packet[at + 2 :]
    engine.cache.__init__(1000)
    forward = engine.answer(packet, engine.access.default, "udp", NOW, CLIENT)
    records = [f"{name}. 300 IN A 192.0.2.{number}" for number in range(count)]
    message = answer_to(query(name), *records).to_wire(max_size=65535)
    cached = engine.arrived(forward.key, read(message, forward.key[0], 86400, 3600), NOW)
    limit = min(max(size or 512, 512), 1232)
    udp = engine.complete(forward.query, engine.access.default, "udp", cached, NOW).body
    tcp = engine.complete(forward.query, engine.access.default, "tcp", cached, NOW).body
    assert len(udp) + 2 <= limit
    truncated = bool(udp[0] & 2)
    assert truncated == (len(tcp) + 2 > limit)
    assert len(understood(tcp).answer) == count
    assert len(understood(udp).answer) == (0 if truncated else count)
    assert understood(udp).edns == (-1 if size is None else 0)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(
    ("kind", "qclass", "rcode", "ede"),
    [("AXFR", "IN", NOTAUTH, 20), ("IXFR", "IN", NOTAUTH, 20), ("A", "ANY", REFUSED, 21), ("AXFR", "ANY", REFUSED, 21)],
)
def test_who_transfers_a_listed_name_asked_for_it(engine, transport, kind, qclass, rcode, ede):
    """RFC 5936 section 2.2.1 for a server that has no zones. Class ANY holds IN."""
    for name, action in (("www.evil.example", "nodata"), ("watched.example", "monitor"), ("other.example", None)):
        message = dns.message.make_query(name, kind, qclass, use_edns=0, id=0x1234)
        outcome = engine.answer(message.to_wire(), engine.access.default, transport, NOW)
        answer = dns.message.from_wire(b"\x12\x34" + outcome.body)
        assert (answer.rcode(), errors(answer), answer.answer) == (rcode, [ede], [])
        facts = outcome.hit and unpack_facts(outcome.hit)
        assert (facts and (facts.action, facts.address, facts.qname)) == (action and (action, "", name))


@pytest.mark.parametrize("qclass", ["CH", "HS", "NONE"])
def test_names_of_other_classes_are_other_names(engine, qclass):
    outcome = engine.answer(query("evil.example", qclass=qclass, edns=1232), engine.access.default, "udp", NOW)
    assert (understood(outcome.body).rcode(), errors(understood(outcome.body)), outcome.hit) == (REFUSED, [21], None)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(("name", "action"), [("Other.example", None), ("watched.example", "monitor")])
def test_any_is_answered_here(engine, transport, name, action):
    """RFC 8482 section 4.2. Listed names keep their own answer, see test_engine."""
    outcome = engine.answer(query(name, "ANY", edns=512, do=True), engine.access.default, transport, NOW)
    (record,) = understood(outcome.body).answer
    assert record.to_text() == f'{name}. 3600 IN HINFO "RFC8482" ""'
    assert (outcome.hit and unpack_facts(outcome.hit).action) == action
    assert (engine.counters.misses, engine.counters.local) == (0, 1)
