"""Fixtures of casework: a seeded state folder, a recorder on it, and its clock.

What they are made of stands in making.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from casework.recorder import Recorder
from contracts.settings import Settings
from tests.casework.making import Clock, recorder_in, seeded


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Three units and a campaign, seeded."""
    return seeded(tmp_path)


@pytest.fixture
def clock() -> Clock:
    """Stands at NOON."""
    return Clock()


@pytest.fixture
def recorder(settings: Settings, clock: Clock) -> Iterator[Recorder]:
    """On the seeded state folder."""
    made = recorder_in(settings.state, clock)
    yield made
    made.close()
