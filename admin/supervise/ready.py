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

from admin.first_hit import first_hit_command, listed_name
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


def print_what_to_try(settings: Settings, config_file: Path, wanted: list[str], running: set[str]) -> None:
    """On stdout, where people look; logs go to stderr."""
    print("\n".join(what_to_try(settings, config_file, wanted, running)), flush=True)


def what_to_try(settings: Settings, config_file: Path, wanted: list[str], running: set[str]) -> list[str]:
    """The welcome, line by line, for the parts that run; what was wanted and does not run is named."""
    sinkhole = _command(config_file)
    facts, tries = [], []
    missing = [name for name in wanted if name not in running]
    if any(name.startswith("resolver@") for name in running):
        facts.append(("DNS", ", ".join(settings.dns.listen)))
        dig = first_hit_command(settings, listed_name(settings) or "NAME")
        tries.append((dig, f"a listed name: gets an address of {settings.sinkhole.ipv4_pool}"))
        tries.append((f"{sinkhole} hosts", "the machine that asked"))
    tries.append((f"{sinkhole} status", "how every process is doing"))
    if "admin" in running:
        facts.append(("staff pages", f"http://{settings.admin.listen}/"))
        tries.append((f"{sinkhole} accounts add admin --role administrator", "who may log in to the staff pages"))
    if missing:
        facts.append(("not there", f"{', '.join(missing)}: see the log above; tried again and again"))
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
