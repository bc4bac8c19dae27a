"""One client floods a server with random names: what the others who ask meanwhile notice, and what the disk takes.

Servers and how they start are bench.servers' and bench.ours'; tables are made in bench.floodreport.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from bench import clients
from bench.asker import Outcome
from bench.meters import BenchError, busy_seconds, cpu_of, pss_of
from bench.ours import Ours, start_ours
from bench.processes import find_program, run_dnsperf
from bench.servers import Server, Site, start_floor, start_unbound
from bench.session import Session
from bench.stored import Rows, rows_of
from bench.works import CACHED_NAMES, FLOODED, HOT_NAMES, WORKS, ZONE, write_flood, write_others

WORKED = (WORKS["hot"], WORKS["cached"], WORKS["miss"])  # what the others' questions are made of
_WARM_SECONDS = 30.0
_SPARE = 1.2  # more questions in a file than are asked


class Rates(NamedTuple):
    """Questions a second."""

    others: int
    flood: int


class Case(NamedTuple):
    """What goes on beside the others' questions."""

    name: str
    about: str
    listed: bool = False  # flooded are names below one that is listed
    flooded: bool = True


CASES = (
    Case("alone", "no flood", flooded=False),
    Case("unlisted", "random names below a name of the upstream's zone"),
    Case("listed", "random names below a listed name", listed=True),
)


class Seen(msgspec.Struct, frozen=True):
    """What the others saw. Latencies in milliseconds, over all questions: a lost one counts its whole wait."""

    asked: int
    answered: int
    lost: int
    failed: int  # answered with anything but NOERROR, or truncated, as one is who asks over a limit
    per_second: float
    p50: float
    p95: float
    p99: float
    worst: float


class Run(msgspec.Struct, frozen=True):
    """One case of one server, once. Percentages are of one core over the time of the load."""

    others: Seen
    worker: float
    strangers: float  # of the server's core, by processes that are no server: much of it spoils a run
    load_core: float  # all that ran on the other core: near 100, latencies are those of the load as well
    recorder: float | None
    pss: float  # megabytes, after it
    listed: bool = False  # the flood's names were
    flood_sent: int = 0
    flood_answered: int = 0
    flood_truncated: int = 0  # come by TCP: what is over a limit of ours
    flood_per_second: float = 0.0  # sent
    limited: int | None = None  # questions that were over a limit; None: the server has none, or does not count them
    written: int | None = None  # octets of the account of hits that came in this run, the others' hits too
    rows: Rows | None = None  # the flooder's in our ledger
    dropped: int | None = None  # hits that our worker gave up

    @property
    def kept(self) -> bool:
        """Whether each hit of the flood is recorded, in no more rows than folding lets it have."""
        if self.rows is None:
            return True
        counted = self.flood_answered <= self.rows.hits <= self.flood_sent if self.listed else not self.rows.rows
        return counted and not self.dropped and self.rows.rows <= self.rows.bound


class Result(msgspec.Struct, frozen=True):
    """All rounds of one server in one case."""

    case: str
    label: str
    runs: list[Run]


def check_programs() -> None:
    """Raise BenchError without what no flood can be measured without."""
    if find_program("nsd") is None:
        raise BenchError("nsd is not installed (Debian: apt install nsd): the flood's misses need an upstream")


def compare(session: Session, rates: Rates) -> list[Result]:
    """Each case in turn, servers taking turns within it; every other round in the opposite order."""
    servers = _servers(session)
    site, plan = session.site, session.plan
    for server in servers:
        _warm(server, site)
    runs: dict[tuple[str, str], list[Run]] = {(case.name, one.label): [] for case in CASES for one in servers}
    for number in range(1, plan.rounds + 1):
        for case in CASES:
            asked, flooded = _write(case, site, number, rates, plan.seconds)
            for server in servers if number % 2 else reversed(servers):
                run = _measure(server, case, site, number, rates, plan.seconds, (asked, flooded))
                runs[case.name, server.label].append(run)
                session.tell(f"{case.name} {number}/{plan.rounds} {server.label}: {_told(run)}")
            asked.unlink()
            flooded.unlink(missing_ok=True)
    return [Result(case, label, found) for (case, label), found in runs.items()]


def _told(run: Run) -> str:
    seen = run.others
    return f"p50 {seen.p50:.2f} ms, p99 {seen.p99:.2f} ms, lost {seen.lost}, flood {run.flood_per_second:,.0f}/s"


def _servers(session: Session) -> list[Server]:
    site, peers = session.site, session.plan.peers
    servers = []
    if "floor" in peers:  # answers everything itself: what it shows is the load's own share
        servers.append(session.server("floor", lambda: start_floor(site)))
    if "unbound" in peers:
        servers.append(session.server("unbound", lambda: start_unbound(site, logged=True)))
    if "us" in peers:
        servers.append(session.server("us", lambda: start_ours(site, limits=True)))
    return servers


def _warm(server: Server, site: Site) -> None:
    """Ask each hot and each cached name, so that only what is new is a miss."""
    questions = site.folder / "warm.questions"
    names = [*site.names[:HOT_NAMES], *(f"h{number}.{ZONE}" for number in range(CACHED_NAMES))]
    questions.write_text("".join(f"{name} A\n" for name in names))
    run_dnsperf(server.port, questions, _WARM_SECONDS, 50, once=True)
    server.settle()
    questions.unlink()


def _write(case: Case, site: Site, number: int, rates: Rates, seconds: float) -> tuple[Path, Path]:
    """The questions of a case in a round; every server is asked the same."""
    asked, flooded = site.folder / "others.questions", site.folder / "flood.questions"
    tag = f"{number}-{case.name}"
    write_others(site.names, asked, tag, int(rates.others * seconds * _SPARE) + 1)
    if case.flooded:
        zone = site.names[-1] if case.listed else FLOODED
        write_flood(zone, flooded, tag, int(rates.flood * seconds * _SPARE) + 1)
    return asked, flooded


class _Shares:
    """Percent of a core that each part takes from now on."""

    def __init__(self, server: Server, site: Site) -> None:
        self._server, self._cores = server, site.cores
        self._cpu, self._recorder = cpu_of(server.pid), server.recorder_cpu()
        self._busy, self._load_busy = busy_seconds(site.cores.server), busy_seconds(site.cores.load)
        self._started = time.monotonic()

    def read(self) -> tuple[float, float, float, float | None]:
        """The worker, strangers on its core, all on the other core, the recorder there."""
        elapsed = time.monotonic() - self._started
        worker = sum(cpu_of(self._server.pid).since(self._cpu))
        strangers = busy_seconds(self._cores.server) - self._busy - worker
        load = busy_seconds(self._cores.load) - self._load_busy
        now = self._server.recorder_cpu()
        recorder = None if now is None or self._recorder is None else sum(now.since(self._recorder)) / elapsed * 100
        return worker / elapsed * 100, max(0.0, strangers / elapsed * 100), load / elapsed * 100, recorder


def _measure(
    server: Server, case: Case, site: Site, number: int, rates: Rates, seconds: float, files: tuple[Path, Path]
) -> Run:
    """One load. CPU is that of the load's time; what is stored is counted when the recorder has done its work."""
    hits, limited, written, since = server.settle(), server.limited(), server.written(), int(time.time())
    asking = clients.Clients(server.port, site.folder, seconds)
    try:
        asking.others(files[0], rates.others)
        if case.flooded:
            asking.flood(files[1], clients.flooder(number), rates.flood)
        shares = _Shares(server, site)
        asking.begin()
        time.sleep(seconds)
        used = shares.read()
        others = asking.outcome("others")
        flood = asking.outcome("flood") if case.flooded else None
    finally:
        asking.end()
    settled = server.settle() if isinstance(server, Ours) else None  # a peer's would throw away what it has written
    run = Run(
        seen(others, seconds), *used, pss_of(server.pid),
        limited=_more(server.limited(), limited), written=_more(server.written(), written),
    )  # fmt: skip
    if flood is None:
        return run
    run = msgspec.structs.replace(
        run, listed=case.listed, flood_sent=flood.sent, flood_answered=flood.answered,
        flood_truncated=flood.truncated, flood_per_second=flood.sent / seconds,
    )  # fmt: skip
    if not isinstance(server, Ours) or settled is None or hits is None:
        return run
    rows = rows_of(server.state, clients.flooder(number), since)
    return msgspec.structs.replace(run, rows=rows, dropped=settled.since(hits).dropped)


def _more(after: int | None, before: int | None) -> int | None:
    return None if after is None or before is None else after - before


def seen(others: Outcome, seconds: float) -> Seen:
    """What was answered, what was not, and how long it took."""
    lost = others.sent - others.answered
    waits = sorted(others.latencies) + [clients.PATIENCE] * lost
    return Seen(
        others.sent, others.answered, lost, others.failed + others.truncated, others.answered / seconds,
        *(percentile(waits, part) * 1000 for part in (50, 95, 99, 100)),
    )  # fmt: skip


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The smallest value that so many percent of all do not exceed (nearest rank)."""
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]
