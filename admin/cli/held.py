"""`sinkhole lists held | approve | refuse | show`: rows that the guard holds, decisions on them, one list at a look.

Only what people see: which rows are held is blocklists.guard's to say, who may decide blocklists.review's.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

import click

from admin.cli.terminal import clean, echo_json, local_time, number, table

if TYPE_CHECKING:
    from blocklists.report import Decided, HeldRow, ListStatus
    from casework.hosts import Reach

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
version_option = click.option(
    "--version", "version", type=int, help="The version (default: the newest that holds rows)."
)
reason_option = click.option("--reason", required=True, help="Why, for the audit and for who comes after you.")


@click.command("held")
@click.argument("name", required=False)
@click.option("--version", "version", type=int, help="All held rows of this version, decided ones too.")
@json_option
@click.pass_obj
def held_command(obj: Any, name: str | None, version: int | None, as_json: bool) -> None:
    """Show rows that wait for a person: of all lists, or of list NAME.

    Rows are held that would block what many use: public suffixes, your own domains, much visited names, services for
    time and updates, your own addresses. The rest of their version goes live without them.
    """
    from blocklists.holds import Holds
    from blocklists.library import Library

    if version is not None and not name:
        raise click.UsageError("--version needs the name of a list")
    with closing(Library.reader(obj.settings.state)) as library:
        if not library.is_current:
            raise click.ClickException("library.db is of an older version: the lists process renews it when it starts")
        known = {one.name for one in library.statuses()}
        if name and name not in known:
            raise click.UsageError(clean(f"no list is called {name!r}; known: {', '.join(sorted(known)) or 'none'}"))
        if name and version is not None:
            numbered = library.version(name, version)
            if numbered is None:
                raise click.UsageError(clean(f"{name} has no version {version}"))
            found = Holds(library).rows(numbered)
        else:
            found = Holds(library).waiting(name)
    if as_json:
        echo_json(found)
    elif found:
        click.echo(_table(found, ZoneInfo(obj.settings.time_zone)))
    else:
        click.echo("no rows wait for a person" if version is None else "no rows of this version are held")


def _table(rows: list[HeldRow], zone: ZoneInfo) -> str:
    shown = [
        (
            *(one.list, one.version, one.line, one.indicator, one.rule, one.state, one.reason),
            *(one.actor, local_time(one.decided or None, zone), one.why),
            f"version {one.since}" if one.since else "",
        )
        for one in rows
    ]
    heads = ("LIST", "VERSION", "LINE", "INDICATOR", "RULE", "STATE", "HELD BECAUSE", "BY", "AT", "WHY", "DECIDED IN")
    return table(shown, heads)


@click.command("approve")
@click.argument("name")
@click.argument("rows", nargs=-1, required=True)
@reason_option
@version_option
@json_option
@click.pass_obj
def approve_command(
    obj: Any, name: str, rows: tuple[str, ...], reason: str, version: int | None, as_json: bool
) -> None:
    """Let held ROWS of list NAME be used: their line numbers, or the names and addresses themselves.

    Of a version that is live they are at once. The decision holds on in later versions of the list, until `refuse`.
    """
    _decide(obj, name, rows, "approved", reason, version, as_json=as_json)


@click.command("refuse")
@click.argument("name")
@click.argument("rows", nargs=-1, required=True)
@reason_option
@version_option
@json_option
@click.pass_obj
def refuse_command(obj: Any, name: str, rows: tuple[str, ...], reason: str, version: int | None, as_json: bool) -> None:
    """Leave held ROWS of list NAME out, approved ones too; that holds on in later versions of the list."""
    _decide(obj, name, rows, "refused", reason, version, as_json=as_json)


def _decide(
    obj: Any,
    name: str,
    rows: tuple[str, ...],
    state: Literal["approved", "refused"],
    reason: str,
    version: int | None,
    *,
    as_json: bool,
) -> None:
    from blocklists import client
    from blocklists.review import Wanted

    done = client.decide(obj.settings, Wanted(name, rows, state, reason, version))
    if as_json:
        echo_json(done)
    else:
        click.echo(clean(_said(done)))


def _said(done: Decided) -> str:
    told = f"{done.list}: version {done.version}: {done.state}: {', '.join(done.indicators)}"
    if not done.live:
        follow = f"; `sinkhole lists activate {done.list} {done.version}` makes the version live"
        return told + (follow if done.state == "approved" else "")
    workers = done.workers
    if workers is None or not workers.of:
        return f"{told}; no resolver worker is running"
    return f"{told}; live on {workers.live} of {workers.of} workers after {workers.seconds:.2f} s"


@click.command("show")
@click.argument("name")
@json_option
@click.pass_obj
def show_command(obj: Any, name: str, as_json: bool) -> None:
    """Show one list: what is live, what waits, and whom it found so far.

    Of a list in mode monitor these are the machines that it would have kept from what they asked for.
    """
    from admin.cli.hosts import told_in_one_line
    from blocklists.library import Library
    from blocklists.lookup import list_lists
    from casework import hosts
    from casework.store.engine import open_evidence
    from runtime.state import claim_unless_there

    with closing(Library.reader(obj.settings.state)) as library:
        found = next((one for one in list_lists(library, obj.settings.lists) if one.name == name), None)
    if found is None:
        raise click.UsageError(clean(f"no list is called {name!r}; `sinkhole lists ls` shows them"))
    claim_unless_there(obj.settings.state, "casework.db", "evidence.db")
    with told_in_one_line(), closing(open_evidence(obj.settings.state, readonly=True)) as store:
        reach = hosts.reach(store, name)
    if as_json:
        echo_json({"list": found, "found": reach._asdict()})
    else:
        click.echo(table(_facts(found, reach, ZoneInfo(obj.settings.time_zone))))


def _facts(found: ListStatus, reach: Reach, zone: ZoneInfo) -> list[tuple[str, str]]:
    live = found.live
    waiting = [one for one in found.versions if one.state == "held" and one.rows]
    rows = [one for one in found.versions if one.state != "old" and one.waiting]
    told = f"{number(reach.machines)} machines of {number(reach.units)} units, {number(reach.hits)} hits"
    verb = "would have blocked" if live and live.mode == "monitor" else "found so far"
    return [
        ("list", found.name),
        (
            "live",
            f"version {live.number}, {live.mode}, since {local_time(live.live_since, zone)}" if live else "nothing",
        ),
        *([("names", number(live.names)), ("addresses", number(live.addresses))] if live else []),
        ("versions held", ", ".join(str(one.number) for one in waiting) or "none"),
        ("rows held", ", ".join(f"{number(one.waiting)} of version {one.number}" for one in rows) or "none"),
        (verb, told),
        *([("note", found.departure)] if found.departure else []),
    ]
