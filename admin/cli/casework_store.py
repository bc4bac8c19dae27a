"""The casework database as commands use it: opened for one of them, and what goes wrong said in one line.

No command's own words, and no rule of casework's.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import click

from admin.cli.terminal import clean
from casework.accounts import AccountError
from casework.campaign_rules import CampaignError
from casework.clients import ClientsError
from casework.decision_rules import DecisionError
from casework.refusals import WrongInput
from casework.store.audit import Origin
from casework.store.engine import DatabaseError, Store, WrongDatabase, open_casework
from runtime.actor import own_actor
from runtime.state import claim, claim_unless_there


def origin() -> Origin:
    """Who acts, and when."""
    return Origin(own_actor(), int(time.time()))


@contextmanager
def store_of(ctx: click.Context, *, readonly: bool = False) -> Iterator[Store]:
    """The casework database of the settings; what goes wrong in it is said in one line."""
    state = ctx.obj.settings.state
    with in_one_line():
        if readonly:
            claim_unless_there(state, "casework.db")
        else:
            claim(state)
        store = open_casework(state, readonly=readonly)
        try:
            yield store
        finally:
            store.close()


class _AskedWrongly(click.ClickException):
    exit_code = 2


@contextmanager
def in_one_line() -> Iterator[None]:
    """What goes wrong in casework is said so: exit 2 where it was asked for wrongly, else 1."""
    try:
        yield
    except (AccountError, CampaignError, ClientsError, DecisionError, WrongDatabase, DatabaseError, OSError) as error:
        kind = _AskedWrongly if isinstance(error, WrongInput) else click.ClickException
        raise kind(clean(str(error))) from error
