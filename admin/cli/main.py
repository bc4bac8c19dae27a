"""The `sinkhole` command: the one table of its subcommands, what they share, and how errors end.

No subcommand's own work, and nothing imported that `sinkhole --help` does not need.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from admin.cli.terminal import clean, echo_problems
from contracts import config
from contracts.settings import Settings
from runtime.state import NotOurs, close_to_strangers

PACKAGE = "wan-sinkhole"
PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"  # of a checkout; an installed package has none there

# name -> where it stands, what it does. Imported only when it is called.
COMMANDS = {
    "run": ("admin.cli.run:command", "Start the whole service on this machine, or some parts of it."),
    "status": ("admin.cli.status:command", "Show how every process is doing; exit 1 when something is wrong."),
    "check-config": ("admin.cli.check_config:command", "Check the settings file; tell every error with its line."),
    "explain": ("admin.cli.explain:command", "Ask a running worker what it would answer for a name, and why."),
    "lists": ("admin.cli.lists:group", "Import, inspect, roll back and withdraw lists of indicators."),
    "bypass": ("admin.cli.bypass:group", "The red switch: block nothing, record everything, for a time."),
    "allow": ("admin.cli.allow:group", "Take a name out of all lists, for a reason and a time."),
    "campaigns": ("admin.cli.campaigns:group", "Campaigns: their letters, dates, units and deadlines."),
    "hosts": ("admin.cli.hosts:command", "Show the machines that asked for listed names."),
    "hits": ("admin.cli.hits:command", "Show or export single hits from the ledger."),
    "clients": ("admin.cli.clients:group", "Put networks into monitor mode, exempt them, or end that."),
    "forwarders": ("admin.cli.forwarders:group", "Register DNS forwarders and proxies whose word is believed."),
    "accounts": ("admin.cli.accounts:group", "Manage who may log in to the staff pages."),
}


class SettingsError(click.ClickException):
    """The settings cannot be used: every problem on a line of its own, exit 2."""

    exit_code = 2

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems

    def show(self, file: Any = None) -> None:  # noqa: ARG002  click's signature
        """Click calls this."""
        echo_problems(self.problems)


class AskedWrongly(click.ClickException):
    """What was asked for can never be meant so: a sentence, exit 2."""

    exit_code = 2


class Context:
    """What the global options say; every subcommand gets it as `ctx.obj`."""

    def __init__(self, config_file: Path) -> None:
        self.config_file = config_file

    @cached_property
    def settings(self) -> Settings:
        """Read at first use, so that commands that need no settings work without any."""
        return read_settings(self.config_file)


def read_settings(file: Path) -> Settings:
    """Settings of `file`; SettingsError names every problem."""
    try:
        return config.read(file)
    except config.BadConfig as error:
        raise SettingsError([f"{file}: {problem}" for problem in error.problems]) from error
    except OSError as error:
        hint = " (name it with --config or $SINKHOLE_CONFIG)" if isinstance(error, FileNotFoundError) else ""
        raise SettingsError([f"{file}: {error.strerror or error}{hint}"]) from error


def load(place: str) -> Any:
    """`module:attribute` -> the object."""
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)


class LazyGroup(click.Group):
    """Subcommands from COMMANDS; a control socket that is silent or says no becomes a message and exit 1; what was
    asked for wrongly, and a state folder of another user's, exit 2."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        """In the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import it now."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = load(COMMANDS[cmd_name][0])
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The list in `sinkhole --help`, without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the subcommand."""
        try:
            return super().invoke(ctx)
        except NotOurs as error:
            raise SettingsError([str(error)]) from error
        except PermissionError as error:
            raise SettingsError(
                [f"{error.filename}: you may not read that; ask as the user the service runs as"]
            ) from error
        except _from_control() as error:
            kind = AskedWrongly if isinstance(error, _misuse()) else click.ClickException
            raise kind(clean(str(error))) from error


def _from_control() -> tuple[type[Exception], ...]:
    """Evaluated only when a command has failed: importing runtime.control costs a quarter of a second."""
    from runtime.control import Refused, Unreachable

    return Refused, Unreachable


def _misuse() -> type[Exception]:
    from runtime.control import Misused

    return Misused


def version() -> str:
    """Of the program that runs: a checkout says it itself, whatever it was when it was installed."""
    import tomllib
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    with suppress(OSError, tomllib.TOMLDecodeError, KeyError):
        project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
        if project["name"] == PACKAGE:
            return str(project["version"])
    try:
        return installed(PACKAGE)
    except PackageNotFoundError:
        return "unknown"


def _show_version(ctx: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        click.echo(f"sinkhole, version {version()}")
        ctx.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    help="Settings file (default: $SINKHOLE_CONFIG, then ./config.yaml).",
)
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_show_version,
    help="Show the version and exit.",
)
@click.pass_context
def main(ctx: click.Context, config_file: Path | None) -> None:
    """DNS sinkhole of a provincial WAN: listed malware names get a sinkhole address, and who asked is recorded."""
    close_to_strangers()
    ctx.obj = Context(config.find_config(str(config_file) if config_file else None))
