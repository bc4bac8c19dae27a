"""The servers measured beside us, and the upstream: the C floor, Unbound, NSD. Each is ready when made.

Ourselves are in bench.ours; what is done with a server is in bench.rounds.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from bench.meters import BenchError, Cpu
from bench.ports import free_port
from bench.processes import HOST, Cores, Process, answers, find_program
from bench.works import CACHED_NAMES, ZONE

SINKHOLE = "10.0.0.1"
TTL = 60


@dataclass
class Site:
    """What every server of a measurement needs to know."""

    folder: Path
    names: list[str]
    names_file: Path
    cores: Cores
    upstream: int  # port, 0 where there is none


class Hits(NamedTuple):
    """A worker's account of its hits since it started."""

    made: int
    recorded: int  # by the recorder's own count, where there is a recorder
    dropped: int

    def since(self, before: Hits) -> Hits:
        """What came after `before`."""
        return Hits(self.made - before.made, self.recorded - before.recorded, self.dropped - before.dropped)


class Server:
    """A running server. Peers record nothing that could be counted; bench.ours does."""

    def __init__(self, label: str, process: Process, port: int, first_name: str) -> None:
        self.label = label
        self.process = process
        self.port = port
        self.start_seconds = process.wait_until(lambda: answers(port, first_name))

    @property
    def pid(self) -> int:
        """Of the one process that is measured."""
        return self.process.pid

    def settle(self) -> Hits | None:
        """Wait until nothing of the last load is left to be done; the account of hits, where one is kept."""
        return None

    def limited(self) -> int | None:
        """How many questions and answers were over a limit so far, where it has limits and counts them."""
        return None

    def written(self) -> int | None:
        """Octets that its account of hits takes on the disk, where it keeps one."""
        return None

    def recorder_cpu(self) -> Cpu | None:
        """CPU seconds of the process that stores hits, where it is another one."""
        return None

    def end(self) -> None:
        """End every process of this server."""
        self.process.end()


def start_floor(site: Site) -> Server:
    """The C echo: a bound of what any program could do with the same system calls."""
    program = site.folder / "floor"
    source = Path(__file__).with_name("floor.c")
    subprocess.run([find_program("gcc") or "gcc", "-O2", "-o", str(program), str(source)], check=True)
    port = free_port()
    process = Process("floor", [str(program), str(port)], site.folder / "floor.out", core=site.cores.server)
    return _ready("C floor", process, port, site)


class Unbound(Server):
    """Unbound with every listed name as a local zone."""

    actions: Path

    def settle(self) -> None:
        """Empty its log of actions, so that a long measurement does not fill the disk."""
        if self.actions.exists():
            os.truncate(self.actions, 0)

    def written(self) -> int:
        """Of its log of actions, since it was emptied."""
        return self.actions.stat().st_size if self.actions.exists() else 0


def start_unbound(site: Site, *, logged: bool) -> Server:
    """Unbound as others run it; `logged` writes a line for each listed name that was asked."""
    folder = site.folder / ("unbound-logged" if logged else "unbound")
    folder.mkdir()
    port = free_port()
    with (folder / "listed.conf").open("w") as file:
        for name in site.names:
            file.write(f'local-zone: "{name}." redirect\nlocal-data: "{name}. {TTL} A {SINKHOLE}"\n')
    config = folder / "unbound.conf"
    config.write_text(_unbound_config(folder, port, site.upstream, logged=logged))
    program = find_program("unbound") or "unbound"
    process = Process("unbound", [program, "-d", "-c", str(config)], folder / "out", core=site.cores.server)
    server = _ready("Unbound, hits logged" if logged else "Unbound", process, port, site, Unbound)
    assert isinstance(server, Unbound)
    server.actions = folder / "actions.log"
    return server


def _ready(label: str, process: Process, port: int, site: Site, kind: type[Server] = Server) -> Server:
    try:
        return kind(label, process, port, site.names[0])
    except BaseException:
        process.end()
        raise


def _unbound_config(folder: Path, port: int, upstream: int, *, logged: bool) -> str:
    forward = f'forward-zone:\n  name: "."\n  forward-addr: {HOST}@{upstream}\n' if upstream else ""
    return f"""server:
  directory: "{folder}"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  logfile: "{folder}/actions.log"
  log-local-actions: {"yes" if logged else "no"}
  interface: {HOST}
  port: {port}
  num-threads: 1
  do-daemonize: no
  so-rcvbuf: 4m
  so-sndbuf: 4m
  access-control: 127.0.0.0/8 allow
  do-not-query-localhost: no
  module-config: "iterator"
  msg-cache-size: 64m
  rrset-cache-size: 128m
  include: "{folder}/listed.conf"
remote-control:
  control-enable: no
{forward}"""


def start_upstream(folder: Path) -> tuple[Process, int]:
    """NSD with one zone: a thousand names and a wildcard below them. Shares the core of the load."""
    program = find_program("nsd")
    if program is None:
        raise BenchError("nsd is not installed (Debian: apt install nsd)")
    folder.mkdir()
    hosts = "".join(f"h{number} A 192.0.2.{number % 250}\n" for number in range(CACHED_NAMES))
    (folder / "zone").write_text(
        f"$ORIGIN {ZONE}.\n$TTL 3600\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A {HOST}\n"
        f"* A 192.0.2.251\n{hosts}"
    )
    port = free_port()
    config = folder / "nsd.conf"
    config.write_text(f"""server:
  server-count: 1
  rrl-ratelimit: 0
  rrl-whitelist-ratelimit: 0
  ip-address: {HOST}@{port}
  zonesdir: "{folder}"
  username: ""
  chroot: ""
  pidfile: "{folder}/pid"
  zonelistfile: "{folder}/zones"
  xfrdfile: "{folder}/transfers"
  xfrdir: "{folder}"
remote-control:
  control-enable: no
zone:
  name: {ZONE}
  zonefile: zone
""")
    process = Process("nsd", [program, "-d", "-c", str(config)], folder / "out")
    try:
        process.wait_until(lambda: answers(port, f"h1.{ZONE}"))
    except BaseException:
        process.end()
        raise
    return process, port
