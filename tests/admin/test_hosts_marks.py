"""What else to know of a suspicion before somebody is sent to the machine: marks on the pages and in the file."""

from __future__ import annotations

import io

import pytest
from flask import Flask

from blocklists.library import Library
from blocklists.service import ImportOptions, Lists
from casework.store import audit
from casework.store.engine import open_casework
from contracts.settings import Settings
from tests.admin.conftest import Browser, People, make_account
from tests.admin.populate import populate
from tests.admin.test_hosts import addresses, text


@pytest.fixture
def staff(people: People) -> Browser:
    return people["security"]


def test_a_list_that_was_withdrawn_is_marked_wherever_it_is_named(staff: Browser, settings: Settings) -> None:
    for path in ("/hosts/", "/hosts/1"):
        assert "danh sách đã gỡ bỏ" not in text(staff, path), "of a list that is not in the library nobody can tell"
    library = Library.open(settings.state)
    lists = Lists(settings, library)
    lists.import_file("os:lan", io.BytesIO(b"c2.evil.example\n"), ImportOptions(name="sample"))
    assert "danh sách đã gỡ bỏ" not in text(staff, "/hosts/1")
    lists.withdraw("os:lan", "sample")
    library.close()
    assert text(staff, "/hosts/").count("danh sách đã gỡ bỏ") == 3, "beside each name"
    assert text(staff, "/hosts/1").count("danh sách đã gỡ bỏ") == 5, "two names and three records"
    file = staff.submit("/hosts/export.csv", "/password", reason="Báo cáo chiến dịch").get_data(as_text=True)
    assert file.count("sample (đã gỡ bỏ)") == 3
    (settings.state / "library.db").write_bytes(b"no database" * 1000)
    assert addresses(text(staff, "/hosts/")) == ["127.20.0.9", "127.10.0.7"], "told all the same"


def test_machines_that_were_only_let_through_are_shown_on_request(staff: Browser, settings: Settings) -> None:
    populate(settings, [("127.20.0.77", 5, "c2.evil.example", 1)], action="passthru")
    populate(settings, [("127.20.0.78", 4, "c2.evil.example", 1)], action="monitor")
    page = text(staff, "/hosts/")
    assert addresses(page) == ["127.20.0.78", "127.20.0.9", "127.10.0.7"]
    assert page.count("Chỉ ghi nhận</span>") == 1, "what was only watched says so"
    assert "3 máy" in page
    page = text(staff, "/hosts/?through=all")
    assert addresses(page) == ["127.20.0.78", "127.20.0.77", "127.20.0.9", "127.10.0.7"]
    assert page.count("Cho qua</span>") == 1
    assert addresses(text(staff, "/hosts/?through=perhaps")) == []
    for query, detail in (("", {"machines": 3}), ("?through=all", {"machines": 4, "let_through": True})):
        file = staff.submit(f"/hosts/export.csv{query}", "/password", reason="Báo cáo chiến dịch")
        assert ("127.20.0.77" in file.get_data(as_text=True)) == bool(query)
        store = open_casework(settings.state)
        (entry,) = audit.latest(store, 1)
        store.close()
        assert entry.detail == {"reason": "Báo cáo chiến dịch", **detail}


def test_a_service_that_only_let_machines_through_has_begun(bare: Flask, settings: Settings) -> None:
    make_account(settings, "binh", "security")
    browser = Browser(bare)
    browser.log_in("binh")
    populate(settings, [("127.20.0.77", 5, "c2.evil.example", 1)], action="passthru")
    page = text(browser, "/hosts/")
    assert "Không có máy nào phù hợp với bộ lọc." in page
    assert "sinkhole lists import" not in page
