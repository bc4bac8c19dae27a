"""The pages of campaigns: all, one, add, change, end; errors beside their fields, and nothing that was entered lost."""

from __future__ import annotations

import datetime
import html
import io
from contextlib import closing

import pytest
from flask import Flask

from blocklists.library import Library
from blocklists.service import ImportOptions, Lists
from casework import campaigns
from casework.store import audit
from casework.store.campaigns import Campaign, Deadline
from casework.store.engine import open_casework
from contracts.campaigns import CampaignsFile
from contracts.settings import Settings
from tests.admin.conftest import Browser, Clock, People

NEW, NAMED = "/campaigns/new", "/campaigns/named/demo-2026"
FIELDS = {
    "id": "cd-2027",
    "title": "Chiến dịch <b>2027</b>",
    "letter": "12/CV",
    "issuer": "Cục Mẫu",
    "start": "2027-01-04",
    "end": "2027-03-31",
    "outside": "off",
    "bases": "Chỉ thị 14\r\nQuyết định 964\r\n",
    "links": "https://mau.example/2027",
    "scope": "so-mau, xa-mau",
    "deadlines": "31/03/2027 Báo cáo Bộ\n2027-01-10 Kế hoạch",
    "note": "Ghi chú",
}


@pytest.fixture
def staff(people: People) -> Browser:
    return people["security"]


def kept(settings: Settings, name: str) -> Campaign:
    with closing(open_casework(settings.state)) as store:
        return campaigns.find(store, name)


def page(browser: Browser, path: str) -> str:
    answer = browser.get(path)
    assert answer.status_code == 200
    return " ".join(html.unescape(answer.get_data(as_text=True)).split())


def test_a_campaign_is_added_shown_and_audited(staff: Browser, settings: Settings) -> None:
    added = staff.submit(NEW, NEW, **FIELDS)
    assert added.location == "/campaigns/named/cd-2027", added.get_data(as_text=True)
    one = kept(settings, "cd-2027")
    assert one.deadlines == (
        Deadline(datetime.date(2027, 1, 10), "Kế hoạch"), Deadline(datetime.date(2027, 3, 31), "Báo cáo Bộ"),
    )  # fmt: skip
    assert (one.scope, one.outside, one.bases) == (("so-mau", "xa-mau"), "off", ("Chỉ thị 14", "Quyết định 964"))
    assert "<b>2027" not in staff.get("/campaigns/named/cd-2027").get_data(as_text=True)
    shown = page(staff, "/campaigns/named/cd-2027")
    for words in ("12/CV", "không có hiệu lực", "31/03/2027", "còn 48 ngày", "Quyết định 964", "so-mau, xa-mau"):
        assert words in shown, words
    assert "còn 48 ngày" in page(staff, "/campaigns/")
    with closing(open_casework(settings.state)) as store:
        (entry,) = [one for one in audit.latest(store, 5) if one.action == "campaign.add"]
    assert (entry.actor, entry.object, entry.address) == ("security", "cd-2027", "127.0.0.1")
    assert {one.id for one in CampaignsFile(settings.state).read().windows} == {"demo-2026", "cd-2027"}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("field", "entered", "said"),
    [
        ("id", "CD 2027", "không phải là mã"),
        ("id", "demo-2026", "đã có chiến dịch demo-2026"),
        ("title", "", "cần có tên"),
        ("end", "2027-01-01", "01/01/2027 trước ngày bắt đầu 04/01/2027"),
        ("start", "hôm nay", "không phải là ngày"),
        ("links", "javascript:alert(1)", "không phải là địa chỉ trang"),
        ("scope", "khong-co", "không có đơn vị nào có mã 'khong-co'"),
        ("deadlines", "sớm thôi", "không phải là ngày"),
        ("outside", "enforce", "không có trong các lựa chọn"),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_the_rest_stays(
    staff: Browser, settings: Settings, field: str, entered: str, said: str
) -> None:
    answer = staff.submit(NEW, NEW, **FIELDS | {field: entered})
    shown = html.unescape(answer.get_data(as_text=True))
    assert answer.status_code == 422
    at = shown.index(f'id="{field}-error"')
    assert said in shown[at : at + 300]
    assert all(text in shown for name, text in FIELDS.items() if name not in {field, "bases", "outside"})
    assert "Quyết định 964" in shown
    with closing(open_casework(settings.state)) as store:
        assert [one.id for one in campaigns.every(store)] == ["demo-2026"]


def test_a_shipped_campaign_fills_the_form_and_adds_nothing(staff: Browser, settings: Settings) -> None:
    assert "/campaigns/new?from=chien-dich-2022" in page(staff, NEW)
    assert "1298/CATTT-NCSC" in page(staff, f"{NEW}?from=chien-dich-2022")
    assert "1298" not in page(staff, "/campaigns/")


def changed(browser: Browser, **fields: str) -> tuple[int, str]:
    """The form as it was opened, with these fields changed."""
    opened = page(browser, f"{NAMED}/change")
    seen = opened.split('name="known"')[1].split('value="')[1].split('"')[0]
    entered = {"title": "Tên mới", "start": "2026-01-01", "end": "2026-12-31", "outside": "monitor", "known": seen}
    answer = browser.submit(f"{NAMED}/change", NEW, **entered | fields)
    return answer.status_code, html.unescape(answer.get_data(as_text=True))


def test_two_people_do_not_undo_each_other(people: People, settings: Settings) -> None:
    first, second = people["security"], people["administrator"]
    opened = page(first, f"{NAMED}/change")
    seen = opened.split('name="known"')[1].split('value="')[1].split('"')[0]
    assert changed(second, title="Của người khác")[0] == 302
    code, shown = changed(first, title="Của tôi", known=seen)
    assert code == 409
    assert "Người khác vừa sửa chiến dịch này" in shown
    assert "Của tôi" in shown, "what was entered is not lost"
    assert kept(settings, "demo-2026").title == "Của người khác"
    assert changed(first, known="")[0] == 409, "without a mark of what was seen, too"


def test_its_lists_and_machines_and_why_lists_are_only_watched(
    staff: Browser, settings: Settings, app: Flask, clock: Clock
) -> None:
    with closing(Library.open(settings.state)) as library:
        options = ImportOptions("thu", format="domains", campaign="demo-2026")
        Lists(settings, library, clock=clock).import_file("os:test", io.BytesIO(b"c2.evil.example\n"), options)
    shown = page(staff, NAMED)
    assert "đang có hiệu lực" in shown
    assert '<a href="/hosts/?campaign=demo-2026">2</a>' in shown
    assert "/lists/named/thu" in shown
    assert staff.get("/hosts/?campaign=demo-2026").status_code == 200

    ended = staff.submit(f"{NAMED}/end", NAMED, day="2026-11-22", reason="Xong sớm")
    assert ended.location == NAMED
    why = "chiến dịch demo-2026 đã kết thúc ngày 22/11/2026: chỉ ghi nhận"
    for path in (NAMED, "/lists/", "/lists/named/thu"):
        assert why in page(staff, path), path
    assert f'action="{NAMED}/end"' not in page(staff, NAMED), "it is over"


@pytest.mark.parametrize(
    ("day", "reason", "field", "said"),
    [
        ("", "Xong sớm", "day", "Vui lòng chọn ngày"),
        ("2025-12-31", "Xong sớm", "day", "không thể kết thúc ngày 31/12/2025"),
        ("2026-12-31", "Xong sớm", "day", "vốn kết thúc ngày 31/12/2026"),
        ("2026-11-30", "x", "reason", "lý do quá ngắn"),
    ],
)
def test_an_end_that_cannot_be(
    staff: Browser, settings: Settings, day: str, reason: str, field: str, said: str
) -> None:
    assert changed(staff)[0] == 302, "it has an end"
    answer = staff.submit(f"{NAMED}/end", NAMED, day=day, reason=reason)
    shown = html.unescape(answer.get_data(as_text=True))
    at = shown.index(f'id="{field}-error"')
    assert (answer.status_code, said in shown[at : at + 300]) == (422, True)
    assert kept(settings, "demo-2026").end == datetime.date(2026, 12, 31)


def test_without_a_token_nothing_is_changed(staff: Browser, settings: Settings) -> None:
    for path in (NEW, f"{NAMED}/change", f"{NAMED}/end"):
        assert staff.client.post(path, data=FIELDS).status_code == 400
    assert kept(settings, "demo-2026").letter == "01/CV-MAU"


def test_one_that_is_not_there(staff: Browser) -> None:
    assert staff.get("/campaigns/named/none").status_code == 404
    assert staff.get("/campaigns/named/none/change").status_code == 404


def test_an_upload_offers_the_campaigns_that_exist(staff: Browser) -> None:
    staff.submit(NEW, NEW, **FIELDS)
    assert 'value="cd-2027"' in page(staff, "/lists/upload")
