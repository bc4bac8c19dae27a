"""The dates of campaigns, for the process that makes policy: outside of them a campaign's lists are watched, or off.

Written by casework, which knows all else of a campaign; read by the lists process, which may not read casework.db.
"""

from __future__ import annotations

import datetime
import hashlib
from pathlib import Path
from typing import Literal

import msgspec

from contracts.whole_file import replace_file

Outside = Literal["monitor", "off"]
Stamp = tuple[int, int] | None  # of a file; None where there is none


class BadCampaigns(ValueError):
    """A file that cannot be understood."""


class Window(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a campaign's lists are in force, and what they are outside of that."""

    id: str
    start: datetime.date | None = None  # first and last day, both within; None: open
    end: datetime.date | None = None
    outside: Outside = "monitor"

    def shut(self, day: datetime.date) -> str:
        """Why it is not in force on a day, in words; "" where it is."""
        if self.start is not None and day < self.start:
            return f"campaign {self.id} begins {self.start}"
        if self.end is not None and day > self.end:
            return f"campaign {self.id} ended {self.end}"
        return ""


class Campaigns(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All campaigns that exist."""

    serial: int  # only grows
    made: float  # seconds since the epoch
    windows: tuple[Window, ...] = ()
    format: Literal[1] = 1


class CampaignsFile:
    """`<state>/campaigns/campaigns.json`: a digest, and behind it one line of JSON."""

    def __init__(self, state: Path) -> None:
        self.path = state / "campaigns" / "campaigns.json"

    def read(self) -> Campaigns | None:
        """None where none was ever published. Raises BadCampaigns or OSError."""
        try:
            raw = self.path.read_bytes()
        except FileNotFoundError:
            return None
        seal, _, body = raw.partition(b"\n")
        if seal != _seal(body):
            raise BadCampaigns(f"{self.path.name}: damaged, its digest does not fit")
        try:
            return msgspec.json.decode(body, type=Campaigns)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadCampaigns(f"{self.path.name}: {error}") from error

    def publish(self, campaigns: Campaigns) -> None:
        """Make these the ones that hold."""
        self.path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        body = msgspec.json.encode(campaigns)
        replace_file(self.path, _seal(body) + b"\n" + body)

    def stamp(self) -> Stamp:
        """Another one for each file that was published."""
        try:
            about = self.path.stat()
        except FileNotFoundError:
            return None
        return about.st_ino, about.st_mtime_ns


def _seal(body: bytes) -> bytes:
    """Its BLAKE2b-256: one flipped bit must not put lists out of force."""
    return hashlib.blake2b(body, digest_size=32).hexdigest().encode()
