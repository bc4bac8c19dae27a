"""Frames from anybody: what is no frame ends its connection, and nothing ever raises into the reactor."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.testing import StringTransportWithDisconnection

from casework.intake import Link, Queued
from contracts.hit import Ack, BadFrame, Batch, Hello, frame


class Taker:
    """In place of the intake: keeps what comes."""

    def __init__(self) -> None:
        self.taken: list[Queued] = []
        self.bad = 0

    def joined(self, link: Link) -> None:
        """Nothing to do."""

    def left(self, link: Link) -> None:
        """Nothing to do."""

    def take(self, item: Queued) -> None:
        self.taken.append(item)

    def bad_frame(self, link: Link, error: BadFrame) -> None:
        self.bad += 1


class Transport(StringTransportWithDisconnection):
    """Notes an abort."""

    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True


def linked() -> tuple[Link, Taker, Transport]:
    taker, transport = Taker(), Transport()
    link = Link(taker)  # type: ignore[arg-type]
    transport.protocol = link
    link.makeConnection(transport)
    return link, taker, transport


some = st.binary(max_size=20)
rows = st.lists(st.tuples(some, some, st.integers(0, 1 << 33), st.integers(1, 9), st.binary(max_size=50)))
batches = st.lists(rows, max_size=5)


@given(st.lists(st.binary(max_size=200), max_size=10))
def test_any_bytes_do_no_harm(pieces):
    link, taker, transport = linked()
    for piece in pieces:
        if transport.aborted:
            break
        link.dataReceived(piece)
    assert taker.bad == int(transport.aborted)
    assert all(item.batch is None or item.hello is not None for item in taker.taken)


@given(st.binary(max_size=300))
def test_any_bytes_behind_a_hello(garbage):
    link, taker, transport = linked()
    link.dataReceived(frame(Hello("node1", 0, "a1")))
    link.dataReceived(garbage)
    assert taker.taken[0].batch is None
    assert taker.bad == int(transport.aborted)


@given(batches, st.integers(1, 50))
def test_the_same_stream_however_it_is_cut(sent, size):
    link, taker, transport = linked()
    stream = frame(Hello("node1", 3, "a1"))
    stream += b"".join(frame(Batch(number, number, list(one))) for number, one in enumerate(sent, 1))
    for at in range(0, len(stream), size):
        link.dataReceived(stream[at : at + size])
    assert [item.batch.rows for item in taker.taken[1:] if item.batch] == sent
    assert sum(item.octets for item in taker.taken) <= len(stream)
    assert not transport.aborted


def test_an_acknowledgement_to_a_worker_that_is_gone_is_no_error():
    link, _, transport = linked()
    link.dataReceived(frame(Hello("node1", 0, "a1")))
    link.acknowledge(1)
    assert transport.value() == frame(Ack(1))
    transport.loseConnection()
    link.acknowledge(2)
    assert transport.value() == frame(Ack(1))
    assert link.described()["committed"] == 2
