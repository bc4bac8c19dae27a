"""Takes the hit streams of all workers on a Unix socket and feeds one writer thread; acknowledges after commit.

No files and no rules about hits: casework.recorder has those. The reactor thread only reads frames and queues them.
"""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.interfaces import IAddress, IListeningPort
from twisted.internet.protocol import Protocol, ServerFactory
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from casework.jobs import Job
from casework.recorder import Arrival, Recorder
from contracts.hit import Ack, BadFrame, Batch, FrameReader, Hello, Message, frame
from runtime.control import listen

GROUP_SECONDS = 0.1
GROUP_ROWS = 50_000
QUEUE_OCTETS = 16 << 20  # on the wire; the rows in memory take about four times as much
ROLL_UP_SECONDS = 1.0
BUSY_ROLL_UP_SECONDS = 4.0  # later by so much under load: a longer stretch has more repeats to sum up
SETTLE_SECONDS = 1.0
PUBLISH_SECONDS = 1.0  # between looks whether the client table has changed
STOP_SECONDS = 10.0  # for draining; what is not committed by then the workers keep
MAX_NUMBER = 1 << 62
MAX_WORD = 64
TOLD_SECONDS = 86400  # so long the hits lost with a worker are a problem; after that they are history
FAILED = object()
log = logging.getLogger(__name__)


class Queued(NamedTuple):
    """A message on its way to the writer; None stands for a Hello, which is answered in its turn."""

    link: Link
    hello: Hello
    batch: Batch | None
    octets: int


class Link(Protocol):
    """One worker's connection."""

    transport: Any

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._reader = FrameReader()
        self._octets = 0
        self.hello: Hello | None = None
        self.since = time.time()
        self.committed = 0

    def connectionMade(self) -> None:
        """Twisted calls this."""
        self._intake.joined(self)

    def dataReceived(self, data: bytes) -> None:
        """Twisted calls this; what has come is read to its end even when the worker is dead."""
        self._octets += len(data)
        try:
            for message in self._reader.feed(data):
                self._take(message)
        except BadFrame as error:
            self._intake.bad_frame(self, error)
            self.transport.abortConnection()

    def _take(self, message: Message) -> None:
        octets, self._octets = self._octets, 0
        if isinstance(message, Hello) and self.hello is None and _makes_sense(message):
            self.hello = message
            self._intake.take(Queued(self, message, None, octets))
        elif isinstance(message, Batch) and self.hello is not None and _counts(message):
            self._intake.take(Queued(self, self.hello, message, octets))
        else:
            raise BadFrame(f"{type(message).__name__} out of turn")

    def acknowledge(self, number: int) -> None:
        """Everything up to this batch is committed."""
        self.committed = number
        if self.connected:
            self.transport.write(frame(Ack(number)))

    def described(self) -> dict[str, Any]:
        """For the status."""
        who = {"node": self.hello.node, "worker": self.hello.worker, "boot": self.hello.boot} if self.hello else {}
        return {**who, "since": self.since, "committed": self.committed}

    def connectionLost(self, reason: Failure = Failure(Exception())) -> None:  # noqa: ARG002, B008  Twisted's signature
        """Twisted calls this."""
        self.connected = 0  # Twisted leaves it as it was
        self._intake.left(self)


def _makes_sense(hello: Hello) -> bool:
    return max(len(hello.boot), len(hello.node)) <= MAX_WORD and 0 <= hello.worker < 1 << 16


def _counts(batch: Batch) -> bool:
    """Numbers that the ledger can hold: one that it cannot would come again for ever."""
    return 0 < batch.number < MAX_NUMBER and 0 <= batch.made < MAX_NUMBER


class Intake(ServerFactory):
    """The queue between the links and the writer thread, and the order of the writer's jobs."""

    noisy = False

    def __init__(self, reactor: Any, recorder: Recorder) -> None:
        self._reactor = reactor
        self._recorder = recorder
        self._pool = ThreadPool(1, 1, "writer")
        self._links = set[Link]()
        self._queue = deque[Queued]()
        self._queued_rows = self._queued_octets = 0
        self._group: list[Queued] = []  # under way, or to be tried again
        self._paused = self._stopping = False
        self._jobs = {name: Job(name) for name in ("commit", "roll_up", "settle", "publish")}
        self._wake: Deferred[None] = Deferred()
        self._port: IListeningPort | None = None
        self._running: Deferred[None] = succeed(None)
        self.bad_frames = 0

    def start(self, path: Path) -> None:
        """Listen and begin."""
        self._port = listen(self._reactor, path, self)
        self._pool.start()
        self._jobs["settle"].put_off(SETTLE_SECONDS)  # what waits in the listen queue comes first
        self._running = Deferred.fromCoroutine(self._run()).addErrback(self._died)

    async def stop(self) -> None:
        """Drain: commit and acknowledge what was read, roll it up, close everything."""
        self._stopping = True
        if self._port is not None:
            await maybeDeferred(self._port.stopListening)
        for link in self._links:
            link.transport.pauseProducing()
        self._wake_up()
        await self._running
        for link in list(self._links):
            link.transport.loseConnection()  # behind the last Ack
        deadline = time.monotonic() + 1.0
        while self._links and time.monotonic() < deadline:
            await self._sleep(0.01)
        self._pool.stop()

    def buildProtocol(self, addr: IAddress | None) -> Link:  # noqa: ARG002  Twisted's signature
        """Twisted calls this."""
        return Link(self)

    # From the links.

    def joined(self, link: Link) -> None:
        """A connection was made."""
        self._links.add(link)
        if self._paused or self._stopping:
            link.transport.pauseProducing()

    def left(self, link: Link) -> None:
        """A connection ended; what it brought stays queued."""
        self._links.discard(link)

    def take(self, item: Queued) -> None:
        """Queue a message; when the queue is full the kernel holds the rest, and the workers fold."""
        self._queue.append(item)
        self._queued_octets += item.octets
        if item.batch is not None:
            self._queued_rows += len(item.batch.rows)
        if self._queued_octets > QUEUE_OCTETS and not self._paused:
            self._paused = True
            for link in self._links:
                link.transport.pauseProducing()
        if self._queued_rows >= GROUP_ROWS or item.batch is None:
            self._wake_up()

    def bad_frame(self, link: Link, error: BadFrame) -> None:
        """Count it; one line each is bearable, since the connection is closed with it."""
        self.bad_frames += 1
        log.warning("connection of %s closed: %s", f"worker {link.hello.worker}" if link.hello else "a stranger", error)

    # The writer's jobs, one at a time.

    async def _run(self) -> None:
        while not self._stopping:
            if self._queued_rows < GROUP_ROWS or self._jobs["commit"].waits:
                await self._sleep(GROUP_SECONDS)
            await self._commit()
            busy = self._queued_rows >= GROUP_ROWS // 10
            if self._jobs["roll_up"].overdue(BUSY_ROLL_UP_SECONDS if busy else 0.0):
                more = await self._do("roll_up", self._recorder.roll_up)
                self._jobs["roll_up"].put_off(0.0 if more else ROLL_UP_SECONDS)
            if not self._jobs["settle"].waits:
                await self._do("settle", self._recorder.settle, self._busy_boots())
                self._jobs["settle"].put_off(SETTLE_SECONDS)
            if not self._jobs["publish"].waits:
                await self._do("publish", self._recorder.publish)
                self._jobs["publish"].put_off(PUBLISH_SECONDS)
        await self._drain(time.monotonic() + STOP_SECONDS)

    def _died(self, failure: Failure) -> None:
        """Our own bug in the loop: end, so that a fresh process takes over; the workers keep what is not committed."""
        log.critical("the recorder cannot go on\n%s", failure.getTraceback())
        self._reactor.callLater(0, self._reactor.stop)

    async def _drain(self, deadline: float) -> None:
        while (self._group or self._queue) and time.monotonic() < deadline:
            await self._commit()
            if self._jobs["commit"].waits:
                await self._sleep(GROUP_SECONDS)
        while await self._do("roll_up", self._recorder.roll_up) is True and time.monotonic() < deadline:
            pass
        await self._do("close", self._recorder.close)

    async def _commit(self) -> None:
        """One group: into the ledger, then the acknowledgements. A group that fails is kept and tried again."""
        if self._jobs["commit"].waits:
            return
        self._group = self._group or self._next_group()
        if not self._group:
            return
        arrivals = [Arrival(item.hello, item.batch) for item in self._group if item.batch is not None]
        if await self._do("commit", self._recorder.commit, arrivals) is FAILED:
            return
        for link in {item.link for item in self._group}:
            assert link.hello is not None
            link.acknowledge(self._recorder.committed(link.hello.boot))
        self._group = []
        if self._paused and self._queued_octets < QUEUE_OCTETS // 2:
            self._paused = False
            for link in self._links:
                link.transport.resumeProducing()

    def _next_group(self) -> list[Queued]:
        group, rows = list[Queued](), 0
        while self._queue and rows < GROUP_ROWS:
            item = self._queue.popleft()
            self._queued_octets -= item.octets
            rows += len(item.batch.rows) if item.batch is not None else 0
            group.append(item)
        self._queued_rows -= rows
        return group

    async def _do(self, name: str, work: Callable[..., Any], *args: Any) -> Any:
        """Run a job in the writer thread. Whatever goes wrong there, the reactor and the other jobs go on."""
        job = self._jobs.setdefault(name, Job(name))
        try:
            result = await deferToThreadPool(self._reactor, self._pool, work, *args)
        except Exception as error:  # noqa: BLE001  the one place where the writer's errors arrive
            job.failed(error)
            return FAILED
        job.succeeded()
        return result

    def _busy_boots(self) -> dict[str, int]:
        """Boots that are connected, or of which something waits here."""
        queued = [item.hello for item in (*self._queue, *self._group)]
        connected = [link.hello for link in self._links if link.hello is not None]
        return {hello.boot: hello.worker for hello in (*queued, *connected)}

    async def _sleep(self, seconds: float) -> None:
        """Until `seconds` are over, or somebody wakes us."""
        self._wake = Deferred()
        timer = self._reactor.callLater(seconds, self._wake_up)
        await self._wake
        if timer.active():
            timer.cancel()

    def _wake_up(self) -> None:
        if not self._wake.called:
            self._wake.callback(None)

    # For people.

    def reload(self) -> None:
        """SIGHUP: look at the units again."""
        self._recorder.reload()

    def status(self) -> dict[str, Any]:
        """Everything `sinkhole status` shows about us."""
        found = self._recorder.status()
        failing = {job.name: job.error for job in self._jobs.values() if job.error}
        problems = [f"{name} fails, tried again: {error}" for name, error in failing.items()] + found["unreadable"]
        problems += [
            f"{one['lost']} hits were lost when worker {one['worker']} died (boot {one['boot']})"
            for one in found["lost"]
            if one["settled"] > time.time() - TOLD_SECONDS
        ]
        return {
            "pid": os.getpid(),
            **found,
            "bad_frames": self.bad_frames,
            "queue": self._queued_rows + sum(len(item.batch.rows) for item in self._group if item.batch is not None),
            "queue_octets": self._queued_octets,
            "retries": sum(job.retries for job in self._jobs.values()),
            "errors": failing,
            "connections": [link.described() for link in self._links],
            "problems": problems,
        }
