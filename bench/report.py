"""Turns results into tables: what was measured, the ratios beside their targets, the account of hits. Markdown.

Nothing is measured here.
"""

from __future__ import annotations

import datetime
import platform
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.meters import BenchError
from bench.processes import find_program
from bench.rounds import Result, ratio, ratios

US, FLOOR = "us", "C floor"


class Target(NamedTuple):
    """The most that our cost may be, as a ratio to a peer's in the same run."""

    work: str
    peer: str  # label starts with this
    now: float | None  # what this version of the product must keep
    final: float | None


TARGETS = (
    Target("hot", "Unbound", 1.3, 0.75),
    Target("hot", FLOOR, None, 1.4),
    Target("listed", "Unbound", 1.3, 0.75),
    Target("listed", FLOOR, None, None),
    Target("cached", "Unbound", 1.3, 1.1),
    Target("cached", FLOOR, None, 1.35),
    Target("miss", "Unbound", None, 0.6),
)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A markdown table with padded columns, so that it reads well in a terminal too."""
    lines = [list(head), *[list(row) for row in rows]]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    written = ["| " + " | ".join(cell.ljust(widths[i]) for i, cell in enumerate(line)) + " |" for line in lines]
    written.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(written)


def cost_table(results: Iterable[Result]) -> str:
    """The median run of each server and work."""
    head = (
        "work", "server", "us/query", "user", "system", "min-max", "q/s", "lost", "answers", "PSS MB", "recorder us",
        "others %",
    )  # fmt: skip
    return table(head, [_cost_row(result) for result in results])


def _cost_row(result: Result) -> tuple[str, ...]:
    run = result.median
    totals = [one.total for one in result.runs]
    return (
        result.work, result.label, f"{run.total:.2f}", f"{run.user:.2f}", f"{run.system:.2f}",
        f"{min(totals):.2f}-{max(totals):.2f}", f"{run.per_second:,.0f}", f"{sum(one.lost for one in result.runs):,}",
        re.sub(r" \d+ \(100\.00%\)", " only", run.codes), f"{run.pss:,.0f}",
        "-" if run.recorder is None else f"{run.recorder:.2f}", f"{run.others:.0f}",
    )  # fmt: skip


def ratio_table(results: Sequence[Result]) -> str:
    """Us beside each peer that was measured, with the targets; empty when there is nothing to compare."""
    rows = []
    for target in TARGETS:
        mine = _find(results, target.work, US)
        theirs = _find(results, target.work, target.peer)
        if mine is None or theirs is None:
            continue
        found, spread = ratio(mine, theirs), ratios(mine, theirs)
        rows.append((
            target.work, f"us / {theirs.label}", f"{found:.2f}", f"{min(spread):.2f}-{max(spread):.2f}",
            _judged(found, target.now), _judged(found, target.final),
        ))  # fmt: skip
    return table(("work", "ratio", "median", "min-max", "target of this step", "final target"), rows) if rows else ""


def _find(results: Sequence[Result], work: str, label: str) -> Result | None:
    return next((one for one in results if one.work == work and one.label.startswith(label)), None)


def _judged(found: float, target: float | None) -> str:
    if target is None:
        return "-"
    return f"{target:.2f}: {'met' if found <= target else 'missed'}"


def hit_lines(results: Iterable[Result]) -> list[str]:
    """For each listed work of ours: whether every answer has its recorded hit."""
    lines = []
    for result in results:
        runs = [run for run in result.runs if run.made is not None]
        if not runs:
            continue
        answered, made, recorded, dropped = (
            sum(getattr(run, name) or 0 for run in runs) for name in ("answered", "made", "recorded", "dropped")
        )
        verdict = "none is missing" if all(run.complete for run in runs) else "NOT EVERY ANSWER HAS ITS RECORDED HIT"
        lines.append(
            f"{result.work}, {result.label}: {answered:,} answered, {made:,} hits made, {recorded:,} recorded, "
            f"{dropped:,} dropped: {verdict}"
        )
    return lines


def machine() -> list[str]:
    """Where and with what it was measured."""
    information = Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*:\s*(.+)$", information, re.MULTILINE)
    cores = len(re.findall(r"^processor\s*:", information, re.MULTILINE))
    processor = f"{model[1] if model else platform.machine()}, {cores} cores"
    python = f"Python {platform.python_version()} ({sys.implementation.name})"
    return [
        f"{datetime.datetime.now(tz=datetime.UTC).date()}, {processor}, Linux {platform.release()}, {python}",
        f"peers: {', '.join(filter(None, map(_version, ('unbound', 'nsd', 'dnsperf'))))}",
    ]


def _version(program: str) -> str:
    path = find_program(program)
    if path is None:
        return ""
    flag = {"unbound": "-V", "nsd": "-v", "dnsperf": "-h"}[program]
    told = subprocess.run([path, flag], capture_output=True, text=True, check=False)
    number = re.search(r"[Vv]ersion:? (\S+)", told.stdout + told.stderr)
    return f"{program} {number[1]}" if number else program


def markers(name: str) -> tuple[str, str]:
    """The lines between which a document has the block `name`."""
    return f"<!-- {name}:begin -->", f"<!-- {name}:end -->"


def write_block(file: Path, block: str, name: str = "bench") -> None:
    """Replace what stands between the two markers `name` of a document."""
    begins, ends = markers(name)
    text = file.read_text(encoding="utf-8")
    before, begin, rest = text.partition(begins)
    _old, end, after = rest.partition(ends)
    if not begin or not end:
        raise BenchError(f"{file}: needs the lines {begins} and {ends}")
    file.write_text(f"{before}{begins}\n{block.strip()}\n{ends}{after}", encoding="utf-8")
