"""`sinkhole bypass`: the red switch, which turns all policy to watching.

Only words for the terminal: the rules and the audit are casework.decisions'.
"""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import click

from admin.cli.clients import Length, json_option, origin, store_of
from admin.cli.terminal import clean, echo_json, table
from casework import decisions
from casework.moments import iso
from casework.store import decisions as rows
from casework.store.decisions import Decision
from casework.workers import Live, tell

SHOWN = 20


@click.group()
def group() -> None:
    """The red switch: every listed name is answered as usual and recorded, until it is switched back or time is over.

    For when a wrong list takes agencies offline. Works while lists are imported and when the lists process is gone.
    """


@group.command("on")
@click.option("--for", "seconds", default="30m", show_default=True, type=Length(), help="10m, 2h; a day at most.")
@click.option("--reason", required=True, help="Why; it stands in the audit and in `status`.")
@json_option
@click.pass_context
def on(ctx: click.Context, seconds: int, reason: str, as_json: bool) -> None:
    """Block nothing from now on; it ends by itself."""
    state = ctx.obj.settings.state
    with store_of(ctx) as store:
        live = tell(state, "decisions", decisions.bypass(store, state, seconds, reason, origin()))
    until = int(time.time()) + seconds
    zone = ZoneInfo(ctx.obj.settings.time_zone)
    if as_json:
        echo_json({"bypassed": True, "until": iso(until, zone), **live._asdict()})
        return
    click.echo(f"policy is bypassed until {datetime.fromtimestamp(until, zone):%Y-%m-%d %H:%M:%S}: nothing is blocked")
    click.echo(told(live), err=True)


@group.command("off")
@click.option("--reason", default="", help="Why; it stands in the audit.")
@json_option
@click.pass_context
def off(ctx: click.Context, reason: str, as_json: bool) -> None:
    """Lists are in force again. Exit 1 where they were all the time."""
    state = ctx.obj.settings.state
    with store_of(ctx) as store:
        live = tell(state, "decisions", decisions.end_bypass(store, state, reason, origin()))
    if as_json:
        echo_json({"bypassed": False, "until": None, **live._asdict()})
        return
    click.echo("lists are in force again")
    click.echo(told(live), err=True)


@group.command("ls")
@json_option
@click.pass_context
def ls(ctx: click.Context, as_json: bool) -> None:
    """Show when policy was bypassed, by whom and why, the newest first."""
    show(ctx, "bypass", as_json=as_json, none="policy was never bypassed")


def show(ctx: click.Context, what: rows.What, *, as_json: bool, none: str) -> None:
    """The decisions of a kind."""
    with store_of(ctx, readonly=True) as store:
        found = rows.latest(store.connection, what, SHOWN)
    zone, now = ZoneInfo(ctx.obj.settings.time_zone), time.time()
    if as_json:
        echo_json([as_data(one, zone, now) for one in found])
    elif found:
        name = what == "allow"
        heads = (*(("NAME",) if name else ()), "STATE", "SINCE", "UNTIL", "BY", "REASON")
        click.echo(table([_line(one, zone, now, name=name) for one in found], heads))
    else:
        click.echo(none, err=True)


def told(live: Live) -> str:
    """Where a change holds by now."""
    if not live.of:
        return "no resolver worker is running"
    return f"live on {live.workers} of {live.of} workers"


def as_data(one: Decision, zone: ZoneInfo, now: float) -> dict[str, Any]:
    """For programs."""
    ended = iso(one.ended, zone) if one.ended else None
    return {
        "name": one.name or None, "state": _state(one, now), "since": iso(one.since, zone),
        "until": iso(one.until, zone), "ended": ended, "ended_by": one.ended_by, "actor": one.actor,
        "reason": one.reason,
    }  # fmt: skip


def _line(one: Decision, zone: ZoneInfo, now: float, *, name: bool) -> tuple[str, ...]:
    cells = (_state(one, now), _when(one.since, zone), _when(one.ended or one.until, zone), one.actor, one.reason)
    return tuple(map(clean, (one.name, *cells) if name else cells))


def _state(one: Decision, now: float) -> str:
    if one.holds(now):
        return "holds"
    return "ended" if one.ended else "over"


def _when(second: int, zone: ZoneInfo) -> str:
    return f"{datetime.fromtimestamp(second, zone):%Y-%m-%d %H:%M:%S}"
