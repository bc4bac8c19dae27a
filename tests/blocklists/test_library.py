"""Versions, rows and the audit in library.db."""

from __future__ import annotations

import sqlite3  # noqa: TID251  makes a file as an older product did

import pytest
import sqlite_utils  # noqa: TID251  likewise

from blocklists import schema
from blocklists.library import DatabaseError, Library, migrations
from blocklists.lookup import search
from blocklists.report import Row, SegmentRow
from runtime.control import Refused

FACTS = {
    "mode": "enforce", "campaign": "demo", "kind": "c2", "format": "domains", "format_reason": "as asked",
    "file": "a.txt", "digest": "00", "guard": "g", "actor": "os:tester",
}  # fmt: skip


LABEL = ("c2", "Emotet", "12/CV", "NCSC", "2026-01-01", "", "", "")


def make(library: Library, name: str, *names: str, live: bool = True, **facts: str) -> int:
    """A version with these names; its number."""
    with library.transaction():
        version_id, number = library.add_version(name, FACTS | facts)
        label = library.label(LABEL)
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
    number = library.label(LABEL)
    assert library.label(LABEL) == number
    for place in range(len(LABEL)):
        other = (*LABEL[:place], "other", *LABEL[place + 1 :])
        assert library.label(other) != number
        assert library.label_of(library.label(other)) == other
    assert library.label_of(number) == LABEL


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
        library.add_names(version.id, [("exact.example", 0, 1, library.label(LABEL))])
    assert len(library.find_names(["exact.example", "example"])) == 1
    assert library.find_names(["x.exact.example", "exact.example", "example"]) == []


def test_a_name_and_what_is_below_it_are_two_rows(library):
    make(library, "a")
    version = library.live("a")
    drop, passthru = (library.label((*LABEL[:5], action, "", "")) for action in ("drop", "passthru"))
    with library.transaction():
        rows = [("both.example", 0, 1, drop), ("*.both.example", 1, 2, passthru), ("*.below.example", 1, 3, drop)]
        assert library.add_names(version.id, [*rows, ("*.below.example", 1, 4, passthru)]) == 3

    def found(*names: str) -> list[tuple[str, bool, bool, str, int]]:
        return [(one.indicator, one.itself, one.subdomains, one.action, one.line) for one in library.find_names(names)]

    assert found("both.example", "example") == [("both.example", True, False, "drop", 1)]
    assert found("x.both.example", "both.example", "example") == [("both.example", False, True, "passthru", 2)]
    assert found("below.example", "example") == [], "it is not listed itself"
    assert found("below.example", "example", "*.below.example") == [("below.example", False, True, "drop", 3)]
    assert library.count_action(version.id, "passthru") == 1


def test_one_network_may_be_that_of_answers_and_of_clients_and_has_one_row_for_each_port(library):
    make(library, "a", mode="enforce")
    version = library.live("a")
    label = library.label(LABEL)
    with library.transaction():
        rows = [("192.0.2.1", 0, 443, 5, label), ("192.0.2.1", 0, 80, 3, label), ("192.0.2.1", 1, 0, 7, label)]
        assert library.add_addresses(version.id, [*rows, rows[0]]) == 3
    assert list(library.addresses(version.id)) == [("192.0.2.1", 0, 3, label), ("192.0.2.1", 1, 7, label)]
    told = {(one.indicator, one.client, one.mode) for one in library.find_addresses(["192.0.2.1"])}
    assert told == {
        ("192.0.2.1 port 443", False, "monitor"), ("192.0.2.1 port 80", False, "monitor"),
        ("192.0.2.1", True, "enforce"),
    }  # fmt: skip
    library.db.table("versions").update(version.id, {"address_mode": "enforce"})
    assert {one.mode for one in library.find_addresses(["192.0.2.1"])} == {"enforce"}


OLD_VERSION = {
    **FACTS, "list_id": 1, "number": 1, "state": "live", "created": "2026-01-01T00:00:00Z", "live_since": None,
    "lines": 3, "names": 2, "addresses": 1, "duplicates": 0, "bad": 0, "refused": 0, "rows": 1,
}  # fmt: skip


@pytest.fixture
def old_state(tmp_path):
    """A state folder whose library was made by the first release."""
    connection = sqlite3.connect(tmp_path / "library.db")
    database = sqlite_utils.Database(connection)
    migrations.apply(database, stop_before="0002_rules")
    database.table("lists").insert({"id": 1, "name": "a", "position": 1, "created": "x"})
    database.table("versions").insert({"id": 1, **OLD_VERSION})
    database.execute("INSERT INTO labels VALUES (7, 'c2', 'Emotet', '12/CV', 'NCSC', '2026-01-01')")
    database.execute("INSERT INTO names VALUES (1, 'evil.example', 1, 1, 7), (1, 'exact.example', 0, 2, 7)")
    database.execute("INSERT INTO addresses VALUES (1, '203.0.113.7', 443, 3, 7)")
    database.execute("INSERT INTO segments VALUES (1, 'g', 'a.seg', '00', 2)")
    connection.commit()
    connection.close()
    return tmp_path


def test_a_library_of_the_first_release_is_kept_whole(old_state):
    library = Library.open(old_state)
    (version,) = library.live_versions()
    assert (version.number, version.mode_of_addresses, version.zone) == (1, "monitor", "")
    assert (version.passthru, version.unsupported) == (0, 0)
    assert list(library.names(1)) == [("evil.example", 1, 1, 7), ("exact.example", 0, 2, 7)]
    assert list(library.addresses(1)) == [("203.0.113.7", 0, 3, 7)]
    assert library.label_of(7) == LABEL == library.label_of(library.label(LABEL))
    assert library.segment(1).format == "", "of no format that is known: compiled anew"
    (found,) = library.find_names(["x.evil.example", "evil.example"])
    assert (found.family, found.itself, found.action) == ("Emotet", True, "")
    library.close()


def test_an_old_library_is_read_as_far_as_that_goes_and_never_changed(old_state):
    reader = Library.reader(old_state)
    assert [one.name for one in reader.statuses()] == ["a"]
    assert reader.audit() == []
    with pytest.raises(Refused, match="the lists process renews it"):
        search(reader, "evil.example")
    assert not reader.is_current
    reader.close()


def test_a_migration_that_is_cut_off_has_not_begun(old_state, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(schema, "RULES_2", schema.RULES_2 + "INSERT INTO no_such_table VALUES (1);\n")
        with pytest.raises(DatabaseError):
            Library.open(old_state)
    library = Library.open(old_state)
    assert library.is_current
    assert library.live("a").number == 1
    library.close()


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
    row = SegmentRow(1, "g", "a.seg", "00", 3, 4, "F")
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


def test_what_is_told_of_all_lists_is_of_one_moment(library, settings):
    make(library, "a")
    reader = Library.reader(settings.state)
    statements = list[str]()

    def another_comes(statement: str) -> None:
        statements.append(statement)
        make(library, f"new-{len(statements)}")  # the writer may make a list before any statement of a reader

    reader.db.conn.set_trace_callback(another_comes)
    told = reader.statuses()
    reader.db.conn.set_trace_callback(None)
    assert statements
    assert [one.name for one in told] == ["a", *(f"new-{number}" for number in range(1, len(told)))]
    assert [one.position for one in told] == [*range(1, len(told) + 1)]
    reader.close()
