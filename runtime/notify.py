"""Tells systemd how this process is doing, by the protocol of sd_notify(3): starting, ready, alive, ending.

Nothing else; where systemd does not ask, nothing happens.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress

# What systemd asks with. Meant for one process: a supervisor does not hand them on.
VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")


_STARTING = 3600  # seconds that a start may take: databases are migrated before anything answers


def starting() -> None:
    """The watch begins when we are ready; units that are not `notify` would have it from the first moment."""
    if watchdog_seconds():
        _send(f"WATCHDOG_USEC={_STARTING * 1_000_000}")


def ready() -> None:
    """We answer; from now on we must be heard."""
    seconds = watchdog_seconds()
    _send(f"READY=1\nWATCHDOG_USEC={int(seconds * 1_000_000)}" if seconds else "READY=1")


def alive() -> None:
    """The reactor turns."""
    _send("WATCHDOG=1")


def stopping() -> None:
    """We drain and end."""
    _send("STOPPING=1")


def watchdog_seconds() -> float | None:
    """How long systemd bears our silence; None when it does not watch."""
    microseconds, whose = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID")
    if not microseconds.isdigit() or not int(microseconds) or whose not in {None, "", str(os.getpid())}:
        return None
    return int(microseconds) / 1_000_000


def _send(state: str) -> None:
    path = os.environ.get("NOTIFY_SOCKET")
    if not path:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as link, suppress(OSError):
        link.setblocking(False)
        link.sendto(state.encode(), f"\0{path[1:]}" if path.startswith("@") else path)
