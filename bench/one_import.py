"""Imports one list file into a state folder by the product's own operations, and tells what it took, as JSON.

A process of its own, so that its peak memory is that of this import: CONFIG FILE NAME. Run by bench.imports.
"""

from __future__ import annotations

import resource
import sys
import time
from collections import Counter
from pathlib import Path

import msgspec

from bench.meters import parse_peak
from blocklists.formats import confined
from blocklists.library import KEPT_REJECTED, Library
from blocklists.service import ImportOptions, Lists
from contracts import config
from runtime.control import Misused, Refused

_REASONS = 4  # told of each kind


class Told(msgspec.Struct, frozen=True):
    """Seconds are those of the whole import, compiling and publishing included; memory is in MB."""

    state: str
    reason: str = ""
    format: str = ""
    lines: int = 0
    names: int = 0
    addresses: int = 0
    duplicates: int = 0
    bad: int = 0
    refused: int = 0
    unsupported: int = 0
    reasons: tuple[tuple[int, str], ...] = ()  # why lines were not taken, the most frequent first
    seconds: float = 0.0
    peak: float = 0.0
    before: float = 0.0  # of which before the file was opened


def main(settings_file: Path, path: Path, name: str) -> Told:
    """Import it, attended: a person is told everything."""
    settings = config.read(settings_file)
    library = Library.open(settings.state)
    try:
        lists = Lists(settings, library)
        before = _peak()
        started = time.monotonic()
        with path.open("rb") as file:
            report = lists.import_file("os:bench", file, ImportOptions(name=name, file=path.name))
        seconds = time.monotonic() - started
        reasons = Counter[str]()
        if version := library.version(name, report.version):
            placed = report.format in confined.FORMATS
            for what in ("bad", "refused", "unsupported"):
                rows = library.rejected(version.id, what, KEPT_REJECTED)
                reasons.update(kind_of(row.reason, placed=placed) for row in rows)
    except (Refused, Misused) as error:
        return Told("refused", str(error))
    finally:
        library.close()
    return Told(
        report.state, report.reason, report.format, report.lines, report.names, report.addresses, report.duplicates,
        report.bad_total, report.refused_total, report.unsupported_total,
        tuple((count, reason) for reason, count in reasons.most_common(_REASONS)),
        seconds, max(_peak(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024), before,
    )  # fmt: skip


def _peak() -> float:
    """Of this process alone (proc(5)); getrusage would tell of whoever started it, too."""
    return parse_peak(Path("/proc/self/status").read_text())


def kind_of(reason: str, *, placed: bool) -> str:
    """A reason without what it says of one line; `placed`: a place in the file stands before it."""
    text = reason.partition(": ")[2] if placed and ": " in reason else reason
    return text.partition(" (")[0].partition(": ")[0].strip()


if __name__ == "__main__":
    sys.stdout.write(msgspec.json.encode(main(*map(Path, sys.argv[1:3]), sys.argv[3])).decode())
