"""The reference is made from the code and is fresh; every key and every command is in it."""

from __future__ import annotations

import importlib.util

import click
import pytest

from admin.cli.main import COMMANDS, load
from contracts import yamlio
from contracts.settings import Settings
from resolver.counters import Counters
from tests.conftest import REPO
from tests.contracts.test_config import keys

REFERENCE = REPO / "docs" / "reference"


@pytest.fixture(scope="module")
def pages():
    spec = importlib.util.spec_from_file_location("generate", REFERENCE / "generate.py")
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    return generate.pages()


def test_what_lies_there_is_what_would_be_written(pages):
    for name, text in pages.items():
        assert (REFERENCE / name).read_text(encoding="utf-8") == text, f"{name} is stale: run `make docs`"


def test_every_key_is_there_with_a_meaning(pages):
    for path in keys(Settings):
        key = yamlio.path_text(path).replace("[0]", "[]")
        (line,) = [line for line in pages["config.md"].splitlines() if line.startswith(f"| `{key}` |")]
        assert len(line.replace("\\|", "").split("|")[4].strip()) > 5, line


def test_every_count_is_there_with_a_meaning(pages):
    told = [line.split("|")[1:3] for line in pages["counters.md"].splitlines() if line.startswith("| `")]
    assert [name.strip(" `") for name, _meaning in told] == sorted(Counters().as_dict())
    assert all(len(meaning.strip()) > 10 for _name, meaning in told)


def commands(command, name):
    yield name, command
    if isinstance(command, click.Group):
        for inner, below in command.commands.items():
            yield from commands(below, f"{name} {inner}")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_there_with_help(pages, name):
    for words, command in commands(load(COMMANDS[name][0]), f"sinkhole {name}"):
        assert f"\n## {words}\n" in pages["cli.md"]
        assert command.help, f"{words}: no help"
        for option in command.params:
            assert isinstance(option, click.Argument) or option.help, f"{words} {option.opts}: no help"
