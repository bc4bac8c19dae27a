"""The page of allowed names: who answers for them, until when; add and end, audited and in the file of the workers."""

from __future__ import annotations

import html
from contextlib import closing

import pytest

from casework.store import audit
from casework.store.engine import open_casework
from contracts.decisions import DecisionsFile
from contracts.settings import Settings
from tests.admin.conftest import Browser, People
from tests.admin.populate import NOW

FIELDS = {"name": "tot[.]example", "days": "7", "owner": "Phòng <i>Kế toán</i>", "reason": "Báo nhầm"}


@pytest.fixture
def staff(people: People) -> Browser:
    return people["operator"]


def held(settings: Settings) -> list[tuple[str, float, str]]:
    return [(one.name, one.until, one.owner) for one in DecisionsFile(settings.state).read().allowed]


def test_a_name_is_allowed_shown_and_ended(staff: Browser, people: People, settings: Settings) -> None:
    assert staff.submit("/allowed/", "/allowed/", **FIELDS).location == "/allowed/"
    assert held(settings) == [("tot.example", NOW + 7 * 86400, FIELDS["owner"])]
    raw = people["auditor"].get("/allowed/").get_data(as_text=True)
    assert "<i>Kế" not in raw
    shown = html.unescape(raw)
    for words in ("tot[.]<wbr>example", FIELDS["owner"], "Báo nhầm", "30/11/2026"):
        assert words in shown, words
    assert "Bỏ loại trừ" not in shown, "an auditor only reads"
    assert "Bỏ loại trừ" in staff.get("/allowed/").get_data(as_text=True)
    assert staff.submit("/allowed/end", "/allowed/", name="tot.example").location == "/allowed/"
    assert held(settings) == []
    assert "Đã từng loại trừ" in staff.get("/allowed/").get_data(as_text=True)
    with closing(open_casework(settings.state)) as store:
        entries = [(one.actor, one.action, one.object) for one in audit.latest(store, 9) if one.action[:5] == "allow"]
    assert entries == [("operator", "allow.remove", "tot.example"), ("operator", "allow.add", "tot.example")]


def test_who_allows_a_name_answers_for_it_where_nobody_else_does(staff: Browser, settings: Settings) -> None:
    staff.submit("/allowed/", "/allowed/", **FIELDS | {"owner": ""})
    assert [owner for _, _, owner in held(settings)] == ["operator"]


@pytest.mark.parametrize(
    ("field", "entered", "said"),
    [
        ("name", "vn", "là cả một tên miền cấp cao nhất"),
        ("name", "com.vn", "là hậu tố công cộng"),
        ("name", "", "là cả một tên miền cấp cao nhất"),
        ("name", "a..b", "không phải là tên miền"),
        ("days", "5000", "không có trong các lựa chọn"),
        ("owner", "x" * 201, "người chịu trách nhiệm: một tên"),
        ("reason", "x", "lý do quá ngắn"),
    ],
)
def test_what_cannot_be_stands_at_its_field(
    staff: Browser, settings: Settings, field: str, entered: str, said: str
) -> None:
    answer = staff.submit("/allowed/", "/allowed/", **FIELDS | {field: entered})
    shown = html.unescape(answer.get_data(as_text=True))
    at = shown.index(f'id="{field}-error"')
    assert (answer.status_code, said in shown[at : at + 300]) == (422, True)
    assert all(f'value="{text}"' in shown for name, text in FIELDS.items() if name not in {field, "days"})
    assert held(settings) == []


def test_what_is_not_allowed_cannot_be_ended(staff: Browser) -> None:
    staff.submit("/allowed/end", "/allowed/", name="tot.example")
    assert "bản thân tot.example không được loại trừ" in html.unescape(staff.get("/allowed/").get_data(as_text=True))


def test_without_a_token_nothing_is_allowed(staff: Browser, settings: Settings) -> None:
    assert staff.client.post("/allowed/", data=FIELDS).status_code == 400
    assert held(settings) == []
