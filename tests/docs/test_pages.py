"""What the written pages name exists: paths, commands, config keys, make targets, links."""

from __future__ import annotations

import re
import shlex
import subprocess

import click
import pytest

from admin.cli.main import COMMANDS, load, main
from contracts import config
from tests.conftest import REPO

PAGES = sorted(
    page
    for page in [*REPO.glob("*.md"), *(REPO / "docs").rglob("*.md")]
    if page.name not in {"cli.md", "config.md", "counters.md"}  # made from the code: tests/docs/test_reference.py
)
# A path is in backquotes and begins with a folder or file of ours.
PATH = re.compile(r"`((?:admin|bench|blocklists|casework|contracts|docs|resolver|runtime|systemd|tests|\.ci)/[^`\s]*)`")
LINK = re.compile(r"\]\(([^)#\s]+)\)")
COMMAND = re.compile(r"(?:^|`|\s)(?:\.venv/bin/|sudo |-u sinkhole )*sinkhole ((?:--config \S+ )?[a-z][^`\n]*)")
TARGET = re.compile(r"`make ([a-z ]+)`")


def shown(page):
    """Path inside the repository."""
    return page.relative_to(REPO).as_posix()


def test_the_pages_are_there():
    assert {"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/operator.md",
            "docs/vi/huong-dan-can-bo.md"} <= {shown(page) for page in PAGES}  # fmt: skip


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_every_path_named_exists(page):
    missing = []
    for path in PATH.findall(page.read_text(encoding="utf-8")):
        # `resolver/wire/{query,reply}.py` names two, `docs/adr/*` at least one.
        braces = re.fullmatch(r"(.*)\{(.*)\}(.*)", path)
        each = [braces[1] + word + braces[3] for word in braces[2].split(",")] if braces else [path]
        missing += [one for one in each if not list(REPO.glob(one.rstrip("/")))]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_every_link_leads_somewhere(page):
    links = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_every_command_shown_is_one(page):
    for words in commands(page.read_text(encoding="utf-8")):
        command, at = main, 0
        while isinstance(command, click.Group) and at < len(words):
            if command is main:
                assert words[at] in COMMANDS, f"sinkhole {' '.join(words)}"
                command = load(COMMANDS[words[at]][0])
            else:
                assert words[at] in command.commands, f"sinkhole {' '.join(words)}"
                command = command.commands[words[at]]
            at += 1
        known = {option for param in command.params for option in [*param.opts, *param.secondary_opts]}
        given = {word.split("=")[0] for word in words[at:] if word.startswith("--")}
        assert given <= known | {"--help"}, f"sinkhole {' '.join(words)}"


def commands(text):
    """Words of each `sinkhole ...` in code, global options left out."""
    code = "\n".join(re.findall(r"```[a-z]*\n(.*?)```", text, re.DOTALL) + re.findall(r"`([^`\n]+)`", text))
    for found in COMMAND.findall(code):
        words = shlex.split(found.split("#")[0].split("|")[0].split(">")[0])
        yield words[2:] if words[0] == "--config" else words


def test_every_make_target_named_exists():
    listed = subprocess.run(["make", "-s", "help"], cwd=REPO, capture_output=True, text=True, check=True).stdout
    targets = {line.split()[0] for line in listed.splitlines()}
    for page in PAGES:
        for named in TARGET.findall(page.read_text(encoding="utf-8")):
            assert set(named.split()) <= targets, f"{shown(page)}: make {named}"


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_every_whole_config_shown_is_fine(page):
    for text in re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        if text.startswith("# config.yaml"):
            config.parse(text, REPO / "config.yaml")


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("docs/operator.md", "`sinkhole.ttl` seconds ({} as delivered)"),
        ("docs/vi/ngung-chan.md", "`sinkhole.ttl` giây (mặc định {} giây)"),
    ],
)
def test_guides_of_the_red_switch_say_how_long_clients_keep_an_answer(page, words):
    text = " ".join((REPO / page).read_text(encoding="utf-8").split())
    assert words.format(config.read(REPO / "config.yaml").sinkhole.ttl) in text
