"""What pages and commands ask about hosts: lists, one host, its series over time, its evidence.

No SQL (casework.store.hosts), no HTTP. Every function takes the read-only evidence Store; times are UTC seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Literal, NamedTuple, get_args
from zoneinfo import ZoneInfo

from casework import proof
from casework.sightings import STRENGTH
from casework.store import hosts as sql
from casework.store.engine import Row, Store
from casework.store.ledger import LedgerRow
from casework.store.text import plain

Sort = Literal["last_seen", "first_seen", "hits", "address", "unit"]
Step = Literal["hour", "day"]
SORTS: tuple[str, ...] = get_args(Sort)
NO_UNIT = "-"  # as the unit of a filter: hosts whose network belongs to no unit
PER_PAGE = 50
_ACTIONS = {strength: action for action, strength in STRENGTH.items()}
_CHUNK = 500


class HostFilter(NamedTuple):
    """Which hosts are wanted; '' and None mean any. `since` and `until` are UTC seconds, both included.

    With a campaign, family, list or time, the hits and times of a row are those of the matching indicators.
    """

    campaign: str = ""
    unit: str = ""  # a code, or NO_UNIT
    family: str = ""
    list: str = ""
    text: str = ""  # in address, unit name or code, domain, family; without case and marks
    since: int | None = None
    until: int | None = None
    # Not those whose matching names were all let through (a list's passthru): that makes no machine look infected.
    # Kill-switch names are let through because they must be; who asks for one is infected all the same.
    suspected: bool = False


EVERY_HOST = HostFilter()
SUSPECTED = HostFilter(suspected=True)  # as pages and commands show them unless asked otherwise


class HostIndicator(NamedTuple):
    """One listed name that a host asked for, in a form for people."""

    domain: str
    family: str
    kind: str
    list: str
    campaign: str
    action: str  # the strongest answer given: contracts.hit.Action
    first_seen: int
    last_seen: int
    hits: int
    letter: str


class HostRow(NamedTuple):
    """One machine as an address within a unit."""

    id: int
    address: str
    unit_code: str  # '' = no unit has this network
    unit_name: str
    first_seen: int
    last_seen: int
    hits: int
    indicators: tuple[HostIndicator, ...]


class HostPage(NamedTuple):
    """One page of a list; `total` counts the hosts of all pages."""

    rows: list[HostRow]
    total: int


class Point(NamedTuple):
    """One bar of a chart: its first UTC second and the hits up to the next bar."""

    start: int
    hits: int


class EvidencePage(NamedTuple):
    """One page of ledger rows, the newest first.

    `unclear` counts rows left out up to here: the address changed its unit within their hour, and nobody noted when.
    `left_out` names ledger files up to here that could not be read, wholly or in part.
    """

    rows: list[LedgerRow]
    more: bool  # whether there is a next page
    unclear: int = 0
    left_out: tuple[str, ...] = ()


class Choices(NamedTuple):
    """(value, label) pairs of what occurs, for the fields of a filter."""

    campaigns: list[tuple[str, str]]
    units: list[tuple[str, str]]
    families: list[tuple[str, str]]
    lists: list[tuple[str, str]]


class Reach(NamedTuple):
    """Whom a list found so far: what it would have blocked, while it was only watched."""

    machines: int
    units: int
    hits: int


def reach(store: Store, name: str) -> Reach:
    """Of a list by its name; every machine is counted, whether it got an address of the sinkhole or not."""
    return Reach(*sql.asked_for(store, name))


def list_hosts(
    store: Store,
    wanted: HostFilter = EVERY_HOST,
    *,
    sort: Sort = "last_seen",
    descending: bool = True,
    page: int = 1,
    per_page: int = PER_PAGE,
) -> HostPage:
    """One page of hosts, with their indicators. Pages count from 1."""
    conditions = _conditions(store, wanted)
    found, total = sql.page(store, conditions, sort, descending, per_page, (max(page, 1) - 1) * per_page)
    return HostPage(list(_rows(store, found, conditions)), total)


def iter_hosts(
    store: Store, wanted: HostFilter = EVERY_HOST, *, sort: Sort = "last_seen", descending: bool = True
) -> Iterator[HostRow]:
    """Every host of a filter, for files; the indicators are read a few hundred hosts at a time."""
    conditions = _conditions(store, wanted)
    found, _ = sql.page(store, conditions, sort, descending, -1, 0)
    for at in range(0, len(found), _CHUNK):
        yield from _rows(store, found[at : at + _CHUNK], conditions)


def get_host(store: Store, host_id: int) -> HostRow | None:
    """One host with all its indicators, None when there is none of this id."""
    return next(_rows(store, [host_id], None), None)


def host_series(
    store: Store, host_id: int, since: int, until: int, step: Step = "day", tz: str = "Asia/Ho_Chi_Minh"
) -> list[Point]:
    """Hits per hour or per day of the time zone, without gaps, from the step of `since` to that of `until`."""
    until = max(since, until)
    starts = list(_steps(datetime.fromtimestamp(since, ZoneInfo(tz)), until, step))
    hits = dict.fromkeys(starts, 0)
    at = 0
    for hour, count in sql.hours_of(store, host_id, starts[0] // 3600, until // 3600):
        # An hour belongs to the step it begins in; in zones of whole hours that is exact.
        while at + 1 < len(starts) and starts[at + 1] <= hour * 3600:
            at += 1
        hits[starts[at]] += count
    return [Point(start, count) for start, count in hits.items()]


def host_evidence(store: Store, host_id: int, page: int = 1, per_page: int = PER_PAGE) -> EvidencePage:
    """The ledger's rows about a host, the newest first: what a unit may be shown as proof."""
    row = sql.details(store, [host_id]).get(host_id)
    if row is None:
        return EvidencePage([], False)
    found = proof.rows_of_host(store, host_id, row["address"], (max(page, 1) - 1) * per_page, per_page + 1)
    return EvidencePage(found.rows[:per_page], len(found.rows) > per_page, found.unclear, tuple(found.left_out))


def filter_choices(store: Store) -> Choices:
    """Campaigns, units, families and lists that occur among the hits; hosts without a unit show as NO_UNIT."""
    found = sql.choices(store)
    found["units"] = [(code or NO_UNIT, name) for code, name in found["units"]]
    return Choices(**found)


def known_values(store: Store) -> dict[str, set[str]]:
    """Values that a filter's campaign, unit and list may have; of lists only those with hits are known here."""
    found = sql.known(store)
    found["unit"].add(NO_UNIT)
    return found


def _conditions(store: Store, wanted: HostFilter) -> sql.Wanted:
    unit = None if not wanted.unit else "" if wanted.unit == NO_UNIT else wanted.unit
    since, until = wanted.since, wanted.until
    if since is not None and until is not None:
        # A bound that leaves nothing out is dropped: only a range with two needs the hours looked up.
        first, last = sql.times(store) or (since, until)
        since, until = (since if since > first else None), (until if until < last else None)
    return sql.Wanted(
        wanted.campaign, unit, wanted.family, wanted.list, plain(wanted.text.strip()), since, until, wanted.suspected
    )


def _rows(store: Store, found: Sequence[int], wanted: sql.Wanted | None) -> Iterator[HostRow]:
    """The hosts in the order given; of an indicator filter only the matching indicators, and their numbers."""
    if not found:
        return
    details = sql.details(store, found)
    indicators = {
        host: tuple(_indicator(row) for row in group)
        for host, group in groupby(sql.indicators_of(store, found, wanted), key=lambda row: row["host"])
    }
    for host in found:
        row, names = details.get(host), indicators.get(host, ())
        if row is None:
            continue
        first, last, hits = row["first_seen"], row["last_seen"], row["hits"]
        if wanted is not None and wanted.by_indicator and names:
            first, last = min(one.first_seen for one in names), max(one.last_seen for one in names)
            hits = sum(one.hits for one in names)
        yield HostRow(host, row["address"], row["unit"], row["unit_name"], first, last, hits, names)


def _indicator(row: Row) -> HostIndicator:
    return HostIndicator(
        row["name"],
        row["family"],
        row["kind"],
        row["list"],
        row["campaign"],
        _ACTIONS[row["action"]],
        row["first_seen"],
        row["last_seen"],
        row["hits"],
        row["letter"],
    )


def _steps(since: datetime, until: int, step: Step) -> Iterator[int]:
    """First seconds of the hours or days from `since` to `until`; a day may have 23 or 25 hours."""
    start = since.replace(minute=0, second=0, microsecond=0)
    if step == "hour":
        yield from range(int(start.timestamp()), until + 1, 3600)
        return
    start = start.replace(hour=0)
    while int(start.timestamp()) <= until:
        yield int(start.timestamp())
        start += timedelta(days=1)
