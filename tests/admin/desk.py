"""The lists process beside pages under test, and its word for them: they listen where the admin process would.

No assertion of what lists do.
"""

from __future__ import annotations

import io
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from werkzeug.test import TestResponse

from contracts.control import RunFolder
from contracts.settings import Settings
from runtime.control import Unreachable, ask
from tests.admin.conftest import Browser
from tests.conftest import REPO
from tests.waiting import until


@contextmanager
def lists_process(settings: Settings, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m blocklists` with the settings of the pages."""
    text = (REPO / "config.yaml").read_text(encoding="utf-8")
    for old, new in (
        ("state_dir: ./var", f"state_dir: {settings.state}"),
        ("path: blocklists/", f"path: {REPO}/blocklists/"),
    ):
        assert old in text
        text = text.replace(old, new)
    (folder / "config.yaml").write_text(text, encoding="utf-8")
    with (folder / "lists.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "blocklists", "--config", str(folder / "config.yaml")], cwd=REPO, stderr=log
        )
    try:
        until(lambda: process.poll() is not None or _ready(settings), "the lists process is ready")
        assert process.poll() is None, (folder / "lists.log").read_text()
        yield process
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def pages_listen(settings: Settings) -> Iterator[None]:
    """This process is the one that accounts are believed of."""
    path = RunFolder(settings.state).control("admin")
    path.parent.mkdir(parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(100)
        yield
    path.unlink()


def send(browser: Browser, path: str, seen: str = "/password", **fields: object) -> TestResponse:
    """A form with a token of a page seen before, and with files: (content, name)."""
    page = browser.client.get(seen).get_data(as_text=True)
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert token is not None, f"no form on {seen}"
    sent = {name: (io.BytesIO(one[0]), one[1]) if isinstance(one, tuple) else one for name, one in fields.items()}
    return browser.client.post(path, data={"csrf_token": token.group(1), **sent}, buffered=True)


def _ready(settings: Settings) -> bool:
    try:
        told = ask(RunFolder(settings.state).control("lists"), "status")
    except Unreachable:
        return False
    return bool(told["seeded"]) and told["busy"] is None
