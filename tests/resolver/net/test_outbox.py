"""Queued datagrams: all of them leave, in order, each to its own address."""

from __future__ import annotations

import socket

import pytest

from resolver.net.mmsg import NAME, SLOTS, pack_name
from resolver.net.outbox import Outbox


@pytest.fixture
def links():
    here, there = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    with here, there:
        for link in (here, there):
            link.bind(("127.0.0.1", 0))
            link.settimeout(5)
        yield here, there


def slot_name(link):
    packed = pack_name(*link.getsockname())
    return packed + bytes(NAME - len(packed))


def test_more_than_a_box_in_order(links):
    here, there = links
    box = Outbox(here)
    messages = [b"%d " % number * (number + 1) for number in range(2 * SLOTS + 3)]
    for message in messages:
        box.put(slot_name(there), message)
    assert box.flush() == 0
    assert [there.recv(4096) for _ in messages] == messages
    assert box.flush() == 0  # nothing is sent twice
    there.setblocking(False)
    with pytest.raises(BlockingIOError):
        there.recv(10)


def test_connected_sockets_take_no_address(links):
    here, there = links
    here.connect(there.getsockname())
    box = Outbox(here, connected=True)
    box.put(b"", b"one")
    box.put(b"", b"two")
    assert box.flush() == 0
    assert [there.recv(10), there.recv(10)] == [b"one", b"two"]


def test_lost_ones_are_counted_once_also_from_a_full_box(links):
    here, there = links
    box = Outbox(here)
    nowhere = slot_name(there)[:2] + b"\0\0" + slot_name(there)[4:]
    for number in range(SLOTS + 2):
        box.put(nowhere if number in {3, SLOTS} else slot_name(there), b"x")
    assert box.flush() == 2
    assert box.flush() == 0
    assert [there.recv(10) for _ in range(SLOTS)] == [b"x"] * SLOTS
