"""The pages of lists, read only: order, one list, one version, the search, the file of bad lines; hostile content."""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from flask import Flask

from admin import lists as pages
from admin.list_reasons import SENTENCES, said
from blocklists.library import Library
from blocklists.report import ImportReport
from blocklists.service import ImportOptions, Lists
from contracts.settings import Settings
from tests.admin.conftest import Browser, People
from tests.conftest import REPO

HOSTILE = '<script>alert("x")</script>'
LETTER = f"""STT,Tên miền/IP độc hại,Mã độc,Ghi chú
1,hxxp://c2.evil[.]example,{HOSTILE.replace('"', "'")},=cmd|'/c calc'!A1
2,203[.]0[.]113[.]77,Emotet,
3,{HOSTILE.replace('"', "'")},Emotet,
4,=cmd|'/c calc'!A1,Lỗi,
5,gov.vn,Lỗi,
6,127.0.0.1,Lỗi,
7,facebook.com,Lừa đảo,
"""
Take = Callable[..., ImportReport]


@pytest.fixture
def take(app: Flask, settings: Settings) -> Iterator[Take]:
    """Import text as a list, with the shipped and configured lists beside it."""
    with closing(Library.open(settings.state)) as library:
        lists = Lists(settings, library)
        lists.seed()

        def importing(text: str, name: str = "cv-12", **options: object) -> ImportReport:
            return lists.import_file(
                "account:lan",
                io.BytesIO(text.encode()),
                ImportOptions(name, "phu-luc.csv", **options),  # type: ignore[arg-type]
            )

        yield importing


@pytest.fixture
def reader(people: People) -> Browser:
    return people["auditor"]


def page(browser: Browser, path: str, status: int = 200) -> str:
    answer = browser.get(path)
    assert answer.status_code == status
    return answer.get_data(as_text=True)


def shown(browser: Browser, path: str) -> str:
    return " ".join(html.unescape(page(browser, path)).split())


def test_lists_stand_in_the_order_they_are_asked(take: Take, reader: Browser) -> None:
    take(LETTER, campaign="demo-2026", mode="monitor")
    take("a.example\n", hold=True)
    text = shown(reader, "/lists/")
    places = [text.index(f'href="/lists/named/{name}"') for name in ("kill-switch", "sample", "cv-12")]
    assert places == sorted(places)
    row = text[places[2] : text.index("</tr>", places[2])]
    for word in ("phiên bản 1", "chỉ ghi nhận", "demo-2026", 'href="/lists/named/cv-12/2">phiên bản 2', "lan"):
        assert word in row, word
    assert "account:" not in text


def test_a_new_installation_has_none(people: People) -> None:
    assert "Chưa có danh sách nào" in page(people["operator"], "/lists/")
    assert page(people["operator"], "/lists/named/none", 404)


def test_what_people_decided_against_the_settings_is_told(take: Take, reader: Browser) -> None:
    take("a.example\n", name="sample")
    for path in ("/lists/", "/lists/named/sample"):
        assert "Theo quyết định của người vận hành, phiên bản 2 đang áp dụng" in shown(reader, path)


def test_one_list_has_its_versions(take: Take, reader: Browser) -> None:
    take(LETTER)
    take("a.example\n", hold=True)
    text = shown(reader, "/lists/named/cv-12")
    for word in ("phiên bản 1", "phiên bản 2", "Đang áp dụng", "Chờ phê duyệt", "phu-luc.csv", "lan"):
        assert word in text, word
    assert "vẫn chờ" not in text
    assert "Phiên bản 2 được giữ nguyên, chờ phê duyệt" in shown(reader, "/lists/named/cv-12?left=2")
    assert "được giữ nguyên" not in shown(reader, "/lists/named/cv-12?left=1"), "which is live"
    assert "được giữ nguyên" not in shown(reader, "/lists/named/cv-12?left=x")


def test_a_version_says_what_is_in_it_and_what_is_not(take: Take, reader: Browser) -> None:
    take(LETTER)
    text = shown(reader, "/lists/named/cv-12/1")
    assert "c2[.]<wbr>evil[.]<wbr>example" in text
    for word in ("Dòng lỗi", "trùng với mạng nội bộ 127.0.0.0/8", "tên miền được bảo vệ gov.vn", "facebook[.]"):
        assert word in text, word
    assert "được truy cập nhiều nhất" in text
    assert "Khác biệt" not in text, "nothing was live before"
    take("STT,Tên miền\n1,c2.evil.example\n2,moi.example\n", hold=True)
    text = shown(reader, "/lists/named/cv-12/2")
    assert "Khác biệt so với phiên bản 1 đang áp dụng" in text
    assert "+ 1</span> thêm" in text
    assert "− 1</span> bỏ" in text
    assert "~ 1</span> sửa" in text
    assert page(reader, "/lists/named/cv-12/3", 404)


def test_what_a_file_says_is_never_markup(take: Take, reader: Browser) -> None:
    take(LETTER)
    for path in ("/lists/", "/lists/named/cv-12", "/lists/named/cv-12/1", "/lists/search?q=c2.evil.example"):
        text = page(reader, path)
        assert "<script" not in text, path
    assert "&lt;script&gt;alert(" in page(reader, "/lists/named/cv-12/1"), "family and bad line are shown"
    assert "<script" not in page(reader, "/lists/search?q=<script>alert(1)</script>")


def test_bad_lines_are_a_file_that_runs_nothing(take: Take, reader: Browser) -> None:
    take(LETTER)
    answer = reader.get("/lists/named/cv-12/1/not-taken.csv")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="cv-12-1-dong-loi.csv"'
    heads, *rows = csv.reader(io.StringIO(answer.get_data(as_text=True).removeprefix("\ufeff")))
    assert heads == ["Dòng", "Mục", "Nội dung", "Lý do"]
    assert sorted((row[0], row[2][:8]) for row in rows) == [
        ("4", "<script>"), ("5", "'=cmd|'/"), ("6", "gov.vn"), ("7", "127.0.0."), ("8", "facebook"),
    ]  # fmt: skip
    assert rows[1][2].startswith("'="), "no formula"


def test_where_rows_are_no_longer_kept(take: Take, reader: Browser) -> None:
    for number in range(12):
        take(f"a{number}.example\n")
    text = shown(reader, "/lists/named/cv-12/1")
    assert "Nội dung phiên bản này không còn được lưu" in text
    assert "Chỉ còn số liệu" in shown(reader, "/lists/named/cv-12")


def test_large_versions_are_compared_when_asked_to(
    take: Take, reader: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "COMPARED_AT_ONCE", 1)
    take("a.example\n")
    take("b.example\n", hold=True)
    path = "/lists/named/cv-12/2"
    text = shown(reader, path)
    assert (f'href="{path}?compare=1"' in text, "+ 1</span>" in text) == (True, False)
    assert "+ 1</span> thêm" in shown(reader, f"{path}?compare=1")


@pytest.mark.parametrize("text", ["www.c2.evil.example", "hxxp://www.c2.evil[.]example", "203[.]0[.]113[.]77"])
def test_the_search_finds_what_covers_a_name(take: Take, reader: Browser, text: str) -> None:
    take(LETTER)
    found = shown(reader, f"/lists/search?q={text}")
    assert "cv-12 phiên bản 1" in found
    assert "Đang áp dụng" in found


def test_the_search_tells_what_was_refused_and_what_is_nowhere(take: Take, reader: Browser) -> None:
    take(LETTER)
    assert "tên miền được bảo vệ gov.vn" in shown(reader, "/lists/search?q=gov.vn")
    assert "khong.example không có trong danh sách nào" in shown(reader, "/lists/search?q=khong.example")
    assert "không phải tên miền hay địa chỉ" in shown(reader, "/lists/search?q=hai+từ")
    assert "có thể viết như trong công văn" in shown(reader, "/lists/search")


def test_a_library_of_an_older_product_waits_for_its_writer(
    take: Take, reader: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Library, "is_current", False)
    assert "tiến trình danh sách khởi động" in page(reader, "/lists/", 503)


def test_sentences_are_those_of_the_lists_process() -> None:
    files = [*(REPO / "blocklists").rglob("*.py"), REPO / "runtime/control.py"]
    source = "".join("".join(one.read_text(encoding="utf-8").split()) for one in files)
    for text in SENTENCES:
        longest = max(re.split(r"%\(\w+\)s", text.removeprefix("touches ")), key=len)
        assert "".join(longest.split()) in source, text


def test_unknown_sentences_stay_as_they_are(request_context: None) -> None:
    assert said("a reason of tomorrow") == "a reason of tomorrow"
    assert said("'x y' is no name and no address: empty") == "'x y' không phải tên miền hay địa chỉ: để trống"
