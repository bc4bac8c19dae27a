"""`sinkhole clients`: networks that are watched only, or exempt from policy, for a reason and a time.

Only words for the terminal: the work, its rules and its audit are casework.clients'.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import click

from admin.cli.casework_store import origin, store_of
from admin.cli.terminal import clean, echo_json, local_time, table
from casework import clients
from casework.client_table import publish_to_all
from casework.moments import BadMoment, iso, seconds_in
from casework.store.clients import StandingRow
from casework.store.engine import DatabaseError, Store
from casework.workers import Live

FOR_EVER = "ever"
json_option = click.option("--json", "as_json", is_flag=True, help="For programs.")
reason_option = click.option("--reason", required=True, help="Why; it stands in the audit.")


class Length(click.ParamType[int]):
    """A length of time in seconds; 0 is for ever, where that may be."""

    name = "time"

    def __init__(self, *, ever: bool = True) -> None:
        self._ever = ever

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Click calls this."""
        if isinstance(value, int):
            return value
        if value == FOR_EVER and self._ever:
            return 0
        try:
            return seconds_in(value)
        except BadMoment as error:
            self.fail(f"{error}, or {FOR_EVER}" if self._ever else str(error), param, ctx)


@click.group()
def group() -> None:
    """Networks that policy does not treat as all others: watched only, or exempt.

    The longest network that holds an address decides. What is over counts as if it were not there.
    """


@group.command("ls")
@json_option
@click.pass_context
def ls(ctx: click.Context, as_json: bool) -> None:
    """Show the networks that are not treated as all others now."""
    with store_of(ctx, readonly=True) as store:
        found = clients.standings(store, time.time())
    zone = ZoneInfo(ctx.obj.settings.time_zone)
    if as_json:
        echo_json([_as_data(row, zone) for row in found])
    elif found:
        heads = ("NETWORK", "STANDING", "UNTIL", "SINCE", "BY", "REASON")
        click.echo(table([_line(row, zone) for row in found], heads))
    else:
        click.echo("all clients are treated alike", err=True)


@group.command("monitor")
@click.argument("network")
@reason_option
@click.option("--for", "seconds", required=True, type=Length(), help=f"30m, 12h, 7d, or {FOR_EVER}.")
@json_option
@click.pass_context
def monitor(ctx: click.Context, network: str, reason: str, seconds: int, as_json: bool) -> None:
    """Only record what NETWORK asks for: its clients get the real answers."""
    _change(ctx, as_json, lambda store: clients.set_standing(store, network, "monitor", seconds, reason, origin()))


@group.command("exempt")
@click.argument("network")
@reason_option
@click.option("--for", "seconds", required=True, type=Length(), help=f"30m, 12h, 7d, or {FOR_EVER}.")
@json_option
@click.pass_context
def exempt(ctx: click.Context, network: str, reason: str, seconds: int, as_json: bool) -> None:
    """Ask no list about what NETWORK asks for: real answers, and nothing is recorded."""
    _change(ctx, as_json, lambda store: clients.set_standing(store, network, "exempt", seconds, reason, origin()))


@group.command("normal")
@click.argument("network")
@reason_option
@click.option(
    "--for", "seconds", default=FOR_EVER, type=Length(), help="Inside a wider network that stands otherwise: how long."
)
@json_option
@click.pass_context
def normal(ctx: click.Context, network: str, reason: str, seconds: int, as_json: bool) -> None:
    """Treat NETWORK as all others again."""
    _change(ctx, as_json, lambda store: clients.end_standing(store, network, seconds, reason, origin()))


def _change(ctx: click.Context, as_json: bool, act: Callable[[Store], StandingRow | None]) -> None:
    zone = ZoneInfo(ctx.obj.settings.time_zone)
    with store_of(ctx) as store:
        row = act(store)
        live = publish_now(ctx, store)
    if as_json:
        echo_json({"standing": _as_data(row, zone) if row else None, **live._asdict()})
        return
    until = f" until {local_time(row.until, zone)}" if row and row.until else ""
    click.echo(f"{clean(row.network)} is {row.standing}{until}" if row else "treated as all others again")
    click.echo(told(live), err=True)


def told(live: Live) -> str:
    """Where a change holds by now."""
    held = f"live on {live.workers} of {live.of} workers" if live.of else "no resolver worker is running"
    return f"client table {live.serial}, {held}"


def publish_now(ctx: click.Context, store: Store) -> Live:
    """Bring what was committed to the workers. What goes wrong there is told; the recorder tries again."""
    settings = ctx.obj.settings
    try:
        return publish_to_all(store, settings.state, ZoneInfo(settings.time_zone))
    except (DatabaseError, OSError) as error:
        raise click.ClickException(
            f"noted, but not published yet ({error}): the recorder tries again every second"
        ) from error


def _line(row: StandingRow, zone: ZoneInfo) -> tuple[str, ...]:
    until = local_time(row.until, zone) if row.until else "for ever"
    return row.network, row.standing, until, local_time(row.since, zone), row.actor, row.reason


def _as_data(row: StandingRow, zone: ZoneInfo) -> dict[str, Any]:
    until = iso(row.until, zone) if row.until else None
    return {**row._asdict(), "since": iso(row.since, zone), "until": until}
