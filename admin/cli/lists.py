"""`sinkhole lists`: import, inspect, search, roll back, activate and withdraw lists of indicators.

Only what people see: the operations are blocklists.service's, through the lists process where it runs.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args
from zoneinfo import ZoneInfo

import click

from admin.cli import diff, export, held, refresh
from admin.cli.terminal import clean, echo_json, local_time, number, table
from casework.store.text import plain
from contracts.policy import Mode
from contracts.segment import Kind
from contracts.settings import FormatName, Settings

if TYPE_CHECKING:
    from blocklists.library import Library
    from blocklists.report import Found, ImportReport, ListStatus, Row, Switched, Version, Workers

_OUTCOMES = {
    "live": "Version {version} is live",
    "held": "Version {version} is held: {reason}",
    "unchanged": "Nothing new: {reason}",
    "refused": "Refused: {reason}",
}
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")


@click.group(short_help="Import, inspect, search and roll back lists of indicators.")
def group() -> None:
    """Lists of indicators: every import makes a numbered version that can be rolled back."""


group.add_command(diff.command)
group.add_command(export.command)
group.add_command(refresh.command)
for _command in (held.held_command, held.approve_command, held.refuse_command, held.show_command):
    group.add_command(_command)


@group.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", help="Name of the list (default: from the file's name).")
@click.option("--campaign", help="Campaign it belongs to, by its id (`sinkhole campaigns ls`).")
@click.option(
    "--format",
    "format_name",
    type=click.Choice(get_args(FormatName)),
    default="auto",
    help="Format of the file (default: auto, by its content).",
)
@click.option("--kind", type=click.Choice(get_args(Kind)), help="Kind of the indicators where the file says none.")
@click.option("--mode", type=click.Choice(get_args(Mode)), help="What a match does (default: as before, or enforce).")
@click.option(
    "--addresses",
    type=click.Choice(["monitor", "enforce"]),
    help="What a listed address in an answer does: only record, or as the mode says (default: as before, or monitor).",
)
@click.option("--zone", help="Name of an RPZ file's zone, where the file does not say it (default: as before).")
@click.option("--hold", is_flag=True, help="Keep the version, do not make it live.")
@json_option
@click.pass_obj
def import_command(
    obj: Any,
    file: Path,
    name: str | None,
    campaign: str | None,
    format_name: Any,
    kind: Any,
    mode: Any,
    addresses: Any,
    zone: str | None,
    hold: bool,
    as_json: bool,
) -> None:
    """Import FILE as a new version of a list and make it live.

    Exit 1 when nothing in it can be used, or when it is held without `--hold`.
    """
    from blocklists import client
    from blocklists.service import ImportOptions

    name = name or re.sub(r"[^a-z0-9._-]+", "-", plain(file.stem)).strip("-._")
    options = ImportOptions(name, file.name, format_name, zone, campaign, kind, mode, addresses=addresses, hold=hold)
    with _progress(file, hidden=as_json) as progress:
        report = client.import_file(obj.settings, file, options, progress)
    if as_json:
        echo_json(report)
    else:
        show_report(report)
    if report.state == "refused" or (report.state == "held" and not hold):
        raise SystemExit(1)


@contextmanager
def _progress(file: Path, *, hidden: bool) -> Iterator[Callable[[str, int], None]]:
    """One line that is written over, on a terminal only."""
    if hidden or not sys.stderr.isatty():
        yield lambda _stage, _count: None
        return
    yield lambda stage, count: click.echo(f"\r{file.name}: {stage} {number(count)} \033[K", err=True, nl=False)
    click.echo("\r\033[K", err=True, nl=False)


def show_report(report: ImportReport) -> None:
    """What an import did, for people."""
    head = _OUTCOMES[report.state].format(version=report.version, reason=report.reason)
    click.echo(clean(f"{report.list}: {head}"))
    rows: list[tuple[str, str]] = [
        ("file", report.file),
        ("format", f"{report.format} ({report.format_reason})"),
        *([("zone", f"{report.zone or 'none'} ({report.zone_reason})")] if report.zone_reason else []),
        ("mode", report.mode + (f", campaign {report.campaign}" if report.campaign else "") + f", kind {report.kind}"),
        ("lines", number(report.lines)),
        ("indicators", f"{number(report.indicators)} ({number(report.names)} names)"),
        ("addresses", _addresses(report)),
        *([("clients", f"{number(report.clients)} ({report.mode})")] if report.clients else []),
        ("passthru", number(report.passthru)),
        ("duplicates", number(report.duplicates)),
        ("bad lines", number(report.bad_total)),
        ("unsupported", number(report.unsupported_total)),
        ("held", number(report.waiting_total)),
        ("refused", number(report.refused_total)),
        ("took", f"{report.seconds:.2f} s"),
        ("policy", f"serial {report.serial}{_workers(report.workers)}"),
    ]
    click.echo(table(rows, indent=2))
    for warning in report.warnings:
        click.echo(clean(f"  note: {warning}"))
    _show_rows("Bad lines", report.bad, report.bad_total)
    _show_rows("Unsupported: a forwarder cannot follow these", report.unsupported, report.unsupported_total)
    _show_rows(
        f"Held, `sinkhole lists approve {report.list} LINE` lets one through", report.waiting, report.waiting_total
    )
    _show_rows("Refused: no list may block these", report.refused, report.refused_total)


def _addresses(report: ImportReport) -> str:
    """How many of answers, and what an answer with one of them leads to."""
    found = report.addresses - report.clients
    if not found:
        return "0"
    enforced = f"as the list: {report.mode}" if report.address_mode == "enforce" else "monitor: only recorded"
    return f"{number(found)} ({enforced})"


def _show_rows(title: str, rows: Sequence[Row], total: int) -> None:
    if rows:
        more = f" (the first {len(rows)} of {number(total)})" if total > len(rows) else ""
        click.echo(f"\n{title}{more}:")
        click.echo(table([(f"line {row.line}", row.reason, row.text) for row in rows], indent=2))


def _workers(workers: Workers | None) -> str:
    if workers is None or not workers.of:
        return ", no resolver worker is running"
    return f", live on {workers.live} of {workers.of} workers after {workers.seconds:.2f} s"


@group.command("ls")
@click.argument("name", required=False)
@json_option
@click.pass_obj
def ls_command(obj: Any, name: str | None, as_json: bool) -> None:
    """Show the lists in the order in which they are asked; with NAME all versions of that list."""
    from blocklists.lookup import campaigns_today, list_lists

    today = campaigns_today(obj.settings)
    with _library(obj.settings) as library:
        found = [one for one in list_lists(library, obj.settings.lists, today) if name in {None, one.name}]
    if as_json:
        echo_json(found)
    elif found:
        zone = ZoneInfo(obj.settings.time_zone)
        click.echo(_versions_table(found[0].versions, zone) if name else _lists_table(found, zone))
        for one in found:
            if one.departure:
                click.echo(clean(f"note: {one.departure}"))
            if one.window:
                click.echo(clean(f"note: list {one.name}: {one.window}"))
    else:
        click.echo(
            clean(f"no list is called {name}" if name else "no lists yet; `sinkhole lists import FILE` makes one")
        )
    if name and not found:
        raise SystemExit(1)


def _lists_table(lists: Sequence[ListStatus], zone: ZoneInfo) -> str:
    rows = []
    for one in lists:
        shown = one.live or one.versions[0]
        held = sum(1 for version in one.versions if version.state == "held" and version.rows)
        live = str(one.live.number) if one.live else "-"
        rows.append(
            (
                *(one.name, live, shown.mode, shown.kind, shown.campaign, shown.names, shown.addresses),
                *(shown.mode_of_addresses if shown.addresses else "", shown.bad, shown.refused, held or None),
                *(local_time(shown.live_since, zone), shown.file),
            )
        )
    heads = (
        "LIST",
        "LIVE",
        "MODE",
        "KIND",
        "CAMPAIGN",
        "NAMES",
        "ADDRESSES",
        "THEIR MODE",
        "BAD",
        "REFUSED",
        "HELD",
        "SINCE",
        "FILE",
    )
    return table(rows, heads)


def _versions_table(versions: Sequence[Version], zone: ZoneInfo) -> str:
    rows = [
        (
            *(one.number, one.state if one.rows else "counts only", one.mode, one.names, one.addresses, one.bad),
            *(one.waiting, one.refused, local_time(one.created, zone), one.actor, one.file),
        )
        for one in versions
    ]
    heads = ("VERSION", "STATE", "MODE", "NAMES", "ADDRESSES", "BAD", "HELD", "REFUSED", "CREATED", "BY", "FILE")
    return table(rows, heads)


@group.command("search")
@click.argument("name")
@json_option
@click.pass_obj
def search_command(obj: Any, name: str, as_json: bool) -> None:
    """Show which lists hold NAME or a parent of it, now or in older versions. Exit 1 when none does."""
    from blocklists.lookup import search
    from runtime.control import Refused

    with _library(obj.settings) as library:
        try:
            found = search(library, name)
        except Refused as error:
            raise click.UsageError(clean(str(error))) from error
    if as_json:
        echo_json(found)
    elif found:
        click.echo(_found_table(found))
    else:
        click.echo(clean(f"{name} is in no list"))
    if not found:
        raise SystemExit(1)


def _covered(one: Found) -> str:
    """The names that a row lists: as explain, hits and pages say it."""
    if one.subdomains and one.indicator[:2] != "*.":
        return f"{one.indicator} and below" if one.itself else f"*.{one.indicator}"
    return one.indicator


def _found_table(found: Sequence[Found]) -> str:
    rows = [
        (
            _covered(one),
            *(one.list, one.version, _state(one), one.mode, _asks(one), one.line),
            *(one.kind, one.family, one.campaign, one.letter, one.refused or one.note or one.source),
        )
        for one in found
    ]
    heads = (
        "INDICATOR",
        "LIST",
        "VERSION",
        "STATE",
        "MODE",
        "ASKS",
        "LINE",
        "KIND",
        "FAMILY",
        "CAMPAIGN",
        "LETTER",
        "REMARK",
    )
    return table(rows, heads)


def _state(one: Found) -> str:
    return "held" if one.refused.startswith("held: ") else "refused" if one.refused else one.state


def _asks(one: Found) -> str:
    """What the list asks for in this row, where that is not all by its mode."""
    words = f"{one.action} {one.target}".strip()
    return " ".join(
        word for word in ("client" if one.client else "", words, "" if one.itself else "below only") if word
    )


@group.command("rollback")
@click.argument("name")
@json_option
@click.pass_obj
def rollback_command(obj: Any, name: str, as_json: bool) -> None:
    """Go back to the version of list NAME that was live before."""
    from blocklists import client

    _show_switch(client.rollback(obj.settings, name), as_json=as_json)


@group.command("activate")
@click.argument("name")
@click.argument("version", type=int, required=False)
@json_option
@click.pass_obj
def activate_command(obj: Any, name: str, version: int | None, as_json: bool) -> None:
    """Make VERSION of list NAME live; without VERSION the newest one that is held."""
    from blocklists import client

    _show_switch(client.activate(obj.settings, name, version), as_json=as_json)


@group.command("withdraw")
@click.argument("name")
@json_option
@click.pass_obj
def withdraw_command(obj: Any, name: str, as_json: bool) -> None:
    """Take list NAME out of the policy. Its versions stay; `activate` brings one back."""
    from blocklists import client

    _show_switch(client.withdraw(obj.settings, name), as_json=as_json)


def _show_switch(result: Switched, *, as_json: bool) -> None:
    if as_json:
        echo_json(result)
        return
    now = f"version {result.version} is live" if result.version else "nothing is live"
    was = f"version {result.before} was" if result.before else "nothing was"
    click.echo(clean(f"{result.list}: {now} ({was}); policy serial {result.serial}{_workers(result.workers)}"))


@contextmanager
def _library(settings: Settings) -> Iterator[Library]:
    from blocklists.library import Library

    library = Library.reader(settings.state)
    try:
        yield library
    finally:
        library.close()
