"""`sinkhole bypass`: the red switch, which turns all policy to watching.

Only words for the terminal: the rules and the audit are casework.decisions', what cannot wait is casework.red_switch's.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from admin.cli.casework_store import in_one_line, origin, store_of
from admin.cli.clients import Length, json_option
from admin.cli.status import outstanding
from admin.cli.terminal import clean, echo_json, local_time, table
from casework import red_switch
from casework.moments import iso
from casework.red_switch import Switched
from casework.store import decisions as rows
from casework.store.decisions import Decision
from casework.workers import Live, tell
from runtime.state import claim

SHOWN = 20


@click.group()
def group() -> None:
    """The red switch: every listed name is answered as usual and recorded, until it is switched back or time is over.

    For when a wrong list takes agencies offline. Works while lists are imported, when the lists process is gone, and
    while the database cannot be written: then its record is made up for later.
    """


@group.command("on")
@click.option(
    "--for", "seconds", default="30m", show_default=True, type=Length(ever=False), help="10m, 2h; a day at most."
)
@click.option("--reason", required=True, help="Why; it stands in the audit and in `status`.")
@json_option
@click.pass_context
def on(ctx: click.Context, seconds: int, reason: str, as_json: bool) -> None:
    """Block nothing from now on; it ends by itself."""
    who, zone = origin(), ZoneInfo(ctx.obj.settings.time_zone)
    done, live = _switched(ctx, lambda state: red_switch.on(state, seconds, reason, who))
    until = who.time + seconds
    if as_json:
        recorded = {"bypassed": True, "until": iso(until, zone), "recorded": not done.outstanding}
        echo_json({**recorded, **live._asdict()})
        return
    click.echo(f"policy is bypassed until {local_time(until, zone)}: nothing is blocked")
    _tell(done, live)


@group.command("off")
@click.option("--reason", default="", help="Why; it stands in the audit.")
@json_option
@click.pass_context
def off(ctx: click.Context, reason: str, as_json: bool) -> None:
    """Lists are in force again. Exit 1 where they were all the time."""
    done, live = _switched(ctx, lambda state: red_switch.off(state, reason, origin()))
    if as_json:
        echo_json({"bypassed": False, "until": None, "recorded": not done.outstanding, **live._asdict()})
        return
    click.echo("lists are in force again")
    _tell(done, live)


@group.command("ls")
@json_option
@click.pass_context
def ls(ctx: click.Context, as_json: bool) -> None:
    """Show when policy was bypassed, by whom and why, the newest first."""
    show(ctx, "bypass", as_json=as_json, none="policy was never bypassed")
    for text in outstanding(ctx.obj.settings):
        click.echo(clean(text), err=True)


def _switched(ctx: click.Context, switch: Callable[[Path], Switched]) -> tuple[Switched, Live]:
    """Not by store_of: that waits for the database longer than a red switch may."""
    state = ctx.obj.settings.state
    with in_one_line():
        claim(state)
        done = switch(state)
    return done, tell(state, "decisions", done.serial)


def _tell(done: Switched, live: Live) -> None:
    click.echo(told(live), err=True)
    if done.outstanding:
        click.echo(
            f"the record in the database is outstanding ({clean(done.outstanding)}): who, when and why stand in the "
            "file of decisions, and the recorder writes them as soon as it can; `sinkhole status` says so until then",
            err=True,
        )


def show(ctx: click.Context, what: rows.What, *, as_json: bool, none: str) -> None:
    """The decisions of a kind."""
    with store_of(ctx, readonly=True) as store:
        found = rows.latest(store.connection, what, SHOWN)
    zone, now = ZoneInfo(ctx.obj.settings.time_zone), time.time()
    if as_json:
        echo_json([as_data(one, zone, now) for one in found])
    elif found:
        name = what == "allow"
        named, owned = (("NAME",), ("OWNER",)) if name else ((), ())
        heads = (*named, "STATE", "SINCE", "UNTIL", *owned, "BY", "REASON")
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
    owner = {"owner": one.answers} if one.what == "allow" else {}
    return {
        "name": one.name or None, "state": _state(one, now), "since": iso(one.since, zone),
        "until": iso(one.until, zone), "ended": ended, "ended_by": one.ended_by, "actor": one.actor,
        "reason": one.reason, **owner,
    }  # fmt: skip


def _line(one: Decision, zone: ZoneInfo, now: float, *, name: bool) -> tuple[str, ...]:
    since, until = local_time(one.since, zone), local_time(one.ended or one.until, zone)
    cells = (_state(one, now), since, until, *((one.answers,) if name else ()), one.actor, one.reason)
    return tuple(map(clean, (one.name, *cells) if name else cells))


def _state(one: Decision, now: float) -> str:
    if one.holds(now):
        return "holds"
    return "ended" if one.ended else "over"
