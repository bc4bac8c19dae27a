"""Seeds an empty casework.db with the units and campaigns of config.yaml, once; afterwards the database is the truth.

No SQL (casework.store) and no later changes: those are people's.
"""

from __future__ import annotations

import logging

from casework import campaigns
from casework.store import campaigns as rows
from casework.store import units
from casework.store.audit import Origin, record
from casework.store.campaigns import Campaign
from casework.store.engine import Store
from contracts.settings import Settings

MILESTONE = "seeded from settings"
log = logging.getLogger(__name__)


def seed(store: Store, settings: Settings, origin: Origin) -> bool:
    """Whether there was something to seed. Safe to call from several processes at once."""
    if not settings.units and not settings.campaigns:
        return False
    with store.transaction() as run:
        if not units.is_empty(run, MILESTONE):
            return False
        for unit in settings.units:
            units.add_unit(run, unit.code, unit.name, unit.parent, unit.networks)
        for one in settings.campaigns:
            rows.put(run, Campaign(one.id, one.title, one.letter, one.issuer, start=one.start, end=one.end))
        units.reach(run, MILESTONE, origin.time)
        detail = {"units": len(settings.units), "campaigns": len(settings.campaigns)}
        record(run, origin, "database.seed", "casework.db", detail)
        campaigns.publish(run, settings.state, origin.time)
    log.info("seeded casework.db from the settings: %d units, %d campaigns", *detail.values())
    return True
