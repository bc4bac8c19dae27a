"""The shape of the source: sizes, opening words, and each third party behind its own door.

What ruff and import-linter check already is not repeated here.
"""

from __future__ import annotations

import ast
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import REPO

PACKAGES = ("contracts", "runtime", "blocklists", "resolver", "casework", "admin")
MAX_FILE = 400
MAX_FUNCTION = 60
# Longer on purpose; each with its reason.
LONG_FUNCTIONS: dict[str, str] = {}
MAY_BE_EMPTY = {"__init__.py"}

# module -> where it may be imported: a file, or a folder with its final slash.
DOORS = {
    "yaml": ("contracts/yamlio.py",),
    "sqlite3": ("casework/store/", "blocklists/library.py"),
    "sqlite_utils": ("casework/store/", "blocklists/library.py"),
    "dnslib": ("resolver/wire/rare.py",),
    "dns": ("blocklists/formats/rdata.py", "blocklists/transfer/"),
    "openpyxl": ("blocklists/formats/xlsx.py",),
    "docx": ("blocklists/formats/worddoc.py",),
    "lxml": ("blocklists/formats/worddoc.py",),
    "flask": ("admin/",),
    "click": ("admin/cli/",),
    "idna": ("blocklists/", "contracts/", "casework/", "admin/"),
    "publicsuffixlist": ("blocklists/", "casework/suffixes.py"),
    "marisa_trie": ("contracts/segment.py",),
    "argon2": ("casework/",),
    "OpenSSL": ("contracts/certificates.py", "resolver/upstream/trust.py"),
    "service_identity": ("resolver/upstream/trust.py",),
}
NO_FLASK = ("admin/cli/", "admin/supervise/")


@cache
def sources() -> list[Path]:
    """Every Python file that git knows or would take, tests and docs included."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],
        cwd=REPO, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [REPO / line for line in sorted(set(listed.stdout.splitlines())) if (REPO / line).exists()]


def product() -> list[Path]:
    """Those of the product itself."""
    return [file for file in sources() if file.relative_to(REPO).parts[0] in PACKAGES]


def shown(file: Path) -> str:
    """Path inside the repository."""
    return file.relative_to(REPO).as_posix()


@cache
def parsed(file: Path) -> ast.Module:
    """The syntax tree."""
    return ast.parse(file.read_text(encoding="utf-8"))


def imported(file: Path) -> Iterator[str]:
    """Full names of the modules that a file imports, wherever it does."""
    for node in ast.walk(parsed(file)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_there_is_something_to_check():
    assert {file.relative_to(REPO).parts[0] for file in product()} == set(PACKAGES)


def test_no_file_is_too_long():
    lengths = {shown(file): len(file.read_text(encoding="utf-8").splitlines()) for file in sources()}
    assert {file: lines for file, lines in lengths.items() if lines > MAX_FILE} == {}


def test_no_function_is_too_long():
    found = {
        f"{shown(file)}:{node.name}": node.end_lineno - node.lineno + 1
        for file in sources()
        for node in ast.walk(parsed(file))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    too_long = {name: lines for name, lines in found.items() if lines > MAX_FUNCTION}
    assert set(too_long) == set(LONG_FUNCTIONS), too_long


@pytest.mark.parametrize("file", product(), ids=shown)
def test_a_file_opens_with_what_it_is_for_and_what_not(file):
    if file.name in MAY_BE_EMPTY and not file.read_text().strip():
        return
    words = ast.get_docstring(parsed(file))
    assert words, "no docstring"
    lines = [line for line in words.splitlines() if line.strip()]
    assert len(lines) >= 2, f"one line only: {words!r}"
    assert lines[0].rstrip().endswith((".", "?", ":", ",", ";")) or len(lines) > 2


@pytest.mark.parametrize("door", DOORS)
def test_third_parties_have_their_doors(door):
    outside = [
        shown(file)
        for file in product()
        if any(name.split(".")[0] == door for name in imported(file))
        and not any(
            shown(file) == place or (place[-1] == "/" and shown(file).startswith(place)) for place in DOORS[door]
        )
    ]
    assert outside == []


def test_commands_and_the_supervisor_need_no_flask():
    assert [
        shown(file)
        for file in product()
        if shown(file).startswith(NO_FLASK) and any(name.split(".")[0].startswith("flask") for name in imported(file))
    ] == []


def test_only_main_files_import_the_reactor():
    assert [
        shown(file)
        for file in product()
        if file.name != "__main__.py" and {"twisted.internet.reactor", "twisted.runner.procmon"} & set(imported(file))
    ] == []


def test_every_suppressed_rule_is_named():
    """`noqa` and `type: ignore` without a code hide more than what was looked at."""
    for file in sources():
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            assert not line.rstrip().endswith(("# noqa", "# type: ignore")), f"{shown(file)}:{number}"


def test_nothing_is_left_for_later():
    words = ("TO" + "DO", "FIX" + "ME", "X" + "XX")
    assert [
        f"{shown(file)}:{number}"
        for file in sources()
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if any(word in line.split("#", 1)[-1] for word in words if "#" in line)
    ] == []


def test_what_is_no_code_is_in_the_wheel():
    """Templates, migrations, catalogues and data of the packages, at any depth, match the package data of pyproject."""
    patterns = tomllib.loads((REPO / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["*"]
    listed = subprocess.run(
        ["git", "ls-files", *PACKAGES], cwd=REPO, capture_output=True, text=True, check=True
    ).stdout.split()  # fmt: skip
    data = {name for name in listed if not name.endswith((".py", ".po"))}
    taken = {path.relative_to(REPO).as_posix() for top in PACKAGES for p in patterns for path in (REPO / top).glob(p)}
    assert data
    assert data - taken == set()
