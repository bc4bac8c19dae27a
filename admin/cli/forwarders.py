"""`sinkhole forwarders`: DNS forwarders and proxies whose word about their clients is believed.

Only words for the terminal: the work, its rules and its audit are casework.clients'.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Iterable
from typing import Any, cast
from zoneinfo import ZoneInfo

import click

from admin.cli.casework_store import origin, store_of
from admin.cli.clients import json_option, publish_now, reason_option, told
from admin.cli.terminal import clean, echo_json, local_time, table
from casework import clients
from casework.attribution import UnitTable
from casework.moments import iso
from casework.store.clients import ForwarderRow
from casework.store.engine import Store
from contracts.clients import Trust
from contracts.networks import Network


class Trusts(click.ParamType[tuple[Trust, ...]]):
    """Words with commas between."""

    name = "words"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Trust, ...]:
        """Click calls this."""
        if isinstance(value, tuple):
            return value
        words = [word.strip() for word in value.split(",")]
        if not set(words) <= set(clients.TRUSTS):
            self.fail(f"{value!r}: expected some of {', '.join(clients.TRUSTS)}, with commas between", param, ctx)
        return cast("tuple[Trust, ...]", tuple(words))


@click.group()
def group() -> None:
    """DNS forwarders and proxies that ask for others, and what of their word is believed.

    ecs: the client in EDNS Client Subnet, /32 or /128. mac: a hardware address in EDNS 65001 or 65073. cpe-id: a device
    in EDNS 65074. proxy: PROXY protocol version 2, without which nothing from there is taken any more.
    """


@group.command("ls")
@json_option
@click.pass_context
def ls(ctx: click.Context, as_json: bool) -> None:
    """Show the registered forwarders, and the proxies of the settings; each with its unit, else that of its network."""
    settings = ctx.obj.settings
    zone = ZoneInfo(settings.time_zone)
    with store_of(ctx, readonly=True) as store:
        units = _units(store, zone)
        found = [_with_unit(row, units) for row in clients.forwarders(store)]
    fixed = [(str(network), units.find(network.network_address.packed)) for network in settings.dns.proxies]
    if as_json:
        of_settings = [
            {"network": network, "unit": unit, "trusts": ["proxy"], "by": "dns.proxies"} for network, unit in fixed
        ]
        echo_json([_as_data(row, zone) for row in found] + of_settings)
    elif found or fixed:
        lines = [_line(row, zone) for row in found] + [(*one, "proxy", "", "dns.proxies", "") for one in fixed]
        click.echo(table(lines, ("NETWORK", "UNIT", "BELIEVED", "SINCE", "BY", "REASON")))
    else:
        click.echo("no forwarder is registered: nobody's word about others is believed", err=True)


@group.command("add")
@click.argument("address")
@click.option("--unit", default="", metavar="CODE", help="Unit that it belongs to (default: that of its network).")
@click.option("--trusts", required=True, type=Trusts(), help=f"Some of {','.join(clients.TRUSTS)}.")
@reason_option
@click.option("--yes", "wide", is_flag=True, help="Also a network of more than 16 addresses, up to 256.")
@json_option
@click.pass_context
def add(
    ctx: click.Context, address: str, unit: str, trusts: tuple[Trust, ...], reason: str, wide: bool, as_json: bool
) -> None:
    """Believe what ADDRESS (or a small network) says about its clients."""
    zone = ZoneInfo(ctx.obj.settings.time_zone)
    with store_of(ctx) as store:
        row = clients.add_forwarder(store, address, unit, trusts, reason, origin(), wide=wide)
        live = publish_now(ctx, store)
        row = _with_unit(row, _units(store, zone))
    if "proxy" not in row.trusts and not _allowed(row.network, ctx.obj.settings.dns.allowed_clients):
        click.echo(
            f"note: {row.network} is not within dns.allowed_clients: questions from outside of these are refused, "
            "whoever they name",
            err=True,
        )
    if as_json:
        echo_json({"forwarder": _as_data(row, zone), **live._asdict()})
        return
    click.echo(clean(f"{row.network} is believed in {', '.join(row.trusts)}"))
    click.echo(told(live), err=True)


@group.command("remove")
@click.argument("address")
@reason_option
@json_option
@click.pass_context
def remove(ctx: click.Context, address: str, reason: str, as_json: bool) -> None:
    """Believe ADDRESS no more; it is a client like others."""
    with store_of(ctx) as store:
        clients.remove_forwarder(store, address, reason, origin())
        live = publish_now(ctx, store)
    if as_json:
        echo_json(live._asdict())
        return
    click.echo(clean(f"{address} is believed no more"))
    click.echo(told(live), err=True)


def _units(store: Store, zone: ZoneInfo) -> UnitTable:
    units = UnitTable(store, zone)
    units.refresh(time.time())
    return units


def _with_unit(row: ForwarderRow, units: UnitTable) -> ForwarderRow:
    """The unit that was given, else the one that its network belongs to now."""
    return row._replace(unit=row.unit or units.find(ipaddress.ip_network(row.network).network_address.packed))


def _allowed(text: str, allowed: Iterable[Network]) -> bool:
    """Whether all of a network may ask. What a proxy sends is judged by the clients that it names."""
    network = ipaddress.ip_network(text)
    return any(
        one.version == network.version
        and one.network_address.packed <= network.network_address.packed
        and network.broadcast_address.packed <= one.broadcast_address.packed
        for one in allowed
    )


def _line(row: ForwarderRow, zone: ZoneInfo) -> tuple[str, ...]:
    return row.network, row.unit, ",".join(row.trusts), local_time(row.since, zone), row.actor, row.reason


def _as_data(row: ForwarderRow, zone: ZoneInfo) -> dict[str, Any]:
    return {**row._asdict(), "since": iso(row.since, zone)}
