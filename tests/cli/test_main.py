"""The command as a whole: help without imports, global options, and how errors end."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import tomllib

import click
import pytest
from click.testing import CliRunner

from admin.cli.main import COMMANDS, load, main
from tests.cli.answers import answering
from tests.cli.conftest import SINKHOLE
from tests.conftest import REPO


def run(*words, **options):
    """Run in this process; the result has exit_code, stdout, stderr."""
    return CliRunner().invoke(main, [str(word) for word in words], **options)


def test_help_lists_every_command_and_imports_none():
    heavy = (
        "twisted",
        "flask",
        "sqlite_utils",
        "marisa_trie.sqlite",
        *[place.split(":")[0] for place, _ in COMMANDS.values()],
    )
    code = (
        "import sys\nfrom admin.cli.main import main\n"
        "try: main(['--help'])\nexcept SystemExit as end: assert end.code == 0\n"
        f"loaded = [name for name in {heavy!r} if name in sys.modules]\n"
        "assert not loaded, loaded"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    for name in COMMANDS:
        assert f"\n  {name} " in ran.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_tells_the_truth(name):
    place, text = COMMANDS[name]
    command = load(place)
    assert isinstance(command, click.Command)
    assert command.help
    assert text.endswith(".")
    shown = run(name, "--help")
    assert shown.exit_code == 0
    for option in command.params:
        assert isinstance(option, click.Argument) or option.help, f"{name} {option.name}: no help"


def test_the_installed_command_says_its_version():
    ran = subprocess.run([SINKHOLE, "--version"], capture_output=True, text=True, check=True)
    assert ran.stdout == f"sinkhole, version {project()['version']}\n"


def project():
    return tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_the_version_is_that_of_the_newest_part_of_the_changelog():
    log = (REPO / "CHANGELOG.md").read_text(encoding="utf-8")
    number, state = re.search(r"^## (\S+) \((.+)\)$", log, re.MULTILINE).groups()
    assert project()["version"] == (f"{number}.dev0" if state == "unreleased" else number)


def test_an_installed_package_says_what_it_was_installed_as(tmp_path, monkeypatch):
    monkeypatch.setattr("admin.cli.main.PYPROJECT", tmp_path / "pyproject.toml")
    assert run("--version").output == f"sinkhole, version {importlib.metadata.version('wan-sinkhole')}\n"
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "another"\nversion = "9"\n')
    assert " 9" not in run("--version").output
    monkeypatch.setattr("admin.cli.main.PACKAGE", "not-installed-anywhere")
    assert run("--version").output == "sinkhole, version unknown\n"


def test_an_unknown_command_is_a_usage_error():
    ran = run("explode")
    assert ran.exit_code == 2
    assert "No such command 'explode'" in ran.stderr


def test_a_missing_settings_file_says_what_to_do(tmp_path):
    ran = run("--config", tmp_path / "none.yaml", "status")
    assert ran.exit_code == 2
    assert "none.yaml: No such file or directory (name it with --config or $SINKHOLE_CONFIG)" in ran.stderr


def test_bad_settings_are_told_line_by_line(settings_file):
    text = settings_file.read_text()
    settings_file.write_text(text.replace("workers: 2", "workers: 0").replace("127.53.0.0/16", "127.53.0.0/99"))
    ran = run("--config", settings_file, "status")
    assert ran.exit_code == 2
    lines = ran.stderr.splitlines()
    assert [line.split(": ")[1:3] for line in lines] == [
        ["line 3", "dns.workers"],
        ["line 7", "sinkhole.ipv4_pool"],
    ]


def test_a_refusal_is_a_message_and_exit_1(settings_file):
    socket = settings_file.parent / "var" / "run" / "resolver-0.sock"
    with answering(socket, {"explain": ValueError("no name: \x1b[2Jx..y")}):
        ran = run("--config", settings_file, "explain", "x..y")
    assert ran.exit_code == 1
    assert ran.stderr == "Error: no name: \\x1b[2Jx..y\n"  # and the terminal is not cleared


def test_what_may_not_be_read_is_one_line(settings_file, monkeypatch):
    def refuse(_settings, _expected):
        raise PermissionError(13, "Permission denied", "/var/lib/sinkhole/policy/policy.json")

    monkeypatch.setattr("admin.cli.status.gather", refuse)
    ran = run("--config", settings_file, "status")
    assert ran.exit_code == 2
    assert "/var/lib/sinkhole/policy/policy.json: you may not read that" in ran.output
    assert "Traceback" not in ran.output
