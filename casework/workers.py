"""Has the resolver workers take over what was published for them, and counts those that did.

What is published is the callers'. A worker that is not there is no error: workers look by themselves every second.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

from contracts.control import RunFolder
from runtime.control import Refused, Unreachable, ask

TIMEOUT = 5.0
What = Literal["clients", "decisions"]  # as a worker's answer to `reload` names their serials


class Live(NamedTuple):
    """How many workers hold what was published under this serial, of those that answered."""

    serial: int
    workers: int
    of: int


def tell(state: Path, what: What, serial: int) -> Live:
    """Ask every worker to look now, and wait for their answers, at most TIMEOUT seconds."""
    sockets = RunFolder(state).workers()
    if not sockets:
        return Live(serial, 0, 0)
    with ThreadPoolExecutor(max_workers=len(sockets)) as pool:
        held = [one for one in pool.map(partial(_tell, what), sockets) if one is not None]
    return Live(serial, sum(one >= serial for one in held), len(held))


def _tell(what: What, path: Path) -> int | None:
    """The serial that this worker holds now; None when no process is behind the socket."""
    try:
        reply: Any = ask(path, "reload", timeout=TIMEOUT)
    except Refused:
        return 0
    except Unreachable as error:
        return None if isinstance(error.__cause__, ConnectionRefusedError | FileNotFoundError) else 0
    serial = reply.get(what) if isinstance(reply, dict) else None
    return serial if isinstance(serial, int) else 0
