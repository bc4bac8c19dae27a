"""`sinkhole hits`: single hits from the ledger, the newest, or as they come.

Only words for the terminal: the ledger is read by casework.ledger, and nothing here changes it.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Container, Iterable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
import msgspec

from admin.cli.hosts import Moment, told_in_one_line
from admin.cli.terminal import clean, echo_json, local_time, table
from blocklists.lookup import withdrawn
from casework import ledger
from casework.ledger import LedgerRow, LeftOut
from casework.moments import iso
from contracts.networks import address_text
from contracts.record_types import type_name

POLL_SECONDS = 0.5
_HEADS = ("TIME", "CLIENT", "COUNT", "NAME", "TYPE", "OVER", "ANSWER", "LISTED AS", "LIST")


class Client(click.ParamType[str]):
    """An IP address, in the form the ledger has it."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Click calls this."""
        try:
            return address_text(ipaddress.ip_address(value).packed)
        except ValueError:
            self.fail(f"{value!r} is no IP address", param, ctx)


@click.command()
@click.option("--client", type=Client(), default=None, help="Only of this machine.")
@click.option("--since", type=Moment(), help="At or after: 2026-11-23, '2026-11-23 08:00', or 7d, 12h for ago.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="At most so many.")
@click.option("--follow", is_flag=True, help="The newest last, then each as it comes, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="For programs; with --follow one object a line.")
@click.pass_context
def command(ctx: click.Context, client: str | None, since: int | None, limit: int, follow: bool, as_json: bool) -> None:
    """Show the newest hits: who asked for which listed name, when, and what was answered.

    A list of which no version is in force any more is marked as withdrawn.

    Exit 1 when a ledger file cannot be read: it is left out and told, all others are shown.
    """
    state, zone = ctx.obj.settings.state, ZoneInfo(ctx.obj.settings.time_zone)
    left_out: LeftOut = {}
    gone = withdrawn(state)
    with told_in_one_line():
        if follow:
            _follow(state, zone, client or "", since, limit, as_json)
            return
        found = list(ledger.rows(state, since, None, client or "", limit=limit, left_out=left_out))
        lost = ledger.lost_boots(state, since, left_out)
    if as_json:
        echo_json([_as_data(row, zone, gone) for row in found])
    elif found:
        click.echo(table([_line(row, zone, gone) for row in found], _HEADS))
    elif not left_out:
        click.echo("no hits", err=True)
    for mark in lost:
        click.echo(
            f"lost: {mark.lost} of {mark.final} hits, when worker {mark.worker} died (boot {mark.boot},"
            f" settled {iso(mark.updated, zone)})",
            err=True,
        )
    _tell(left_out.values())
    if left_out:
        ctx.exit(1)


def _follow(state: Path, zone: ZoneInfo, client: str, since: int | None, limit: int, as_json: bool) -> None:
    """Poll the ledger by row number, from the newest rows on. A row is shown once its second is over."""
    told, left_out = set[str](), LeftOut()
    newest = list(ledger.rows(state, since, None, client, limit=limit, left_out=left_out))
    place = (newest[-1].file, newest[-1].seq - 1) if newest else ledger.end(state, left_out)
    try:
        while True:
            rows, place = ledger.follow(state, place, _over(), client, left_out=left_out)
            _tell(left_out[name] for name in left_out.keys() - told)
            told |= left_out.keys()
            if rows:
                _echo(rows, zone, as_json, withdrawn(state))
            if not rows:
                time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        return


def _tell(left_out: Iterable[str]) -> None:
    for why in left_out:
        click.echo(f"left out: ledger file {clean(why)}", err=True)


def _over() -> int:
    """Rows before this second do not grow any more; the recorder commits well within half a second."""
    return int(time.time() - 0.5)


def _echo(rows: Iterable[LedgerRow], zone: ZoneInfo, as_json: bool, gone: Container[str]) -> None:
    for row in rows:
        if as_json:
            click.echo(msgspec.json.encode(_as_data(row, zone, gone)))
        else:
            click.echo("  ".join(clean(str(cell)) for cell in _line(row, zone, gone)))


def _line(row: LedgerRow, zone: ZoneInfo, gone: Container[str]) -> tuple[Any, ...]:
    answer = f"{row.action} {row.address}".rstrip()
    listed = f"{row.indicator} ({row.family or row.kind})" + ("" if row.step == "name" else f", {row.step}")
    return (
        local_time(row.time, zone),
        _client(row),
        row.count,
        row.qname,
        type_name(row.qtype),
        row.transport + ("+cookie" if row.verified and row.transport == "udp" else ""),
        answer,
        listed,
        f"{row.list} v{row.version}" + (" (withdrawn)" if row.list in gone else ""),
    )


def _client(row: LedgerRow) -> str:
    """`10.1.2.3 (proxy 10.0.0.53, 00:11:22:33:44:55)`: the machine, and in whose words."""
    named = f"{row.how or 'told by'} {row.via}" if row.via else ""
    words = ", ".join(word for word in (named, row.mac, row.cpe_id) if word)
    return f"{row.client} ({words})" if words else row.client


def _as_data(row: LedgerRow, zone: ZoneInfo, gone: Container[str]) -> dict[str, Any]:
    return {**msgspec.to_builtins(row), "time": iso(row.time, zone), "withdrawn": row.list in gone}
