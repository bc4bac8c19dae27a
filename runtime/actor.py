"""Who acts, for the audit: proven by the kernel, never by what a caller says of itself.

No permission is decided here. Pages have accounts of their own (admin.access).
"""

from __future__ import annotations

import os
import pwd
import socket
import struct
from typing import Any

_CREDENTIALS = struct.Struct("3i")  # process, user and group id
_LONGEST = 64


def own_actor() -> str:
    """Of this process: a command that does its work itself."""
    return actor_of(os.getuid(), sudo_user())


def actor_of(user: int, sudo: str = "") -> str:
    """`os:lan`. Whoever is root may call itself what it likes, so that both are told: `os:root (sudo lan)`.

    May ask a directory of users over the network: not for a reactor thread.
    """
    try:
        name = pwd.getpwuid(user).pw_name
    except KeyError:
        name = str(user)
    shown = "".join(char for char in sudo if char.isprintable())[:_LONGEST]
    return f"os:{name} (sudo {shown})" if shown and user == 0 else f"os:{name}"


def sudo_user() -> str:
    """Who became root by sudo; "" where we are not root, since anyone may set the variable."""
    return os.environ.get("SUDO_USER", "") if os.getuid() == 0 else ""


def peer_user(link: Any) -> int:
    """User id of the process at the other end of a Unix socket, as it was when it connected."""
    _process, user, _group = _CREDENTIALS.unpack(
        link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    )
    return int(user)
