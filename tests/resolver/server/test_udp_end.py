"""The UDP server's end, and what its table never holds: nothing sent to a worker that stops is lost."""

from __future__ import annotations

import ipaddress
import socket

import pytest

from resolver.net.sockets import bind
from resolver.policy.clients import Access
from tests.resolver.making import query, settings, understood
from tests.resolver.server.datagrams import ALLOWED, Served

A = "other.example. 300 IN A 192.0.2.1"


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_one_that_stops_answers_what_it_has_and_leaves_the_rest_to_the_others(dispatcher, host):
    """Two workers share an address; nothing that comes after one begins to stop may be lost in its buffer."""
    access = Access([*settings().allowed_clients, ipaddress.ip_network("127.0.0.0/8")])
    with Served(dispatcher, host, access) as served, bind(served.endpoint, socket.SOCK_DGRAM) as other:
        clients = [socket.socket(other.family, socket.SOCK_DGRAM) for _ in range(100)]
        try:
            for client in clients:
                client.bind((host, 0))
                client.setblocking(False)
                client.sendto(query("evil.example"), (host, served.endpoint.port))
            received = _drained(other)
            assert 0 < received < 100, "the kernel shares packets out"
            served.server.stop()
            assert sum(_drained(client) for client in clients) == 100 - received
            for client in clients:
                client.sendto(query("evil.example"), (host, served.endpoint.port))
            assert _drained(other) == 100
        finally:
            for client in clients:
                client.close()


def _drained(link):
    """How many datagrams stand in a socket."""
    count = 0
    while True:
        try:
            link.recv(4096)
        except BlockingIOError:
            return count
        count += 1


def test_an_answer_under_way_can_still_be_sent_by_one_that_stopped(served, answer_all):
    served.put(ALLOWED[0], query("other.example"))
    served.serve()
    served.server.stop()
    answer_all(A)
    served.server.flush_late()
    (answer,) = served.answers(ALLOWED[0])
    assert understood(answer[2:]).answer


def test_records_that_nobody_reads_do_not_fill_the_table(served):
    """A packet may be 4 kB; kept by its bytes, a few minutes of such packets would take a gigabyte."""
    raw = served.dispatcher.engine.tables(served.dispatcher.engine.access.default).raw
    plain = query("evil.example")
    junk = plain[:10] + b"\0\1" + plain[12:] + b"\0\0\x10\0\1" + b"\0" * 4 + b"\x0f\xa0" + b"\1" * 4000
    assert understood(served.exchange(ALLOWED[0], junk)[2:]).answer
    assert len(raw) == 0
    served.exchange(ALLOWED[0], query("evil.example", edns=1232))
    assert len(raw) == 1
