"""What the fuzzer found: one file a finding, hex with its reason, replayed by tests/fuzz/test_findings.py for ever.

No fuzzing here.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

KEPT = Path(__file__).with_name("findings")


class Finding(Exception):
    """`part` is the side that it came from (`client` or `answer`), `packet` what brought it about."""

    def __init__(self, part: str, reason: str, packet: bytes = b"") -> None:
        super().__init__(f"{part}: {reason}: {packet.hex()}")
        self.part = part
        self.reason = reason
        self.packet = packet

    def write(self, folder: Path) -> Path:
        """`client-<digest>.hex`: a line of reason, a line of hex."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.part}-{hashlib.sha256(self.packet).hexdigest()[:12]}.hex"
        path.write_text(f"# {self.reason[:300]!a}\n{self.packet.hex()}\n", encoding="ascii")
        return path


def kept(part: str, folder: Path = KEPT) -> list[bytes]:
    """Packets of earlier findings."""
    lines = [path.read_text(encoding="ascii").splitlines() for path in sorted(folder.glob(f"{part}-*.hex"))]
    return [bytes.fromhex("".join(line for line in each if not line.startswith("#"))) for each in lines]
