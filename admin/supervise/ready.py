"""Waits until processes answer, then prints what a newcomer can try, with the real addresses and a listed name.

Only asks and prints: starting and ending processes is the supervisor's.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThreadPool

from contracts import names
from contracts.networks import Endpoint
from contracts.policy import BadPolicy, PolicyFolder
from contracts.settings import Settings
from runtime.control import Refused, Unreachable, ask

POLL_SECONDS = 0.1


async def until_it_answers(reactor: Any, socket: Path) -> None:
    """Ask for the status until there is an answer."""
    while await _status(reactor, socket) is None:
        await deferLater(reactor, POLL_SECONDS)


async def until_lists_are_live(reactor: Any, socket: Path, seconds: float) -> None:
    """Until the lists process has gone through the configured lists, but no longer than that."""
    end = reactor.seconds() + seconds
    while reactor.seconds() < end:
        status = await _status(reactor, socket)
        if status is not None and status.get("seeded") and not status.get("busy"):
            return
        await deferLater(reactor, POLL_SECONDS)


async def _status(reactor: Any, socket: Path) -> dict[str, Any] | None:
    """None while nobody answers; a refusal is an answer, if an empty one."""

    def wait() -> dict[str, Any] | None:
        try:
            told: dict[str, Any] = ask(socket, "status", timeout=1.0)
        except Unreachable:
            return None
        except Refused:
            return {}
        return told

    told: dict[str, Any] | None = await deferToThreadPool(reactor, reactor.getThreadPool(), wait)
    return told


def print_what_to_try(settings: Settings, config_file: Path, running: set[str]) -> None:
    """On stdout, where people look; logs go to stderr."""
    print("\n".join(what_to_try(settings, config_file, running)), flush=True)


def what_to_try(settings: Settings, config_file: Path, running: set[str]) -> list[str]:
    """The welcome, line by line, for the parts that run."""
    sinkhole = _command(config_file)
    facts, tries = [], []
    if any(name.startswith("resolver@") for name in running):
        facts.append(("DNS", ", ".join(settings.dns.listen)))
        tries.append((_dig(settings), f"a listed name: gets an address of {settings.sinkhole.ipv4_pool}"))
        tries.append((f"{sinkhole} hosts", "the machine that asked"))
    tries.append((f"{sinkhole} status", "how every process is doing"))
    if "admin" in running:
        facts.append(("staff pages", f"http://{settings.admin.listen}/"))
        tries.append((f"{sinkhole} accounts add admin --role administrator", "who may log in to the staff pages"))
    width = max(len(words) for words, _ in tries)
    return [
        "",
        "The sinkhole is running; Ctrl-C ends it.",
        "",
        *(f"  {name:<12}{value}" for name, value in facts),
        "",
        "Try, in another terminal:",
        *(f"  {words:<{width}}  # {meaning}" for words, meaning in tries),
        "",
    ]


def _command(config_file: Path) -> str:
    """How to call our own command from the folder we were started in."""
    script = Path(sys.executable).parent / "sinkhole"
    found = shutil.which("sinkhole")
    if found and Path(found).resolve() == script.resolve():
        words = "sinkhole"
    else:
        words = str(script.relative_to(Path.cwd())) if script.is_relative_to(Path.cwd()) else str(script)
    return words if config_file == Path.cwd() / "config.yaml" else f"{words} --config {config_file}"


def _dig(settings: Settings) -> str:
    server: Endpoint = settings.dns.listen[0]
    port = "" if server.port == 53 else f" -p {server.port}"
    source = _example_client(settings) if server.address.is_loopback and server.address.version == 4 else None
    return f"dig{port}{f' -b {source}' if source else ''} @{server.address} {listed_name(settings) or 'NAME'}"


def _example_client(settings: Settings) -> str | None:
    """An address inside a unit that this machine itself can ask from: on Linux all of 127/8."""
    for unit in settings.units:
        for network in unit.networks:
            if network.version == 4 and network.is_loopback and network.num_addresses > 8:
                return str(network[5])
    return None


def listed_name(settings: Settings) -> str | None:
    """A name that the live policy answers with the sinkhole."""
    folder = PolicyFolder(settings.state / "policy")
    try:
        manifest = folder.read()
        if manifest is None:
            return None
        segments = folder.open(manifest)
    except (BadPolicy, OSError):
        return None
    for entry in manifest.entries:
        segment = segments[entry.digest]
        for wire in segment:
            match = segment.find(wire, names.search_key(wire))
            if entry.mode == "enforce" and match and match.kind != "kill-switch":
                return names.to_text(wire)
    return None
