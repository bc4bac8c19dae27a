"""Whole files (workbooks, documents, events) as lists: from the file to what is live, or to nothing at all."""

from __future__ import annotations

import io

import pytest

from blocklists.formats import confined
from blocklists.indicator import Indicator, Unreadable
from blocklists.lookup import search
from contracts.settings import ListSource
from runtime.control import Refused
from tests.blocklists.formats import making
from tests.blocklists.making import live_match

BOOK = making.sheets(PL=[["Tên miền", "Mã độc"], ["evil[.]example", "Mozi"]])


def test_a_workbook_is_a_list_like_any_other(take, settings, library):
    report = take(BOOK, file="phu-luc.xlsx")
    assert (report.state, report.format, report.lines, report.names) == ("live", "xlsx", 2, 1)
    assert report.format_reason == "an archive with sheets of an Excel workbook"
    assert live_match(settings, "www.evil.example")[1].labels.family == "Mozi"
    (found,) = search(library, "evil.example")
    assert (found.line, found.note) == (2, "(PL!2)")


@pytest.mark.parametrize("options", [{}, {"format": "xlsx"}])
def test_a_bomb_is_refused_and_changes_nothing(take, lists, settings, options):
    take(BOOK)
    with pytest.raises(Refused, match="ZIP bomb"):
        take(making.declaring(BOOK, 0xFFFFFFFE), **options)
    assert live_match(settings, "evil.example")
    assert [one.number for one in lists.library.versions("letter")] == [1]


def test_of_a_file_that_breaks_off_nothing_is_taken(take, lists, monkeypatch):
    def broken(format_name, file):
        yield Indicator(1, "a.example")
        raise Unreadable("cut off in its middle")

    monkeypatch.setattr(confined, "items", broken)
    with pytest.raises(Refused, match="this file is cut off in its middle; nothing of it was taken"):
        take(BOOK)
    assert lists.library.statuses() == []


def test_a_workbook_of_text_only_is_told_why_nothing_was_taken(take):
    report = take(making.sheets(S=[["Kính gửi"]]))
    assert report.state == "refused"
    assert report.warnings == ("sheet 'S' holds no table of domains or addresses: its 1 rows of text were not taken",)


def test_a_broken_workbook_in_the_settings_is_told_and_the_rest_is_seeded(lists, settings, tmp_path, caplog):
    (tmp_path / "bad.xlsx").write_bytes(BOOK[:-40])
    (tmp_path / "good.xlsx").write_bytes(BOOK)
    sources = [ListSource("bad", "bad.xlsx"), ListSource("good", "good.xlsx", "xlsx")]
    outcomes = [lists.take_source(source)[0] for source in sources]
    assert [one.state for one in outcomes] == ["failed", "live"]
    assert "damaged" in outcomes[0].reason


def test_a_file_that_is_only_in_memory_is_read_too():
    assert [one.name for one in confined.items("xlsx", io.BytesIO(BOOK))] == ["evil.example"]
