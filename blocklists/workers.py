"""Tells the resolver workers that a new policy is live, and counts who answers by it.

A worker that is not there is no error: workers look at the manifest every second by themselves.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from blocklists.report import Workers
from contracts.control import RunFolder
from runtime.control import Refused, Unreachable, ask

TIMEOUT = 5.0


def tell_workers(state: Path, serial: int) -> Workers:
    """Ask every worker to take over policy `serial` and wait for their answers, at most TIMEOUT seconds."""
    sockets = RunFolder(state).workers()
    started = time.monotonic()
    if not sockets:
        return Workers(0, 0, 0.0)
    with ThreadPoolExecutor(max_workers=len(sockets)) as pool:
        answers = [answer for answer in pool.map(lambda path: _tell(path, serial), sockets) if answer is not None]
    return Workers(sum(answers), len(answers), round(time.monotonic() - started, 3))


def _tell(path: Path, serial: int) -> bool | None:
    """Whether this worker is on the policy now; None when no process is behind the socket."""
    try:
        reply = ask(path, "reload", {"serial": serial}, timeout=TIMEOUT)
    except Refused:
        return False
    except Unreachable as error:
        return None if isinstance(error.__cause__, ConnectionRefusedError | FileNotFoundError) else False
    return isinstance(reply, dict) and isinstance(reply.get("serial"), int) and reply["serial"] >= serial
