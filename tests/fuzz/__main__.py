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
from typing import Any, NamedTuple

from admin.cli.terminal import number
from tests.fuzz import inside, outside
from tests.fuzz.findings import KEPT, Finding
from tests.peers.hostile import Hostile

INTRODUCTION = """\
Damaged packets, to see whether anything breaks. Three parts stay in this process, two start a service of their own on
loopback, in a temporary folder, and end it. No running service is touched, nothing leaves this machine.
"""


class Part(NamedTuple):
    """One of them: what it does, and what to say of its tally."""

    what: str
    run: Callable[[random.Random, int, float], tuple[Any, list[Finding]]]
    words: Callable[[Any], list[str]]


def main() -> int:
    """Five parts, each with a fifth of the time or the whole number of packets."""
    options = _options()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    seconds = options.seconds / len(PARTS) if options.packets is None else float("inf")
    packets = options.packets if options.packets is not None else sys.maxsize
    print(INTRODUCTION, flush=True)
    found: list[Finding] = []
    for nth, (name, part) in enumerate(PARTS.items()):
        if options.parts and name not in options.parts.split(","):
            continue
        print(f"{name}: {part.what}", flush=True)
        tally, findings = part.run(random.Random(seed + nth), packets, seconds)
        print("\n".join(f"  {line}" for line in (part.words(tally) if tally else ["ended by a finding"])), flush=True)
        found += findings
    print()
    for one in found:
        print(f"FOUND: {one.reason}\n  kept in {one.write(options.findings)}, which the tests replay")
    print("Nothing was found." if not found else f"{len(found)} found: each is a fault of ours.")
    print(f"To send the same packets again, as many as the time allows: {_again(options, seed)}")
    return 1 if found else 0


def _again(options: argparse.Namespace, seed: int) -> str:
    more = [f"--seed {seed}"]
    more += [f"--packets {options.packets}"] if options.packets is not None else []
    more += [f"--parts {options.parts}"] if options.parts else []
    return f'make fuzz SECONDS={options.seconds:g} ARGS="{" ".join(more)}"'


def _inside_words(tally: inside.Tally) -> list[str]:
    return [
        f"{number(tally.packets)} packets; an error of ours, a hang or a broken rule would be a finding",
        f"lines of our code reached: {number(tally.lines)}; packets varied on, for they reached new ones: "
        + number(tally.kept),
    ]


def _outside_words(why: str) -> Callable[[outside.Tally], list[str]]:
    """`why` some get no answer while the fuzzer looks."""

    def words(tally: outside.Tally) -> list[str]:
        silent = number(tally.packets - tally.answered)
        return [
            f"{number(tally.packets)} questions, {number(tally.answered)} answered",
            f"{silent} not answered, as expected: {why}",
            f"{number(tally.ordinary)} ordinary questions in between, all of them answered rightly",
            f"the worker grew by {number(tally.grown)} kB; {number(outside.GROWTH)} would be a finding",
        ]

    return words


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


PARTS = {
    "engine": Part(
        "damaged questions of clients, given to the engine in this process",
        lambda source, packets, seconds: inside.run("client", source, packets, seconds),
        _inside_words,
    ),
    "proxy-header": Part(
        "damaged PROXY headers, read in this process",
        lambda source, packets, seconds: inside.run("proxy", source, packets, seconds),
        _inside_words,
    ),
    "answer-reader": Part(
        "damaged answers of upstreams, read, kept and handed on in this process",
        lambda source, packets, seconds: inside.run("answer", source, packets, seconds),
        _inside_words,
    ),
    "clients": Part(
        "damaged questions by UDP and TCP to a service of the fuzzer's own",
        clients,
        _outside_words("too short, themselves an answer, or not waited for"),
    ),
    "upstreams": Part(
        "good questions to a service of the fuzzer's own whose upstream gives damaged answers, or none",
        upstreams,
        _outside_words("their upstream was silent or lied, and nobody waits until the service gives up"),
    ),
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
