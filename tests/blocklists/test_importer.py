"""A file into the rows of a version."""

from __future__ import annotations

import io

import pytest

from blocklists import importer
from blocklists.formats import confined
from blocklists.formats.detect import Unsupported
from blocklists.importer import Importer, digest_of, format_of
from blocklists.indicator import BadLine, Indicator, Remark, Unreadable
from tests.blocklists.formats import making

FACTS = dict.fromkeys(["campaign", "format", "format_reason", "file", "digest", "guard", "actor"], "")
FACTS |= {"mode": "enforce", "kind": "c2"}


@pytest.fixture
def read(lists, library):
    def reading(content: bytes, format_name: str = "domains", progress=lambda _stage, _count: None, mode="enforce"):
        with library.transaction():
            version, number = library.add_version("x", FACTS | {"mode": mode})
            file = io.BytesIO(content)
            found = format_of(file, format_name)
            counts = Importer(library, lists.guard, library.version("x", number), progress).read(file, found)
        return version, counts

    return reading


def test_counts(read, library):
    version, counts = read(b"a.example\nA.example\nb.example\n# c\nbad line\ncom.vn\n203.0.113.1\n203.0.113.1\n")
    assert (counts.lines, counts.names, counts.addresses, counts.duplicates) == (8, 2, 1, 2)
    assert (counts.bad_total, counts.refused_total, counts.waiting_total) == (1, 0, 1)
    assert [row.line for row in library.rejected(version, "bad", 10)] == [5]
    assert [row.text for row in counts.waiting] == ["com.vn"]


def test_of_equal_names_the_first_stays_over_batches_too(read, library, monkeypatch):
    monkeypatch.setattr(importer, "BATCH", 3)
    lines = [f"n{number}.example" for number in (1, 2, 3, 1, 4, 2, 5)]
    version, counts = read("\n".join(lines).encode())
    assert (counts.names, counts.duplicates) == (5, 2)
    assert {row[0]: row[2] for row in library.names(version)}["n1.example"] == 1


def test_facts_of_a_row_come_back(read, library):
    content = "Tên miền,Mã độc,Loại,Nguồn,Số công văn\nx.example,Emotet,Phát tán,NCSC,12/CV\ny.example,,,,\n".encode()
    version, _ = read(content, "csv")
    assert [(*row[:3], *library.label_of(row[3])[:4]) for row in library.names(version)] == [
        ("x.example", 1, 2, "delivery", "Emotet", "12/CV", "NCSC"),
        ("y.example", 1, 3, "c2", "", "", ""),
    ]


def test_an_unknown_kind_is_taken_and_told(read, library):
    version, counts = read(b"Domain,Type\na.example,weird\nb.example,weird\n", "csv")
    assert counts.names == 2
    assert counts.warnings == ("2 rows of the unknown kind 'weird' were taken as the list's own kind",)
    assert {library.label_of(row[3])[0] for row in library.names(version)} == {"c2"}


def test_rejected_rows_are_capped_their_total_is_not(read, library, monkeypatch):
    monkeypatch.setattr(importer, "KEPT_REJECTED", 5)
    version, counts = read(b"a.example\n" + b"not good\n" * 20)
    assert counts.bad_total == 20
    assert len(library.rejected(version, "bad", 100)) == 5


def test_progress_is_told(read, monkeypatch):
    monkeypatch.setattr(importer, "BATCH", 2)
    told = []
    read(b"a.example\nb.example\nc.example\nd.example\n", progress=lambda stage, count: told.append((stage, count)))
    assert told == [("reading", 2), ("reading", 4)]


def test_digest_and_format_leave_the_file_at_its_start():
    file = io.BytesIO(b"a.example\n")
    assert digest_of(file) == digest_of(io.BytesIO(b"a.example\n")) != digest_of(io.BytesIO(b"b.example\n"))
    assert format_of(file, "auto").format == "domains"
    assert format_of(file, "hosts").reason == "as asked"
    assert file.tell() == 0
    with pytest.raises(Unsupported):
        format_of(io.BytesIO(b"PK\x03\x04"), "auto")


def test_places_in_a_workbook_reach_rows_notes_and_warnings(read, library):
    sheet = [["Domain", "Note"], ["x.example", "y"], ["facebook.com"], ["no good"], ["com.vn"]]
    version, counts = read(making.sheets(A=[["text"], ["text"]], B=sheet), "xlsx")
    assert (counts.lines, counts.names, counts.bad_total, counts.waiting_total) == (7, 1, 1, 2)
    (bad,), (popular, held) = library.rejected(version, "bad", 10), counts.waiting
    assert (bad.line, bad.text, bad.reason[:5]) == (6, "no good", "B!4: ")
    assert (popular.text, held.text, held.reason[:5]) == ("facebook.com", "com.vn", "B!5: ")
    assert [found.note for found in library.find_names(["x.example"])] == ["y (B!2)"]
    assert counts.warnings == ("sheet 'A' holds no table of domains or addresses: its 2 rows of text were not taken",)


def test_progress_of_a_file_without_lines(read, monkeypatch):
    def items(format_name, file):
        yield Remark("so")
        yield from (Indicator(number, f"n{number}.example") for number in range(1, 6))
        yield BadLine(9, "x", "y")

    monkeypatch.setattr(confined, "items", items)
    monkeypatch.setattr(importer, "BATCH", 2)
    told = []
    _, counts = read(b"", "xlsx", progress=lambda stage, count: told.append((stage, count)))
    assert told == [("reading", 2), ("reading", 4), ("reading", 9)]
    assert (counts.lines, counts.names) == (9, 5)


def test_a_file_that_breaks_off_raises(read):
    with pytest.raises(Unreadable, match="damaged"):
        read(b"PK\x03\x04", "xlsx")


def test_a_much_visited_name_that_is_only_watched_is_taken_and_told(read):
    _, counts = read(b"evil.example\nfacebook.com\nlogin.facebook.com\n", mode="monitor")
    assert counts.names == 3
    assert counts.warnings == ("among the most visited sites, check them: facebook.com (line 2)",)


def test_urls_that_became_hosts_are_counted_and_keep_their_path_as_a_note(read, library):
    content = b"http://evil.example/a.exe\nhttps://t.me/evil\nhttp://203.0.113.9/x\nhttp://good.example/\n"
    version, counts = read(content)
    assert (counts.names, counts.addresses, counts.bad_total) == (2, 0, 2)
    assert counts.warnings == ("1 URLs with a path were taken as their hosts: all other pages of these are listed too",)
    assert [row.line for row in library.rejected(version, "bad", 10)] == [2, 3]
