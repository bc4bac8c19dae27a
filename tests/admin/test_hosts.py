"""The list of machines, one machine, the file, and what a newcomer sees."""

from __future__ import annotations

import csv
import html
import io
import re
from typing import get_args
from urllib.parse import urlencode

import pytest
from flask import Flask

from casework import ledger
from casework.hosts import EvidencePage
from casework.store import audit
from casework.store.engine import open_casework
from contracts.hit import Action, Claim
from contracts.settings import Settings
from tests.admin.conftest import Browser, People, make_account
from tests.admin.populate import HOUR, NOW, populate
from tests.casework.making import damage
from tests.conftest import REPO

ROW = re.compile(r'<td class="address"><a href="/hosts/(\d+)(?:\?[^"]*)?">([^<]+)</a>')


@pytest.fixture
def staff(people: People) -> Browser:
    return people["security"]


def text(browser: Browser, path: str) -> str:
    answer = browser.get(path)
    assert answer.status_code == 200, path
    return answer.get_data(as_text=True)


def addresses(page: str) -> list[str]:
    return [match[1] for match in ROW.findall(page)]


def test_both_machines_with_unit_domains_and_counts(staff: Browser) -> None:
    page = text(staff, "/hosts/")
    assert addresses(page) == ["127.20.0.9", "127.10.0.7"]
    assert "Danh sách máy nghi nhiễm mã độc" in page
    assert "2 máy" in page
    assert "Ủy ban nhân dân xã Mẫu" in page
    assert "Sở Khoa học và Công nghệ (mẫu)" in page
    assert '<td class="number">5</td>' in page
    assert '<td class="number">2</td>' in page
    assert "23/11/2026 09:12:50" in page, "30 s before now, in the time zone of the settings"


def test_domains_are_defanged_and_never_links(staff: Browser) -> None:
    for path in ("/hosts/", "/hosts/1", "/hosts/2"):
        page = text(staff, path)
        assert "c2[.]<wbr>evil[.]<wbr>example" in page
        assert "evil.example" not in page


def test_hostile_text_is_escaped(app: Flask, settings: Settings, staff: Browser) -> None:
    populate(settings, [("127.10.0.66", 5, "<script>alert(1)</script>.c2.evil.example", 1)])
    host = ROW.findall(text(staff, "/hosts/?q=127.10.0.66"))[0][0]
    assert "<script" not in text(staff, f"/hosts/{host}")
    assert "&lt;script&gt;" in text(staff, f"/hosts/{host}")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("unit=so-mau", ["127.10.0.7"]),
        ("unit=-", []),
        ("campaign=demo-2026", ["127.20.0.9", "127.10.0.7"]),
        ("family=Emotet", ["127.20.0.9", "127.10.0.7"]),
        ("list=sample", ["127.20.0.9", "127.10.0.7"]),
        ("q=127.20", ["127.20.0.9"]),
        ("q=so+khoa+hoc", ["127.10.0.7"]),
        ("q=login[.]phish[.]example", ["127.10.0.7"]),
        ("until=2026-11-23T09:12", ["127.10.0.7", "127.20.0.9"]),
        ("until=2026-11-23T09:11", ["127.10.0.7"]),
        ("since=2026-11-23T09:14", []),
        ("since=2026-11-23", ["127.20.0.9", "127.10.0.7"]),
    ],
)
def test_filters(staff: Browser, query: str, expected: list[str]) -> None:
    assert sorted(addresses(text(staff, f"/hosts/?{query}"))) == sorted(expected)


WRONG_FILTERS = [
    ("since=abc", "since", "“abc” không phải ngày giờ hợp lệ."),
    ("until=hôm+qua", "until", "“hôm qua” không phải ngày giờ hợp lệ."),
    ("since=2026-13-01T00:00&q=127", "since", "“2026-13-01T00:00” không phải ngày giờ hợp lệ."),
    ("since=2026-11-23T10:00&until=2026-11-23T09:59", "until", "trước “Ghi nhận từ”"),
    ("since=2026-11-23T10:00:30&until=2026-11-23T09:30:30", "until", "trước “Ghi nhận từ”"),
    ("unit=so-khong-co", "unit", "“so-khong-co” không có trong các lựa chọn"),
    ("campaign=another", "campaign", "“another” không có trong các lựa chọn"),
    ("list=other", "list", "“other” không có trong các lựa chọn"),
    ("family=Emote", "family", "“Emote” không có trong các lựa chọn"),
    ("unit=%3Cscript%3E", "unit", "“&lt;script&gt;” không có trong các lựa chọn"),
    (f"q={'x' * 201}", "q", "Quá dài."),
]


@pytest.mark.parametrize(("query", "field", "says"), WRONG_FILTERS)
def test_a_wrong_filter_is_named_at_its_field_and_shows_no_machine(
    staff: Browser, query: str, field: str, says: str
) -> None:
    page = text(staff, f"/hosts/?{query}")
    said = re.search(rf'<div class="invalid-feedback" id="{field}-error">([^<]*)</div>', page)
    assert said, "beside the field"
    assert says in said[1]
    assert page.count('class="invalid-feedback"') == 1
    assert addresses(page) == []
    assert "chưa tìm" in page
    for misleading in ("Không có máy nào", "0 máy", "2 máy", "Xuất CSV", "sinkhole lists import"):
        assert misleading not in page, misleading


def test_a_minute_from_and_to_itself_is_no_error(staff: Browser) -> None:
    for since in ("2026-11-23T09:12", "2026-11-23T09:12:30"):
        assert addresses(text(staff, f"/hosts/?since={since}&until=2026-11-23T09:12")) != []


@pytest.mark.parametrize(
    ("entered", "value"),
    [
        ("2026-11-23T09:12", "2026-11-23T09:12"),
        ("2026-11-23T09:12:30", "2026-11-23T09:12:30"),
        ("2026-11-23", "2026-11-23T00:00"),
        ("0001-01-01T00:00", "0001-01-01T00:00"),
        ("abc", ""),
    ],
)
def test_fields_of_times_hold_times(staff: Browser, entered: str, value: str) -> None:
    (field,) = re.findall(r'<input[^>]* name="since"[^>]*>', text(staff, f"/hosts/?since={entered}"))
    assert f'value="{value}"' in field


def test_no_file_of_a_wrong_filter(staff: Browser, settings: Settings) -> None:
    answer = staff.submit("/hosts/export.csv?since=abc", "/password", reason="Báo cáo chiến dịch")
    assert answer.location == "/hosts/?since=abc"
    store = open_casework(settings.state)
    assert audit.latest(store, 100, text="hosts.export") == []
    store.close()


def test_a_page_beyond_the_end_of_a_filter_is_no_empty_filter(staff: Browser) -> None:
    page = text(staff, "/hosts/?unit=so-mau&page=9")
    assert "vượt quá cuối danh sách" in page
    assert "Không có máy nào" not in page


@pytest.mark.parametrize(
    ("sort", "order", "expected"),
    [
        ("address", "asc", ["127.10.0.7", "127.20.0.9"]),
        ("address", "desc", ["127.20.0.9", "127.10.0.7"]),
        ("hits", "desc", ["127.10.0.7", "127.20.0.9"]),
        ("unit", "asc", ["127.10.0.7", "127.20.0.9"]),
        ("first_seen", "asc", ["127.10.0.7", "127.20.0.9"]),
        ("; DROP TABLE hosts", "sideways", ["127.20.0.9", "127.10.0.7"]),
    ],
)
def test_sorting(staff: Browser, sort: str, order: str, expected: list[str]) -> None:
    assert addresses(text(staff, f"/hosts/?sort={sort}&order={order}")) == expected


def test_links_keep_the_filter_and_obey_nobody(settings: Settings, staff: Browser) -> None:
    populate(settings, [(f"127.10.1.{number}", 100 + number, "c2.evil.example", 1) for number in range(60)])
    page = text(staff, "/hosts/?unit=so-mau&_scheme=javascript&_external=1&sort=address&order=asc")
    assert len(addresses(page)) == 50
    assert "Trang 1/2" in page
    assert "javascript:" not in page
    onward = re.search(r'rel="next" href="([^"]+)"', page)
    assert onward
    rest = addresses(text(staff, onward[1].replace("&amp;", "&")))
    assert len(rest) == 11
    assert not set(rest) & set(addresses(page))


def way_back(page: str) -> str:
    return html.unescape(re.findall(r'<a href="([^"]*)">Máy nghi nhiễm</a> ›', page)[0])


def test_the_way_back_keeps_the_filter(staff: Browser, settings: Settings) -> None:
    populate(settings, [("127.10.0.7", 100 + number, "c2.evil.example", 1) for number in range(60)])
    query = "q=evil+%26+%22tr%E1%BB%99m%22&unit=so-mau&since=2026-11-20T00%3A00&sort=hits&order=asc&page=1"
    listed = text(staff, "/hosts/?unit=so-mau&since=2026-11-20T00%3A00&sort=hits&order=asc&q=")
    onward = html.unescape(re.findall(r'class="address"><a href="([^"]+)"', listed)[0])
    back = "/hosts/?unit=so-mau&since=2026-11-20T00%3A00&sort=hits&order=asc"
    assert way_back(text(staff, onward)) == back
    second = re.findall(r'rel="next" href="([^"]+)"', text(staff, onward))[0]
    assert way_back(text(staff, html.unescape(second))) == back, "on its other pages too"
    assert addresses(text(staff, back)) == ["127.10.0.7"]
    assert way_back(text(staff, f"/hosts/1?{urlencode({'back': query})}")) == f"/hosts/?{query}"
    assert way_back(text(staff, "/hosts/1")) == "/hosts/"
    assert 'href="/hosts/1"' in text(staff, "/hosts/"), "nothing to keep"


@pytest.mark.parametrize(
    "bad",
    [
        "//evil.example/",
        "https://evil.example/?",
        "/../login?q",
        "javascript:alert(1)",
        "&&==;%",
        "_external=1&_scheme=x",
        "next=//evil.example",
        "back=unit%3Dx",
        "q=" + "x" * 2000,
        "\r\nLocation: //evil.example",
        "\udcff",
        '"><script>',
    ],
)
def test_the_way_back_leads_nowhere_else(staff: Browser, bad: str) -> None:
    page = text(staff, f"/hosts/1?{urlencode({'back': bad}, errors='replace')}")
    assert way_back(page) == "/hosts/"
    hostile = urlencode({"back": f"q=a&{bad}"}, errors="replace")
    back = way_back(text(staff, f"/hosts/1?{hostile}"))
    assert re.fullmatch(r"/hosts/(\?q=a(%2F|\w|[-.%+])*)?", back), back


@pytest.mark.parametrize("page", ["0", "-3", "abc", "999999999999"])
def test_odd_page_numbers(staff: Browser, page: str) -> None:
    assert staff.get(f"/hosts/?page={page}").status_code == 200
    assert staff.get(f"/hosts/1?page={page}").status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        "q=%00%ff%ed%a0%80'\"%25_%5c",
        "q=" + "x" * 3000,
        "since=0001-01-01T00:00&until=9999-12-31T23:59",
        "unit=%F0%9F%98%80&campaign=%3Cscript%3E&family=%27%20OR%201=1",
        "order=&sort=&page=&q=&q=second",
    ],
)
def test_odd_addresses_are_answered(staff: Browser, query: str) -> None:
    page = text(staff, f"/hosts/?{query}")
    assert "<script" not in page
    assert "Danh sách máy nghi nhiễm mã độc" in page


def test_one_machine_shows_what_proves_it(staff: Browser, settings: Settings) -> None:
    host = {address: number for number, address in ROW.findall(text(staff, "/hosts/"))}["127.10.0.7"]
    page = text(staff, f"/hosts/{host}")
    for expected in (
        "www[.]<wbr>c2",
        "127.53.1.2",
        "sample phiên bản 3, dòng 12",
        "01/CV-MAU",
        "UDP",
        "và các tên miền con",
    ):
        assert expected in page, expected
    assert page.count("<rect ") == 3, "three hours with hits"
    assert 'role="img"' in page
    assert page.index("23/11/2026 09:12:20") > 0
    store = open_casework(settings.state)
    (entry,) = audit.latest(store, 1)
    store.close()
    assert (entry.actor, entry.action, entry.object) == ("security", "hosts.view", "127.10.0.7")


def test_records_that_may_be_another_units_are_counted_not_shown(
    staff: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = ROW.findall(text(staff, "/hosts/"))[0][0]
    monkeypatch.setattr("admin.access.hosts.host_evidence", lambda *_asked: EvidencePage([], False, 1234))
    assert "Không hiển thị 1.234 bản ghi" in text(staff, f"/hosts/{host}")


def test_a_damaged_ledger_file_is_left_out_and_told(staff: Browser, settings: Settings) -> None:
    populate(settings, [("127.10.0.7", 10, "later.c2.evil.example", 1)], now=NOW + 86_400)
    older = ledger.day_files(settings.state)[-1]
    damage(older)
    host = {address: number for number, address in ROW.findall(text(staff, "/hosts/"))}["127.10.0.7"]
    page = text(staff, f"/hosts/{host}")
    assert "later[.]<wbr>c2" in page, "what can be read"
    assert "www[.]<wbr>c2" not in page.split("Bằng chứng")[-1]
    assert f"không đọc được tệp nhật ký truy vấn: {older.name}." in page


def test_evidence_in_pages(staff: Browser, settings: Settings) -> None:
    populate(settings, [("127.20.0.9", 100 + number, "c2.evil.example", 1) for number in range(70)])
    host = {address: number for number, address in ROW.findall(text(staff, "/hosts/"))}["127.20.0.9"]
    first, second = text(staff, f"/hosts/{host}"), text(staff, f"/hosts/{host}?page=2")
    assert 'rel="next"' in first
    assert 'rel="next"' not in second
    assert (first.count("sample phiên bản"), second.count("sample phiên bản")) == (50, 21)


def test_who_named_the_machine_is_shown_where_somebody_did(staff: Browser, settings: Settings) -> None:
    host = {address: number for number, address in ROW.findall(text(staff, "/hosts/"))}["127.20.0.9"]
    assert "Hỏi qua" not in text(staff, f"/hosts/{host}")
    named = Claim(b"\x7f\x14\0\x35", "ecs", b"\0\1\2\3\4\5", "<b>tầng 2")
    populate(settings, [("127.20.0.9", 5, "c2.evil.example", 1)], claim=named, action="nxdomain", step="answer")
    page = text(staff, f"/hosts/{host}")
    assert "Hỏi qua" in page
    assert "127.20.0.53 · ECS · 00:01:02:03:04:05 · &lt;b&gt;tầng 2" in page
    assert "Báo tên không tồn tại" in page
    assert "là địa chỉ trong câu trả lời" in page


@pytest.mark.parametrize("action", get_args(Action))
def test_every_answer_has_its_word(staff: Browser, settings: Settings, action: str) -> None:
    populate(settings, [("127.20.0.77", 5, "c2.evil.example", 1)], action=action)
    host = ROW.findall(text(staff, "/hosts/?through=all&q=127.20.0.77"))[0][0]
    badges = re.findall(rf'class="badge action-{action}">([^<]+)<', text(staff, f"/hosts/{host}"))
    assert len(badges) == 2
    assert action not in badges


def test_long_histories_are_shown_by_the_day(staff: Browser, settings: Settings) -> None:
    populate(settings, [("127.20.0.50", 24 * HOUR * day, "c2.evil.example", 1) for day in range(200)])
    host = ROW.findall(text(staff, "/hosts/?q=127.20.0.50"))[0][0]
    page = text(staff, f"/hosts/{host}")
    assert "Lượt truy vấn theo ngày" in page
    assert 100 < page.count("<rect ") <= 122


def test_the_file(staff: Browser, settings: Settings) -> None:
    answer = staff.submit("/hosts/export.csv?unit=so-mau", "/password", reason="Báo cáo chiến dịch")
    assert answer.status_code == 200
    assert answer.mimetype == "text/csv"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="may-nghi-nhiem-20261123-091320.csv"'
    body = answer.get_data()
    assert body.startswith(b"\xef\xbb\xbf"), "Excel needs the mark"
    heads, *rows = csv.reader(io.StringIO(body.decode("utf-8-sig")))
    assert heads[:4] == ["STT", "Địa chỉ IP", "Mã đơn vị", "Đơn vị"]
    assert {row[1] for row in rows} == {"127.10.0.7"}
    named = {row[4]: row for row in rows}
    assert set(named) == {"c2[.]evil[.]example", "login[.]phish[.]example"}
    assert named["login[.]phish[.]example"][5] == "'=cmd|' /C calc'!A0", "no formula"
    assert named["c2[.]evil[.]example"][-1] == "4"
    store = open_casework(settings.state)
    (entry,) = audit.latest(store, 1)
    store.close()
    assert (entry.actor, entry.action) == ("security", "hosts.export")
    assert entry.detail == {"reason": "Báo cáo chiến dịch", "machines": 1, "unit": "so-mau"}


def test_questions_are_never_called_connections(staff: Browser) -> None:
    """Who gets a sinkhole's address connects to nothing; the word is kept for what a landing will see."""
    guide = (REPO / "docs/vi/huong-dan-can-bo.md").read_text(encoding="utf-8")
    file = staff.submit("/hosts/export.csv", "/password", reason="Báo cáo chiến dịch").get_data(as_text=True)
    for said in (text(staff, "/hosts/"), text(staff, "/hosts/1"), file, guide):
        assert "ượt truy vấn" in said
        assert "ượt kết nối" not in said


@pytest.mark.parametrize("reason", ["", "abc", "x" * 201])
def test_no_file_without_a_reason(staff: Browser, settings: Settings, reason: str) -> None:
    answer = staff.submit("/hosts/export.csv?unit=so-mau", "/password", reason=reason)
    assert answer.location == "/hosts/?unit=so-mau"
    assert "Vui lòng nêu mục đích" in text(staff, "/hosts/")
    store = open_casework(settings.state)
    assert audit.latest(store, 100, text="hosts.export") == []
    store.close()


def test_only_who_may_export_sees_the_button(people: People) -> None:
    shown = {role: "Xuất CSV" in text(people[role], "/hosts/") for role in ("operator", "security", "auditor")}
    assert shown == {"operator": False, "security": True, "auditor": False}


def test_a_filter_without_machines_offers_the_way_back(staff: Browser) -> None:
    page = text(staff, "/hosts/?q=nothing")
    assert "Không có máy nào phù hợp với bộ lọc." in page
    assert "dig" not in page


def test_a_new_installation_says_how_to_begin(bare: Flask, settings: Settings) -> None:
    make_account(settings, "binh", "security")
    browser = Browser(bare)
    browser.log_in("binh")
    assert "sinkhole lists import" in text(browser, "/hosts/")


def test_a_new_hit_is_there_at_the_next_load(staff: Browser, settings: Settings) -> None:
    assert "127.20.0.99" not in text(staff, "/hosts/")
    populate(settings, [("127.20.0.99", 0, "c2.evil.example", 1)], now=NOW + 1)
    assert addresses(text(staff, "/hosts/"))[0] == "127.20.0.99"
