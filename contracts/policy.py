"""The policy manifest: which segments are live, in which order and how they are meant; and what people decided on top.

No decisions here: what a match means is resolver.policy's business. Segments are contracts.segment's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from contracts.segment import BadPolicy, Segment
from contracts.whole_file import replace_file

Mode = Literal["enforce", "monitor", "passthru"]


class ManifestEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One live segment: where it is and how it is meant."""

    list: str
    version: int
    mode: Mode
    campaign: str
    segment: str  # file name inside the segments folder
    digest: str
    names: int
    addresses: int
    address_mode: Mode = "monitor"  # of its networks: an address may be shared with what nobody wants to block
    window: str = ""  # why the mode is not what the list says: its campaign begins later, or is over


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The live policy: segments in the order in which they are asked; the first match wins."""

    serial: int  # only grows
    made: float  # seconds since the epoch
    entries: tuple[ManifestEntry, ...]
    format: Literal[2] = 2


class PolicyFolder:
    """Where manifest and segments lie: `<state>/policy`. Renaming the manifest is the switch."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.segments = folder / "segments"
        self.manifest = folder / "policy.json"

    def read(self) -> Manifest | None:
        """The live manifest, None when none was ever written; BadPolicy when it cannot be understood."""
        try:
            raw = self.manifest.read_bytes()
        except FileNotFoundError:
            return None
        try:
            return msgspec.json.decode(raw, type=Manifest)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:  # the second: text that is no UTF-8
            raise BadPolicy(f"{self.manifest.name}: {error}") from error

    def open(self, manifest: Manifest, reuse: dict[str, Segment] | None = None) -> dict[str, Segment]:
        """Map every segment of the manifest, checked; segments given by digest in `reuse` are taken over unread."""
        opened = dict[str, Segment]()
        for entry in manifest.entries:
            known = (reuse or {}).get(entry.digest)
            segment = known or Segment(self.segments / Path(entry.segment).name, entry.digest)
            if (segment.list, segment.version) != (entry.list, entry.version):
                raise BadPolicy(f"{entry.segment}: holds {segment.list} version {segment.version}")
            opened[entry.digest] = segment
        return opened

    def publish(self, manifest: Manifest) -> None:
        """Make `manifest` the live one."""
        self.segments.mkdir(parents=True, exist_ok=True)
        replace_file(self.manifest, msgspec.json.format(msgspec.json.encode(manifest), indent=1))
