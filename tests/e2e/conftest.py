"""The upstream and the running service that end-to-end tests share.

One service per module: starting five processes takes seconds.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import skip_or_fail
from tests.e2e.service import Service
from tests.e2e.upstream import Upstream


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    """An authoritative server of our own for good.example."""
    server = Upstream()
    yield server
    server.close()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[Service]:
    """The service with one small list, ended with SIGTERM."""
    folder: Path = tmp_path_factory.mktemp("service")
    running = Service(folder, upstream.port).start()
    yield running
    assert running.stop() == 0, running.tail()


@pytest.fixture(scope="session")
def dig() -> str:
    """Path of dig."""
    found = shutil.which("dig")
    if found is None:
        skip_or_fail("dig is not installed (Debian package dnsutils)")
    return str(found)
