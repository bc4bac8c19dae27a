"""The other end of the hit sender, played by the tests: a recorder on a real Unix socket, and both in one loop.

No tests here.
"""

from __future__ import annotations

import socket

from contracts.counter import CounterFile, counter_path
from contracts.hit import Ack, Batch, FrameReader, Hello, frame
from resolver.hits.sender import RETRY_SECONDS, HitSender
from tests.resolver.loop import Loop

HELLO = Hello("node1", 3, "0123456789abcdef")
ONE, TWO = b"\x7f\x0a\0\1", b"\x7f\x0a\0\2"


class Recorder:
    """The other end: accepts, reads frames, acknowledges what it is told to."""

    def __init__(self, path, backlog=5):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(backlog)
        self.listener.settimeout(5)
        self.link = None
        self.batches = []
        self.octets = 0

    def accept(self):
        self.hang_up()
        self.link, _ = self.listener.accept()
        self.link.setblocking(False)
        self.reader = FrameReader()

    def read(self):
        """Messages that are in, without waiting."""
        found = []
        try:
            while data := self.link.recv(1 << 20):
                self.octets += len(data)
                found += self.reader.feed(data)
        except BlockingIOError:
            pass
        self.batches += [message for message in found if isinstance(message, Batch)]
        return found

    def acknowledge(self, number):
        self.link.sendall(frame(Ack(number)))

    def hang_up(self):
        if self.link is not None:
            self.link.close()
        self.link = None

    def close(self):
        self.hang_up()
        self.listener.close()


class Pair:
    """A sender and its recorder in one loop."""

    def __init__(self, folder):
        self.path = folder / "hits.sock"
        self.loop = Loop()
        self.seconds = 1000.0
        self.counts = CounterFile(counter_path(folder, 3, HELLO.boot))
        self.recorder = None
        self.sender = HitSender(self.loop, self.path, HELLO, self.counts, lambda: self.seconds)

    def listen(self, **how):
        self.path.unlink(missing_ok=True)
        self.recorder = Recorder(self.path, **how)

    def connect(self, known=0):
        """Connect up to the first acknowledgement, which says what the recorder knows of this boot."""
        if self.recorder is None:
            self.listen()
        if self.sender._link is None:
            self.sender.start() if self.sender._retry is None else self.loop.advance(RETRY_SECONDS)
        self.recorder.accept()
        self.loop.until(lambda: HELLO in self.recorder.read(), "hello")
        self.recorder.acknowledge(known)
        self.loop.until(lambda: self.sender.connected, "ready")

    def hit(self, facts=b"facts", client=ONE, count=1, claim=b""):
        self.sender.add(client, facts, count, claim)

    def hits(self, *facts):
        """One flush with these."""
        for one in facts:
            self.hit(one)
        self.sender.flush()

    def drain(self):
        """Let everything flow that can."""
        octets = -1
        while octets != self.recorder.octets:
            octets = self.recorder.octets
            self.loop.settle()
            self.recorder.read()

    def break_off(self):
        self.recorder.hang_up()
        self.loop.until(lambda: not self.sender.connected, "the loss is seen")

    def close(self):
        self.sender.stop()
        self.counts.close()
        if self.recorder is not None:
            self.recorder.close()
        assert self.loop.getDelayedCalls() == []
        assert not self.loop.readers
        assert not self.loop.writers
