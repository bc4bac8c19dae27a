"""Records of the zone that is given to others, as files in order: written in runs, read and compared as streams.

No meaning of records, no serials. A million of them never stand in memory together.

Each is as a message carries it, behind its length; the zone's own name, which ends every owner, is a pointer to the
question at octet 12 (RFC 1035 section 4.1.4), so that it fits any message as it is.
"""

from __future__ import annotations

import heapq
import struct
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from blocklists.outlets.rpz import Wired

RUN = 100_000  # records that are sorted in memory at once
ZONE = b"\xc0\x0c"  # the zone's own name
_MOST = 40_000  # octets of one record: fits a message with all else that is in it
_HEAD = struct.Struct("!HHIH")
_SIZE = struct.Struct("!H")
_IN = 1


def encoded(one: Wired) -> bytes:
    """A record as messages carry it."""
    return one.owner + ZONE + _HEAD.pack(one.qtype, _IN, one.ttl, len(one.rdata)) + one.rdata


def write_sorted(path: Path, records: Iterable[bytes]) -> int:
    """Each record once, in order; how many. What cannot stand in one message is left out."""
    source, runs = iter(records), list[Path]()
    fitting = (one for one in source if len(one) <= _MOST)
    try:
        while run := sorted(set(islice(fitting, RUN))):
            runs.append(path.with_name(f"{path.name}.{len(runs)}.run"))
            with runs[-1].open("wb") as file:
                _write(file, run)
        with ExitStack() as stack, path.open("wb") as file:
            merged = heapq.merge(*(read(stack.enter_context(run.open("rb"))) for run in runs))
            return _write(file, _once(merged))
    finally:
        for one in runs:
            one.unlink(missing_ok=True)


def read(file: BinaryIO) -> Iterator[bytes]:
    """The records of a file."""
    while size := file.read(_SIZE.size):
        yield file.read(_SIZE.unpack(size)[0])


def write_difference(before: Path, after: Path, removed: Path, added: Path) -> tuple[int, int]:
    """What is in one only, into two files; how many of each."""
    with before.open("rb") as old, after.open("rb") as new, removed.open("wb") as gone, added.open("wb") as come:
        counts = [0, 0]
        olds, news = read(old), read(new)
        one, other = next(olds, None), next(news, None)
        while one is not None or other is not None:
            if one == other:
                one, other = next(olds, None), next(news, None)
            elif other is None or (one is not None and one < other):
                assert one is not None
                counts[0] += _write(gone, (one,))
                one = next(olds, None)
            else:
                counts[1] += _write(come, (other,))
                other = next(news, None)
    return counts[0], counts[1]


def _write(file: BinaryIO, records: Iterable[bytes]) -> int:
    count = 0
    for one in records:
        file.write(_SIZE.pack(len(one)) + one)
        count += 1
    return count


def _once(records: Iterable[bytes]) -> Iterator[bytes]:
    last = b""
    for one in records:
        if one != last:
            yield one
        last = one
