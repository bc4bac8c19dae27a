"""`sinkhole accounts`: who may log in to the staff pages.

Only words for the terminal: the work, its rules and its audit are casework.accounts'.
"""

from __future__ import annotations

import time
from typing import Any
from zoneinfo import ZoneInfo

import click

from admin.cli.casework_store import origin, store_of
from admin.cli.terminal import echo_json, local_time, table
from casework import accounts
from casework.moments import iso
from casework.store.accounts import Account, all_accounts


@click.group()
def group() -> None:
    """Manage who may log in to the staff pages."""


@group.command("add")
@click.argument("name")
@click.option("--role", required=True, type=click.Choice(accounts.ROLES), help="What the person may do.")
@click.pass_context
def add(ctx: click.Context, name: str, role: str) -> None:
    """Make an account and print its first password, once."""
    with store_of(ctx) as store:
        password = accounts.create_account(store, name, role, origin())
    click.echo(f"account:  {name} ({role})\npassword: {password}")
    click.echo("Shown only now; it must be changed at the first login.", err=True)


@group.command("ls")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_context
def ls(ctx: click.Context, as_json: bool) -> None:
    """List the accounts."""
    with store_of(ctx, readonly=True) as store:
        everyone = all_accounts(store)
    zone = ZoneInfo(ctx.obj.settings.time_zone)
    if as_json:
        echo_json([_as_data(account, zone) for account in everyone])
    elif everyone:
        lines = [_line(account, zone) for account in everyone]
        click.echo(table(lines, ("NAME", "ROLE", "STATE", "CREATED", "LAST LOGIN")))
    else:
        click.echo("no accounts yet: sinkhole accounts add NAME --role administrator", err=True)


@group.command("reset")
@click.argument("name")
@click.pass_context
def reset(ctx: click.Context, name: str) -> None:
    """Give a new random password; the account's logins end."""
    with store_of(ctx) as store:
        password = accounts.reset_password(store, name, origin())
    click.echo(f"account:  {name}\npassword: {password}")
    click.echo("Shown only now; it must be changed at the next login.", err=True)


@group.command("disable")
@click.argument("name")
@click.pass_context
def disable(ctx: click.Context, name: str) -> None:
    """Shut an account; its logins end at once."""
    with store_of(ctx) as store:
        accounts.set_disabled(store, name, origin(), disabled=True)
    click.echo(f"{name} is disabled")


@group.command("enable")
@click.argument("name")
@click.pass_context
def enable(ctx: click.Context, name: str) -> None:
    """Open a disabled account again, with the password it had."""
    with store_of(ctx) as store:
        accounts.set_disabled(store, name, origin(), disabled=False)
    click.echo(f"{name} is enabled")


def _state(account: Account) -> str:
    if account.disabled:
        return "disabled"
    if account.locked_until > time.time():
        return "locked"
    return "first password" if account.must_change else "active"


def _line(account: Account, zone: ZoneInfo) -> tuple[str, ...]:
    return account.name, account.role, _state(account), _when(account.created, zone), _when(account.last_login, zone)


def _when(second: int | None, zone: ZoneInfo) -> str:
    return "never" if second is None else local_time(second, zone)


def _as_data(account: Account, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "name": account.name,
        "role": account.role,
        "state": _state(account),
        "created": iso(account.created, zone),
        "last_login": None if account.last_login is None else iso(account.last_login, zone),
        "language": account.language or None,
    }
