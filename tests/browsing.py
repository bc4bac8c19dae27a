"""A laptop's window of a real browser; a console error or an exception in it fails the test.

For tests marked `browser`: they skip themselves where playwright is missing.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.conftest import skip_or_fail

QUIET = "--disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update"


@contextmanager
def laptop(playwright: Any) -> Iterator[Any]:
    """One window of Chromium, driven by `playwright.sync_api`."""
    chromium = shutil.which("chromium")
    if chromium is None:
        skip_or_fail("chromium is not installed")
    flags = [*QUIET.split(), "--disable-sync", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=flags)
        window = browser.new_context(viewport={"width": 1366, "height": 768}, locale="vi-VN").new_page()
        complaints: list[str] = []
        window.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
        window.on("pageerror", lambda error: complaints.append(str(error)))
        window.on("requestfailed", lambda request: complaints.extend(_not_loaded(request)))
        yield window
        browser.close()
    assert complaints == []


def _not_loaded(request: Any) -> list[str]:
    """A download is not loaded into the page either, which is as it should be."""
    return [] if request.failure == "net::ERR_ABORTED" else [f"{request.url}: {request.failure}"]
