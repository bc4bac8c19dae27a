"""Where the time of our packet path goes: each case timed at several batch sizes, the slower ones profiled.

One process, no load generator: only good for comparing one part with another. What counts is `make bench`.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.meters import BenchError
from bench.ours import REPO
from bench.processes import Process
from bench.rig import Rig
from bench.works import CACHED_NAMES, HOT_NAMES, ZONE, listed_names
from contracts.control import RunFolder
from contracts.names import to_wire

DEPTHS = (64, 8, 1)  # packets that wait when the server reads: a busy one, a calm one, an idle one


def main(count: int, batches: int) -> None:
    """Print a line for each case, then the profiles of those that leave the hot table."""
    asked = HOT_NAMES + batches * (sum(DEPTHS) + DEPTHS[0])
    if count < asked:
        raise BenchError(f"{batches} batches ask {asked:,} names once: more --names, or fewer --batches")
    names = list(listed_names(count))
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
        state = Path(temporary)
        hits = RunFolder(state).hits
        command = [sys.executable, "-P", str(Path(__file__).with_name("sink.py")), str(hits)]
        sink = Process("sink", command, state / "sink.out", tree=REPO)
        try:
            sink.wait_until(hits.exists)
            _show(Rig(state, names, batches), names)
        finally:
            sink.end()


def _show(rig: Rig, names: list[str]) -> None:
    rig.hits.start()
    fresh = map(question, names[HOT_NAMES:])
    hot = itertools.cycle([question(name) for name in names[:HOT_NAMES]])
    cached = [f"h{number}.{ZONE}" for number in range(CACHED_NAMES)]
    for name in cached:
        rig.keep(name)
    known = itertools.cycle([question(name) for name in cached])
    unknown = (question(f"u{number}.{ZONE}") for number in itertools.count())
    seconds = _next_second(rig, known)
    rig.time(hot, DEPTHS[0])
    rig.time(known, DEPTHS[0])
    flooded = (question(f"x{number}.{names[0]}") for number in itertools.count())
    flooding = (question(f"x{number}.{ZONE}") for number in itertools.count())
    cases: tuple[tuple[str, Callable[[int], float]], ...] = (
        ("system calls alone", lambda depth: rig.system_calls(question(names[0]), depth)),
        ("cached, finished packet", lambda depth: rig.time(known, depth)),
        ("cached, a new second", lambda depth: rig.time(seconds, depth)),
        ("listed, finished packet, hit", lambda depth: rig.time(hot, depth)),
        ("listed, first time, hit", lambda depth: rig.time(fresh, depth)),
        ("miss, asked upstream", lambda depth: rig.time(unknown, depth)),
        ("over the share of its machine, unlisted", lambda depth: rig.throttled(flooding, depth)),
        ("over the share of its machine, hit", lambda depth: rig.throttled(flooded, depth)),
    )
    print("CPU microseconds a packet        batch of " + "".join(f"{depth:>7}" for depth in DEPTHS))
    for label, measured in cases:
        print(f"{label:<41} " + "".join(f"{measured(depth):7.2f}" for depth in DEPTHS))
    for label, packets in (("listed, first time", fresh), ("cached, a new second", seconds), ("miss", unknown)):
        print(f"\n{label}: own time by function; the profiler makes small functions dearer than they are\n")
        print(rig.profile(packets, DEPTHS[0]))


def question(name: str) -> bytes:
    """A plain A question as dnsperf sends it."""
    return b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0" + to_wire(name) + b"\0\x01\0\x01"


def _next_second(rig: Rig, packets: Iterator[bytes]) -> Iterator[bytes]:
    """A second passes after each round of the cached names: every finished packet is out of date."""
    for number, packet in enumerate(packets):
        if number % CACHED_NAMES == 0:
            rig.now += 1
        yield packet
