"""What the list operations answer: plain structs that travel as JSON to the command line and the staff pages.

No database here, and no behaviour but comparing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

State = Literal["held", "live", "old"]
HeldState = Literal["waiting", "approved", "refused"]
SHOWN_ROWS = 20


class Row(msgspec.Struct, frozen=True):
    """A line that was not taken, and why."""

    line: int
    text: str
    reason: str


class HeldRow(msgspec.Struct, frozen=True):
    """A row that the guard held: by which rule and why, and what a person decided of it, who, when and why.

    `since` is the version where that was decided, of which it came along; 0 where it was this one.
    """

    list: str
    version: int
    line: int
    indicator: str
    rule: str
    reason: str
    state: HeldState
    since: int
    actor: str
    decided: str
    why: str
    kind: str
    family: str
    letter: str


class Workers(msgspec.Struct, frozen=True):
    """How many resolver workers said that they answer by the new policy; `of` are those that run."""

    live: int
    of: int
    seconds: float


class Version(msgspec.Struct, frozen=True):
    """One numbered version of a list. `rows` is False when it is too old: its numbers are kept, its content is not."""

    id: int
    list: str
    number: int
    state: State
    mode: str
    campaign: str
    kind: str
    format: str
    format_reason: str
    file: str
    digest: str
    guard: str  # fingerprint of the guard that judged it
    actor: str
    created: str
    live_since: str | None  # the last time it went live
    lines: int
    names: int
    addresses: int
    duplicates: int
    bad: int
    refused: int
    rows: bool
    address_mode: Literal["monitor", "enforce"] = "monitor"  # enforce: as `mode` says
    zone: str = ""  # of a zone file: its name as asked, "" where the file has to say it
    passthru: int = 0  # of the names and addresses
    unsupported: int = 0
    waiting: int = 0  # rows that the guard holds until a person decides

    @property
    def mode_of_addresses(self) -> str:
        """How an answer with one of its addresses is treated."""
        return self.mode if self.address_mode == "enforce" else "monitor"


MEANING = ("mode", "campaign", "kind", "address_mode", "zone")


def same_meaning(version: Version, facts: dict[str, str]) -> bool:
    """Whether a version has this content and means it in this way."""
    keys = ["digest", *(key for key in MEANING if key != "zone" or version.format == "rpz")]
    return all(getattr(version, key) == facts[key] for key in keys)


def live_of(versions: Sequence[Version]) -> Version | None:
    """What is live of a list, of all its versions."""
    return next((one for one in versions if one.state == "live"), None)


def once_live(versions: Sequence[Version], before: Version) -> Version | None:
    """The version that a rollback from `before` goes to; newest first are `versions`."""
    return next((one for one in versions if one.number < before.number and one.live_since and one.rows), None)


class ListStatus(msgspec.Struct, frozen=True):
    """A list with what is live of it, and all its versions, newest first.

    `departure` says where a person's decision stands against the settings, "" where none does. `window` says that, and
    why, what is live of it is only watched or not in force: its campaign begins later, or is over.
    """

    name: str
    position: int
    live: Version | None
    versions: tuple[Version, ...]
    departure: str = ""
    window: str = ""

    @property
    def earlier(self) -> Version | None:
        """What a rollback makes live."""
        return once_live(self.versions, self.live) if self.live else None


class SegmentRow(msgspec.Struct, frozen=True):
    """Which file a version was compiled to, under which guard, and in which format."""

    version: int
    guard: str
    file: str
    digest: str
    names: int
    addresses: int
    format: str


class Found(msgspec.Struct, frozen=True):
    """A row that covers a name or address: of a live, held or old version; `refused` says why it was left out.

    `mode` is the list's, or that of its addresses where the row is one that answers are searched for.
    """

    list: str
    version: int
    state: State
    mode: str
    campaign: str
    indicator: str
    subdomains: bool
    line: int
    kind: str
    family: str
    letter: str
    source: str
    listed: str
    note: str
    file: str
    created: str
    refused: str = ""
    itself: bool = True  # False: only what is below the name
    client: bool = False  # the address of who asks, not one that is answered
    action: str = ""  # "": by the mode
    target: str = ""


class ImportReport(msgspec.Struct, frozen=True):
    """What an import did. `state` is what became of the file: a version live or held, nothing new, or refused."""

    list: str
    state: Literal["live", "held", "unchanged", "refused"]
    reason: str  # why held, unchanged or refused; "" when live
    version: int  # 0 when refused
    file: str
    digest: str
    format: str
    format_reason: str
    mode: str
    campaign: str
    kind: str
    lines: int
    indicators: int
    names: int
    addresses: int
    clients: int  # of the addresses: of machines that ask, for whom `mode` holds
    address_mode: str  # of the others: monitor; or enforce: as `mode` says
    passthru: int  # of the names and addresses
    duplicates: int
    bad_total: int
    bad: tuple[Row, ...]  # the first ones
    refused_total: int
    refused: tuple[Row, ...]
    unsupported_total: int  # what is right, and cannot be followed here
    unsupported: tuple[Row, ...]
    warnings: tuple[str, ...]
    serial: int
    seconds: float
    workers: Workers | None = None
    zone: str = ""  # of a zone file: the name that was taken, "": owners are whole names
    zone_reason: str = ""  # who named it
    waiting_total: int = 0  # rows that wait for a person
    waiting: tuple[Row, ...] = ()
    carried: int = 0  # rows of which an earlier version's decision, approved or refused, holds on


class Decided(msgspec.Struct, frozen=True):
    """What came of held rows that a person approved or refused; `live`: their version is, and so is the decision."""

    list: str
    version: int
    state: HeldState
    indicators: tuple[str, ...]
    live: bool
    serial: int
    workers: Workers | None = None


class Switched(msgspec.Struct, frozen=True):
    """What activate, rollback or withdraw did: which version is live now (0: none) and which was."""

    list: str
    version: int
    before: int
    serial: int
    workers: Workers | None = None


class Seeded(msgspec.Struct, frozen=True):
    """What became of one configured list when it was last looked at: an import's state, known already, or failed."""

    list: str
    state: Literal["live", "held", "unchanged", "refused", "known", "failed"]
    version: int
    reason: str


class Refreshed(msgspec.Struct, frozen=True):
    """What came of a list that was fetched now, or whose file was looked at; `report` where something was imported."""

    list: str
    source: str  # the address as it may be shown, or the file
    state: Literal["live", "held", "unchanged", "refused", "known", "failed"]
    reason: str
    report: ImportReport | None = None


class Audited(msgspec.Struct, frozen=True):
    """One change, who made it and when."""

    id: int
    time: str
    actor: str
    action: str
    object: str
    detail: dict[str, Any]
