"""What people decided on top of all lists, for a time: the bypass, and names that are allowed. Workers read it.

A file of its own: the red switch must not wait for an import, nor for the process that makes policy. Who decided, and
the record of it, are casework's.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

import msgspec

from contracts.names import BadName, to_wire
from contracts.whole_file import replace_file

Stamp = tuple[int, int] | None  # of a file; None where there is none


class BadDecisions(ValueError):
    """A file that cannot be understood."""


class Allowed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A name that is taken out of all lists, with what is below it. No hit is recorded of it."""

    name: str
    until: float  # seconds since the epoch
    reason: str
    owner: str = ""  # who answers for it


class Bypass(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The big red switch: everything listed is answered as usual, and recorded."""

    until: float  # seconds since the epoch
    reason: str


class Unrecorded(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The red switch, switched while casework.db could not be written: who did, when and why, still to be recorded.

    Workers need none of it; it stands here because this file is all that could be written.
    """

    number: str  # by which its entry in the audit is known, so that there is one only
    what: Literal["on", "off"]
    actor: str
    time: int  # UTC second
    reason: str
    until: int = 0  # UTC second; of "on"


class Decisions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that hold. What is over is no more of any effect, whether it stands here or not."""

    serial: int = 0  # only grows
    made: float = 0.0  # seconds since the epoch
    allowed: tuple[Allowed, ...] = ()
    bypass: Bypass | None = None
    unrecorded: tuple[Unrecorded, ...] = ()  # in their order; what they did stands in `bypass` already
    format: Literal[1] = 1

    def ends(self) -> list[float]:
        """When each of them ends."""
        return [one.until for one in self.allowed] + ([self.bypass.until] if self.bypass else [])


class Overtaken(OSError):
    """The file changed while it was about to be replaced. Nothing was written."""


class DecisionsFile:
    """`<state>/decisions/decisions.json`: a digest, and behind it one line of JSON."""

    def __init__(self, state: Path) -> None:
        self.path = state / "decisions" / "decisions.json"

    def read(self) -> Decisions:
        """Without a file nothing was decided. Raises BadDecisions or OSError."""
        try:
            raw = self.path.read_bytes()
        except FileNotFoundError:
            return Decisions()
        seal, _, body = raw.partition(b"\n")
        if seal != _seal(body):
            raise BadDecisions(f"{self.path.name}: damaged, its digest does not fit")
        try:
            found = msgspec.json.decode(body, type=Decisions)
            for one in found.allowed:
                to_wire(one.name)
        except (msgspec.DecodeError, UnicodeDecodeError, BadName) as error:
            raise BadDecisions(f"{self.path.name}: {error}") from error
        return found

    def publish(self, decisions: Decisions, over: Stamp | Literal["any"] = "any") -> None:
        """Make these the ones that hold; with `over`, in place of the file with that stamp only, else Overtaken."""

        def unchanged() -> None:
            if over not in {"any", self.stamp()}:
                raise Overtaken(f"{self.path.name} was changed meanwhile: try again")

        self.path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        body = msgspec.json.encode(decisions)
        replace_file(self.path, _seal(body) + b"\n" + body, unchanged)

    def stamp(self) -> Stamp:
        """Another one for each file that was published. Raises OSError where there may be one that we cannot see."""
        try:
            about = self.path.stat()
        except FileNotFoundError:
            return None
        return about.st_ino, about.st_mtime_ns


def _seal(body: bytes) -> bytes:
    """Its BLAKE2b-256: one flipped bit must not allow another name, or end a bypass."""
    return hashlib.blake2b(body, digest_size=32).hexdigest().encode()
