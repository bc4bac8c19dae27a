"""Writes config.md, cli.md and counters.md beside itself, from the settings, the commands and the counters themselves.

`make docs` runs it; tests/docs checks that what lies there is fresh. No text of its own but the introductions.
"""

from __future__ import annotations

import ast
import datetime
import inspect
import ipaddress
import sys
import types
import typing
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import msgspec
from msgspec import Meta, Struct

from admin.cli.main import COMMANDS, load, main
from contracts import settings
from contracts.networks import Endpoint, UpstreamAddress
from resolver.counters import Counters

HERE = Path(__file__).parent
MARK = "<!-- made by `make docs`: do not edit -->\n\n"


def pages() -> dict[str, str]:
    """File name -> text."""
    made = {"config.md": config_lines(), "cli.md": cli_lines(), "counters.md": counter_lines()}
    return {page: MARK + "\n".join(lines) for page, lines in made.items()}


def config_lines() -> Iterator[str]:
    """Every key of config.yaml, section by section."""
    yield "# Keys of config.yaml"
    yield ""
    yield "One YAML file; unknown and repeated keys are errors, and `sinkhole check-config` tells every error with its"
    yield "line. Relative paths start at the folder of the file. `lists`, `feeds`, `guard`, `tsig_keys` and `transfer`"
    yield "are read again when the lists process gets SIGHUP; any other change needs a restart of the parts using it."
    yield ""
    yield from _section(settings.Settings, "", "Top level")


def _section(kind: type[Struct], path: str, title: str) -> Iterator[str]:
    meanings = _meanings(kind)
    fields = [field for field in msgspec.structs.fields(kind) if field.name != "base"]
    yield f"## {title}"
    yield ""
    yield inspect.getdoc(kind) or ""
    yield ""
    yield "| key | value | default | meaning |"
    yield "|---|---|---|---|"
    for field in fields:
        inner = _struct_in(field.type)
        key = f"{path}{field.name}"
        if inner:
            value, default = ("list of sections" if inner is not field.type else "section"), _default(field)
            default = "needed" if field.required else "" if inner is field.type else default
            meaning = f"{_first_line(inner)} See below."
        else:
            value, default, meaning = _value(field.type), _default(field), meanings[field.name]
        yield f"| `{key}` | {value} | {default} | {meaning} |"
    yield ""
    for field in fields:
        inner = _struct_in(field.type)
        if inner:
            listed = inner is not field.type
            deeper = f"{path}{field.name}{'[]' if listed else ''}."
            yield from _section(inner, deeper, f"`{deeper[:-1]}`")


def _struct_in(kind: Any) -> type[Struct] | None:
    inner = typing.get_args(kind)[0] if typing.get_origin(kind) is tuple else kind
    return inner if isinstance(inner, type) and issubclass(inner, Struct) else None


def _first_line(kind: type[Struct]) -> str:
    return (inspect.getdoc(kind) or "").splitlines()[0]


def _meanings(kind: type) -> dict[str, str]:
    """Field -> the string that stands under it in the source."""
    tree = ast.parse(inspect.getsource(sys.modules[kind.__module__]))
    (body,) = [node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == kind.__name__]
    found = {}
    for field, below in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            assert isinstance(field.target, ast.Name)
            found[field.target.id] = " ".join(str(below.value.value).split())
    return found


PLAIN = {
    bool: "true or false",
    int: "whole number",
    str: "text",
    Endpoint: "`address:port`",
    UpstreamAddress: "`address`, `address:port`, `tcp://…` or `tls://…#name`",
    ipaddress.IPv4Network: "IPv4 network",
    ipaddress.IPv6Network: "IPv6 network",
    datetime.date: "date",
    type(None): "null",
}


def _value(kind: Any) -> str:
    origin, inside = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        return f"list of: {_value(inside[0])}"
    if origin is typing.Literal:
        return " \\| ".join(f"`{choice}`" for choice in inside)
    if origin in {typing.Union, types.UnionType}:
        if set(inside) == {ipaddress.IPv4Network, ipaddress.IPv6Network}:
            return "network"
        return " \\| ".join(map(_value, inside))
    if hasattr(kind, "__metadata__"):
        (meta,) = kind.__metadata__
        return _with_bounds(kind.__origin__, meta)
    return PLAIN[kind]


def _with_bounds(kind: type, meta: Meta) -> str:
    if meta.ge is not None:
        return f"{meta.ge} to {meta.le}"
    if meta.pattern:
        return meta.description or f"`{meta.pattern.strip('^$')}`".replace("|", "\\|")
    return f"{PLAIN[kind]}, at most {meta.max_length} letters"


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "needed"
    default = field.default
    if default is None:
        return "null"
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, tuple):
        return ", ".join(f"`{item}`" for item in default) if default else "none"
    return f"`{default}`" if default != "" else "empty"


def cli_lines() -> Iterator[str]:
    """Every command with its own help."""
    yield "# The `sinkhole` command"
    yield ""
    yield "Exit codes: 0 done; 1 it could not be done, or `status` found something wrong; 2 the settings or the command"
    yield "line are wrong. Settings come from `--config`, else `$SINKHOLE_CONFIG`, else `./config.yaml`."
    yield ""
    yield from _help(main, "sinkhole")
    for name in COMMANDS:
        yield from _with_subcommands(load(COMMANDS[name][0]), f"sinkhole {name}")


def _with_subcommands(command: click.Command, name: str) -> Iterator[str]:
    yield from _help(command, name)
    if isinstance(command, click.Group):
        for inner, below in command.commands.items():
            yield from _with_subcommands(below, f"{name} {inner}")


def _help(command: click.Command, name: str) -> Iterator[str]:
    context = click.Context(command, info_name=name, terminal_width=100, **main.context_settings)
    yield f"## {name}"
    yield ""
    yield "```"
    yield command.get_help(context)
    yield "```"
    yield ""


def counter_lines() -> Iterator[str]:
    """Every count of a worker."""
    yield "# Counts of `sinkhole status`"
    yield ""
    yield "Since the worker started. The text shows the sums of all workers, without those that are 0, with spaces in"
    yield 'names; `--json` has each worker\'s under `processes."resolver@0".counters`, the sums under `hits.counters`.'
    yield ""
    yield "| count | what is counted |"
    yield "|---|---|"
    meanings = _meanings(Counters)
    for name in sorted(Counters.__annotations__):
        yield f"| `{name}` | {meanings[name]} |"
    yield ""


if __name__ == "__main__":
    for page, text in pages().items():
        (HERE / page).write_text(text, encoding="utf-8")
