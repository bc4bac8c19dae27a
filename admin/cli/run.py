"""`sinkhole run`: becomes the process that was asked for, or the supervisor of several.

Supervising is admin.supervise's; this command checks the settings and hands over with exec.
"""

from __future__ import annotations

import os
import sys
from typing import NoReturn

import click

from admin.cli.main import Context
from admin.supervise.parts import UnknownPart, processes


@click.command()
@click.argument("parts", nargs=-1, metavar="[PART]...")
@click.pass_obj
def command(context: Context, parts: tuple[str, ...]) -> None:
    """Start the service in the foreground; Ctrl-C drains and ends it.

    PART is recorder, lists, resolver (all workers), resolver@NUMBER (one worker) or admin; without any, all are
    started. One single process is started directly, as the systemd units do; several run under a supervisor that
    restarts what dies.
    """
    file = context.config_file.absolute()
    try:
        chosen = processes(context.settings, file, parts)
    except UnknownPart as error:
        raise click.BadParameter(str(error), param_hint="PART") from error
    if len(chosen) == 1:
        _become(chosen[0].argv)
    _become([sys.executable, "-P", "-m", "admin.supervise", "--config", str(file), *parts])


def _become(argv: list[str]) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(argv[0], argv)  # noqa: S606  our own interpreter and modules
