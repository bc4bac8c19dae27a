"""`sinkhole lists refresh`: fetch lists that have an address now, look at the files of the others, take what is new.

Only what people see: fetching is blocklists.feeds', through the lists process where it runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from admin.cli.terminal import clean, echo_json

if TYPE_CHECKING:
    from blocklists.report import Refreshed


@click.command("refresh")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a report.")
@click.pass_obj
def command(obj: Any, name: str | None, as_json: bool) -> None:
    """Fetch list NAME of the settings now, or look at its file, and import what is new; without NAME all of them.

    Exit 1 when one could not be had, or holds nothing that can be used.
    """
    from blocklists import client

    found = client.refresh(obj.settings, name)
    if as_json:
        echo_json(found)
    for one in found if not as_json else ():
        _show(one)
    if not found and not as_json:
        click.echo("the settings name no lists")
    if any(one.state in {"failed", "refused"} for one in found):
        raise SystemExit(1)


def _show(one: Refreshed) -> None:
    from admin.cli.lists import show_report

    if one.report is not None:
        show_report(one.report)
        return
    said = {"failed": "failed", "refused": "refused", "held": "held"}.get(one.state, "nothing new")
    click.echo(clean(f"{one.list}: {said}: {one.reason} ({one.source})"))
