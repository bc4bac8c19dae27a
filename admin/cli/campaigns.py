"""`sinkhole campaigns`: dated operations with their letters, dates, units and deadlines.

Only words for the terminal: the rules and the audit are casework.campaigns'. The lists process follows the dates.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any, TypeVar, get_args
from zoneinfo import ZoneInfo

import click
import msgspec

from admin.cli.casework_store import origin, store_of
from admin.cli.clients import json_option, reason_option
from admin.cli.terminal import clean, echo_json, table
from casework import campaigns, shipped
from casework.campaign_rules import WrongCampaign, day_of, deadline_of
from casework.hosts import HostFilter, list_hosts
from casework.seed import seed
from casework.store.campaigns import Campaign
from casework.store.engine import Store, open_evidence
from contracts.campaigns import Outside
from contracts.settings import Settings

Command = TypeVar("Command", bound=Callable[..., Any])
MANY = ("bases", "links", "scope", "deadlines")
NOTHING = ""  # given for an option of several: none of them


@click.group(short_help="Campaigns: their letters, dates, units and deadlines.")
def group() -> None:
    """Dated official operations. Lists of a campaign are in force between its days, both included.

    Outside of them they are only watched, or off. The switch comes at midnight of the settings' time_zone.
    """


class Day(click.ParamType[str]):
    """A day in text, "" for none; click would keep a time with it."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Click calls this."""
        try:
            return str(day_of(str(value)) or "")
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _fields(command: Command) -> Command:
    """The options that say what a campaign is."""
    for option in (
        click.option("--note", help="Anything else."),
        click.option("--deadline", "deadlines", multiple=True, help='"2026-12-20 report to whom"; again for more.'),
        click.option("--unit", "scope", multiple=True, help="Code of a unit that takes part, with all below it."),
        click.option("--link", "links", multiple=True, help="Address of its page or tools; again for more."),
        click.option("--outside", type=click.Choice(get_args(Outside)), help="Lists outside its days (monitor)."),
        click.option("--end", type=Day(), help="Last day, 2026-12-31 or 31/12/2026; '' for none."),
        click.option("--start", type=Day(), help="First day; '' for none."),
        click.option("--basis", "bases", multiple=True, help="A paper it rests on; again for more."),
        click.option("--issuer", help="Who issued the letter."),
        click.option("--letter", help="Number of the letter, as free text."),
        click.option("--title", help="Title as on the letter."),
    ):
        command = option(command)
    return command


@group.command("ls")
@json_option
@click.pass_context
def ls(ctx: click.Context, as_json: bool) -> None:
    """Show all campaigns, the one that began last first."""
    today = _today(ctx.obj.settings)
    with store_of(ctx, readonly=True) as store:
        found = campaigns.every(store)
    if as_json:
        echo_json([_as_data(one, today) for one in found])
    elif found:
        rows = [
            (one.id, _state(one, today), one.start or "", one.end or "", _next_due(one, today), one.letter, one.title)
            for one in found
        ]
        click.echo(table(rows, ("ID", "LISTS", "START", "END", "NEXT DEADLINE", "LETTER", "TITLE")))
    else:
        click.echo("no campaigns", err=True)


@group.command("show")
@click.argument("name", metavar="ID")
@json_option
@click.pass_context
def show(ctx: click.Context, name: str, as_json: bool) -> None:
    """Show one campaign: its papers, days, units, deadlines, lists and machines. Exit 1 where there is none."""
    settings, today = ctx.obj.settings, _today(ctx.obj.settings)
    with store_of(ctx, readonly=True) as store:
        found = campaigns.find(store, name)
        units = campaigns.units_within(store, found)
        lists, machines = _lists(settings, name), _machines(settings, name)
    if as_json:
        echo_json(_as_data(found, today) | {"units": [code for code, _ in units], "lists": lists, "hosts": machines})
        return
    scope = ", ".join(found.scope) + " and below" if found.scope else "all units"
    rows = [
        ("title", found.title),
        ("letter", found.letter),
        ("issuer", found.issuer),
        *(("basis", text) for text in found.bases),
        ("days", f"{found.start or 'open'} to {found.end or 'open'}"),
        ("its lists", f"{_state(found, today)}; outside its days {found.outside}"),
        *(("list", text) for text in lists),
        ("units", f"{len(units)}: {scope}"),
        *(("deadline", f"{due.day} {due.label} ({_left(due.day, today)})") for due in found.deadlines),
        *(("link", text) for text in found.links),
        ("machines", f"{machines} (sinkhole hosts --campaign {found.id})"),
        *(("note", text) for text in found.note.splitlines()),
    ]
    click.echo(table([("id", found.id), *rows]))


@group.command("add")
@click.argument("name", metavar="ID")
@click.option("--from", "source", help="Begin with what comes with the product: see `campaigns shipped`.")
@_fields
@json_option
@click.pass_context
def add(ctx: click.Context, /, name: str, source: str | None, as_json: bool, **given: Any) -> None:
    """Add a campaign; lists name it by ID."""
    settings = ctx.obj.settings
    begun = Campaign(name, "")
    if source is not None:
        known = shipped.every()
        if source not in known:
            raise click.UsageError(clean(f"--from: no campaign {source!r} is shipped; there are {', '.join(known)}"))
        begun = msgspec.structs.replace(known[source], id=name)
    who = origin()
    with store_of(ctx) as store:
        seed(store, settings, who)  # else this would be the first row of a database that was to be seeded
        _told(campaigns.add(store, settings.state, _filled(begun, given), who), settings, as_json=as_json)


@group.command("set")
@click.argument("name", metavar="ID")
@_fields
@json_option
@click.pass_context
def set_command(ctx: click.Context, /, name: str, as_json: bool, **given: Any) -> None:
    """Change what is given; of what may be given several times, all is replaced ('' for none)."""
    settings = ctx.obj.settings
    if all(value in (None, ()) for value in given.values()):
        raise click.UsageError("nothing to change is given")
    with store_of(ctx) as store:
        before = campaigns.find(store, name)
        after = _filled(before, given)
        seen = campaigns.fingerprint(before)
        _told(campaigns.change(store, settings.state, after, origin(), seen), settings, as_json=as_json)


@group.command("end")
@click.argument("name", metavar="ID")
@reason_option
@click.option("--on", "day", type=Day(), help="Its last day (default: today, so that it ends at midnight).")
@json_option
@click.pass_context
def end(ctx: click.Context, name: str, reason: str, day: str | None, as_json: bool) -> None:
    """Give a campaign its last day."""
    settings = ctx.obj.settings
    last = datetime.date.fromisoformat(day) if day else _today(settings)
    with store_of(ctx) as store:
        _told(campaigns.end(store, settings.state, name, last, reason, origin()), settings, as_json=as_json)


@group.command("shipped")
@json_option
def shipped_command(as_json: bool) -> None:
    """Show the campaigns that come with the product: `campaigns add ID --from SHIPPED`."""
    found = shipped.every()
    if as_json:
        echo_json(list(found.values()))
    else:
        rows = [(key, one.start or "", one.end or "", one.letter, one.title) for key, one in found.items()]
        click.echo(table(rows, ("SHIPPED", "START", "END", "LETTER", "TITLE")))


def _filled(begun: Campaign, given: dict[str, Any]) -> Campaign:
    """With what the options say."""
    changes: dict[str, Any] = {}
    for field, value in given.items():
        if value is None or value == ():
            continue
        changes[field] = tuple(one for one in value if one != NOTHING) if field in MANY else value
    for field in ("start", "end"):
        if field in changes:
            changes[field] = day_of(changes[field])
    try:
        if "deadlines" in changes:
            changes["deadlines"] = tuple(deadline_of(text) for text in changes["deadlines"])
    except ValueError as error:
        raise WrongCampaign({"deadlines": str(error)}) from error
    return msgspec.structs.replace(begun, **changes)


def _told(one: Campaign, settings: Settings, *, as_json: bool) -> None:
    today = _today(settings)
    if as_json:
        echo_json(_as_data(one, today))
        return
    click.echo(clean(f"campaign {one.id}: {one.start or 'open'} to {one.end or 'open'}, lists {_state(one, today)}"))
    click.echo("the lists process follows within two seconds", err=True)


def _as_data(one: Campaign, today: datetime.date) -> dict[str, Any]:
    """For programs."""
    return {**msgspec.to_builtins(one), "lists_are": _state(one, today), "why": campaigns.window(one).shut(today)}


def _state(one: Campaign, today: datetime.date) -> str:
    """What its lists are today."""
    if not campaigns.window(one).shut(today):
        return "in force"
    return "only watched" if one.outside == "monitor" else "off"


def _next_due(one: Campaign, today: datetime.date) -> str:
    due = next((due.day for due in one.deadlines if due.day >= today), None)
    return f"{due} ({_left(due, today)})" if due is not None else ""


def _left(day: datetime.date, today: datetime.date) -> str:
    days = (day - today).days
    plural = "" if abs(days) == 1 else "s"
    return "today" if not days else f"{days} day{plural} left" if days > 0 else f"{-days} day{plural} ago"


def _lists(settings: Settings, campaign: str) -> list[str]:
    """Those of which a version that is live, else the newest, names it."""
    from blocklists.library import Library

    with closing(Library.reader(settings.state)) as library:
        return [one.name for one in library.statuses() if (one.live or one.versions[0]).campaign == campaign]


def _machines(settings: Settings, campaign: str) -> int:
    store: Store = open_evidence(settings.state, readonly=True)
    try:
        return list_hosts(store, HostFilter(campaign=campaign, suspected=True), per_page=1).total
    finally:
        store.close()


def _today(settings: Settings) -> datetime.date:
    return datetime.datetime.fromtimestamp(time.time(), ZoneInfo(settings.time_zone)).date()
