"""Who acts, for the audit: proven by the kernel, never by what a caller says of itself.

No permission is decided here. Pages have accounts of their own (admin.access), and tell for which of them they act.
"""

from __future__ import annotations

import os
import pwd
import socket
import struct
from pathlib import Path
from typing import Any, NamedTuple

_CREDENTIALS = struct.Struct("3i")  # process, user and group id
_LONGEST = 64
_PATIENCE = 2.0  # seconds; a socket whose queue is full is that of a process that hangs
ACCOUNT = "account:"  # before the name of an account of the staff pages; accounts have no colon in their names


class Peer(NamedTuple):
    """A process at the other end of a Unix socket, as the kernel knows it."""

    process: int
    user: int


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
    shown = _shown(sudo)
    return f"os:{name} (sudo {shown})" if shown and user == 0 else f"os:{name}"


def actor_of_account(name: str) -> str:
    """`account:lan`: somebody logged in to the staff pages."""
    return f"{ACCOUNT}{_shown(name)}"


def person_of(actor: str) -> str:
    """Whom an actor is, as far as that can be told: the account or user, or who became root. The same name in two
    places is taken for the same person, so that nobody is two by coming two ways.
    """
    name = actor.partition(":")[2]
    _root, became, sudo = name.partition(" (sudo ")
    return sudo.removesuffix(")") if became else name


def sudo_user() -> str:
    """Who became root by sudo; "" where we are not root, since anyone may set the variable."""
    return os.environ.get("SUDO_USER", "") if os.getuid() == 0 else ""


def peer_of(link: Any) -> Peer:
    """The process at the other end of a Unix socket, as it was when it connected, or began to listen."""
    process, user, _group = _CREDENTIALS.unpack(
        link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    )
    return Peer(int(process), int(user))


def listener_of(path: Path) -> Peer | None:
    """The process that listens on a Unix socket; None where none does. May wait: not for a reactor thread."""
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(_PATIENCE)
        try:
            link.connect(str(path))
        except OSError:
            return None
        return peer_of(link)


def _shown(text: str) -> str:
    return "".join(char for char in text if char.isprintable())[:_LONGEST]
