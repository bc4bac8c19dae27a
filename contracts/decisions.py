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


class BadDecisions(ValueError):
    """A file that cannot be understood."""


class Allowed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A name that is taken out of all lists, with what is below it. No hit is recorded of it."""

    name: str
    until: float  # seconds since the epoch
    reason: str


class Bypass(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The big red switch: everything listed is answered as usual, and recorded."""

    until: float  # seconds since the epoch
    reason: str


class Decisions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that hold. What is over is no more of any effect, whether it stands here or not."""

    serial: int = 0  # only grows
    made: float = 0.0  # seconds since the epoch
    allowed: tuple[Allowed, ...] = ()
    bypass: Bypass | None = None
    format: Literal[1] = 1

    def ends(self) -> list[float]:
        """When each of them ends."""
        return [one.until for one in self.allowed] + ([self.bypass.until] if self.bypass else [])


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

    def publish(self, decisions: Decisions) -> None:
        """Make these the ones that hold."""
        self.path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        body = msgspec.json.encode(decisions)
        replace_file(self.path, _seal(body) + b"\n" + body)


def _seal(body: bytes) -> bytes:
    """Its BLAKE2b-256: one flipped bit must not allow another name, or end a bypass."""
    return hashlib.blake2b(body, digest_size=32).hexdigest().encode()
