"""While policy is bypassed every page says so, to people who are logged in and to nobody else."""

from __future__ import annotations

import pytest
from flask import Flask

from contracts.decisions import Bypass, Decisions, DecisionsFile
from contracts.settings import Settings
from tests.admin.conftest import People
from tests.admin.populate import NOW

WORDS = "Không chặn gì"


@pytest.fixture
def file(settings: Settings) -> DecisionsFile:
    return DecisionsFile(settings.state)


def shown(people: People, role: str = "security", path: str = "/hosts/") -> str:
    return people[role].get(path).get_data(as_text=True)


def test_every_page_says_so_until_it_is_over(people: People, file: DecisionsFile) -> None:
    assert WORDS not in shown(people)
    file.publish(Decisions(1, 0.0, (), Bypass(NOW + 600.0, "danh sách <sai>")))
    for role, path in (("security", "/hosts/"), ("auditor", "/audit/"), ("operator", "/nothing")):
        page = shown(people, role, path)
        assert WORDS in page
        assert "danh sách &lt;sai&gt;" in page
    assert WORDS not in shown(people, "anonymous", "/login")
    file.publish(Decisions(2, 0.0, (), Bypass(NOW - 1.0, "vorbei")))
    assert WORDS not in shown(people)


def test_a_damaged_file_costs_no_page(app: Flask, people: People, file: DecisionsFile) -> None:
    file.publish(Decisions())
    file.path.write_bytes(b"{")
    assert people["security"].get("/hosts/").status_code == 200
    assert app.testing
