"""The kinds of load (works), the listed names, and the questions of each work as dnsperf reads them.

Nothing is started or measured here.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ZONE = "good.example"  # what the upstream serves
CACHED_NAMES = 1000
HOT_NAMES = 1000
_ENDINGS = ("com", "net", "info", "top", "xyz", "com.vn", "example")
FLOODED = f"flood.{ZONE}"  # the wildcard of the upstream's zone answers below it
_OTHERS_LISTED, _OTHERS_CACHED = 0.4, 0.9  # shares of what the others ask, added up; the rest is new
_MISSES_PER_SECOND = 120_000  # more than any server here can forward: no name is asked twice


class Work(NamedTuple):
    """`listed` works hit policy: each answer is a hit to record. `outstanding` questions are under way at most."""

    name: str
    about: str
    listed: bool
    outstanding: int = 400
    once: bool = False  # no question may be repeated, in no round


WORKS = {
    work.name: work
    for work in (
        Work("hot", "100,000 questions over 1,000 listed names", listed=True),
        Work("listed", "200,000 random questions over all listed names", listed=True),
        Work("cached", "100,000 questions over 1,000 names of an upstream zone", listed=False),
        Work("miss", "unique names forwarded to the upstream", listed=False, outstanding=100, once=True),
    )
}


def listed_names(count: int) -> Iterator[str]:
    """`count` distinct names like those that malware makes up; the same in every run."""
    source = random.Random(count)
    for number in range(count):
        yield f"{source.getrandbits(40):010x}{number:x}.{_ENDINGS[number % len(_ENDINGS)]}"


def write_questions(work: Work, names: list[str], path: Path, round_number: int, seconds: float) -> None:
    """A dnsperf data file. Only `once` works differ from round to round."""
    source = random.Random(7)
    if work.name == "hot":
        asked = (source.choice(names[:HOT_NAMES]) for _ in range(100_000))
    elif work.name == "listed":
        asked = (source.choice(names) for _ in range(200_000))
    elif work.name == "cached":
        asked = (f"h{source.randrange(CACHED_NAMES)}.{ZONE}" for _ in range(100_000))
    else:
        asked = (f"u{round_number}-{i}.{ZONE}" for i in range(int(_MISSES_PER_SECOND * seconds)))
    with path.open("w") as file:
        file.writelines(f"{name} A\n" for name in asked)


def write_others(names: list[str], path: Path, tag: str, count: int) -> None:
    """What people ask beside a flood: four of ten listed, five cached, one new to everybody. A `tag` is used once."""
    source = random.Random(tag)
    with path.open("w") as file:
        for number in range(count):
            share = source.random()
            if share < _OTHERS_LISTED:
                name = source.choice(names[:HOT_NAMES])
            elif share < _OTHERS_CACHED:
                name = f"h{source.randrange(CACHED_NAMES)}.{ZONE}"
            else:
                name = f"o{tag}-{number}.{ZONE}"
            file.write(f"{name} A\n")


def write_flood(zone: str, path: Path, tag: str, count: int) -> None:
    """Names below `zone` that nobody asked before. A `tag` is used once."""
    source = random.Random(tag)
    with path.open("w") as file:
        file.writelines(f"{source.getrandbits(48):012x}-{tag}-{number:x}.{zone} A\n" for number in range(count))
