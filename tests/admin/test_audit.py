"""The audit page: accounts' and lists' entries in one order, searched and in pages; and that nobody can change it."""

from __future__ import annotations

import tracemalloc
from contextlib import closing

import pytest

from admin import audit_log
from blocklists.library import Library
from blocklists.service import Lists
from casework.store import audit
from casework.store.audit import Origin
from casework.store.engine import DatabaseError, Store, open_casework
from contracts.settings import Settings
from tests.admin.conftest import People
from tests.admin.populate import NOW


@pytest.fixture
def store(settings: Settings) -> Store:  # type: ignore[misc]
    opened = open_casework(settings.state)
    yield opened
    opened.close()


def write(store: Store, count: int, action: str = "test.act", time: int = NOW) -> None:
    with store.transaction() as transaction:
        for number in range(count):
            audit.record(transaction, Origin("os:Đức", time + number), action, f"object {number}", {"n": number})


@pytest.mark.parametrize("statement", ["UPDATE audit SET actor = 'x'", "DELETE FROM audit"])
def test_append_only(store: Store, statement: str) -> None:
    write(store, 1)
    with pytest.raises(DatabaseError, match="append-only"):
        store.connection.execute(statement)
    assert audit.count(store) == 1


def test_an_entry_is_there_only_with_its_change(store: Store) -> None:
    def change_that_fails() -> None:
        with store.transaction() as transaction:
            audit.record(transaction, Origin("x", NOW), "test.act")
            transaction.execute("SELECT 1 FROM nowhere")

    with pytest.raises(DatabaseError):
        change_that_fails()
    assert audit.count(store) == 0


def test_search_ignores_case_and_marks(store: Store) -> None:
    write(store, 3)
    write(store, 1, "other")
    assert audit.count(store, text="duc") == 4
    assert [entry.object for entry in audit.latest(store, 9, text="OBJECT 2")] == ["object 2"]
    assert audit.latest(store, 9, text="%") == []


@pytest.mark.usefixtures("request_context")
def test_both_audits_in_one_order(store: Store, settings: Settings) -> None:
    write(store, 1, "before", 1)
    with closing(Library.open(settings.state)) as library:
        Lists(settings, library).seed()
        imports = len(library.audit())
    write(store, 1, "after", 1 << 40)
    entries, total = audit_log.read(store, "", 0, 100)
    assert total == len(entries) == imports + 2
    assert (entries[0].action, entries[-1].action) == ("after", "before")
    assert {entry.action for entry in entries[1:-1]} == {"list-import"}
    assert all(entry.detail for entry in entries[1:-1])
    parts = [audit_log.read(store, "", offset, 1)[0][0] for offset in range(total)]
    assert parts == entries
    found, count = audit_log.read(store, "sample", 0, 100)
    assert count == len(found) == 1


MANY = 10_000


@pytest.mark.usefixtures("request_context")
@pytest.mark.parametrize("text", ["", "login", "Đăng nhập"], ids=["all", "stored", "shown only"])
def test_a_far_page_keeps_no_more_than_itself(store: Store, settings: Settings, text: str) -> None:
    """Two years of entries and more: what is not on the page is counted and let go."""
    write(store, MANY, "login")
    with closing(Library.open(settings.state)) as library:
        rows = [{"time": "2026-11-23T02:13:20Z", "actor": "login", "action": "list-import", "object": str(number),
                 "detail": '{"version": 1}'} for number in range(MANY)]  # fmt: skip
        library.db.table("audit").insert_all(rows)
    audit_log.read(store, text, 0, 1)  # whatever is made once
    tracemalloc.start()
    try:
        entries, total = audit_log.read(store, text, MANY - 50, 100)
        _now, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (len(entries), total) == ((50, MANY) if text == "Đăng nhập" else (100, 2 * MANY))
    assert most < 1_000_000, "octets; ten thousand entries are some five million"


def test_the_page(people: People, store: Store) -> None:
    write(store, 150)
    page = people["auditor"].get("/audit/").get_data(as_text=True)
    assert page.count("test.act") == 200, "a hundred rows, each with the act as title and as text"
    assert 'rel="next"' in page
    assert "object 149" in page
    second = people["auditor"].get("/audit/?page=2").get_data(as_text=True)
    assert "object 49<" in second
    assert "Đăng nhập" in second
    found = people["auditor"].get("/audit/?q=object+77").get_data(as_text=True)
    assert "1 mục" in found
    assert "Không có mục nào phù hợp." in people["auditor"].get("/audit/?q=zzz").get_data(as_text=True)


def test_the_page_escapes(people: People, store: Store) -> None:
    with store.transaction() as transaction:
        audit.record(transaction, Origin("<b>", NOW), "<i>", "<script>", {"<u>": "<img src=x>"})
    page = people["auditor"].get("/audit/").get_data(as_text=True)
    assert not any(tag in page for tag in ("<b>", "<i>", "<script>", "<u>", "<img src=x>"))
    assert "&lt;script&gt;" in page
