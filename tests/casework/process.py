"""A real recorder process, and a sender that keeps to the stream's rules over real sockets.

No assertion about hits: that is the tests' business.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any

from contracts.control import RunFolder
from contracts.hit import Ack, Batch, FrameReader, Hello, HitRow, frame
from runtime.control import Unreachable, ask
from tests.waiting import DEADLINE, until


class Process:
    """`python -m casework` over a folder made by making.settings_in."""

    process: subprocess.Popen[bytes]

    def __init__(self, folder: Path) -> None:
        self.config = folder / "config.yaml"
        self.state = folder / "var"
        self.run = RunFolder(self.state)
        self.log = folder / "log"

    def start(self) -> None:
        """Start it and wait until it takes hits."""
        self.spawn()
        until(lambda: self.process.poll() is not None or self.answers(), "the recorder answers")
        assert self.process.poll() is None, self.log.read_text()

    def spawn(self) -> None:
        """Only start it."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "casework", "--config", str(self.config)], stdout=log, stderr=log
            )

    def answers(self) -> bool:
        """Whether it can be asked."""
        with contextlib.suppress(Unreachable):
            return bool(self.status()["pid"] == self.process.pid)
        return False

    def status(self) -> dict[str, Any]:
        """What it says of itself."""
        found: dict[str, Any] = ask(self.run.control("recorder"), "status")
        return found

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait(DEADLINE)

    def end(self) -> int:
        """SIGTERM, and the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(DEADLINE)

    def connect(self) -> socket.socket:
        """A bare connection to where it takes hits."""
        link = socket.socket(socket.AF_UNIX)
        link.settimeout(DEADLINE)
        link.connect(str(self.run.hits))
        return link


class Sender(threading.Thread):
    """A worker's side: numbers batches, keeps them until acknowledged, resends after each reconnect."""

    def __init__(self, hits: Path, worker: int = 0, window: int = 50) -> None:
        super().__init__(daemon=True)
        self._path = str(hits)
        self._hello = Hello("node1", worker, os.urandom(8).hex())
        self._given = deque[list[HitRow]]()
        self._more = threading.Event()
        self._ended = threading.Event()
        self._kept = deque[Batch]()
        self._window = window
        self._number = 0
        self.connections = 0
        self.made = 0
        self.acknowledged = 0

    @property
    def boot(self) -> str:
        return self._hello.boot

    def give(self, rows: list[HitRow]) -> None:
        """One more batch to send."""
        self._given.append(rows)

    def waiting(self) -> int:
        """Batches not acknowledged yet."""
        return len(self._given) + len(self._kept)

    def end(self) -> None:
        self._ended.set()
        self.join(DEADLINE)

    def run(self) -> None:
        while not self._ended.is_set():
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as link:
                link.connect(self._path)
                self.connections += 1
                self._talk(link)
            time.sleep(0.01)

    def _talk(self, link: socket.socket) -> None:
        reader = FrameReader()
        link.settimeout(DEADLINE)
        link.sendall(frame(self._hello))
        self._take(reader, link)
        for batch in self._kept:
            link.sendall(frame(batch))
        while not self._ended.is_set():
            while self._given and len(self._kept) < self._window:
                self._send(link, self._given.popleft())
            link.settimeout(0.02)
            with contextlib.suppress(TimeoutError):
                self._take(reader, link)
            link.settimeout(DEADLINE)

    def _send(self, link: socket.socket, rows: list[HitRow]) -> None:
        self._number += 1
        self.made += sum(count for _, _, _, count, _ in rows)
        batch = Batch(self._number, self.made, rows)
        self._kept.append(batch)
        link.sendall(frame(batch))

    def _take(self, reader: FrameReader, link: socket.socket) -> None:
        data = link.recv(65536)
        if not data:
            raise ConnectionResetError
        for message in reader.feed(data):
            assert isinstance(message, Ack)
            assert message.number <= self._number, "acknowledged what was never sent"
            assert message.number >= self.acknowledged, "took an acknowledgement back"
            self.acknowledged = message.number
            while self._kept and self._kept[0].number <= message.number:
                self._kept.popleft()
