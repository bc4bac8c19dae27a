"""Measures servers in interleaved rounds: CPU microseconds per answered query, each run beside the others' runs.

Which servers and how they start is not decided here; tables are made in bench.report.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from bench.meters import busy_seconds, cpu_of, pss_of
from bench.processes import run_dnsperf
from bench.servers import Server, Site
from bench.works import Work, write_questions

WARM_SECONDS = 2.0
WARM_PASS_SECONDS = 30.0
Tell = Callable[[str], None]


class Run(msgspec.Struct, frozen=True):
    """One load of one server. Times are CPU microseconds per answered query."""

    user: float
    system: float
    per_second: float
    sent: int
    answered: int
    lost: int
    codes: str
    pss: float  # megabytes
    others: float  # percent of the server's core that other processes took: much of it spoils a run
    recorder: float | None = None
    made: int | None = None  # hits of this run
    recorded: int | None = None
    dropped: int | None = None

    @property
    def total(self) -> float:
        """User and system."""
        return self.user + self.system

    @property
    def complete(self) -> bool:
        """Whether every answer has its recorded hit; True where none are recorded."""
        if self.made is None:
            return True
        return self.recorded == self.made and not self.dropped and self.answered <= self.made <= self.sent


class Result(msgspec.Struct, frozen=True):
    """All rounds of one server under one work."""

    work: str
    label: str
    runs: list[Run]

    @property
    def median(self) -> Run:
        """The run in the middle by cost (the dearer of the two when the rounds are even)."""
        return sorted(self.runs, key=lambda run: run.total)[len(self.runs) // 2]


def ratios(result: Result, other: Result) -> list[float]:
    """Cost of `result` divided by that of `other`, round by round: both runs of a round met the same machine."""
    return [mine.total / theirs.total for mine, theirs in zip(result.runs, other.runs, strict=True)]


def ratio(result: Result, other: Result) -> float:
    """Median over the rounds."""
    return statistics.median(ratios(result, other))


def measure_work(
    work: Work, servers: Sequence[Server], site: Site, rounds: int, seconds: float, tell: Tell
) -> list[Result]:
    """Warm each server up, then let them take turns; every other round in the opposite order."""
    names = site.names
    questions = site.folder / f"{work.name}.questions"
    write_questions(work, names, questions, 0, WARM_SECONDS)
    warm = min(seconds, WARM_SECONDS) if work.once else WARM_PASS_SECONDS  # else: one pass, so that all tables are full
    for server in servers:
        run_dnsperf(server.port, questions, warm, work.outstanding, once=True)
        server.settle()
    runs: dict[str, list[Run]] = {server.label: [] for server in servers}
    for number in range(1, rounds + 1):
        if work.once or number == 1:
            write_questions(work, names, questions, number, seconds)
        for server in servers if number % 2 else reversed(servers):
            run = measure(server, work, questions, seconds, site.cores.server)
            runs[server.label].append(run)
            tell(f"{work.name} {number}/{rounds} {server.label}: {run.total:.2f} us, {run.per_second:,.0f}/s")
    questions.unlink()
    return [Result(work.name, label, found) for label, found in runs.items()]


def measure(server: Server, work: Work, questions: Path, seconds: float, core: int) -> Run:
    """One load. What follows it (hits on their way to the recorder) belongs to its cost."""
    hits_before, recorder_before = server.settle(), server.recorder_cpu()
    before, busy_before, started = cpu_of(server.pid), busy_seconds(core), time.monotonic()
    load = run_dnsperf(server.port, questions, seconds, work.outstanding, once=work.once)
    others = (busy_seconds(core) - busy_before - sum(cpu_of(server.pid).since(before))) / (time.monotonic() - started)
    hits, recorder = server.settle(), server.recorder_cpu()
    used = cpu_of(server.pid).since(before)

    def each(cpu: float) -> float:
        return cpu / load.completed * 1e6

    run = Run(
        each(used.user), each(used.system), load.per_second, load.sent, load.completed, load.lost, load.codes,
        pss_of(server.pid), max(0.0, others * 100),
    )  # fmt: skip
    if not work.listed or recorder is None or recorder_before is None or hits is None or hits_before is None:
        return run
    mine = hits.since(hits_before)
    return msgspec.structs.replace(run, recorder=each(sum(recorder.since(recorder_before))), **mine._asdict())
