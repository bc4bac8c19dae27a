"""`sinkhole lists export`: the live policy as files for other resolvers, for firewalls and for people.

Only what people see: which rows there are is blocklists.live's, how they are written blocklists.outlets'.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from admin.cli.terminal import clean, echo_json, number

if TYPE_CHECKING:
    from blocklists.live import Live
    from contracts.settings import Settings

ZONE = "rpz.sinkhole"
_FORMS = {
    "rpz": "response policy zone",
    "names": "names that are blocked with what is below them",
    "unbound": "the same as local zones of Unbound",
    "csv": "everything in force, with list, line and letter",
    "addresses": "addresses that answers must not lead to, as CSV",
    "nftables": "the same as two sets",
}


@click.command("export")
@click.argument("form", type=click.Choice(list(_FORMS)))
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write this file, whole or not at all.")
@click.option("--zone", default=ZONE, show_default=True, help="Name of the zone (rpz).")
@click.option("--json", "as_json", is_flag=True, help="With --output: say in JSON what was written.")
@click.pass_obj
def command(obj: Any, form: str, output: Path | None, zone: str, as_json: bool) -> None:
    """Write what the workers answer by now, as FORM: rpz, names, unbound, csv, addresses or nftables.

    What lists only watch is in none of them. Exit 1 before the first policy.
    """
    from blocklists.live import Live
    from contracts.decisions import BadDecisions, DecisionsFile
    from contracts.names import BadName, to_text, to_wire
    from contracts.policy import PolicyFolder
    from contracts.segment import BadPolicy

    if as_json and output is None:
        raise click.UsageError("--json goes with --output: the file itself goes to standard output otherwise")
    try:
        zone = to_text(to_wire(zone))
    except BadName as error:
        raise click.UsageError(clean(f"{zone!r} is no name of a zone: {error}")) from error
    settings: Settings = obj.settings
    try:
        decisions = DecisionsFile(settings.state).read()
        live = Live.read(PolicyFolder(settings.state / "policy"), decisions, time.time())
    except (BadPolicy, BadDecisions, OSError) as error:
        raise click.ClickException(clean(f"the live policy cannot be read: {error}")) from error
    if live is None:
        raise click.ClickException("no policy was ever made: `sinkhole lists import FILE` makes one")
    lines = _lines(form, live, zone, settings)
    if output is None:
        sys.stdout.writelines(lines)
        return
    written = _write(output, lines)
    if as_json:
        echo_json({"form": form, "file": str(output), "serial": live.manifest.serial, "lines": written,
                   "bypassed": live.bypassed})  # fmt: skip
    else:
        bypassed = " (bypassed: nothing is blocked)" if live.bypassed else ""
        click.echo(clean(f"{output}: {number(written)} lines, {_FORMS[form]}, policy {live.manifest.serial}{bypassed}"))


def _lines(form: str, live: Live, zone: str, settings: Settings) -> Iterator[str]:
    from admin.table_file import csv_text
    from blocklists.outlets import plain, rpz
    from contracts.pool import Pool

    effects, serial = live.effects(), live.manifest.serial
    if form == "rpz":
        return rpz.zone_text(effects, zone, serial, Pool(settings.sinkhole), settings.sinkhole.ttl)
    if form == "nftables":
        return plain.nftables(effects, serial)
    if form == "csv":
        return csv_text(plain.HEADING, plain.rows(effects))
    if form == "addresses":
        return csv_text(plain.HEADING, plain.addresses(effects), bom=False)
    return plain.names(effects) if form == "names" else plain.unbound(effects)


def _write(path: Path, lines: Iterator[str]) -> int:
    """Number of lines. Who reads the file meanwhile sees the old one whole, or the new one."""
    from contracts.whole_file import replace_file

    content = "".join(lines)
    try:
        replace_file(path, content.encode())
    except OSError as error:
        raise click.ClickException(clean(f"{path} cannot be written: {error.strerror or error}")) from error
    return content.count("\n")
