"""Versions, rows and the audit in library.db."""

from __future__ import annotations

import pytest

from blocklists.library import Library, SegmentRow
from blocklists.report import Row

FACTS = {
    "mode": "enforce", "campaign": "demo", "kind": "c2", "format": "domains", "format_reason": "as asked",
    "file": "a.txt", "digest": "00", "guard": "g", "actor": "os:tester",
}  # fmt: skip


def make(library: Library, name: str, *names: str, live: bool = True, **facts: str) -> int:
    """A version with these names; its number."""
    with library.transaction():
        version_id, number = library.add_version(name, FACTS | facts)
        label = library.label(("c2", "Emotet", "12/CV", "NCSC", "2026-01-01"))
        library.add_names(version_id, [(one, 1, line, label) for line, one in enumerate(names, 1)])
        version = library.version(name, number)
        assert version is not None
        if live:
            library.make_live(version)
    return number


def test_versions_are_numbered_per_list_and_one_is_live(library):
    assert [make(library, "a"), make(library, "a"), make(library, "b")] == [1, 2, 1]
    assert [(one.number, one.state) for one in library.versions("a")] == [(2, "live"), (1, "old")]
    assert library.live("a").number == 2
    library.retire("a")
    assert library.live("a") is None
    assert [one.list for one in library.live_versions()] == ["b"]


def test_policy_order_is_kill_switch_first_then_by_age_of_the_list(library):
    for name, kind in (("b", "c2"), ("a", "c2"), ("switch", "kill-switch")):
        make(library, name, kind=kind)
    assert [one.list for one in library.live_versions()] == ["switch", "b", "a"]
    assert [one.name for one in library.statuses()] == ["switch", "b", "a"]


def test_a_failed_transaction_leaves_nothing(library):
    def fail() -> None:
        with library.transaction():
            library.add_version("a", FACTS)
            library.write_audit("me", "list-import", "a", {})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert library.versions("a") == []
    assert library.audit() == []


def test_labels_are_kept_once(library):
    assert library.label(("c2", "x", "", "", "")) == library.label(("c2", "x", "", "", ""))
    assert library.label(("c2", "x", "", "", "")) != library.label(("c2", "y", "", "", ""))


def test_names_are_found_with_their_parents_live_ones_first(library):
    make(library, "a", "evil.example", "other.example")
    make(library, "a", "evil.example", live=False)
    found = library.find_names(["x.evil.example", "evil.example", "example"])
    assert [(one.version, one.state, one.indicator) for one in found] == [
        (1, "live", "evil.example"), (2, "held", "evil.example"),
    ]  # fmt: skip
    assert (found[0].family, found[0].letter, found[0].listed) == ("Emotet", "12/CV", "2026-01-01")


def test_a_row_without_its_subdomains_is_found_by_its_own_name_only(library):
    make(library, "a")
    version = library.live("a")
    with library.transaction():
        library.add_names(version.id, [("exact.example", 0, 1, library.label(("c2", "", "", "", "")))])
    assert len(library.find_names(["exact.example", "example"])) == 1
    assert library.find_names(["x.exact.example", "exact.example", "example"]) == []


def test_notes_and_rejected_rows(library):
    make(library, "a", "evil.example")
    version = library.live("a")
    with library.transaction():
        library.add_notes(version.id, [(1, "seen at so-mau")])
        library.add_rejected(version.id, "refused", [Row(3, "com.vn", "a public suffix")])
    assert library.find_names(["evil.example"])[0].note == "seen at so-mau"
    (refused,) = library.find_refused("com.vn")
    assert (refused.list, refused.line, refused.refused) == ("a", 3, "a public suffix")


def test_old_versions_lose_their_rows_never_their_numbers(library):
    for number in range(13):
        make(library, "a", f"n{number}.example")
    with library.transaction():
        library.make_live(library.version("a", 1))
        assert library.prune("a", keep=10) == [3, 2]
    versions = {one.number: one for one in library.versions("a")}
    assert len(versions) == 13
    assert not versions[2].rows
    assert versions[1].rows
    assert library.find_names(["n1.example"]) == []
    assert len(library.find_names(["n0.example"])) == 1


def test_the_audit_is_newest_first_and_by_list(library):
    with library.transaction():
        library.write_audit("os:a", "list-import", "x", {"version": 1})
        library.write_audit("os:b", "list-rollback", "y", {"version": 1})
    assert [one.object for one in library.audit()] == ["y", "x"]
    (one,) = library.audit("x")
    assert (one.actor, one.action, one.detail) == ("os:a", "list-import", {"version": 1})


def test_segments_and_the_serial_are_remembered(library):
    row = SegmentRow(1, "g", "a.seg", "00", 3)
    with library.transaction():
        library.set_segment(row)
        library.serial = 7
    assert library.segment(1) == row
    assert library.segment(2) is None
    assert library.serial == 7


def test_a_reader_sees_what_is_committed_and_cannot_write(library, settings):
    make(library, "a", "evil.example")
    reader = Library.reader(settings.state)
    try:
        assert len(reader.find_names(["evil.example"])) == 1
        with pytest.raises(Exception, match="readonly"):
            reader.retire("a")
    finally:
        reader.close()


def test_a_reader_before_the_first_import_sees_nothing_and_makes_no_file(tmp_path):
    reader = Library.reader(tmp_path)
    assert reader.statuses() == []
    reader.close()
    assert list(tmp_path.iterdir()) == []


def test_opening_twice_migrates_once(settings):
    Library.open(settings.state).close()
    library = Library.open(settings.state)
    assert library.statuses() == []
    library.close()
