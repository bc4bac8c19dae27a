"""`sinkhole hosts`: which machines asked for listed names.

Only words for the terminal: what a host is and how it is found stands in casework.hosts.
"""

from __future__ import annotations

import time
from collections.abc import Container, Iterator
from contextlib import closing, contextmanager
from difflib import get_close_matches
from typing import Any
from zoneinfo import ZoneInfo

import click

from admin.cli.terminal import clean, echo_json, local_time, table
from blocklists.lookup import withdrawn
from casework import hosts
from casework.moments import BadMoment, iso, moment
from casework.store.engine import DatabaseError, Store, WrongDatabase, open_evidence
from contracts.settings import Settings
from runtime.state import claim_unless_there

_NAMES = 3  # in one line of the table
_OFFERED = 20  # values, where one that nobody knows was asked for


class Moment(click.ParamType[int]):
    """A point in time, read in the configured time zone."""

    name = "time"

    def __init__(self, *, end: bool = False) -> None:
        self._end = end

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Click calls this."""
        if isinstance(value, int):
            return value
        assert ctx is not None
        try:
            return moment(value, ZoneInfo(ctx.obj.settings.time_zone), time.time(), end=self._end)
        except BadMoment as error:
            self.fail(str(error), param, ctx)


@contextmanager
def told_in_one_line() -> Iterator[None]:
    """What goes wrong with a database is said in one line."""
    try:
        yield
    except (WrongDatabase, DatabaseError, OSError) as error:
        raise click.ClickException(str(error)) from error


@click.command()
@click.option("--campaign", default="", metavar="ID", help="Only of this campaign.")
@click.option("--unit", default="", metavar="CODE", help=f"Only of this unit; '{hosts.NO_UNIT}': that belong to none.")
@click.option("--family", default="", help="Only of this malware family.")
@click.option("--list", "list_", default="", metavar="NAME", help="Only by this list.")
@click.option("--text", default="", help="In address, unit, domain or family; case and marks do not matter.")
@click.option("--since", type=Moment(), help="Seen at or after: 2026-11-23, '2026-11-23 08:00', or 7d, 12h for ago.")
@click.option("--until", type=Moment(end=True), help="Seen at or before; a day counts whole.")
@click.option("--let-through", is_flag=True, help="Also those that lists only let through (passthru).")
@click.option("--sort", type=click.Choice(hosts.SORTS), default="last_seen", show_default=True, help="Order.")
@click.option("--limit", type=click.IntRange(0), default=50, show_default=True, help="At most so many; 0: all.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_context
def command(
    ctx: click.Context, /, list_: str, let_through: bool, sort: hosts.Sort, limit: int, as_json: bool, **wanted: Any
) -> None:
    """Show the machines that asked for listed names, and for which.

    With --campaign, --family, --list, --since or --until, hits and times are those of the matching names. A campaign,
    unit or list that nobody knows is an error, not an empty table; one that is over or withdrawn is known. A machine is
    left out where all its matching names were let through by a list, kill-switch names excepted.
    """
    settings = ctx.obj.settings
    zone = ZoneInfo(settings.time_zone)
    descending = sort in {"last_seen", "first_seen", "hits"}
    asked = hosts.HostFilter(list=list_, suspected=not let_through, **wanted)
    with told_in_one_line():
        claim_unless_there(settings.state, "casework.db", "evidence.db")
        with closing(open_evidence(settings.state, readonly=True)) as store:
            _refuse_nonsense(store, settings, asked)
            page = hosts.list_hosts(store, asked, sort=sort, descending=descending, per_page=limit or -1)
            passed = 0 if page.total or let_through else _only_let_through(store, asked)
    gone = withdrawn(settings.state)
    if as_json:
        echo_json([_as_data(row, zone, gone) for row in page.rows])
    elif page.rows:
        lines = [_line(row, zone, gone) for row in page.rows]
        click.echo(table(lines, ("LAST SEEN", "ADDRESS", "UNIT", "HITS", "FIRST SEEN", "NAMES")))
    else:
        click.echo(
            f"no hosts; {passed} were only let through: --let-through shows them" if passed else "no hosts", err=True
        )
    if len(page.rows) < page.total:
        click.echo(f"{len(page.rows)} of {page.total} hosts; more with --limit", err=True)


def _refuse_nonsense(store: Store, settings: Settings, asked: hosts.HostFilter) -> None:
    """What can match nothing at all is told: "no hosts" would be taken for an all-clear."""
    if asked.since is not None and asked.until is not None and asked.since > asked.until:
        raise click.UsageError("--until is before --since: exchange the two")
    known = hosts.known_values(store)
    known["campaign"] |= {one.id for one in settings.campaigns}
    if asked.list and asked.list not in known["list"]:
        known["list"] |= _lists(settings)
    for noun, values in known.items():
        value = getattr(asked, noun)
        if value and value not in values:
            # The closest where there are too many to be read.
            offered = sorted(values) if len(values) <= _OFFERED else get_close_matches(value, values, _OFFERED, 0.0)
            more = f" and {len(values) - _OFFERED} others" if len(values) > _OFFERED else ""
            known_ones = f"known: {', '.join(offered)}{more}" if offered else "none is known yet"
            raise click.UsageError(clean(f"--{noun}: no {noun} is called {value!r}; {known_ones}"))


def _only_let_through(store: Store, asked: hosts.HostFilter) -> int:
    return hosts.list_hosts(store, asked._replace(suspected=False), per_page=1).total


def _lists(settings: Settings) -> set[str]:
    """Every list there is or was, with hits or without."""
    from blocklists.library import Library

    with closing(Library.reader(settings.state)) as library:
        return {one.name for one in library.statuses()}


def _line(row: hosts.HostRow, zone: ZoneInfo, gone: Container[str]) -> tuple[Any, ...]:
    names = [_name(one, gone) for one in row.indicators[:_NAMES]]
    if len(row.indicators) > _NAMES:
        names.append(f"and {len(row.indicators) - _NAMES} more")
    unit = row.unit_name or row.unit_code or "-"
    first, last = local_time(row.first_seen, zone), local_time(row.last_seen, zone)
    return last, row.address, unit, row.hits, first, ", ".join(names)


def _name(one: hosts.HostIndicator, gone: Container[str]) -> str:
    """`evil.example (Emotet)`, and what else to know before somebody is sent there."""
    answered = [] if one.action not in {"monitor", "passthru"} else [one.action]
    words = [one.family or one.kind, *answered, *(["list withdrawn"] if one.list in gone else [])]
    return f"{one.domain} ({', '.join(words)})"


def _as_data(row: hosts.HostRow, zone: ZoneInfo, gone: Container[str]) -> dict[str, Any]:
    """A host in the shape that docs describe: times in ISO 8601 with the zone."""
    return {
        "id": row.id,
        "address": row.address,
        "unit": row.unit_code,
        "unit_name": row.unit_name,
        "first_seen": iso(row.first_seen, zone),
        "last_seen": iso(row.last_seen, zone),
        "hits": row.hits,
        "indicators": [
            {
                **one._asdict(),
                "first_seen": iso(one.first_seen, zone),
                "last_seen": iso(one.last_seen, zone),
                "withdrawn": one.list in gone,
            }
            for one in row.indicators
        ],
    }
