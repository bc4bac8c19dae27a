"""Fixtures of the resolver's tests: an engine over real segment files."""

from __future__ import annotations

import pytest

from tests.resolver import making


@pytest.fixture
def live(tmp_path):
    """A policy with one list of each mode: evil.example, watched.example, kill.example."""
    return making.policy(
        tmp_path,
        ("kill-switch", "passthru", [making.listed("kill.example", kind="kill-switch")]),
        ("watch", "monitor", [making.listed("watched.example")]),
        ("letter-7", "enforce", [making.listed("evil.example", line=12)]),
        addresses=making.pool("127.53.0.9/32"),
        serial=7,
    )


@pytest.fixture
def engine(live):
    """An engine with that policy."""
    return making.engine(live)
