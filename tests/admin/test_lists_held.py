"""Held rows on the pages: shown with their reasons, approved or refused by whoever may change lists."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from blocklists.holds import Holds
from blocklists.library import Library
from contracts.settings import Settings
from tests.admin.conftest import Browser, People
from tests.admin.desk import lists_process, pages_listen, send
from tests.admin.populate import populate

pytestmark = pytest.mark.e2e

LETTER = b"c2.evil.example\ngoogle.com\ngov.vn\n127.0.0.9\n"
PAGE = "/lists/named/cv-12/1"
DECIDE = f"{PAGE}/held"


@pytest.fixture
def process(people: People, settings: Settings, tmp_path: Path) -> Iterator[None]:
    with lists_process(settings, tmp_path), pages_listen(settings):
        yield


@pytest.fixture
def staff(process: None, people: People) -> Browser:
    """Somebody who has uploaded the letter."""
    sent = send(people["security"], "/lists/upload", "/lists/upload", file=(LETTER, "cv-12.txt"), format="domains")
    assert sent.status_code == 302
    return people["security"]


def shown(browser: Browser, path: str = PAGE) -> str:
    answer = browser.get(path)
    assert answer.status_code == 200
    return " ".join(html.unescape(answer.get_data(as_text=True)).split())


def decided(settings: Settings) -> list[tuple[str, str, str, str]]:
    with closing(Library.reader(settings.state)) as library:
        version = library.version("cv-12", 1)
        assert version is not None
        rows = Holds(library).rows(version)
        return sorted((row.indicator, row.state, row.actor, row.why) for row in rows if row.state != "waiting")


def test_rows_are_held_shown_and_decided(staff: Browser, people: People, settings: Settings) -> None:
    told = shown(staff)
    for word in (
        "Mục bị giữ",
        "google.com thuộc nhóm được truy cập nhiều nhất",
        "tên miền được bảo vệ gov.vn",
        "trùng với mạng nội bộ 127.0.0.0/8",
        "Duyệt các mục đã đánh dấu",
        "Mục bị giữ chờ duyệt</dt><dd>3",
    ):
        assert word in told, word
    done = send(staff, DECIDE, PAGE, row=["google.com", "gov.vn"], state="approved", reason="Công văn 12 <b>")
    assert (done.status_code, done.location) == (302, PAGE)
    told = shown(staff)
    assert "Đã duyệt: google.com, gov.vn. Phiên bản chưa được áp dụng" in told
    done = send(people["operator"], DECIDE, PAGE, row="gov.vn", state="refused", reason="Nhầm")
    assert done.status_code == 302
    assert decided(settings) == [
        ("google.com", "approved", "account:security", "Công văn 12 <b>"),
        ("gov.vn", "refused", "account:operator", "Nhầm"),
    ]
    assert "Công văn 12 &lt;b&gt;" in staff.get(PAGE).get_data(as_text=True)
    answer = people["auditor"].get(f"{PAGE}/held.csv")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="cv-12-1-cho-duyet.csv"'
    heads, *rows = csv.reader(io.StringIO(answer.get_data(as_text=True).removeprefix("\ufeff")))
    assert heads[:4] == ["Dòng", "Chỉ báo (IoC)", "Lý do bị giữ", "Trạng thái"]
    assert [(row[1], row[3], row[4]) for row in rows] == [
        ("127.0.0.9", "Chờ duyệt", ""),
        ("google.com", "Đã duyệt", "security"),
        ("gov.vn", "Đã từ chối", "operator"),
    ]


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"row": "google.com", "state": "approved", "reason": ""}, 422, "Hãy ghi lý do"),
        ({"state": "approved", "reason": "x"}, 422, "Hãy đánh dấu các mục"),
        ({"row": "none.example", "state": "approved", "reason": "x"}, 422, "không giữ mục 'none.example'"),
        ({"row": "google.com", "state": "waiting", "reason": "x"}, 400, ""),
        ({"row": "google.com", "reason": "x"}, 400, ""),
    ],
)
def test_what_cannot_be_decided_is_said(
    staff: Browser, settings: Settings, fields: dict[str, str], status: int, said: str
) -> None:
    answer = send(staff, DECIDE, PAGE, **fields)
    assert answer.status_code == status
    assert said in html.unescape(answer.get_data(as_text=True))
    assert decided(settings) == []


def test_who_reads_only_decides_nothing(staff: Browser, people: People, settings: Settings) -> None:
    told = shown(people["auditor"])
    assert "google.com thuộc nhóm" in told
    assert "các mục đã đánh dấu" not in told
    assert 'type="checkbox"' not in told
    answer = send(people["auditor"], DECIDE, row="google.com", state="approved", reason="x")
    assert answer.status_code == 403
    assert people["anonymous"].get(f"{PAGE}/held.csv").status_code == 302
    assert people["auditor"].get("/lists/named/cv-12/9/held.csv").status_code == 404
    assert decided(settings) == []


def test_the_page_tells_whom_a_watched_list_would_have_blocked(
    process: None, people: People, settings: Settings
) -> None:
    staff = people["security"]
    populate(settings, list="cv-12")
    send(staff, "/lists/upload", "/lists/upload", file=(b"c2.evil.example\n", "cv-12.txt"), mode="monitor")
    assert "chỉ được theo dõi" not in shown(staff)
    send(staff, f"{PAGE}/activate", PAGE, before="0")
    send(staff, "/lists/upload", "/lists/upload", file=(b"c2.evil.example\n", "cv-12.txt"), mode="enforce")
    told = shown(staff, "/lists/named/cv-12/2")
    assert "nó đã chặn 2 máy thuộc 2 đơn vị, tổng cộng 7 lượt" in told
    assert 'href="/hosts/?list=cv-12"' in told


def test_a_version_that_changes_too_much_says_so(process: None, people: People) -> None:
    staff = people["security"]
    names = b"".join(b"n%d.example\n" % number for number in range(200))
    send(staff, "/lists/upload", "/lists/upload", file=(names, "cv-12.txt"))
    send(staff, f"{PAGE}/activate", PAGE, before="0")
    send(staff, "/lists/upload", "/lists/upload", file=(b"n1.example\n", "cv-12.txt"))
    assert "1 tên miền và địa chỉ IP, trong khi phiên bản 1 có 200: cần người kiểm tra" in shown(
        staff, "/lists/named/cv-12/2"
    )
