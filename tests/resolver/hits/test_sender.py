"""Hits to the recorder over a real Unix socket: nothing lost, nothing twice, never blocking, exact counts."""

from __future__ import annotations

import select
import socket

import pytest

from contracts.counter import read_counter
from contracts.hit import MAX_FRAME, Ack, Batch, frame
from resolver.hits import sender
from resolver.hits.sender import RETRY_SECONDS
from tests.resolver.hits.recorder import HELLO, ONE, TWO, Pair


@pytest.fixture
def pair(tmp_path):
    made = Pair(tmp_path)
    yield made
    made.close()


def rows(batches):
    return [row for batch in batches for row in batch.rows]


def test_hello_then_batches_numbered_without_gaps(pair):
    pair.listen()
    pair.sender.start()
    pair.hits(b"early")
    pair.recorder.accept()
    pair.loop.settle()
    assert pair.recorder.read() == [HELLO]  # nothing before the recorder has told what it knows
    pair.recorder.acknowledge(0)
    pair.loop.until(lambda: pair.sender.connected, "ready")
    pair.seconds = 1001.9
    pair.hits(b"a", b"b")
    pair.hits(b"c")
    pair.sender.flush()  # nothing to send: no batch
    pair.drain()
    assert pair.recorder.batches == [
        Batch(1, 1, [(ONE, b"", 1000, 1, b"early")]),
        Batch(2, 3, [(ONE, b"", 1001, 1, b"a"), (ONE, b"", 1001, 1, b"b")]),
        Batch(3, 4, [(ONE, b"", 1001, 1, b"c")]),
    ]


def test_equal_hits_of_one_flush_are_one_row(pair):
    pair.connect()
    for client, facts, count in ((ONE, b"a", 1), (ONE, b"a", 5), (TWO, b"a", 1), (ONE, b"b", 1), (ONE, b"a", 1)):
        pair.hit(facts, client, count)
    pair.sender.flush()
    pair.drain()
    ((batch),) = pair.recorder.batches
    assert batch == Batch(1, 9, [(ONE, b"", 1000, 7, b"a"), (TWO, b"", 1000, 1, b"a"), (ONE, b"", 1000, 1, b"b")])


def test_counts_of_a_whole_batch_of_packets_fold_into_what_is_there(pair):
    pair.connect()
    pair.sender.add_all({(ONE, b"", b"a"): 2, (TWO, b"via", b"a"): 1})
    pair.sender.add_all({(ONE, b"", b"a"): 3, (ONE, b"", b"b"): 1})
    pair.hit(b"b", ONE)
    pair.sender.flush()
    pair.drain()
    ((batch),) = pair.recorder.batches
    assert batch == Batch(1, 8, [(ONE, b"", 1000, 5, b"a"), (TWO, b"via", 1000, 1, b"a"), (ONE, b"", 1000, 2, b"b")])


def test_machines_behind_one_address_are_rows_of_their_own(pair):
    """Whether they are sent at once or folded while the recorder is away."""
    pair.hit(b"a", claim=b"mac 1")
    pair.hit(b"a", claim=b"mac 2", count=2)
    pair.hit(b"a", claim=b"mac 1")
    pair.sender.flush()
    pair.connect()
    pair.hit(b"a", claim=b"mac 2")
    pair.hit(b"a")
    pair.sender.flush()
    pair.drain()
    assert rows(pair.recorder.batches) == [
        (ONE, b"mac 1", 1000, 2, b"a"), (ONE, b"mac 2", 1000, 2, b"a"),
        (ONE, b"mac 2", 1000, 1, b"a"), (ONE, b"", 1000, 1, b"a"),
    ]  # fmt: skip


def test_it_is_handed_over_before_flush_returns(pair):
    """A worker that is killed now has lost nothing."""
    pair.connect()
    pair.hits(b"a")
    assert [row[4] for row in rows(message for message in pair.recorder.read())] == [b"a"]


def test_what_is_acknowledged_is_forgotten_and_nothing_else(pair):
    pair.connect()
    for facts in (b"a", b"b", b"c"):
        pair.hits(facts)
    assert pair.sender.status()["unacknowledged_batches"] == 3
    assert not pair.sender.idle
    pair.recorder.acknowledge(2)
    pair.loop.until(lambda: pair.sender.acknowledged == 2, "two")
    assert pair.sender.status()["unacknowledged_batches"] == 1
    pair.recorder.acknowledge(3)
    pair.loop.until(lambda: pair.sender.idle, "all")
    assert pair.sender.status() == {
        "made": 3, "acknowledged": 3, "buffered": 0, "unacknowledged_batches": 0, "dropped": 0, "connected": True,
    }  # fmt: skip


def test_after_a_loss_the_unacknowledged_are_sent_again_and_only_they(pair):
    pair.connect()
    for facts in (b"a", b"b", b"c"):
        pair.hits(facts)
    pair.drain()
    first = pair.recorder.batches
    pair.recorder.acknowledge(1)
    pair.loop.until(lambda: pair.sender.acknowledged == 1, "one")
    pair.break_off()
    pair.hits(b"while away")
    pair.recorder.batches = []
    pair.connect(known=2)  # it had committed the second, too
    pair.hits(b"later")
    pair.drain()
    assert pair.recorder.batches == [
        first[2],
        Batch(4, 4, [(ONE, b"", 1000, 1, b"while away")]),
        Batch(5, 5, [(ONE, b"", 1000, 1, b"later")]),
    ]


def test_a_clean_stop_is_quiet_and_a_loss_is_told(pair, caplog):
    pair.connect()
    pair.break_off()
    assert "the recorder is gone (closed)" in caplog.text
    caplog.clear()
    pair.connect()
    pair.sender.stop()
    assert not pair.sender.connected
    assert caplog.records == []
    assert pair.recorder.link.recv(1) == b""


def test_nobody_listens_at_first(pair):
    pair.sender.start()
    assert not pair.sender.connected
    for _ in range(3):
        pair.loop.advance(RETRY_SECONDS)
    pair.hits(b"a")
    pair.connect()
    pair.drain()
    assert rows(pair.recorder.batches) == [(ONE, b"", 1000, 1, b"a")]


def test_while_it_is_away_equal_hits_fold_within_their_second(pair):
    for second in (1000.0, 1000.9, 1001.0):
        pair.seconds = second
        pair.hits(b"a", b"b")
    assert pair.sender.status()["buffered"] == 6
    pair.connect()
    pair.drain()
    assert sorted(rows(pair.recorder.batches)) == [
        (ONE, b"", 1000, 2, b"a"), (ONE, b"", 1000, 2, b"b"), (ONE, b"", 1001, 1, b"a"), (ONE, b"", 1001, 1, b"b"),
    ]  # fmt: skip
    assert pair.sender.status()["buffered"] == 0


def test_what_folds_is_bounded_and_what_is_dropped_is_counted_exactly(pair, monkeypatch):
    monkeypatch.setattr(sender, "MAX_FOLDED", 10)
    for number in range(15):
        pair.hit(b"%d" % number, count=number + 1)
    pair.sender.flush()
    pair.hits(b"3", b"new")  # folds into what is held; what is new has no place
    kept = sum(range(1, 11)) + 1
    dropped = sum(range(11, 16)) + 1
    assert pair.sender.status()["dropped"] == dropped
    assert pair.sender.status()["buffered"] == kept
    counter = read_counter(pair.counts.path)
    assert (counter.made, counter.dropped) == (kept + dropped, dropped)
    pair.connect()
    pair.drain()
    assert sum(row[3] for row in rows(pair.recorder.batches)) == kept
    assert pair.recorder.batches[-1].made == kept + dropped


def test_a_recorder_that_does_not_read_blocks_nobody(pair):
    """The socket is full, then the window: hits fold; when it reads again, everything arrives once and in order."""
    pair.connect()
    pair.sender._link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    total = 0
    for number in range(300):
        pair.hits(*(b"%d " % number + b"x" * 500 for _ in range(1)), b"y" * 700)
        total += 2
    assert pair.loop.writers
    assert pair.sender.status()["buffered"]
    pair.drain()
    assert [batch.number for batch in pair.recorder.batches] == list(range(1, len(pair.recorder.batches) + 1))
    assert sum(row[3] for row in rows(pair.recorder.batches)) == total
    assert not pair.loop.writers
    pair.recorder.acknowledge(len(pair.recorder.batches))
    pair.loop.until(lambda: pair.sender.idle, "all acknowledged")
    assert pair.sender.acknowledged == total


def test_what_is_sent_and_not_acknowledged_is_bounded(pair, monkeypatch):
    monkeypatch.setattr(sender, "WINDOW", 5000)
    pair.connect()
    for number in range(100):
        pair.hits(b"%d" % number + b"x" * 300)
    pair.drain()
    sent = len(pair.recorder.batches)
    assert sent < 25
    assert pair.sender.status()["buffered"] == 100 - sent
    while not pair.sender.idle:
        pair.recorder.acknowledge(pair.recorder.batches[-1].number)
        pair.loop.turn()
        pair.drain()
    assert len(rows(pair.recorder.batches)) == 100


def test_a_connection_lost_in_the_middle_of_a_frame(pair):
    pair.connect()
    pair.sender._link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    pair.hits(*(b"%d" % number + b"x" * 600 for number in range(100)))
    assert pair.sender._outgoing
    pair.break_off()
    pair.recorder.batches = []
    pair.connect()
    pair.drain()
    assert len(rows(pair.recorder.batches)) == 100


def test_every_frame_is_one_that_the_recorder_takes(pair):
    """Long names of odd octets, thousands of them, while the recorder was away: a frame too long would never pass."""
    for number in range(9000):
        pair.hit(b"%d" % number + b"x" * 2500)
    pair.sender.flush()
    pair.connect()
    while not pair.sender.idle:
        pair.drain()
        pair.recorder.acknowledge(pair.recorder.batches[-1].number)
        pair.loop.turn()
    assert len(rows(pair.recorder.batches)) == 9000
    assert max(len(frame(batch)) for batch in pair.recorder.batches) < MAX_FRAME


def test_what_folds_at_once_is_never_too_much_for_a_frame(pair):
    """The recorder hangs up on a frame that is too long; sent again and again, it would let no hit through any more."""
    pair.connect()
    for number in range(6000):
        pair.hit(b"%d" % number + b"x" * 2500)
    pair.sender.flush()
    while not pair.sender.idle:
        pair.drain()
        pair.recorder.acknowledge(pair.recorder.batches[-1].number)
        pair.loop.turn()
    assert len(rows(pair.recorder.batches)) == 6000
    assert max(len(frame(batch)) for batch in pair.recorder.batches) < MAX_FRAME


@pytest.mark.parametrize("garbage", [b"\xff" * 100, b"\0\0\0\3abc", b"\0\0\0\1\xc1"])
def test_garbage_from_the_recorder_ends_the_connection_and_loses_nothing(pair, garbage):
    pair.connect()
    pair.hits(b"a")
    pair.recorder.link.sendall(garbage)
    pair.loop.until(lambda: not pair.sender.connected, "hung up")
    pair.connect()
    pair.drain()
    assert rows(pair.recorder.batches)[-1] == (ONE, b"", 1000, 1, b"a")


def test_a_recorder_that_says_something_else_is_not_believed(pair):
    pair.connect()
    pair.hits(b"a")
    pair.recorder.link.sendall(frame(HELLO) + frame(Batch(1, 1, [])))
    pair.loop.settle()
    assert not pair.sender.idle


def test_two_acknowledgements_and_then_nobody(pair, monkeypatch):
    """The recorder dies between its last word and our next batch: we notice while we handle that word."""
    monkeypatch.setattr(sender, "WINDOW", 300)
    pair.connect()
    for number in range(10):
        pair.hits(b"%d" % number + b"x" * 100)
    assert pair.sender.status()["buffered"]
    pair.recorder.link.sendall(frame(Ack(1)) + frame(Ack(2)) + frame(Ack(3)))
    pair.recorder.hang_up()
    pair.loop.until(lambda: not pair.sender.connected, "the loss is seen")
    pair.hits(b"goes on")
    monkeypatch.undo()
    pair.connect(known=3)
    pair.drain()
    assert rows(pair.recorder.batches)[-1] == (ONE, b"", 1000, 1, b"goes on")
    assert [batch.number for batch in pair.recorder.batches] == list(range(4, 4 + len(pair.recorder.batches)))


def test_a_recorder_whose_queue_is_full_is_not_waited_for(pair):
    """connect() of a blocking Unix socket would wait until it accepts: DNS would stand still with it."""
    pair.listen(backlog=0)
    first = [socket.socket(socket.AF_UNIX) for _ in range(3)]
    for link in first:
        link.setblocking(False)
        link.connect_ex(str(pair.path))
    pair.sender.start()
    assert not pair.sender.connected
    for link in first:
        link.close()
    while select.select([pair.recorder.listener], [], [], 0.05)[0]:
        pair.recorder.accept()
    pair.hits(b"a")
    pair.connect()
    pair.drain()
    assert rows(pair.recorder.batches) == [(ONE, b"", 1000, 1, b"a")]


def test_the_counter_file_counts_before_anything_is_sent(pair):
    pair.connect()
    pair.hit(count=5)
    assert read_counter(pair.counts.path).made == 0  # folded only: its answer has not been sent
    pair.sender.flush()
    counter = read_counter(pair.counts.path)
    assert (counter.made, counter.dropped, counter.worker, counter.boot) == (5, 0, 3, HELLO.boot)
