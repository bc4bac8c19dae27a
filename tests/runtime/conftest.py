"""A process with a control socket and one operation of every manner, run as our own processes are run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.control import ask
from tests.waiting import until

SERVER = """\
import hashlib, logging, sys
from pathlib import Path
from twisted.internet import reactor
from twisted.internet.task import deferLater
from runtime import control, process

folder = Path(sys.argv[1])
process.setup_logging("server")

def echo(call):
    return {"args": call.args, "actor": call.actor}  # a test process has no far-away directory of users

def late(call):
    return deferLater(reactor, 0.05, lambda: "late but there")

def no(call):
    raise control.Refused("not today: tệp sai")

def bug(call):
    return {}["nothing"]

def steps(call):
    for number in range(3):
        call.progress({"step": number})
    return "done"

def take(call):
    return [hashlib.sha256(call.body.read_bytes()).hexdigest(), call.body.stat().st_size]

def never(call):
    from twisted.internet.defer import Deferred
    return Deferred()

operations = dict(echo=echo, late=late, no=no, bug=bug, steps=steps, take=take, never=never)
control.listen(reactor, folder / "server.sock", control.ControlFactory(
    operations, folder / "spool", folder / "pages.sock"
))
control.listen(reactor, folder / "plain.sock", control.ControlFactory(operations))

def stop():
    print("draining", file=sys.stderr)
    return deferLater(reactor, 0.1, lambda: print("drained", file=sys.stderr))

def reload():
    if (folder / "break-reload").exists():
        raise RuntimeError("reload is broken")
    print("reloaded", file=sys.stderr, flush=True)

process.run(reactor, stop=stop, reload=reload)
print("after the reactor", file=sys.stderr)
"""


class Server:
    """The running process, its sockets and what it printed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "server.sock"
        self.plain = folder / "plain.sock"
        self._log = folder / "log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen([sys.executable, "-c", SERVER, str(folder)], stderr=log)
        until(self.plain.exists, "the server listens")
        ask(self.plain, "ping")  # from then on it follows signals

    @property
    def log(self) -> str:
        """Everything on its stderr so far."""
        return self._log.read_text()

    def spooled(self) -> list[str]:
        """Files in its spool."""
        return os.listdir(self.folder / "spool") if (self.folder / "spool").exists() else []

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, give the exit code."""
        self.process.send_signal(number)
        return self.process.wait(20)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One for all tests of a file: each must leave it able to serve the next."""
    one = Server(tmp_path_factory.mktemp("control"))
    yield one
    assert one.end() == 0
