"""`sinkhole explain`: what a running worker would answer for a name, rung by rung.

The ladder is the worker's: this command asks over the control socket and only prints.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any
from zoneinfo import ZoneInfo

import click

from admin.cli.main import Context
from admin.cli.terminal import clean, echo_json, local_time, table
from contracts.control import RunFolder
from contracts.settings import Settings

_DNS_TEXT = re.compile(r"(?:[A-Za-z0-9_*.-]|\\[0-9]{3}|\\[!-/:-~])+").fullmatch  # as in a zone file, escapes too
OUTCOMES = {
    "refused": "refused: this client may not ask here",
    "sinkhole": "the sinkhole address",
    "nodata": "an empty answer (NODATA)",
    "nxdomain": "the answer that the name does not exist (NXDOMAIN)",
    "drop": "no answer at all",
    "tcp-only": "a truncated answer by UDP; by TCP the usual one",
    "alias": "another name, and what that has",
    "monitor": "the real answer, and a hit is recorded (monitor mode)",
    "passthru": "the real answer, and a hit is recorded (passthru)",
    "local": "an answer that is given here",
    "cached": "the answer from the cache",
    "stale": "an old answer from the cache, while no upstream answers",
    "failed": "a failure (SERVFAIL): no upstream answers",
    "notauth": "a refusal (NOTAUTH)",
    "formerr": "an error (FORMERR)",
    "forward": "whatever the upstream says",
}


@click.command()
@click.argument("name")
@click.option("--client", default="127.0.0.1", show_default=True, help="Address of the machine that asks.")
@click.option("--type", "qtype", default="A", show_default=True, help="Record type.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def command(context: Context, name: str, client: str, qtype: str, as_json: bool) -> None:
    """Ask a running worker what a client would get for NAME, and why.

    NAME may be written as letters and pages do: `evil[.]example`, `hxxp://evil[.]example`, `xấu.example`.
    """
    try:
        ipaddress.ip_address(client)
    except ValueError as error:
        raise click.UsageError(f"--client: {client!r} is no address") from error
    args = {"name": question_name(name), "client": client, "type": qtype.upper()}
    answer = ask_any_worker(context.settings, args)
    if as_json:
        echo_json(answer)
    else:
        click.echo("\n".join(described(answer, ZoneInfo(context.settings.time_zone))))


def question_name(text: str) -> str:
    """The name that a machine would ask for. A false all-clear for what is no name would be worse than an error."""
    from blocklists.normalise import Unusable, target

    try:
        ipaddress.ip_address(text)
    except ValueError:
        if _DNS_TEXT(text):
            return text
    try:
        found = target(text)
    except Unusable as error:
        raise click.UsageError(f"{text!r} is no name that a machine could ask for: {error}") from error
    if found.path:
        raise click.UsageError(f"{text!r} is a page: machines ask for its host only, so ask for that")
    if not found.name:
        raise click.UsageError(f"{text!r} is an address, and machines ask for names")
    return found.name


def ask_any_worker(settings: Settings, args: dict[str, Any]) -> dict[str, Any]:
    """The first worker that answers; all hold the same policy."""
    from runtime.control import Unreachable, ask

    for path in RunFolder(settings.state).workers():
        try:
            answer: dict[str, Any] = ask(path, "explain", args)
        except Unreachable:
            continue
        return answer
    raise click.ClickException(
        f"no resolver worker answers in {settings.state / 'run'}: start the service with `sinkhole run`"
    )


def described(answer: dict[str, Any], zone: ZoneInfo) -> list[str]:
    """The worker's reply as lines for people, with times of their zone."""
    outcome, match = answer["outcome"], answer["match"]
    lines = [
        clean(f"{answer['name']} {answer['type']}, asked by {answer['client']}, under policy {answer['serial']}"),
        *_about(answer.get("asker"), zone),
        "",
        clean(f"gets  {OUTCOMES.get(outcome, outcome)}" + (f" {answer['address']}" if answer["address"] else "")),
        clean(f"why   {answer['reason']} (rung: {answer['rung']})"),
    ]
    lines += [clean(f"note  {note}") for note in answer.get("notes", [])]
    lines += _asked_of(answer)
    if match:
        lines += ["", "match", table(_match_rows(match), indent=2)]
    if answer["rungs"]:
        rungs = [(rung["rung"], rung["verdict"], rung["reason"]) for rung in answer["rungs"]]
        lines += ["", "ladder, in the order it was climbed", table(rungs, indent=2)]
    return lines


def _about(asker: dict[str, Any] | None, zone: ZoneInfo) -> list[str]:
    """What the client table says of the client."""
    if asker is None:
        return []
    words = [f"unit {asker['unit']}" if asker["unit"] else "no unit"]
    if asker["network"]:
        until = f" until {local_time(asker['until'], zone)}" if asker["until"] else ""
        words.append(f"{asker['network']} is {asker['standing']}{until}: {asker['reason']}")
    if asker["trusts"]:
        words.append(f"a registered forwarder, believed in {', '.join(asker['trusts'])}")
    return [clean(f"client table: {'; '.join(words)}")]


def _asked_of(answer: dict[str, Any]) -> list[str]:
    """Whom the question goes to, where it goes to anybody; for a cached answer: when that is over."""
    found = answer.get("asked_of")
    if not found:
        return []
    scope, servers = found["scope"], ", ".join(found["servers"]) or "none is set"
    where = "the general upstreams" if scope == "." else f"forward zone {scope}"
    when = "later asked of" if answer["outcome"] in {"cached", "stale", "failed"} else "asked of"
    return [clean(f"{when} {where}: {servers}")]


def _match_rows(match: dict[str, Any]) -> list[tuple[str, str]]:
    wild = match["indicator"].startswith("*.")  # what is below it, without itself
    below = "" if wild else " and its subdomains" if match["subdomains"] else ", this name only"
    rows = [
        ("indicator", match["indicator"] + ("" if match.get("step") in {"answer", "client"} else below)),
        ("list", f"{match['list']} version {match['version']}, line {match['line']}, mode {match['mode']}"),
    ]
    rows += [(key, str(match[key])) for key in ("kind", "family", "campaign", "letter", "source") if match.get(key)]
    return rows
