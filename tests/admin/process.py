"""The real admin process on loopback, for tests that need its sockets.

No assertion of what it serves.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench.ports import free_port
from contracts import config
from contracts.control import RunFolder
from contracts.settings import Settings
from runtime.control import Unreachable, ask
from tests.conftest import REPO

PATIENCE = 20.0


class AdminProcess:
    """`python -m admin` with the repository's settings, but a state folder and a port of its own."""

    def __init__(self, folder: Path) -> None:
        self.config_file = folder / "config.yaml"
        text = (REPO / "config.yaml").read_text(encoding="utf-8")
        changes = {"state_dir: ./var": f"state_dir: {folder / 'var'}", "127.0.0.1:8053": f"127.0.0.1:{free_port()}"}
        for old, new in changes.items():
            assert old in text
            text = text.replace(old, new)
        self.config_file.write_text(text, encoding="utf-8")
        self.settings: Settings = config.read(self.config_file)
        self.url = f"http://{self.settings.admin.listen}"
        self.log_file = folder / "admin.log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> AdminProcess:
        with self.log_file.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "admin", "--config", str(self.config_file)], cwd=REPO, stderr=log
            )
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self.status()
            except Unreachable:
                assert self._process.poll() is None, self.log
                assert time.monotonic() < deadline, self.log
                time.sleep(0.05)
            else:
                return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = ask(RunFolder(self.settings.state).control("admin"), "status")
        return found

    def stop(self) -> int:
        """Ask it to end; its exit code."""
        assert self._process is not None
        self._process.terminate()
        try:
            return self._process.wait(PATIENCE)
        finally:
            self._process.kill()

    @property
    def log(self) -> str:
        return self.log_file.read_text(encoding="utf-8")

    def sinkhole(self, *words: str) -> str:
        """A command of the operator's; its stdout."""
        code = "from admin.cli.main import main; main()"
        command = [sys.executable, "-c", code, "--config", str(self.config_file), *words]
        return subprocess.run(command, cwd=REPO, check=True, capture_output=True, text=True).stdout
