"""Who may see and change campaigns and allowed names. As in admin.access: views get them from here, and only from here.

The rules and the audit are casework's.
"""

from __future__ import annotations

import datetime

from flask import abort

from admin.access import ListFound, all_lists, origin, require
from admin.services import services
from casework import campaigns, decisions, hosts
from casework.campaign_rules import CampaignError
from casework.hosts import HostFilter
from casework.seed import seed
from casework.store import decisions as rows
from casework.store.campaigns import Campaign
from casework.store.decisions import Decision

SHOWN_OVER = 50  # names that were allowed once


def list_campaigns() -> list[Campaign]:
    """All, the one that began last first."""
    require("campaigns")
    return campaigns.every(services().stores.casework)


def fetch_campaign(name: str) -> Campaign:
    """One of them; 404 when there is none."""
    require("campaigns")
    try:
        return campaigns.find(services().stores.casework, name)
    except CampaignError:
        abort(404)


def campaign_units(campaign: Campaign) -> list[tuple[str, str]]:
    """(code, name) of the units that take part."""
    require("campaigns")
    return campaigns.units_within(services().stores.casework, campaign)


def campaign_lists(campaign: Campaign) -> list[ListFound]:
    """The lists of which a version that is live, else the newest, names it."""
    require("campaigns")
    return [found for found in all_lists() if (found.status.live or found.status.versions[0]).campaign == campaign.id]


def campaign_machines(campaign: Campaign) -> int:
    """How many machines asked for names of its lists."""
    require("campaigns")
    wanted = HostFilter(campaign=campaign.id, suspected=True)
    return hosts.list_hosts(services().stores.evidence, wanted, per_page=1).total


def add_campaign(campaign: Campaign) -> Campaign:
    """A new one. Raises CampaignError."""
    require("change-campaigns")
    here = services()
    seed(here.stores.casework, here.settings, origin())
    return campaigns.add(here.stores.casework, here.settings.state, campaign, origin())


def change_campaign(campaign: Campaign, seen: str) -> Campaign:
    """New content, while it is what the person saw. Raises CampaignError."""
    require("change-campaigns")
    here = services()
    return campaigns.change(here.stores.casework, here.settings.state, campaign, origin(), seen)


def end_campaign(name: str, day: datetime.date, reason: str) -> Campaign:
    """Its last day. Raises CampaignError, DecisionError of a reason that is none."""
    require("change-campaigns")
    here = services()
    return campaigns.end(here.stores.casework, here.settings.state, name, day, reason, origin())


def allowed_names() -> tuple[list[Decision], list[Decision]]:
    """Names that are allowed now, by their end; and those that were, the newest first."""
    require("allowed")
    run, now = services().stores.casework.connection, services().now
    held = sorted((one for one in rows.holding(run, now) if one.what == "allow"), key=lambda one: one.until)
    over = [one for one in rows.latest(run, "allow", len(held) + SHOWN_OVER) if not one.holds(now)]
    return held, over[:SHOWN_OVER]


def allow_name(name: str, seconds: int, reason: str, owner: str) -> None:
    """Take a name out of all lists. Raises DecisionError."""
    require("change-allowed")
    here = services()
    decisions.allow(here.stores.casework, here.settings.state, name, seconds, reason, origin(), owner)


def disallow_name(name: str, reason: str) -> None:
    """The lists decide about it again. Raises DecisionError."""
    require("change-allowed")
    here = services()
    decisions.disallow(here.stores.casework, here.settings.state, name, reason, origin())
