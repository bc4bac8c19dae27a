"""kill -9 of each process in turn under load: DNS goes on, and every hit whose answer was sent is in the ledger once.

Every question is asked once, for a name of its own, so that a hit lost or doubled cannot hide in a count.
"""

from __future__ import annotations

import collections
import os
import signal
import socket
import threading
import time

import dns.message
import pytest

from tests.e2e.service import Service, wait_for
from tests.e2e.upstream import Upstream

pytestmark = pytest.mark.e2e
NAMES_PER_CLIENT = 40  # below the 64 distinct names a minute beyond which names fold into a count


class Load(threading.Thread):
    """Asks one question after the other, each for a new name; notes which were answered."""

    def __init__(self, port: int, tag: str, third: int) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._tag = tag
        self._third = third  # third octet of the first client's address
        self._ended = threading.Event()
        self.asked = 0
        self.answered: list[str] = []
        self.gaps: list[float] = []

    def run(self) -> None:
        last = time.monotonic()
        while not self._ended.is_set():
            client = self.asked // NAMES_PER_CLIENT
            name = f"{self._tag}{self.asked}.evil-sample.example"
            self.asked += 1
            with socket.socket(type=socket.SOCK_DGRAM) as link:
                link.bind((f"127.10.{self._third + client // 250}.{client % 250 + 1}", 0))
                link.settimeout(0.25)
                link.sendto(dns.message.make_query(name, "A").to_wire(), ("127.0.0.1", self._port))
                try:
                    link.recv(4096)
                except (TimeoutError, ConnectionRefusedError):
                    continue
            self.gaps.append(time.monotonic() - last)
            last = time.monotonic()
            self.answered.append(name)

    def end(self) -> None:
        self._ended.set()
        self.join(5)


PARTS = ["resolver@0", "resolver@1", "recorder", "lists", "admin"]


@pytest.mark.parametrize("part", PARTS)
def test_kill(service: Service, upstream: Upstream, part: str):
    # Clients of its own for each part: the names of a client of the part before would still count for the minute.
    load = Load(service.port, part.replace("@", ""), 100 + 20 * PARTS.index(part))
    load.start()
    wait_for(lambda: len(load.answered) > 100, "load")
    old = service.pids()[part]
    os.kill(old, signal.SIGKILL)
    wait_for(lambda: service.pids().get(part) not in {None, old}, f"{part} is back", 30)
    wait_for(service.healthy, "all well again", 30)
    seen = len(load.answered)
    wait_for(lambda: len(load.answered) > seen + 100, "DNS goes on")
    load.end()
    assert max(load.gaps) < 3.0, "seconds without an answer for a client that asks again"

    def settled() -> bool:
        hits = service.json("status", check=False)["hits"]
        return hits["buffered"] == 0 and hits["made"] == hits["acknowledged"]

    wait_for(settled, "every hit acknowledged")
    counted: collections.Counter[str] = collections.Counter()
    for row in service.json("hits", "--limit", "100000"):
        counted[row["qname"]] += row["count"]
    missing = [name for name in load.answered if name not in counted]
    doubled = [name for name in load.answered if counted[name] > 1]
    assert not missing, f"{len(missing)} of {len(load.answered)} answered questions left no hit"
    assert not doubled
    assert service.json("status", check=False)["hits"]["dropped"] == 0
