"""One client of the flood measurement: asks a file of names at a fixed rate, waits for nobody, tells what came of it.

No judgement here, and no other process: bench.clients starts it and reads what it tells. Not dnsperf: it sends less
where answers are lost, and 2.10 did not come to its end beside a server that had too much to do.
"""

from __future__ import annotations

import contextlib
import gc
import select
import socket
import struct
import sys
import time
from array import array
from collections.abc import Sequence
from pathlib import Path

import msgspec

from contracts.names import to_wire

READY = "ready"
PER_SOCKET = 60_000  # questions: each has an ID of its own there, so that no answer is taken for another's
_PAUSE = 0.001  # between looks at the clock: a fast flood comes in bursts of so much
_AT_ONCE = 64  # questions sent before answers are read again
_BUFFER = 4 << 20
_TRUNCATED, _CODE = 0x0200, 0x000F


class Order(msgspec.Struct, frozen=True):
    """What to ask, how fast and how long."""

    port: int
    address: str
    questions: str  # file: a name in each line, and its type, which is A
    go: str  # file whose being there says: begin
    per_second: int
    seconds: float
    patience: float  # seconds that an answer may take
    sockets: int


class Outcome(msgspec.Struct):
    """What came of it. Truncated answers are answers too, and latencies are seconds of all that came in time."""

    sent: int = 0
    truncated: int = 0
    failed: int = 0  # answered with anything but NOERROR
    latencies: list[float] = []

    @property
    def answered(self) -> int:
        """In time."""
        return len(self.latencies)


class Asker:
    """Questions out by the clock, answers in as they come."""

    def __init__(self, order: Order, packets: Sequence[bytes]) -> None:
        self._order, self._packets = order, packets
        count = max(order.sockets, -(-len(packets) // PER_SOCKET))
        self._links = [_connected(order) for _ in range(count)]
        self._numbers = {link: number for number, link in enumerate(self._links)}
        self._sent_at = array("d", bytes(8 * len(packets)))  # 0: not sent, or answered
        self._outcome = Outcome()

    def run(self) -> Outcome:
        """Ask everything, at most for so long; then wait for what is still to come."""
        try:
            return self._run()
        finally:
            for link in self._links:
                link.close()

    def _run(self) -> Outcome:
        order, outcome, total = self._order, self._outcome, len(self._packets)
        began = time.monotonic()
        ends = began + order.seconds
        while (now := time.monotonic()) < ends and outcome.sent < total:
            due = min(total, int((now - began) * order.per_second) + 1)
            self._send(min(due, outcome.sent + _AT_ONCE))
            self._take(0 if outcome.sent < due else max(_PAUSE, began + due / order.per_second - time.monotonic()))
        until = time.monotonic() + order.patience
        while (left := until - time.monotonic()) > 0 and outcome.answered < outcome.sent:
            self._take(left)
        return outcome

    def _send(self, due: int) -> None:
        links, packets, sent_at = self._links, self._packets, self._sent_at
        for number in range(self._outcome.sent, due):
            sent_at[number] = time.monotonic()
            try:
                links[number % len(links)].send(packets[number])
            except BlockingIOError:
                return
            except OSError:  # an ICMP error of an earlier one: this one counts as asked, and as lost
                pass
            self._outcome.sent += 1

    def _take(self, wait: float) -> None:
        for link in select.select(self._links, (), (), wait)[0]:
            with contextlib.suppress(OSError):  # read empty, or an ICMP error
                while True:
                    self._answer(self._numbers[link], link.recv(4096), time.monotonic())

    def _answer(self, link: int, answer: bytes, now: float) -> None:
        if len(answer) < 12:
            return
        identity, flags = struct.unpack_from("!HH", answer)
        number = identity * len(self._links) + link
        sent_at = self._sent_at[number] if number < len(self._sent_at) else 0.0
        if not sent_at or now - sent_at > self._order.patience:
            return
        self._sent_at[number] = 0.0
        self._outcome.latencies.append(now - sent_at)
        self._outcome.truncated += bool(flags & _TRUNCATED)
        self._outcome.failed += bool(flags & _CODE)


def packets_of(names: Sequence[str], sockets: int) -> list[bytes]:
    """Questions for A without EDNS; number n goes by socket n % sockets, with the ID n // sockets."""
    return [
        struct.pack("!6H", number // sockets, 0x0100, 1, 0, 0, 0) + to_wire(name) + b"\0\1\0\1"
        for number, name in enumerate(names)
    ]


def _connected(order: Order) -> socket.socket:
    link = socket.socket(type=socket.SOCK_DGRAM)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
    link.setblocking(False)
    link.bind((order.address, 0))
    link.connect(("127.0.0.1", order.port))
    return link


def main() -> None:
    """The order is the one argument."""
    order = msgspec.json.decode(sys.argv[1], type=Order)
    names = [line.split()[0] for line in Path(order.questions).read_text().splitlines()]
    sockets = max(order.sockets, -(-len(names) // PER_SOCKET))
    asker = Asker(order, packets_of(names, sockets))
    gc.collect()
    gc.disable()  # no pauses of ours in the latencies
    print(READY, flush=True)
    while not Path(order.go).exists():
        time.sleep(0.005)
    sys.stdout.write(msgspec.json.encode(asker.run()).decode())


if __name__ == "__main__":
    main()
