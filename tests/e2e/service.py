"""The whole service as a user runs it: `sinkhole run` in a folder of its own, commands and DNS questions against it.

Everything is on loopback; processes are ended by pid.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dns.message
import dns.query

from bench.ports import free_port

SINKHOLE = Path(sys.executable).with_name("sinkhole")
START_SECONDS = 60.0

CONFIG = """\
state_dir: ./var
dns:
  listen: ["127.0.0.1:{dns}"]
  workers: 2
  upstreams:
    servers: ["127.0.0.1:{upstream}"]
    timeout_ms: 400
sinkhole:
  ipv4_pool: 127.53.0.0/16
admin:
  listen: 127.0.0.1:{admin}
lists:
  - {{name: sample, path: sample.txt, format: domains, campaign: demo, kind: c2, mode: enforce}}
campaigns:
  - {{id: demo, title: Chiến dịch thử, letter: 01/CV}}
units:
  - {{code: so-mau, name: Sở Mẫu, networks: [127.10.0.0/16]}}
  - {{code: xa-mau, name: Xã Mẫu, networks: [127.20.0.0/16]}}
"""


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 20.0) -> Any:
    """Poll until `condition` is true, return what it gave; fail loudly when it never is."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.05)


class Service:
    """One running service."""

    def __init__(self, folder: Path, upstream_port: int, listed: str = "evil-sample.example\n") -> None:
        self.folder = folder
        self.port = free_port()
        self.admin_port = free_port()
        self.config = folder / "config.yaml"
        text = CONFIG.format(dns=self.port, admin=self.admin_port, upstream=upstream_port)
        self.config.write_text(text, encoding="utf-8")
        (folder / "sample.txt").write_text(listed)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def state(self) -> Path:
        """The state folder."""
        return self.folder / "var"

    def start(self) -> Service:
        """Start and wait until `sinkhole status` is content."""
        self.log = (self.folder / "service.log").open("wb")
        self.process = subprocess.Popen(
            [SINKHOLE, "--config", self.config, "run"], stdout=self.log, stderr=self.log, cwd=self.folder
        )
        wait_for(self.healthy, f"service healthy; log:\n{self.tail()}", START_SECONDS)
        return self

    def healthy(self) -> bool:
        """Status has no problem."""
        assert self.process is not None
        assert self.process.poll() is None, self.tail()
        return self.cli("status", check=False).returncode == 0

    def tail(self) -> str:
        """The end of the log."""
        return (self.folder / "service.log").read_text(errors="replace")[-4000:]

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it; the exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(30)
        self.log.close()
        return code

    def cli(self, *words: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        """A `sinkhole` command."""
        done = subprocess.run(
            [SINKHOLE, "--config", self.config, *words],
            capture_output=True,
            text=True,
            timeout=120,
            cwd=self.folder,
            check=False,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def json(self, *words: str | Path, check: bool = True) -> Any:
        """What a command says with --json."""
        return json.loads(self.cli(*words, "--json", check=check).stdout)

    def ask(self, name: str, kind: str = "A", client: str = "127.10.0.5", *, tcp: bool = False) -> dns.message.Message:
        """One question by dnspython from `client`."""
        query = dns.message.make_query(name, kind, use_edns=0)
        ask = dns.query.tcp if tcp else dns.query.udp
        return ask(query, "127.0.0.1", timeout=5, port=self.port, source=client)

    def addresses(self, name: str, client: str = "127.10.0.5", *, tcp: bool = False) -> list[str]:
        """The A records that `client` gets."""
        return [
            item.address for rrset in self.ask(name, "A", client, tcp=tcp).answer for item in rrset if item.rdtype == 1
        ]

    def pids(self) -> dict[str, int]:
        """Process ids by part, as status tells them."""
        told = self.json("status", check=False)["processes"]
        return {name: about["pid"] for name, about in told.items() if about.get("pid")}
