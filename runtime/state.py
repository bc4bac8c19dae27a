"""The state folder: made for its owner alone, and written by nobody else.

Nothing about what lies in it. Every command imports this first, so it needs nothing that is slow to import.
"""

from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path

from contracts.control import RunFolder

_UMASK = 0o027  # files for us and for our group to read; who may ask what is a matter of addresses, not of passers-by
_MODE = 0o750


class NotOurs(Exception):
    """The state belongs to another user; the message names whom to be."""


def close_to_strangers() -> None:
    """Whatever this process makes from now on, people outside our group can neither list nor read."""
    os.umask(_UMASK)


def claim(state: Path) -> None:
    """Before anything is written: the folder and its run/ are there and closed to strangers.

    Raises NotOurs where it is another user's. Root could write there, too, and that is the trap: the service would be
    locked out of files of its own.
    """
    state.mkdir(mode=_MODE, parents=True, exist_ok=True)
    owner = state.stat().st_uid
    if owner != os.geteuid():
        name = _name(owner)
        raise NotOurs(
            f"{state} belongs to {name}, and what {_name(os.geteuid())} writes there {name} could not write again: "
            f"use `sudo -u {name} sinkhole ...`"
        )
    for folder in (state, RunFolder(state).folder):
        folder.mkdir(mode=_MODE, exist_ok=True)
        mode = stat.S_IMODE(folder.stat().st_mode)
        if mode & stat.S_IRWXO:
            folder.chmod(mode & ~stat.S_IRWXO)


def claim_unless_there(state: Path, *files: str) -> None:
    """For who only reads: a database that is missing is made by its first reader, and that is writing."""
    if not all((state / file).exists() for file in files):
        claim(state)


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"#{user}"  # as sudo takes it
