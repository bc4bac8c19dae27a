"""The control channel of a process: one JSON line asks, JSON lines answer, over a Unix socket in `<state>/run`.

Only the shape of the lines and the names of the sockets: runtime.control listens and asks.

A request may announce a body of `size` octets, sent right behind its line (a list file, say). A reply is any number of
progress lines followed by one final line.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

MAX_LINE = 1 << 20


class Request(msgspec.Struct, frozen=True):
    """`op` names what to do. The kernel tells who asks; `sudo` is who root says it was before.

    `account` is whom the process of the staff pages acts for; nobody else may name one.
    """

    op: str
    args: dict[str, Any] = {}
    sudo: str = ""
    size: int = 0
    account: str = ""


class Reply(msgspec.Struct, frozen=True):
    """`done` is False on progress lines. A final line has a result, or the error as a sentence for a person."""

    done: bool
    result: Any = None
    error: str = ""
    misuse: bool = False  # the error: what was asked for can never be meant so


def encode(line: Request | Reply) -> bytes:
    """One line with its line end."""
    return msgspec.json.encode(line) + b"\n"


def decode_request(line: bytes) -> Request:
    """Raise ValueError when the line is no request."""
    return msgspec.json.decode(line, type=Request)


def decode_reply(line: bytes) -> Reply:
    """Raise ValueError when the line is no reply."""
    return msgspec.json.decode(line, type=Reply)


class RunFolder:
    """Socket paths of a state folder: what every process must agree on to find the others."""

    def __init__(self, state: Path) -> None:
        self.folder = state / "run"

    def control(self, part: str, number: int | None = None) -> Path:
        """Control socket of a part: `recorder.sock`, `resolver-0.sock`."""
        return self.folder / (f"{part}.sock" if number is None else f"{part}-{number}.sock")

    def workers(self) -> list[Path]:
        """Control sockets of the resolver workers that have ever listened here, by number."""
        found = [path for path in self.folder.glob("resolver-*.sock") if path.stem.split("-")[1].isdigit()]
        return sorted(found, key=lambda path: int(path.stem.split("-")[1]))

    @property
    def hits(self) -> Path:
        """Where the recorder takes hits."""
        return self.folder / "hits.sock"
