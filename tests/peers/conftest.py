"""What the tests beside other people's programs share: signed zones, NSD that serves them, our service before it.

One of each for the whole folder: they are only asked, never changed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.service import Service
from tests.peers import programs, zones
from tests.peers.programs import Peer

# On port 53 for clients that know no other; the rest of loopback is free for it.
PLAIN_PORT_ADDRESS = "127.54.53.53"
OWN = "own.signed.example"  # a record of the service's own in a signed zone
LISTED = "evil-sample.example\nbad.plain.example\nbad.signed.example\nbad.signed3.example\n"


def running(made: Service) -> Iterator[Service]:
    """Start it, end it whatever happens."""
    try:
        yield made.start()
    finally:
        code = made.stop()
    assert code == 0, made.tail()


@pytest.fixture(scope="package")
def zone_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Zone files, keys and the servers' folders."""
    return tmp_path_factory.mktemp("zones")


@pytest.fixture(scope="package")
def nsd(zone_folder: Path) -> Iterator[Peer]:
    """NSD with the three zones."""
    server = programs.nsd(zone_folder, zones.write(zone_folder))
    yield server
    server.end()


@pytest.fixture(scope="package")
def began() -> float:
    """Monotonic time before which nothing was asked of our service."""
    return time.monotonic()


@pytest.fixture(scope="package")
def service(tmp_path_factory: pytest.TempPathFactory, nsd: Peer, began: float) -> Iterator[Service]:
    """Our service, forwarding to NSD. One worker, so that the second time is from its cache."""
    made = Service(tmp_path_factory.mktemp("service"), nsd.port, LISTED)
    text = made.config.read_text(encoding="utf-8").replace("workers: 2", "workers: 1")
    text = text.replace("  upstreams:", f"  local_records: [{OWN}. A 192.0.2.77]\n  upstreams:")
    if os.geteuid() == 0:
        text = text.replace('listen: ["127', f'listen: ["{PLAIN_PORT_ADDRESS}:53", "127', 1)
    made.config.write_text(text, encoding="utf-8")
    yield from running(made)
