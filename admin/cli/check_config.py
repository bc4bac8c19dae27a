"""`sinkhole check-config`: is the settings file usable, and what does it mean on this machine?

The checks themselves are contracts.config's; here only what needs this machine's files is looked at.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from admin.cli.main import Context, SettingsError, read_settings
from admin.cli.terminal import clean, echo_json, echo_problems, number, table
from contracts import feeds, yamlio
from contracts.campaigns import BadCampaigns, CampaignsFile
from contracts.networks import Endpoint
from contracts.settings import Settings, system_upstreams
from contracts.yamlio import Problem


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def command(context: Context, file: Path | None, as_json: bool) -> None:
    """Check the settings file: every error on a line with its place, exit 2; or what the settings mean, exit 0."""
    file = file or context.config_file
    problems, meaning = examine(file)
    if as_json:
        echo_json({"file": str(file), "problems": problems, "meaning": meaning})
    elif problems:
        echo_problems(problems)
    else:
        click.echo(f"{clean(str(file))}: fine")
        click.echo(table(_lines(meaning), indent=2))
        for note in meaning["notes"]:
            click.echo(clean(f"note: {note}"))
    if problems:
        sys.exit(SettingsError.exit_code)


def examine(file: Path) -> tuple[list[str], dict[str, Any]]:
    """Every problem as a sentence with its place, and what the settings mean (empty when they cannot be read)."""
    try:
        settings = read_settings(file)
    except SettingsError as error:
        return error.problems, {}
    lines = yamlio.read(file.read_text(encoding="utf-8")).lines
    problems = [
        Problem(("lists", index, "path"), lines["lists", index, "path"], f"no such file, saw {source.path!r}")
        for index, source in enumerate(settings.lists)
        if source.path and not settings.beside(source.path).is_file()
    ]
    problems += _unknown_campaigns(settings, lines)
    for key, file_name in (
        (("dns", "upstreams", "tls_ca_file"), settings.dns.upstreams.tls_ca_file),
        (("feeds", "ca_file"), settings.feeds.ca_file),
    ):
        if reason := _certificates_problem(settings, file_name):
            problems.append(Problem(key, lines[key], reason))
    upstreams = resolved_upstreams(settings)
    if not upstreams:
        place: yamlio.Path = ("dns", "upstreams", "servers")
        line = lines.get(place) or lines.get(place[:2]) or lines["dns",]
        problems.append(Problem(place, line, "`system` finds no resolver in /etc/resolv.conf but ourselves"))
    problems.sort(key=lambda problem: problem.line)
    return [f"{file}: {problem}" for problem in problems], _meaning(settings, upstreams)


def _unknown_campaigns(settings: Settings, lines: dict[yamlio.Path, int]) -> list[Problem]:
    """Lists of a campaign that is neither published by the service nor will be seeded from here."""
    try:
        found = CampaignsFile(settings.state).read()
    except (BadCampaigns, OSError):  # told by the lists process, who follows this file
        return []
    known = {one.id for one in (settings.campaigns if found is None else found.windows)}
    return [
        Problem(("lists", index, "campaign"), lines["lists", index, "campaign"],
                f"no campaign has this id, saw {source.campaign!r}")
        for index, source in enumerate(settings.lists)
        if source.campaign and source.campaign not in known
    ]  # fmt: skip


def _certificates_problem(settings: Settings, file: str) -> str:
    """Why no server can be trusted by the file of certificates; empty where it can, or there is none."""
    if not file:
        return ""
    from contracts import certificates  # OpenSSL

    try:
        certificates.read(settings.beside(file))
    except OSError as error:
        return str(error)
    return ""


def resolved_upstreams(settings: Settings) -> list[str]:
    """The upstreams as addresses, `system` replaced by what /etc/resolv.conf says now."""
    found = list[str]()
    for server in settings.dns.upstreams.servers:
        named = [server] if isinstance(server, Endpoint) else system_upstreams(settings.dns.listen)
        found.extend(str(one) for one in named if str(one) not in found)
    return found


def _meaning(settings: Settings, upstreams: list[str]) -> dict[str, Any]:
    return {
        "state_dir": str(settings.state),
        "listen": [str(endpoint) for endpoint in settings.dns.listen],
        "workers": settings.dns.workers,
        "allowed_clients": [str(network) for network in settings.dns.allowed_clients],
        "upstreams": upstreams,
        "sinkhole": {
            "ipv4_pool": str(settings.sinkhole.ipv4_pool),
            "ipv4_addresses": settings.sinkhole.ipv4_pool.num_addresses,
            "ipv6_pool": str(settings.sinkhole.ipv6_pool) if settings.sinkhole.ipv6_pool else None,
            "ttl": settings.sinkhole.ttl,
        },
        "admin": str(settings.admin.listen),
        "trusted_proxies": [str(network) for network in settings.admin.trusted_proxies],
        "lists": [source.name for source in settings.lists],
        "feeds": {source.name: feeds.shown(source.url) for source in settings.lists if source.url},
        "feeds_proxy": feeds.shown(settings.feeds.proxy) if settings.feeds.proxy else None,
        "notes": [feeds.plain_note(source.name) for source in settings.lists if feeds.is_plain(source.url)],
        "campaigns": [campaign.id for campaign in settings.campaigns],
        "units": [unit.code for unit in settings.units],
    }


def _lines(meaning: dict[str, Any]) -> list[tuple[str, str]]:
    pool = meaning["sinkhole"]
    return [
        ("DNS", f"{', '.join(meaning['listen'])} with {meaning['workers']} worker(s)"),
        ("may ask", ", ".join(meaning["allowed_clients"])),
        ("upstreams", ", ".join(meaning["upstreams"])),
        ("sinkhole", f"{pool['ipv4_pool']} ({number(pool['ipv4_addresses'])} addresses), TTL {pool['ttl']} s"),
        ("for AAAA", pool["ipv6_pool"] or "an empty answer"),
        ("staff pages", f"http://{meaning['admin']}/" + _behind(meaning["trusted_proxies"])),
        ("state", meaning["state_dir"]),
        ("lists", _named(meaning["lists"])),
        *([("fetched", _fetched(meaning))] if meaning["feeds"] else []),
        ("campaigns", _named(meaning["campaigns"])),
        ("units", _named(meaning["units"])),
    ]


def _behind(proxies: list[str]) -> str:
    return f", clients as {', '.join(proxies)} say they are" if proxies else ""


def _fetched(meaning: dict[str, Any]) -> str:
    by = f", through the proxy {meaning['feeds_proxy']}" if meaning["feeds_proxy"] else ""
    return f"{_named([f'{name} ({address})' for name, address in meaning['feeds'].items()])}{by}"


def _named(names: list[str]) -> str:
    if not names:
        return "none"
    shown = ", ".join(names[:5])
    return f"{len(names)}: {shown}{', ...' if len(names) > 5 else ''}"
