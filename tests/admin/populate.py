"""Hits in a state folder, written and rolled up by casework's own code.

Facts only; no fixture and no assertion.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from zoneinfo import ZoneInfo

import msgspec

from casework import ledger
from casework.attribution import UnitTable
from casework.daywriter import DayWriter
from casework.folding import Folder
from casework.sightings import Sightings
from casework.store.engine import open_casework, open_evidence
from contracts.hit import Claim, HitFacts, pack_claim, pack_facts
from contracts.settings import Settings

NOW = 1_795_400_000  # 23/11/2026 09:13:20 in Viet Nam
HOUR = 3600
# client, seconds before NOW, name asked, count
Asked = tuple[str, int, str, int]
TWO_MACHINES: tuple[Asked, ...] = (
    ("127.10.0.7", 2 * HOUR, "c2.evil.example", 3),
    ("127.10.0.7", HOUR, "www.c2.evil.example", 1),
    ("127.10.0.7", 60, "login.phish.example", 1),
    ("127.20.0.9", 30, "c2.evil.example", 2),
)


def facts(name: str) -> HitFacts:
    """What a worker would say of a question for this name."""
    phishing = "phish" in name
    return HitFacts(
        qname=name,
        qtype=1,
        transport="udp",
        action="sinkhole",
        address="127.53.1.2",
        indicator="login.phish.example" if phishing else "c2.evil.example",
        subdomains=not phishing,
        kind="phishing" if phishing else "c2",
        family="=cmd|' /C calc'!A0" if phishing else "Emotet",
        list="sample",
        version=3,
        line=12,
        campaign="demo-2026",
        letter="01/CV-MAU",
        source="Đơn vị mẫu",
        serial=7,
    )


def populate(
    settings: Settings,
    asked: Iterable[Asked] = TWO_MACHINES,
    now: int = NOW,
    claim: Claim | None = None,
    **changed: object,
) -> None:
    """Write the hits into the ledger, oldest first, and roll them up. `changed` are facts of all of them."""
    path = ledger.day_path(settings.state, now, settings.node)
    day = DayWriter(path, Folder())
    said = pack_claim(claim) if claim else b""

    def packed(name: str) -> bytes:
        return pack_facts(msgspec.structs.replace(facts(name), **changed))

    ordered = sorted(asked, key=lambda hit: -hit[1])
    rows = [
        (ipaddress.ip_address(client).packed, said, now - ago, count, packed(name))
        for client, ago, name, count in ordered
    ]
    day.add(rows, now)
    day.commit([])
    evidence, casework = open_evidence(settings.state), open_casework(settings.state)
    units = UnitTable(casework, ZoneInfo(settings.time_zone))
    units.refresh(now)
    Sightings(evidence, units).roll_up(path, day.last_seq)
    day.close()
    evidence.close()
    casework.close()
