"""What a version holds, as people are shown it before they make it live."""

from __future__ import annotations

from blocklists.contents import first_entries, not_taken, visited_by_many

LETTER = """Tên miền/IP,Mã độc,Loại,Ghi chú
z.example,Emotet,c2,trước
a.example,Mozi,lừa đảo,
203.0.113.77:443,Emotet,,"cổng"
facebook.com,,,
not a name,,,
127.0.0.1,,,
gov.vn,,,
"""


def test_first_entries_stand_as_in_the_file(take, library):
    report = take(LETTER)
    version = library.version("letter", report.version)
    entries = first_entries(library, version)
    assert [(one.line, one.indicator, one.kind, one.family, one.note) for one in entries] == [
        (2, "z.example", "c2", "Emotet", "trước"),
        (3, "a.example", "phishing", "Mozi", ""),
        (4, "203.0.113.77 port 443", "c2", "Emotet", "cổng"),
    ]
    assert [one.line for one in first_entries(library, version, 2)] == [2, 3]


def test_lines_that_were_not_taken_by_kind(take, library):
    version = library.version("letter", take(LETTER).version)
    found = [(what, row.line, row.text) for what, row in not_taken(library, version)]
    assert found == [
        ("bad", 6, "not a name"),
        ("held", 5, "facebook.com"),
        ("held", 7, "127.0.0.1"),
        ("held", 8, "gov.vn"),
    ]
    assert [row.line for _what, row in not_taken(library, version, 1)] == [6, 5]


def test_what_many_visit_is_known_of_a_version_later_too(take, library):
    report = take(LETTER, mode="monitor")
    version = library.version("letter", report.version)
    assert visited_by_many(library, version) == [(5, "facebook.com")]
    assert "facebook.com (line 5)" in report.warnings[0], "as the import said it"
    take(LETTER, name="ads", kind="unwanted")
    assert visited_by_many(library, library.live("ads")) == []


def test_where_a_rollback_goes(take, lists, library):
    def earlier():
        return next(one for one in library.statuses() if one.name == "letter").earlier

    take("a1.example\n")
    assert earlier() is None
    for number in range(2, 5):
        take(f"a{number}.example\n", hold=number == 2)
    for expected in (3, 1):
        assert (earlier().number, lists.rollback("os:test", "letter").version) == (expected, expected)
    assert earlier() is None
