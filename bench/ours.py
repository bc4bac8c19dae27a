"""Ourselves as a measured server: one resolver worker on the server's core, the recorder beside the load.

Both run from a source tree that may be another commit's; nothing of that tree is imported here.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from bench.meters import BenchError, Cpu, cpu_of
from bench.ports import free_port
from bench.processes import HOST, Process
from bench.servers import Hits, Server, Site
from bench.stored import octets
from contracts.control import RunFolder
from runtime.control import Refused, Unreachable, ask

REPO = Path(__file__).resolve().parent.parent
SETTLE_SECONDS = 120.0
_HERE = Path(__file__).parent


class Ours(Server):
    """A worker whose account of hits can be asked for."""

    def __init__(self, label: str, worker: Process, recorder: Process, run: RunFolder, port: int, name: str) -> None:
        self.recorder = recorder
        self.state = run.folder.parent
        self._run = run
        super().__init__(label, worker, port, name)
        worker.wait_until(lambda: self._hits() is not None)  # the recorder takes hits

    def _hits(self) -> Hits | None:
        """None while the recorder is not there or still at work on what it took."""
        try:
            told = ask(self._run.control("resolver", 0), "status")["hits"]
            recorded = told["acknowledged"]
            if self._run.control("recorder").exists():
                recorder = ask(self._run.control("recorder"), "status")
                if recorder["queue"] or recorder["behind"]:  # it would disturb whoever is measured next
                    return None
                recorded = min(recorded, recorder["hits"])
        except (Unreachable, Refused):
            return None
        return Hits(told["made"], recorded, told["dropped"]) if told["connected"] else None

    def settle(self) -> Hits:
        """Wait until the recorder has stored every hit and rolled it up."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while True:
            hits = self._hits()
            if hits is not None and hits.made == hits.recorded + hits.dropped:
                return hits
            if time.monotonic() > deadline:
                raise BenchError(f"not recorded after {SETTLE_SECONDS:.0f} s: {hits}\n{self.recorder.last_words()}")
            time.sleep(0.1)

    def limited(self) -> int:
        """By the worker's own count."""
        return int(ask(self._run.control("resolver", 0), "status")["counters"]["limited"])

    def written(self) -> int:
        """The ledger and the sightings."""
        return octets(self.state)

    def recorder_cpu(self) -> Cpu:
        """Of the recorder, or of the sink in its place."""
        return cpu_of(self.recorder.pid)

    def end(self) -> None:
        """The worker first: its last hits still find the recorder."""
        super().end()
        self.recorder.end()


def has_recorder(tree: Path) -> bool:
    """Whether a source tree can record hits at all."""
    return (tree / "casework" / "__main__.py").exists()


def start_ours(site: Site, *, label: str = "us", tree: Path = REPO, sink: bool = False, limits: bool = False) -> Ours:
    """Compile the names with the tree's own compiler, start its recorder (or the sink) and one worker.

    With `limits` as the product has them by default; else with none, for one client asks all.
    """
    folder = site.folder / f"ours-{label}"
    folder.mkdir()
    port = free_port()
    config = folder / "config.yaml"
    config.write_text(_config(port, site.upstream, "" if limits else _unlimited(tree)))
    _compile(site, folder / "var", tree)
    run = RunFolder(folder / "var")
    python = [sys.executable, "-P"]
    aside = ["nice", "-n", "5", *python]  # as its unit file has it
    if sink:
        recording = [*aside, str(_HERE / "sink.py"), str(run.hits)]
    else:
        recording = [*aside, "-m", "casework", "--config", str(config)]
    answering = [*python, "-m", "resolver", "--worker", "0", "--config", str(config)]
    recorder = Process("sink" if sink else "recorder", recording, folder / "recorder.out", tree=tree)
    try:
        recorder.wait_until(run.hits.exists)
        worker = Process("resolver", answering, folder / "worker.out", core=site.cores.server, tree=tree)
    except BaseException:
        recorder.end()
        raise
    try:
        return Ours(label, worker, recorder, run, port, site.names[0])
    except BaseException:
        worker.end()
        recorder.end()
        raise


def _compile(site: Site, state: Path, tree: Path) -> None:
    script = tree / "bench" / "state.py"  # a commit's own: it knows its own segments
    command = [sys.executable, "-P", str(script), str(state), str(site.names_file)]
    environment = {"PYTHONPATH": str(tree), "PATH": ""}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"the list could not be compiled:\n{done.stderr.strip()}")


def _unlimited(tree: Path) -> str:
    """Settings that lift the limits which a tree has."""
    if (tree / "resolver/throttle.py").exists():
        return "\n  limits: {questions: 0, misses: 0, octets: 0}"
    return "\n  limits: {misses: 0, octets: 0}" if (tree / "resolver/server/limits.py").exists() else ""


def _config(port: int, upstream: int, limits: str) -> str:
    """Only what has no default, so that older commits understand it too."""
    return f"""state_dir: ./var
dns:
  listen: ["{HOST}:{port}"]
  workers: 1{limits}
  upstreams:
    servers: ["{HOST}:{upstream or 9}"]
sinkhole:
  ipv4_pool: 127.53.0.0/16
admin:
  listen: {HOST}:8053
"""
