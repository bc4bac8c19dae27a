"""Fixtures that every test may use.

Fixtures of one folder live in that folder's conftest.
"""

import os
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent
SHARED = REPO.parent / "shared" / "data"


def skip_or_fail(reason: str) -> None:
    """Skip where a peer program is missing, except in CI, where everything must be there."""
    if os.environ.get("SINKHOLE_REQUIRE_ALL") == "1":
        pytest.fail(f"{reason} (SINKHOLE_REQUIRE_ALL=1: only missing shared data may skip)")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real lists; tests that need it are skipped where it is not."""
    if not SHARED.is_dir():
        pytest.skip("the shared data sets are not on this machine (expected beside the repository in shared/data)")
    return SHARED
