"""Batches of datagrams over real sockets: what is received is what was sent, and answers reach who asked."""

from __future__ import annotations

import os
import select
import socket
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resolver.net import mmsg
from resolver.net.mmsg import NAME, SIZE, SLOTS, Batch, PlainBatch, make_batch, pack_name, unpack_name

LOOPBACK = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}
KINDS = [Batch, PlainBatch]
FAMILIES = [socket.AF_INET, socket.AF_INET6]
both = pytest.mark.parametrize("kind", KINDS)
each_family = pytest.mark.parametrize("family", FAMILIES, ids=["ipv4", "ipv6"])


@pytest.fixture
def sockets():
    """Makes bound UDP sockets and closes them."""
    made = []

    def make(family=socket.AF_INET, host=None):
        link = socket.socket(family, socket.SOCK_DGRAM)
        made.append(link)
        link.bind((host or LOOPBACK[family], 0))
        link.settimeout(5)
        return link

    yield make
    for link in made:
        link.close()


def receive(batch, link, count):
    """Receive until `count` datagrams are in (loopback delivers at once, yet let it have a moment)."""
    end = time.monotonic() + 5
    while not (found := batch.receive(link.fileno())):
        assert time.monotonic() < end
    assert found == count
    return [bytes(batch.data[i * SIZE : i * SIZE + size]) for i, size in enumerate(batch.received(found))]


def sender_of(batch, i):
    return unpack_name(bytes(batch.names[i * NAME : (i + 1) * NAME]))[:2]


def put(batch, i, message):
    batch.data[i * SIZE : i * SIZE + len(message)] = message
    batch.sizes[2 * i + 1] = len(message)


@both
@each_family
def test_answers_in_place_reach_who_asked(sockets, kind, family):
    server = sockets(family)
    clients = [sockets(family) for _ in range(5)]
    batch = kind(wide=family == socket.AF_INET6)
    for turn in range(3):  # buffers are used again and again
        for number, client in enumerate(clients):
            client.sendto(b"q" * (number * 300 + turn), server.getsockname())
        asked = receive(batch, server, len(clients))
        assert asked == [b"q" * (number * 300 + turn) for number in range(5)]
        assert [sender_of(batch, i) for i in range(5)] == [client.getsockname()[:2] for client in clients]
        for i in range(5):
            put(batch, i, f"answer {i} {turn} ".encode() * (5 - i))
        assert batch.send(server.fileno(), 0, 5) == 0
        batch.reset(5)
        for i, client in enumerate(clients):
            message, sender = client.recvfrom(SIZE)
            assert (message, sender) == (f"answer {i} {turn} ".encode() * (5 - i), server.getsockname())


@both
@each_family
def test_connected_sockets_need_no_address(sockets, kind, family):
    here, there = sockets(family), sockets(family)
    here.connect(there.getsockname())
    there.connect(here.getsockname())
    batch = kind(connected=True, wide=family == socket.AF_INET6)
    for i in range(3):
        put(batch, i, b"x" * (i + 1))
    assert batch.send(here.fileno(), 0, 3) == 0
    assert [there.recv(100) for _ in range(3)] == [b"x", b"xx", b"xxx"]
    batch.reset(3)
    there.send(b"a")
    there.send(b"b" * 4000)
    assert receive(batch, here, 2) == [b"a", b"b" * 4000]


@both
def test_nothing_to_read(sockets, kind):
    assert kind().receive(sockets().fileno()) == 0


@both
def test_runs_with_gaps(sockets, kind):
    server, client = sockets(), sockets()
    batch = kind()
    for number in range(6):
        client.sendto(bytes((number,)), server.getsockname())
    receive(batch, server, 6)
    for i in range(6):
        put(batch, i, b"answer %d" % i)
    for first, end in ((0, 2), (3, 4), (5, 6), (6, 6)):
        assert batch.send(server.fileno(), first, end) == 0
    assert [client.recv(100) for _ in range(4)] == [b"answer 0", b"answer 1", b"answer 3", b"answer 5"]
    client.setblocking(False)
    with pytest.raises(BlockingIOError):
        client.recv(100)


@both
def test_more_than_a_batch(sockets, kind):
    server, client = sockets(), sockets()
    batch = kind()
    for number in range(SLOTS + 7):
        client.sendto(number.to_bytes(2, "big"), server.getsockname())
    found = receive(batch, server, SLOTS)
    batch.reset(SLOTS)
    found += receive(batch, server, 7)
    assert found == [number.to_bytes(2, "big") for number in range(SLOTS + 7)]


@both
def test_oversized_datagrams_are_cut_and_harm_no_neighbour(sockets, kind):
    server, client = sockets(), sockets()
    batch = kind()
    for message in (b"before", b"x" * 9000, b"after"):
        client.sendto(message, server.getsockname())
    assert receive(batch, server, 3) == [b"before", b"x" * SIZE, b"after"]


@both
def test_an_empty_datagram_is_one_too(sockets, kind):
    server, client = sockets(), sockets()
    client.sendto(b"", server.getsockname())
    assert receive(kind(), server, 1) == [b""]


@both
def test_a_client_that_cannot_be_reached_is_counted_and_the_rest_get_their_answers(sockets, kind):
    """Port 0 cannot be sent to; forged packets may come from it."""
    server, client = sockets(), sockets()
    batch = kind()
    for _ in range(5):
        client.sendto(b"q", server.getsockname())
    receive(batch, server, 5)
    for i in range(5):
        put(batch, i, b"answer %d" % i)
    for i in (0, 2, 4):
        batch.names[i * NAME + 2 : i * NAME + 4] = b"\0\0"
    assert batch.send(server.fileno(), 0, 5) == 3
    assert [client.recv(100) for _ in range(2)] == [b"answer 1", b"answer 3"]


@both
def test_a_closed_port_does_not_stop_an_unconnected_server(sockets, kind):
    server, client, gone = sockets(), sockets(), sockets()
    batch = kind()
    gone.sendto(b"q", server.getsockname())
    client.sendto(b"q", server.getsockname())
    receive(batch, server, 2)
    gone.close()
    for _ in range(3):
        put(batch, 0, b"answer")
        put(batch, 1, b"answer")
        assert batch.send(server.fileno(), 0, 2) == 0
        assert client.recv(100) == b"answer"
    assert batch.receive(server.fileno()) == 0


@both
def test_refused_by_a_connected_peer_is_an_error(sockets, kind):
    """The pool takes it as: this upstream does not listen."""
    here, there = sockets(), sockets()
    here.connect(there.getsockname())
    there.close()
    here.send(b"anybody?")
    batch = kind(connected=True)
    assert select.select([here], [], [], 5)[0]
    with pytest.raises(ConnectionRefusedError):
        batch.receive(here.fileno())


def test_an_error_behind_datagrams_does_not_lose_them(sockets, monkeypatch):
    """The kernel's own batch keeps the error for the next call; one by one it would throw away what is there."""
    server, client = sockets(), sockets()
    for message in (b"one", b"two"):
        client.sendto(message, server.getsockname())
    real = mmsg._borrowed.__enter__

    class Failing:
        def __init__(self, link):
            self.link, self.calls = link, 0

        def recvfrom_into(self, *given):
            self.calls += 1
            if self.calls == 3:
                raise ConnectionRefusedError
            return self.link.recvfrom_into(*given)

    monkeypatch.setattr(mmsg._borrowed, "__enter__", lambda borrowed: Failing(real(borrowed)))
    assert receive(PlainBatch(), server, 2) == [b"one", b"two"]


@both
def test_a_full_send_buffer_is_waited_for(sockets, kind):
    """A peer that never reads: the kernel drops, we neither block for ever nor lose count."""
    here, there = sockets(), sockets()
    here.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    batch = kind()
    for i in range(SLOTS):
        put(batch, i, b"x" * SIZE)
        batch.names[i * NAME : i * NAME + 16] = pack_name(*there.getsockname())
    started = time.monotonic()
    for _ in range(20):
        assert 0 <= batch.send(here.fileno(), 0, SLOTS) <= SLOTS
    assert time.monotonic() - started < 20


@pytest.mark.parametrize("address", ["127.0.0.1", "10.255.0.254", "::1", "fd00::1:2", "2001:db8::"])
@pytest.mark.parametrize("port", [0, 53, 65535])
def test_addresses_as_the_kernel_lays_them_out(address, port):
    packed = pack_name(address, port)
    assert len(packed) <= NAME
    assert unpack_name(packed + bytes(NAME - len(packed)))[:2] == (address, port)


def test_a_link_local_address_keeps_its_link():
    """Without it no answer would find the way; and Python writes it into the address."""
    packed = pack_name("fe80::1%eth0", 53, 0x12345, 7)
    assert unpack_name(packed) == ("fe80::1", 53, 0x12345, 7)


def test_the_fastest_kind_is_taken(monkeypatch):
    assert type(make_batch()) is Batch
    monkeypatch.setattr(mmsg, "_LIBC", None)
    assert type(make_batch(wide=True)) is PlainBatch


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(messages=st.lists(st.binary(max_size=3000), min_size=1, max_size=30), kind=st.sampled_from(KINDS))
def test_any_messages(sockets, messages, kind):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        client = sockets()
        for message in messages:
            client.sendto(message, server.getsockname())
        assert receive(kind(), server, len(messages)) == messages
        client.close()


def test_the_descriptor_stays_its_owners(sockets):
    """PlainBatch borrows it for a moment and closes nothing."""
    server = sockets()
    PlainBatch().receive(server.fileno())
    os.fstat(server.fileno())
    server.sendto(b"still open", server.getsockname())
    assert server.recv(100) == b"still open"
