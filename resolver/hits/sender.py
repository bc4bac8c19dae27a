"""Sends hits to the recorder: folded, numbered, kept until acknowledged, resent after a reconnect. Never blocks.

No answers are made here and no rows are stored. The stream's frames are contracts.hit's.

What is folded goes into the socket before the answers leave (server.udp calls `flush`), so a worker that is killed has
handed over every hit whose answer it sent, as long as the recorder keeps reading. While it does not, hits fold in
memory up to a bound; `Counts` (a small mapped file) tells the recorder exactly how many a killed worker took with it.
"""

from __future__ import annotations

import collections
import logging
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from twisted.internet.interfaces import IReadDescriptor, IWriteDescriptor
from zope.interface import implementer

from contracts.hit import Ack, BadFrame, Batch, FrameReader, Hello, HitRow, frame

log = logging.getLogger(__name__)

WINDOW = 8 << 20  # octets sent and not yet acknowledged; beyond it hits fold in `waiting`
BATCH = 1 << 20  # octets; contracts.hit.MAX_FRAME is the most that the recorder takes
MAX_ROWS = 400  # that surely fit a frame: the longest facts, of names of octets that are escaped, are some 6,000 octets
ROW = 40  # octets of a packed row beside its claim and facts, at most
MAX_FOLDED = (
    200_000  # distinct (client, claim, hit, second) held while the recorder is away; beyond it only the count is kept
)
RETRY_SECONDS = 0.25
HitKey = tuple[bytes, bytes, bytes]  # packed client address, packed claim or nothing, packed facts


class Counts(Protocol):
    """Where the recorder finds our counters after a crash: contracts.counter."""

    values: Any


@implementer(IReadDescriptor, IWriteDescriptor)
class HitSender:
    """One per worker. `add` and `flush` are called for every batch of packets and stay cheap."""

    def __init__(
        self, reactor: Any, path: Path, hello: Hello, counts: Counts, clock: Callable[[], float] = time.time
    ) -> None:
        self._reactor = reactor
        self._path = str(path)
        self._hello = hello
        self._counts = counts
        self._clock = clock
        self._link: socket.socket | None = None
        self._ready = False  # the recorder has told what it knows
        self._reader = FrameReader()
        self._folded: dict[HitKey, int] = {}
        self._waiting: dict[tuple[bytes, bytes, bytes, int], int] = {}
        self._unacknowledged: collections.deque[tuple[int, bytes]] = collections.deque()
        self._window = 0
        self._outgoing = bytearray()
        self._number = 0
        self.made = 0
        self.dropped = 0
        self.acknowledged = 0
        self._batch_made: collections.deque[tuple[int, int]] = collections.deque()
        self._retry: Any = None
        self._stopping = False

    # The packet path.

    def add(self, client: bytes, hit: bytes, count: int, claim: bytes = b"") -> None:
        """Fold in `count` hits of a packed client address with the same packed facts (and claim of who it is)."""
        key = (client, claim, hit)
        self._folded[key] = self._folded.get(key, 0) + count

    def add_all(self, hits: dict[HitKey, int]) -> None:
        """Fold in counts by key. The dict is the sender's from now on: most often it is taken as it is."""
        if self._folded:
            for (client, claim, hit), count in hits.items():
                self.add(client, hit, count, claim)
        else:
            self._folded = hits

    def flush(self) -> None:
        """Number what was folded and hand it to the kernel; if that cannot be, keep it folded."""
        if not self._folded:
            return
        folded, self._folded = self._folded, {}
        second = int(self._clock())
        self.made += sum(folded.values())
        self._counts.values[0] = self.made
        idle = self._ready and not self._outgoing and not self._waiting and self._window < WINDOW
        if idle and len(folded) <= MAX_ROWS:
            self._send([(client, claim, second, count, hit) for (client, claim, hit), count in folded.items()])
        else:
            self._wait(folded, second)
            if idle:  # too many for one frame
                self._drain_waiting()

    def _wait(self, folded: dict[HitKey, int], second: int) -> None:
        waiting = self._waiting
        for (client, claim, hit), count in folded.items():
            key = (client, claim, hit, second)
            if key in waiting:
                waiting[key] += count
            elif len(waiting) < MAX_FOLDED:
                waiting[key] = count
            else:
                self.dropped += count
                self._counts.values[1] = self.dropped

    def _send(self, rows: list[HitRow]) -> None:
        self._number += 1
        message = frame(Batch(self._number, self.made, rows))
        self._unacknowledged.append((self._number, message))
        self._batch_made.append((self._number, self.made))
        self._window += len(message)
        self._write(message)

    def _write(self, message: bytes) -> None:
        assert self._link is not None
        if self._outgoing:
            self._outgoing += message
            return
        try:
            sent = self._link.send(message)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._lost(error)
            return
        if sent < len(message):
            self._outgoing += message[sent:]
            self._reactor.addWriter(self)

    # The connection.

    def start(self) -> None:
        """Connect, and try again for ever while nobody listens."""
        self._retry = None
        if self._stopping:
            return
        link = socket.socket(socket.AF_UNIX)
        link.setblocking(False)  # before connect: it would wait while the recorder accepts nobody
        try:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
            link.connect(self._path)
        except OSError:
            link.close()
            self._retry = self._reactor.callLater(RETRY_SECONDS, self.start)
            return
        self._link = link
        self._reader = FrameReader()
        self._reactor.addReader(self)
        self._write(frame(self._hello))

    def fileno(self) -> int:
        """For the reactor."""
        return self._link.fileno() if self._link is not None else -1

    def logPrefix(self) -> str:
        """For the reactor."""
        return "hits"

    def doRead(self) -> None:
        """For the reactor: acknowledgements."""
        assert self._link is not None
        try:
            data = self._link.recv(65536)
        except BlockingIOError:
            return
        except OSError as error:
            self._lost(error)
            return
        if not data:
            self._lost(None)
            return
        try:
            messages = self._reader.feed(data)
        except BadFrame as error:
            self._lost(error)
            return
        for message in messages:
            if isinstance(message, Ack) and self._link is not None:  # it may be lost over what the last one let us send
                self._acknowledge(message.number)

    def _acknowledge(self, number: int) -> None:
        while self._unacknowledged and self._unacknowledged[0][0] <= number:
            self._window -= len(self._unacknowledged.popleft()[1])
        while self._batch_made and self._batch_made[0][0] <= number:
            self.acknowledged = self._batch_made.popleft()[1]
        if not self._ready:
            self._ready = True
            for _number, message in list(self._unacknowledged):
                self._write(message)
                if self._link is None:
                    return
        self._drain_waiting()

    def _drain_waiting(self) -> None:
        """Send what folded while the recorder was away or slow, in batches of at most about BATCH octets."""
        while self._waiting and self._ready and not self._outgoing and self._window < WINDOW:
            keys = list[tuple[bytes, bytes, bytes, int]]()
            size = 0
            for key in self._waiting:
                keys.append(key)
                size += len(key[1]) + len(key[2]) + ROW
                if size >= BATCH:
                    break
            self._send([(key[0], key[1], key[3], self._waiting.pop(key), key[2]) for key in keys])

    def doWrite(self) -> None:
        """For the reactor: the socket takes more."""
        assert self._link is not None
        try:
            sent = self._link.send(self._outgoing)
        except BlockingIOError:
            return
        except OSError as error:
            self._lost(error)
            return
        del self._outgoing[:sent]
        if not self._outgoing:
            self._reactor.removeWriter(self)
            self._drain_waiting()

    def connectionLost(self, reason: object) -> None:  # noqa: ARG002  Twisted's signature
        """For the reactor."""
        self._lost(None)

    def _lost(self, error: Exception | None) -> None:
        """The recorder is gone: keep every unacknowledged batch, start again."""
        if self._link is None:
            return
        log.warning("the recorder is gone (%s); hits are kept until it is back", error or "closed")
        self._hang_up()
        self._retry = self._reactor.callLater(RETRY_SECONDS, self.start)

    def _hang_up(self) -> None:
        link, self._link = self._link, None
        if link is None:
            return
        self._reactor.removeReader(self)
        self._reactor.removeWriter(self)
        link.close()
        self._ready = False
        self._outgoing.clear()

    # Status and end.

    @property
    def connected(self) -> bool:
        """The recorder takes hits."""
        return self._ready

    @property
    def idle(self) -> bool:
        """Everything made was acknowledged or is known as dropped."""
        return not self._unacknowledged and not self._waiting and not self._folded

    def status(self) -> dict[str, Any]:
        """For `sinkhole status`."""
        return {
            "made": self.made,
            "acknowledged": self.acknowledged,
            "buffered": sum(self._waiting.values()),
            "unacknowledged_batches": len(self._unacknowledged),
            "dropped": self.dropped,
            "connected": self._ready,
        }

    def stop(self) -> None:
        """Close without a retry."""
        self._stopping = True
        if self._retry is not None and self._retry.active():
            self._retry.cancel()
        self._hang_up()
