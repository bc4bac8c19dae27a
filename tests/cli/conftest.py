"""A small settings file, the installed `sinkhole` command, and scripted processes in place of the real parts.

The scripted parts answer real control sockets and follow real signals: only what they do in between is made up.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from contracts.control import RunFolder
from tests.waiting import DEADLINE, alive, until

SINKHOLE = Path(sys.executable).parent / "sinkhole"

SETTINGS = """\
dns:
  listen: ["127.0.0.1:1153"]
  workers: 2
  upstreams:
    servers: ["127.0.0.1:1154"]
sinkhole:
  ipv4_pool: 127.53.0.0/16
admin:
  listen: 127.0.0.1:8153
units:
  - {code: so-mau, name: Sở mẫu, networks: [127.10.0.0/16]}
"""

# What `python -m recorder-or-so` runs in these tests. SCRIPT_<part> says how it behaves.
SCRIPTED = """\
import os, signal, sys, threading, time
from pathlib import Path
from twisted.internet import reactor
from contracts import config
from contracts.control import RunFolder
from runtime import control, process

parser = process.arguments("scripted", "A part for tests")
parser.add_argument("--worker", type=int)
given = parser.parse_args()
part = {"casework": "recorder", "blocklists": "lists", "resolver": "resolver"}[Path(__file__).parent.name]
notes = Path(os.environ["NOTES"])
name = part if given.worker is None else f"{part}@{given.worker}"
def note(text):
    with notes.open("a") as file:
        file.write(f"{name} {text}\\n")
how = os.environ.get("SCRIPT_" + part, "")
note(f"start {os.getpid()}")
assert "NOTIFY_SOCKET" not in os.environ
broken = notes.with_name("broken-" + part)
if how.startswith("exit") or broken.exists():
    how = how or broken.read_text()
    print(f"{name}: scripted to fail", file=sys.stderr)
    sys.exit(int(how.removeprefix("exit")))
settings = config.read(Path(given.config))
status = {"pid": os.getpid(), "started": time.time(), "problems": []}
if part == "lists" and how != "slow":
    status |= {"seeded": [{"list": "sample"}], "busy": None}
factory = control.ControlFactory({"status": lambda call: status})
control.listen(reactor, RunFolder(settings.state).control(part, given.worker), factory)
def busy():
    while True:
        sum(range(10_000))
if how == "busy":
    threading.Thread(target=busy, daemon=True).start()
def stop():
    note("stop")
    if how == "deaf":
        time.sleep(60)
process.run(reactor, stop=stop, reload=lambda: note("reload"))
note("end")
"""


@pytest.fixture
def settings_file(tmp_path: Path) -> Path:
    """A settings file whose state folder is `var` beside it."""
    file = tmp_path / "config.yaml"
    file.write_text(SETTINGS, encoding="utf-8")
    return file


class Service:
    """`sinkhole run recorder lists resolver` over scripted parts."""

    process: subprocess.Popen[bytes]

    def __init__(self, folder: Path, settings_file: Path, script: dict[str, str]) -> None:
        for package in ("casework", "blocklists", "resolver"):
            (folder / package).mkdir(parents=True, exist_ok=True)
            (folder / package / "__init__.py").touch()
            (folder / package / "__main__.py").write_text(SCRIPTED)
        self.notes = folder / "notes"
        self.notes.touch()
        self.out = folder / "out"
        self.run_folder = RunFolder(settings_file.parent / "var")
        scripts = {f"SCRIPT_{part}": how for part, how in script.items()}
        self.environment = {**os.environ, "PYTHONPATH": str(folder), "NOTES": str(self.notes), **scripts}
        self.environment["NOTIFY_SOCKET"] = str(folder / "none")  # systemd's word is for the supervisor alone
        self.command = [str(SINKHOLE), "--config", str(settings_file), "run", "recorder", "lists", "resolver"]

    def start(self) -> None:
        """Without a terminal, as a service would be."""
        with self.out.open("wb") as out:
            self.process = subprocess.Popen(
                self.command, env=self.environment, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
            )

    @property
    def output(self) -> str:
        """Everything printed so far, by the supervisor and its processes."""
        return self.out.read_text(encoding="utf-8")

    def noted(self) -> list[str]:
        """What the scripted parts wrote down."""
        return self.notes.read_text().splitlines()

    def pids(self, name: str) -> list[int]:
        """Process ids of a part, in the order of their starts."""
        return [int(line.split()[2]) for line in self.noted() if line.startswith(f"{name} start ")]

    def wait_until_up(self) -> None:
        """Until the welcome stands on stdout."""
        until(lambda: "The sinkhole is running" in self.output or self.process.poll() is not None, "everything answers")
        assert self.process.poll() is None, self.output

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and give the exit code."""
        self.process.send_signal(number)
        return self.process.wait(DEADLINE)

    def all_pids(self) -> list[int]:
        """Of every process that was ever started."""
        return [int(line.split()[2]) for line in self.noted() if line.split()[1] == "start"]


@pytest.fixture
def service(tmp_path: Path, settings_file: Path) -> Iterator[Callable[..., Service]]:
    """Starts scripted services; none is left behind."""
    made = list[Service]()

    def make(start: bool = True, **script: str) -> Service:
        made.append(Service(tmp_path / f"parts{len(made)}", settings_file, script))
        if start:
            made[-1].start()
        return made[-1]

    yield make
    for one in made:
        for pid in [*([one.process.pid] if hasattr(one, "process") else []), *one.all_pids()]:
            if alive(pid):
                os.kill(pid, signal.SIGKILL)
        if hasattr(one, "process"):
            one.process.wait(DEADLINE)
