"""`sinkhole allow`: one name out of all lists, for a reason and a time.

Only words for the terminal: the rules and the audit are casework.decisions'.
"""

from __future__ import annotations

import time
from zoneinfo import ZoneInfo

import click

from admin.cli.bypass import show, told
from admin.cli.casework_store import origin, store_of
from admin.cli.clients import Length, json_option
from admin.cli.explain import question_name
from admin.cli.terminal import clean, echo_json, local_time
from casework import decisions
from casework.moments import iso
from casework.workers import tell


@click.group()
def group() -> None:
    """Names that a person took out of all lists, with what is below them: answered as usual, and not recorded."""


@group.command("add")
@click.argument("name")
@click.option("--reason", required=True, help="Why; it stands in the audit.")
@click.option("--for", "seconds", required=True, type=Length(ever=False), help="12h, 7d; a year at most.")
@click.option("--owner", default="", help="Who answers for it, a person or an office (default: you).")
@json_option
@click.pass_context
def add(ctx: click.Context, name: str, reason: str, seconds: int, owner: str, as_json: bool) -> None:
    """Take NAME out of all lists; it may be written as letters do: `good[.]example`."""
    state, name, who = ctx.obj.settings.state, question_name(name), origin()
    with store_of(ctx) as store:
        live = tell(state, "decisions", decisions.allow(store, state, name, seconds, reason, who, owner))
    until, zone = int(time.time()) + seconds, ZoneInfo(ctx.obj.settings.time_zone)
    if as_json:
        echo_json(
            {"name": name, "allowed": True, "owner": owner or who.actor, "until": iso(until, zone), **live._asdict()}
        )
        return
    click.echo(f"{clean(name)} is allowed until {local_time(until, zone)}")
    click.echo(told(live), err=True)


@group.command("remove")
@click.argument("name")
@click.option("--reason", default="", help="Why; it stands in the audit.")
@json_option
@click.pass_context
def remove(ctx: click.Context, name: str, reason: str, as_json: bool) -> None:
    """Let the lists decide about NAME again. Exit 1 where they did all the time."""
    state, name = ctx.obj.settings.state, question_name(name)
    with store_of(ctx) as store:
        live = tell(state, "decisions", decisions.disallow(store, state, name, reason, origin()))
    if as_json:
        echo_json({"name": name, "allowed": False, "until": None, **live._asdict()})
        return
    click.echo(f"{clean(name)} is decided by the lists again")
    click.echo(told(live), err=True)


@group.command("ls")
@json_option
@click.pass_context
def ls(ctx: click.Context, as_json: bool) -> None:
    """Show the names that are or were allowed, the newest first."""
    show(ctx, "allow", as_json=as_json, none="no name was ever allowed")
