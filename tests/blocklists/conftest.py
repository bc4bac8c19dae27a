"""A state folder with settings, a library and the operations on it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from blocklists.library import Library
from blocklists.report import ImportReport
from blocklists.service import ImportOptions, Lists
from contracts import config
from contracts.settings import Settings
from tests.blocklists.making import CONFIG


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a service in a folder of its own."""
    file = tmp_path / "config.yaml"
    file.write_text(CONFIG, encoding="utf-8")
    return config.read(file)


@pytest.fixture
def library(settings: Settings) -> Iterator[Library]:
    """An empty library."""
    opened = Library.open(settings.state)
    yield opened
    opened.close()


@pytest.fixture
def lists(settings: Settings, library: Library) -> Lists:
    """The operations, with nothing imported."""
    return Lists(settings, library)


@pytest.fixture
def take(lists: Lists):
    """Import text as a list: `take("a.example", name="letter")`."""

    def importing(text: str | bytes, name: str = "letter", **options) -> ImportReport:
        content = text.encode() if isinstance(text, str) else text
        return lists.import_file("os:tester", io.BytesIO(content), ImportOptions(name=name, **options))

    return importing
