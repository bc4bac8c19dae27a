"""Queued datagrams: all of them leave, in order, each to its own address."""

from __future__ import annotations

import ctypes
import errno
import socket

import pytest

from resolver.net import mmsg
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


@pytest.mark.parametrize(
    ("code", "unreachable"),
    [
        (errno.ENOBUFS, 0),
        (errno.ENOMEM, 0),
        (errno.ENETUNREACH, errno.ENETUNREACH),
        (errno.EPERM, errno.EPERM),
    ],
)
def test_a_crowd_on_this_machine_is_not_a_way_that_is_gone(links, monkeypatch, code, unreachable):
    here, there = links
    here.connect(there.getsockname())
    box = Outbox(here, connected=True)
    box.put(b"", b"one")

    def refuse(*_given):
        ctypes.set_errno(code)
        return -1

    if mmsg._LIBC is None:
        pytest.skip("no sendmmsg on this system")
    with monkeypatch.context() as patch:
        patch.setattr(mmsg, "_LIBC", (None, refuse))
        assert box.flush() == 1
    assert box.unreachable() == unreachable
    box.put(b"", b"two")
    assert box.flush() == 0
    assert not box.unreachable()
    assert there.recv(10) == b"two"


def test_nobody_listens_there(links):
    here, there = links
    here.connect(there.getsockname())
    there.close()
    box = Outbox(here, connected=True)
    box.put(b"", b"one")
    assert (box.flush(), box.unreachable()) == (0, 0)
    box.put(b"", b"two")  # the kernel has heard meanwhile
    assert (box.flush(), box.unreachable()) == (1, errno.ECONNREFUSED)
