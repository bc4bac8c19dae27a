"""The parts of the service as processes: their names, command lines and control sockets.

Only names and paths: nothing is started or asked here.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from contracts.control import RunFolder
from contracts.settings import Settings

# Module of each part, in the order of starting: who takes hits and compiles lists first, who shows them last.
# No part needs another to start.
MODULES = {"recorder": "casework", "lists": "blocklists", "resolver": "resolver", "admin": "admin"}


class Process(NamedTuple):
    """One process: how people call it, how it is started, where it answers."""

    name: str  # `recorder`, `resolver@0`
    argv: list[str]
    socket: Path


class UnknownPart(ValueError):
    """There is no such part; the message names those there are."""


def processes(settings: Settings, config_file: Path, wanted: Sequence[str] = ()) -> list[Process]:
    """The processes of the wanted parts (all when none is named), each once, in the order of starting."""
    run_folder = RunFolder(settings.state)
    by_part: dict[str, list[Process]] = {}
    for part, module in MODULES.items():
        argv = [sys.executable, "-P", "-m", module, "--config", str(config_file)]
        if part == "resolver":
            by_part[part] = [
                Process(f"{part}@{number}", [*argv, "--worker", str(number)], run_folder.control(part, number))
                for number in range(settings.dns.workers)
            ]
        else:
            by_part[part] = [Process(part, argv, run_folder.control(part))]
    everything = [process for group in by_part.values() for process in group]
    chosen = set[str]()
    for name in wanted:
        group = by_part.get(name) or [process for process in everything if process.name == name]
        if not group:
            raise UnknownPart(_no_such(name, settings.dns.workers))
        chosen.update(process.name for process in group)
    return [process for process in everything if not wanted or process.name in chosen]


def _no_such(name: str, workers: int) -> str:
    part, at, number = name.partition("@")
    if part == "resolver" and at and number.isdigit():
        return f"dns.workers is {workers}: the workers are resolver@0 to resolver@{workers - 1}, not {name}"
    return f"no part {name!r}; parts: {', '.join(MODULES)}, resolver@NUMBER"
