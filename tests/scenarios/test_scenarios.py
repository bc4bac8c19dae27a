"""Every scenario file below this folder, as its clients speak: docs/scenarios.md.

The player has tests of its own in test_player.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.config import BadConfig
from tests.scenarios import player, reading

HERE = Path(__file__).parent


def collected():
    """A case for each file and transport."""
    cases = []
    for file in sorted(HERE.rglob("*.rpl")):
        name = file.relative_to(HERE).as_posix()
        scenario = reading.read(file, f"tests/scenarios/{name}")
        marks = []
        if scenario.not_yet:
            marks = [pytest.mark.xfail(strict=True, reason=scenario.not_yet, raises=pytest.fail.Exception)]
        for transport in scenario.clients:
            cases.append(pytest.param(scenario, transport, id=f"{name[:-4]}-{transport}", marks=marks))
    return cases


@pytest.mark.parametrize(("scenario", "transport"), collected())
def test_scenario(scenario, transport, tmp_path):
    wrong = ""
    try:
        player.play(scenario, transport, tmp_path)
    except (player.Failed, BadConfig) as error:
        wrong = str(error)
    if wrong:
        pytest.fail(wrong, pytrace=False)
