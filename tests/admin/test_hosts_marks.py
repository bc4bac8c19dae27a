"""What else to know of a suspicion before somebody is sent to the machine: marks on the pages and in the file."""

from __future__ import annotations

import io

import pytest

from blocklists.library import Library
from blocklists.service import ImportOptions, Lists
from contracts.settings import Settings
from tests.admin.conftest import Browser, People
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
