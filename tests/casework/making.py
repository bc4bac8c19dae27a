"""Hits, and a recorder over a state folder, for the tests of casework.

No assertion and no fixture here.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from casework import ledger
from casework.recorder import Arrival, Recorder
from casework.seed import seed
from casework.store.audit import Origin
from casework.store.engine import open_casework
from contracts import config
from contracts.hit import Batch, Claim, Hello, HitFacts, HitRow, pack_claim, pack_facts
from contracts.settings import Settings

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
NOON = 1_795_400_000  # 2026-11-23 02:13:20 UTC
BOOT = "00000000000000a1"
CONFIG = """\
state_dir: ./var
dns: {listen: ["127.0.0.1:1153"]}
sinkhole: {ipv4_pool: 127.53.0.0/16}
admin: {listen: "127.0.0.1:8153"}
campaigns:
  - {id: demo-2026, title: Chiến dịch thử, letter: 01/CV, start: 2026-01-01}
units:
  - {code: so-mau, name: Sở Khoa học và Công nghệ, networks: [127.10.0.0/16, "fd00:10::/32"]}
  - {code: phong-mau, name: Phòng Đo lường, networks: [127.10.5.0/24], parent: so-mau}
  - {code: xa-mau, name: Ủy ban nhân dân xã Mẫu, networks: [127.20.0.0/16]}
"""


def settings_in(folder: Path) -> Settings:
    """Settings whose state folder is `var` inside `folder`."""
    file = folder / "config.yaml"
    file.write_text(CONFIG, encoding="utf-8")
    return config.read(file)


def seeded(folder: Path) -> Settings:
    """The same, with casework.db made of them."""
    settings = settings_in(folder)
    store = open_casework(settings.state)
    seed(store, settings, Origin("test", NOON))
    store.close()
    return settings


def facts(qname: str = "evil.example", **other: object) -> HitFacts:
    """A question for `qname`, listed as evil.example with its subdomains unless told otherwise."""
    made = HitFacts(
        qname, 1, "udp", "sinkhole", "127.53.1.2", "evil.example", True, "c2", "Emotet", "sample", 3, 12, "demo-2026",
        "01/CV", "Đơn vị mẫu", 7,
    )  # fmt: skip
    return msgspec.structs.replace(made, **other)


def row(client: str, second: int = NOON, count: int = 1, what: HitFacts | None = None,
        claim: Claim | None = None) -> HitRow:  # fmt: skip
    """One row of a batch."""
    packed = pack_claim(claim) if claim else b""
    return ipaddress.ip_address(client).packed, packed, second, count, pack_facts(what or facts())


def arrival(number: int, rows: Sequence[HitRow], boot: str = BOOT, worker: int = 0, made: int | None = None) -> Arrival:
    """A batch as the intake hands it over."""
    return Arrival(Hello("node1", worker, boot), Batch(number, number if made is None else made, list(rows)))


class Clock:
    """Time that only a test moves."""

    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def recorder_in(state: Path, clock: Clock | None = None) -> Recorder:
    """A recorder without its process."""
    return Recorder(state, "node1", ZONE, clock or Clock())


def rolled_up(recorder: Recorder, clock: Clock) -> None:
    """Let the seconds pass that rows may still grow in, and roll everything up."""
    clock.now += 5
    while recorder.roll_up():
        pass


def damage(path: Path, first: float = 0.0, last: float = 1.0) -> None:
    """Overwrite pages of a closed SQLite file, as a bad disk may; never the first, which says that it is one."""
    content = bytearray(path.read_bytes())
    size = int.from_bytes(content[16:18], "big")
    pages = len(content) // size
    for page in range(max(1, int(pages * first)), int(pages * last)):
        content[page * size : (page + 1) * size] = b"\xff" * size
    path.write_bytes(content)


def hits_in(state: Path) -> int:
    """Sum of all counts in the ledger."""
    return sum(found.count for found in ledger.rows(state, limit=1 << 60))
