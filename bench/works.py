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
