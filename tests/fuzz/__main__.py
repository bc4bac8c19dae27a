"""`make fuzz`: damaged packets for a minute, through the engine and through a running service, from both sides.

Only options and what is printed. Exit code 1: something was found; the files say what.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.fuzz import inside, outside
from tests.fuzz.findings import KEPT, Finding
from tests.peers.hostile import Hostile


def main() -> int:
    """Five parts, each with a fifth of the time or the whole number of packets."""
    options = _options()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    seconds = options.seconds / len(PARTS) if options.packets is None else float("inf")
    packets = options.packets if options.packets is not None else sys.maxsize
    print(f"seed {seed}", flush=True)
    found: list[Finding] = []
    for number, (name, part) in enumerate(PARTS.items()):
        if options.parts and name not in options.parts.split(","):
            continue
        tally, findings = part(random.Random(seed + number), packets, seconds)
        print(f"{name:16} {tally or 'ended by a finding'}", flush=True)
        found += findings
    for one in found:
        print(f"{one.reason}\n  {one.write(options.findings)}")
    print(f"{len(found)} findings")
    return 1 if found else 0


def clients(source: random.Random, packets: int, seconds: float) -> tuple[Any, list[Finding]]:
    """Damaged questions to a service whose upstream is honest, and has long texts."""
    return _outside(Hostile("large"), lambda under_fire: under_fire.clients(packets, seconds), source)


def upstreams(source: random.Random, packets: int, seconds: float) -> tuple[Any, list[Finding]]:
    """Good questions to a service whose upstream is not."""
    liar = outside.Liar(random.Random(source.random()))
    return _outside(liar, lambda under_fire: under_fire.upstreams(packets, seconds), source)


def _outside(
    upstream: Hostile, fire: Callable[[outside.Outside], outside.Tally], source: random.Random
) -> tuple[outside.Tally | None, list[Finding]]:
    try:
        with (
            tempfile.TemporaryDirectory(prefix="fuzz-") as folder,
            outside.service(Path(folder), upstream) as running,
        ):
            return fire(outside.Outside(running, source)), []
    except Finding as one:
        return None, [one]
    finally:
        upstream.close()


PARTS: dict[str, Callable[[random.Random, int, float], tuple[Any, list[Finding]]]] = {
    "engine": lambda source, packets, seconds: inside.run("client", source, packets, seconds),
    "proxy-header": lambda source, packets, seconds: inside.run("proxy", source, packets, seconds),
    "answer-reader": lambda source, packets, seconds: inside.run("answer", source, packets, seconds),
    "clients": clients,
    "upstreams": upstreams,
}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="for all parts together (default 60)")
    parser.add_argument("--packets", type=int, help="of each part, however long it takes")
    parser.add_argument("--parts", help=f"some of {','.join(PARTS)}")
    parser.add_argument("--seed", type=int, help="to see the same packets again")
    parser.add_argument("--findings", type=Path, default=KEPT, help="folder of the files (default tests/fuzz/findings)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
