"""Writes the state that a resolver worker starts from: one compiled list as its live policy.

Run as a script with PYTHONPATH at a source tree, so that each tree compiles with its own contracts: STATE NAMES_FILE.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from contracts.names import to_wire
from contracts.policy import Manifest, ManifestEntry, PolicyFolder
from contracts.segment import Labels, name_listed, write_segment

LIST = "bench"


def write_state(state: Path, names: list[str]) -> float:
    """Compile and publish; the seconds that it took."""
    started = time.monotonic()
    folder = PolicyFolder(state / "policy")
    folder.segments.mkdir(parents=True)
    file = f"{LIST}-1.seg"
    indicators = (
        name_listed(to_wire(name), True, line, Labels("c2", f"family-{line % 50}", "", LIST))
        for line, name in enumerate(names, 1)
    )
    digest = write_segment(folder.segments / file, LIST, 1, indicators)
    entry = ManifestEntry(LIST, 1, "enforce", "bench", file, digest, len(names), 0)
    folder.publish(Manifest(serial=1, made=time.time(), entries=(entry,)))
    return time.monotonic() - started


if __name__ == "__main__":
    print(f"{write_state(Path(sys.argv[1]), Path(sys.argv[2]).read_text().split()):.1f}")
