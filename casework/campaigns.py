"""What people do with campaigns: add, change, end; each audited, and their dates published to the lists process.

No SQL (casework.store.campaigns); what a campaign may say is casework.campaign_rules'.
"""

from __future__ import annotations

import datetime
import hashlib
import logging
from pathlib import Path

import msgspec

from casework.campaign_rules import CampaignError, WrongCampaign, problems, shown, tidied
from casework.decision_rules import reason_of
from casework.store import audit
from casework.store import campaigns as rows
from casework.store.audit import Origin
from casework.store.campaigns import Campaign
from casework.store.engine import Connection, Store
from contracts.campaigns import BadCampaigns, Campaigns, CampaignsFile, Window

FIELDS = tuple(field for field in Campaign.__struct_fields__ if field != "id")
log = logging.getLogger(__name__)


class Overtaken(CampaignError):
    """Somebody else changed it meanwhile. Nothing was kept."""


def add(store: Store, state: Path, campaign: Campaign, origin: Origin) -> Campaign:
    """A new campaign, as it is kept. Raises WrongCampaign, or CampaignError where there is one of this id."""
    campaign = tidied(campaign)
    with store.transaction() as run:
        _check(run, campaign)
        if rows.find(run, campaign.id) is not None:
            raise CampaignError(f"there is a campaign {campaign.id} already")
        rows.put(run, campaign)
        detail = {field: text for field in FIELDS if (text := shown(field, campaign))}
        audit.record(run, origin, "campaign.add", campaign.id, detail)
        publish(run, state, origin.time)
    return campaign


def change(store: Store, state: Path, campaign: Campaign, origin: Origin, seen: str = "") -> Campaign:
    """New content of the campaign with this id; with `seen` (`fingerprint`) only while it is what the person saw."""
    campaign = tidied(campaign)
    with store.transaction() as run:
        before = _found(run, campaign.id)
        if seen and seen != fingerprint(before):
            raise Overtaken(f"campaign {campaign.id} was changed by somebody else meanwhile")
        _check(run, campaign, before)
        if campaign != before:
            _keep(run, state, before, campaign, origin, "campaign.change", {})
    return campaign


def end(store: Store, state: Path, name: str, day: datetime.date, reason: str, origin: Origin) -> Campaign:
    """Make `day` its last one; whatever it said before."""
    reason = reason_of(reason)
    with store.transaction() as run:
        before = _found(run, name)
        if before.start is not None and day < before.start:
            raise CampaignError(f"campaign {name} begins {before.start}: it cannot end {day}")
        if before.end is not None and before.end <= day:
            raise CampaignError(f"campaign {name} ends {before.end} anyway")
        campaign = msgspec.structs.replace(before, end=day)
        _keep(run, state, before, campaign, origin, "campaign.end", {"reason": reason})
    return campaign


def every(store: Store) -> list[Campaign]:
    """All of them, the one that began last first."""
    return rows.every(store.connection)


def find(store: Store, name: str) -> Campaign:
    """The one with this id. Raises CampaignError."""
    return _found(store.connection, name)


def units_within(store: Store, campaign: Campaign) -> list[tuple[str, str]]:
    """(code, name) of the units that take part: those of its scope with all below them, or all there are."""
    return rows.units_within(store.connection, campaign.scope)


def window(campaign: Campaign) -> Window:
    """When its lists are in force."""
    return Window(campaign.id, campaign.start, campaign.end, campaign.outside)


def fingerprint(campaign: Campaign) -> str:
    """Another one for each content."""
    return hashlib.blake2b(msgspec.json.encode(campaign), digest_size=16).hexdigest()


def publish(run: Connection, state: Path, now: int) -> int:
    """Write the dates for the lists process, where they are new, inside the transaction that changed them; the serial.

    Behind it only the commit can fail: then the file says more than the database, until the next change or `repair`.
    """
    file = CampaignsFile(state)
    found = _published(file)
    windows = _windows(run)
    if found is not None and found.windows == windows:
        return found.serial
    serial = found.serial + 1 if found is not None else now  # none, or damaged: a serial that was never given
    file.publish(Campaigns(serial, float(now), windows))
    return serial


def repair(store: Store, state: Path, now: int) -> bool:
    """Make the file say what the database says; whether it did not."""
    found = _published(CampaignsFile(state))
    if found is not None and found.windows == _windows(store.connection):
        return False
    with store.transaction() as run:
        publish(run, state, now)
    return True


def _windows(run: Connection) -> tuple[Window, ...]:
    return tuple(sorted((window(one) for one in rows.every(run)), key=lambda one: one.id))


def _published(file: CampaignsFile) -> Campaigns | None:
    try:
        return file.read()
    except BadCampaigns as error:
        log.warning("the file of campaigns is damaged and is written anew: %s", error)
        return None


def _found(run: Connection, name: str) -> Campaign:
    found = rows.find(run, name)
    if found is None:
        known = ", ".join(one.id for one in rows.every(run)) or "none"
        raise CampaignError(f"no campaign has the id {name!r}; known: {known}")
    return found


def _check(run: Connection, campaign: Campaign, before: Campaign | None = None) -> None:
    """A unit that took part and is no more may go on standing there."""
    fresh = set(campaign.scope) - set(before.scope if before is not None else ())
    if found := problems(campaign, rows.unknown_units(run, sorted(fresh))):
        raise WrongCampaign(found)


def _keep(
    run: Connection, state: Path, before: Campaign, campaign: Campaign, origin: Origin, act: str, detail: dict[str, str]
) -> None:
    rows.put(run, campaign)
    changed = [field for field in FIELDS if getattr(campaign, field) != getattr(before, field)]
    detail |= {field: f"{shown(field, before) or '–'} → {shown(field, campaign) or '–'}" for field in changed}
    audit.record(run, origin, act, campaign.id, detail)
    publish(run, state, origin.time)
