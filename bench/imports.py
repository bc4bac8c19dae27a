"""What importing lists costs: every file of a folder with its counts, seconds and memory; or made-up lists of any size.

Each import is a process of its own (bench.one_import). Nothing is judged here.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from bench import report
from bench.meters import BenchError, pss_of
from bench.one_import import Told
from bench.ours import REPO
from bench.ports import free_port
from bench.processes import HOST, Process
from bench.works import listed_names
from contracts.control import RunFolder
from runtime.control import Refused, Unreachable, ask

_SECONDS = 3600.0
_HEAD = (
    "file", "format", "lines", "names", "addresses", "repeated", "bad", "refused", "unsupported", "seconds", "MB peak",
    "why lines were not taken",
)  # fmt: skip
_SIZES = (
    "lines", "file MB", "seconds", "MB peak", "library MB", "segment MB", "octets a name", "worker ready s",
    "worker PSS MB",
)  # fmt: skip
_MB = 1 << 20


class Sized(NamedTuple):
    """A made-up list: what its import cost, and what a worker that has it as its policy takes. Octets, MB, seconds."""

    told: Told
    file: int
    library: int
    segments: int
    ready: float
    pss: float


def files_of(folder: Path, left_out: Sequence[str]) -> list[Path]:
    """Every file below a folder, but what lies in folders of these names, and documents at the top."""
    found = sorted(path for path in folder.rglob("*") if path.is_file() and path.parent != folder)
    return [path for path in found if not set(path.relative_to(folder).parts) & set(left_out)]


def each_file(folder: Path, paths: Iterable[Path], tell: Callable[[str], None]) -> str:
    """A table with a line for each file. Each is a list of its own, in one library."""
    rows = []
    with _state() as state:
        for number, path in enumerate(paths, 1):
            shown = str(path.relative_to(folder))
            told = _import(state, path, f"list{number}")
            tell(f"{shown}: {told.state}, {told.names} names, {told.addresses} addresses, {told.seconds:.1f} s")
            rows.append(_row(shown, told))
    return report.table(_HEAD, rows)


def each_size(sizes: Iterable[int], tell: Callable[[str], None]) -> str:
    """A table with a line for each size: the list is made up, one name a line."""
    rows = []
    for size in sizes:
        with _state() as state:
            found = _sized(state, size)
        tell(f"{size:,} lines: {found.told.seconds:.1f} s, {found.told.peak:,.0f} MB")
        rows.append((
            f"{found.told.lines:,}", f"{found.file / _MB:,.1f}",
            f"{found.told.seconds:,.1f}", f"{found.told.peak:,.0f}",
            f"{found.library / _MB:,.0f}", f"{found.segments / _MB:,.1f}", f"{found.segments / found.told.names:.1f}",
            f"{found.ready:.1f}", f"{found.pss:,.0f}",
        ))  # fmt: skip
    return report.table(_SIZES, rows)


def _row(shown: str, told: Told) -> tuple[str, ...]:
    numbers = (told.lines, told.names, told.addresses, told.duplicates, told.bad, told.refused, told.unsupported)
    why = "; ".join(f"{count:,} {reason}" for count, reason in told.reasons) or told.reason
    cells = (shown, told.format, *(f"{one:,}" for one in numbers), f"{told.seconds:.2f}", f"{told.peak:,.0f}")
    return (*cells, re.sub(r"[|\n]", " ", why))


def _sized(state: Path, size: int) -> Sized:
    path = state / "made-up.txt"
    with path.open("w") as file:
        file.writelines(f"{name}\n" for name in listed_names(size))
    told = _import(state, path, "made-up")
    if told.state != "live":
        raise BenchError(f"{size:,} lines: {told.state}: {told.reason}")
    segments = sum(one.stat().st_size for one in (state / "var/policy/segments").glob("made-up-*.seg"))
    library = (state / "var/library.db").stat().st_size
    ready, pss = _worker(state)
    return Sized(told, path.stat().st_size, library, segments, ready, pss)


def _worker(state: Path) -> tuple[float, float]:
    """Seconds until a worker answers with this policy, and its memory then, when nobody has asked it for a name yet."""
    command = [sys.executable, "-P", "-m", "resolver", "--worker", "0", "--config", str(state / "config.yaml")]
    worker = Process("resolver", command, state / "worker.out", tree=REPO)
    control = RunFolder(state / "var").control("resolver", 0)

    def answers() -> bool:
        try:
            return bool(ask(control, "status")["serial"])
        except (Unreachable, Refused):
            return False

    try:
        return worker.wait_until(answers), pss_of(worker.pid)
    finally:
        worker.end()


def _import(state: Path, path: Path, name: str) -> Told:
    command = [sys.executable, "-P", "-m", "bench.one_import", str(state / "config.yaml"), str(path), name]
    environment = {"PYTHONPATH": str(REPO), "PATH": ""}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=_SECONDS)
    if done.returncode:
        raise BenchError(f"{path.name} could not be imported:\n{done.stderr.strip()}")
    return msgspec.json.decode(done.stdout, type=Told)


@contextlib.contextmanager
def _state() -> Iterator[Path]:
    """A folder with settings that runs nowhere but on loopback; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="bench-") as text:
        folder = Path(text)
        (folder / "config.yaml").write_text(
            f'state_dir: ./var\ndns:\n  listen: ["{HOST}:{free_port()}"]\n  workers: 1\n  upstreams:\n'
            f'    servers: ["{HOST}:9"]\nsinkhole:\n  ipv4_pool: 127.53.0.0/16\nadmin:\n  listen: {HOST}:8053\n'
        )
        yield folder
