"""`sinkhole accounts`, as a person types it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from admin.cli.main import main
from casework import accounts
from casework.store import audit
from casework.store.audit import Origin
from casework.store.engine import open_casework
from tests.conftest import REPO


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    file = tmp_path / "config.yaml"
    text = (REPO / "config.yaml").read_text(encoding="utf-8")
    file.write_text(text.replace("state_dir: ./var", f"state_dir: {tmp_path / 'var'}"), encoding="utf-8")
    return file


def run(config_file: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["--config", str(config_file), "accounts", *words])


def password_of(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return next(line.split()[-1] for line in result.stdout.splitlines() if line.startswith("password:"))


def test_an_account_from_first_to_last(config_file: Path, tmp_path: Path) -> None:
    first = password_of(run(config_file, "add", "binh", "--role", "administrator"))
    assert "binh  administrator  first password" in run(config_file, "ls").stdout
    second = password_of(run(config_file, "reset", "binh"))
    assert first != second
    assert run(config_file, "disable", "binh").exit_code == 0
    (listed,) = json.loads(run(config_file, "ls", "--json").stdout)
    assert (listed["name"], listed["role"], listed["state"]) == ("binh", "administrator", "disabled")
    assert run(config_file, "enable", "binh").exit_code == 0
    store = open_casework(tmp_path / "var")
    assert accounts.log_in(store, "binh", first, Origin("", 1), 60) is None
    assert accounts.log_in(store, "binh", second, Origin("", 1), 60) is not None
    actors = {entry.actor for entry in audit.latest(store, 20) if entry.action.startswith("account.")}
    store.close()
    assert len(actors) == 1
    assert actors.pop().startswith("os:")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("add", "Bình", "--role", "auditor"), "a name is 2 to 32"),
        (("add", "binh", "--role", "root"), "is not one of"),
        (("add", "binh"), "--role"),
        (("reset", "binh"), "no account binh"),
        (("disable", "binh"), "no account binh"),
        (("enable", "binh"), "no account binh"),
    ],
)
def test_mistakes_are_named(config_file: Path, words: tuple[str, ...], says: str) -> None:
    result = run(config_file, *words)
    assert result.exit_code != 0
    assert says in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize("words", [("add", "lan", "--role", "auditor"), ("reset", "lan"), ("disable", "lan"), ("ls",)])
def test_another_users_state_is_left_alone(
    config_file: Path, tmp_path: Path, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "var").mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    result = run(config_file, *words)
    assert result.exit_code == 2
    assert "use `sudo -u " in result.stderr
    assert list((tmp_path / "var").iterdir()) == []


def test_nobody_yet(config_file: Path) -> None:
    result = run(config_file, "ls")
    assert result.exit_code == 0
    assert result.stdout == ""
    assert "sinkhole accounts add" in result.stderr
    assert json.loads(run(config_file, "ls", "--json").stdout) == []


def test_a_database_that_cannot_be_used_is_one_sentence(config_file: Path, tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "casework.db").write_bytes(b"no database at all, but long enough to look at" * 10)
    result = run(config_file, "ls")
    assert result.exit_code == 1
    assert "Traceback" not in result.output
    assert result.stderr.startswith("Error: ")
