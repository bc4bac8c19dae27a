"""A small reactor for tests: real sockets, read and written only in `turn`; virtual time.

No TCP: tests that need it use a fresh Twisted reactor (fixture `reactor`).
"""

from __future__ import annotations

import select
import time

from twisted.internet.task import Clock

from tests.waiting import DEADLINE


class Loop(Clock):
    """Offers what descriptors and timers of the resolver ask of a reactor."""

    def __init__(self) -> None:
        super().__init__()
        self.readers: dict[object, int] = {}
        self.writers: dict[object, int] = {}

    def addReader(self, reader) -> None:
        self.readers[reader] = reader.fileno()

    def removeReader(self, reader) -> None:
        self.readers.pop(reader, None)

    def addWriter(self, writer) -> None:
        self.writers[writer] = writer.fileno()

    def removeWriter(self, writer) -> None:
        self.writers.pop(writer, None)

    def turn(self, seconds: float = 0.05) -> bool:
        """Wait for real events and handle them once; whether there were any."""
        readable, writable, _ = select.select(list(self.readers.values()), list(self.writers.values()), [], seconds)
        for reader, fd in list(self.readers.items()):
            if fd in readable and reader in self.readers:
                reader.doRead()
        for writer, fd in list(self.writers.items()):
            if fd in writable and writer in self.writers:
                writer.doWrite()
        return bool(readable or writable)

    def until(self, condition, what: str) -> None:
        """Turn until something is true."""
        end = time.monotonic() + DEADLINE
        while not condition():
            assert time.monotonic() < end, f"not within {DEADLINE} s: {what}"
            self.turn()

    def settle(self) -> None:
        """Turn until nothing happens any more."""
        while self.turn(0.02):
            pass


def reloaded(keeper, spin):
    """What a keeper of a published file (resolver.follower) says is live behind a reload."""
    done = []
    keeper.reload().addCallback(done.append)
    spin(lambda: done, "loaded")
    return done[0]
