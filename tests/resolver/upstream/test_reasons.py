"""Why a server cannot be reached: in words, in status, and for as long as it is so."""

from __future__ import annotations

import errno
from unittest.mock import Mock

import pytest
from OpenSSL import SSL
from twisted.internet import error

from contracts import names
from resolver.upstream.pool import TICK
from resolver.upstream.reasons import words
from tests.resolver.upstream.asked import zone
from tests.resolver.upstream.test_pool import NOWHERE, known


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (error.ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), "connection refused"),
        (error.NoRouteError(errno.ENETUNREACH, "Network is unreachable"), "network is unreachable"),
        (error.TCPTimedOutError(errno.ETIMEDOUT, "Connection timed out"), "connection timed out"),
        (error.ConnectError(errno.EHOSTUNREACH, "No route to host"), "no route to host"),
        (error.TimeoutError(), "it accepts no connection in time"),
        (error.ConnectionDone(), "it closes connections without an answer"),
        (error.ConnectionLost("Connection reset by peer"), "it breaks connections off without an answer"),
        (OSError(errno.ECONNREFUSED, ""), "connection refused"),
        (OSError("TLS to x is impossible: no"), "TLS to x is impossible: no"),
        (FileNotFoundError(errno.ENOENT, "No such file", "ca.pem"), "[Errno 2] No such file: 'ca.pem'"),
        (SSL.Error([("SSL routines", "", "certificate verify failed")]), "certificate verify failed"),
        (ValueError(), "ValueError"),
    ],
)
def test_it_is_said_once(given, said):
    assert words(given) == said


def problem(pool, number=0):
    return pool.pool.status()[number]["problem"]


def ask(pool):
    pool.ask()
    pool.pool.flush()


@pytest.mark.parametrize("questions", [1, 3])
def test_a_server_of_datagrams_that_refuses_them_says_so_until_it_answers(asking, upstream, caplog, questions):
    """The kernel tells with a read, or with the next send."""
    gone = upstream()
    gone.link.close()
    pool = asking(gone.endpoint, sockets=1, attempts=1)
    for number in range(questions):
        pool.ask(f"x{number}.example")
        pool.pool.flush()
    pool.until_delivered(questions)
    assert problem(pool) == "connection refused"
    assert caplog.messages == [f"upstream {gone.endpoint} cannot be reached: connection refused"]  # once a minute
    back = upstream(port=gone.port)
    ask(pool)
    back.answer("www.example. 300 IN A 192.0.2.1")
    pool.until_delivered(questions + 1)
    assert problem(pool) == ""
    assert pool.pool.status()[0]["heard"]


def test_a_read_without_a_datagram_takes_no_reason_back(asking, upstream):
    pool = asking(upstream().endpoint)
    ask(pool)
    (port,) = pool.loop.readers
    port.link.server.problem = "connection refused"
    port.doRead()
    assert problem(pool) == "connection refused"


def test_no_way_for_datagrams(asking):
    pool = asking(NOWHERE)
    ask(pool)
    assert problem(pool) == "permission denied"  # Linux says so of the broadcast address


def test_a_silent_server_has_its_silence_for_a_reason_once_it_is_down(asking, upstream):
    silent, other = upstream(), upstream()
    pool = asking(silent.endpoint, other.endpoint, attempts=1)
    known(pool, 0.001, 0.02)
    other_said = []

    def turn():
        ask(pool)
        pool.loop.pump([TICK] * 20)
        other_said.append(other.answer_all())
        pool.loop.turn()
        return pool.pool.status()[0]

    assert (turn()["up"], problem(pool)) == (True, "")
    for _ in range(3):
        told = turn()
    assert not told["up"]
    assert told["problem"] == f"no answer to the last {told['failures']} questions"
    assert told["failures"] >= 3
    assert problem(pool, 1) == ""


def test_a_server_that_has_not_answered_yet_was_not_heard(asking, upstream):
    server = upstream()
    pool = asking(server.endpoint)
    assert not pool.pool.status()[0]["heard"]
    ask(pool)
    assert not pool.pool.status()[0]["heard"]
    server.answer("www.example. 300 IN A 192.0.2.1")
    pool.until_delivered()
    assert pool.pool.status()[0]["heard"]


def test_who_takes_connections_and_says_nothing(streaming, asking, reactor, spin):
    now = [100.0]
    server, port = streaming(lambda _packet: [])
    pool = asking(f"tcp://127.0.0.1:{port}", loop=reactor, clock=lambda: now[0], attempts=1)
    ask(pool)
    spin(lambda: server.asked, "the question")
    now[0] += 2
    spin(lambda: pool.delivered, "its failure")
    assert problem(pool) == "it accepts connections but does not answer"


def test_who_takes_no_connection(asking, reactor, spin, upstream, monkeypatch):
    """As behind a firewall that drops everything."""
    now = [100.0]
    pool = asking(f"tcp://127.0.0.1:{upstream().port}", loop=reactor, clock=lambda: now[0], attempts=1)
    with monkeypatch.context() as patch:
        patch.setattr(reactor, "connectTCP", lambda *_given, **_more: Mock())
        ask(pool)
    now[0] += 2
    spin(lambda: pool.delivered, "its failure")
    assert problem(pool) == "it accepts no connection in time"


def test_whom_a_name_is_asked_of(asking):
    pool = asking("10.1.1.1", "tls://10.1.1.2#dns.example", zones=[zone("ad.vn", "10.2.2.2", "tcp://10.2.2.3")]).pool
    for name, scope, servers in (
        ("www.example", ".", ["10.1.1.1:53", "tls://10.1.1.2:853#dns.example"]),
        ("vn", ".", ["10.1.1.1:53", "tls://10.1.1.2:853#dns.example"]),
        ("ad.vn", "ad.vn", ["10.2.2.2:53", "tcp://10.2.2.3:53"]),
        ("dc.ad.vn", "ad.vn", ["10.2.2.2:53", "tcp://10.2.2.3:53"]),
    ):
        assert pool.asked_of(names.to_wire(name)) == {"scope": scope, "servers": servers}
    assert asking().pool.asked_of(names.to_wire("www.example")) == {"scope": ".", "servers": []}
