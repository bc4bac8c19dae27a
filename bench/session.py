"""One whole measurement: the temporary folder, the upstream, the servers, the works; everything is gone at its end.

The command line is in __main__; how a run is measured is in bench.rounds.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.meters import BenchError
from bench.ours import REPO, has_recorder, start_ours
from bench.processes import choose_cores, find_program
from bench.rounds import Result, Tell, measure_work
from bench.servers import Server, Site, start_floor, start_unbound, start_upstream
from bench.works import Work, listed_names

PEERS = ("floor", "unbound", "us")


@dataclass(frozen=True)
class Plan:
    """What is to be measured, and how long."""

    works: Sequence[Work]
    peers: Sequence[str]
    names: int
    rounds: int
    seconds: float
    sink: bool = False


class Session:
    """Servers start when a work first needs them and live until the end: idle ones cost no CPU."""

    def __init__(self, site: Site, plan: Plan, tell: Tell, stack: ExitStack) -> None:
        self.site = site
        self.plan = plan
        self.tell = tell
        self._stack = stack
        self._running: dict[str, Server] = {}

    def server(self, key: str, start: Callable[[], Server]) -> Server:
        """The server under `key`, started at its first use."""
        if key not in self._running:
            server = self._running[key] = start()
            self._stack.callback(server.end)
            self.tell(f"{server.label}: answers {server.start_seconds:.1f} s after its start")
        return self._running[key]

    def measure(self, servers_for: Callable[[Work], list[Server]]) -> list[Result]:
        """All works of the plan."""
        results = list[Result]()
        for work in self.plan.works:
            servers = servers_for(work)
            results += measure_work(work, servers, self.site, self.plan.rounds, self.plan.seconds, self.tell)
        return results


@contextmanager
def open_session(plan: Plan, tell: Tell) -> Iterator[Session]:
    """Names, upstream and folder. Raises BenchError where what no measurement can do without is missing."""
    if find_program("dnsperf") is None:
        raise BenchError("dnsperf is not installed (Debian: apt install dnsperf)")
    if "floor" in plan.peers and find_program("gcc") is None:
        raise BenchError("gcc is not installed (Debian: apt install gcc), or leave out the peer `floor`")
    cores = choose_cores()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        names = list(listed_names(plan.names))
        names_file = folder / "names"
        names_file.write_text("\n".join(names))
        upstream = 0
        if any(not work.listed for work in plan.works):
            process, upstream = start_upstream(folder / "nsd")
            stack.callback(process.end)
        yield Session(Site(folder, names, names_file, cores, upstream), plan, tell, stack)


def possible(plan: Plan, tell: Tell) -> Plan:
    """The plan without what this machine lacks; what is left out is named."""
    peers, works = list(plan.peers), list(plan.works)
    if "unbound" in peers and find_program("unbound") is None:
        tell("left out: unbound is not installed (Debian: apt install unbound)")
        peers.remove("unbound")
    if find_program("nsd") is None and any(not work.listed for work in works):
        tell("left out: cached and miss, for nsd is not installed (Debian: apt install nsd)")
        works = [work for work in works if work.listed]
    sink = plan.sink
    if not sink and not has_recorder(REPO):
        tell("this tree has no recorder: hits go to a sink that acknowledges and forgets them")
        sink = True
    return Plan(works, peers, plan.names, plan.rounds, plan.seconds, sink)


def compare(session: Session) -> list[Result]:
    """Us beside the peers."""
    site, plan = session.site, session.plan

    def servers_for(work: Work) -> list[Server]:
        servers = []
        if "floor" in plan.peers and not work.once:  # an echo forwards nothing
            servers.append(session.server("floor", lambda: start_floor(site)))
        if "unbound" in plan.peers:
            servers.append(session.server(f"unbound {work.listed}", lambda: start_unbound(site, logged=work.listed)))
        if "us" in plan.peers:
            servers.append(session.server("us", lambda: start_ours(site, sink=plan.sink)))
        return servers

    return session.measure(servers_for)


def recorder_line(cores: tuple[int, int]) -> str:
    """What bench.recorder finds with all cores to itself; empty where this tree has no recorder."""
    if not has_recorder(REPO):
        return ""
    command = ["taskset", "-c", ",".join(map(str, cores)), sys.executable, "-m", "bench.recorder"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPO, timeout=600)
    rates = re.findall(r"^([\d,]+ distinct rows/s .+)$", done.stdout, re.MULTILINE)
    if done.returncode or not rates:
        raise BenchError(f"bench.recorder ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return f"recorder: {'; '.join(rates)}"
