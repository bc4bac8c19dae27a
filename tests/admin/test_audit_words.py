"""The audit in words: acts, details and actors as people read them, and found by what is read."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import quote

import msgspec
import pytest
from flask import Flask

from admin import audit_log, audit_words
from admin.show import ACTS
from blocklists.library import Library
from blocklists.review import Wanted
from blocklists.service import ImportOptions, Lists
from casework import accounts, campaigns, clients, decisions, shipped, unrecorded
from casework.store import audit
from casework.store.audit import AuditEntry, Origin
from casework.store.engine import Store, open_casework
from contracts.decisions import Unrecorded
from contracts.settings import Settings
from tests.admin.conftest import PASSWORD, People
from tests.admin.populate import NOW

ROOT = Origin("os:0", NOW)
EVERY_FILTER = (
    "unit=so-mau&campaign=demo-2026&family=Emotet&list=sample&q=evil&since=2026-11-22T10:00&until=2026-11-23T23:00"
)


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    opened = open_casework(settings.state)
    yield opened
    opened.close()


@pytest.fixture
def everything(people: People, store: Store, settings: Settings) -> People:
    """Every act there is, once at least."""
    accounts.create_account(store, "lan", "auditor", ROOT)
    accounts.reset_password(store, "lan", ROOT._replace(actor="os:root"))
    accounts.set_disabled(store, "lan", ROOT._replace(actor="os:binh"), disabled=True)
    wrong(store, "lan")
    accounts.set_disabled(store, "lan", ROOT._replace(actor="os:1001"), disabled=False)
    for _ in range(accounts.FREE_FAILURES + 1):
        wrong(store, "lan")
    wrong(store, "nobody")
    staff = people["security"]
    staff.get("/hosts/1")
    staff.submit(f"/hosts/export.csv?{EVERY_FILTER}", "/password", reason="Báo cáo chiến dịch")
    staff.submit("/password", "/password", old=PASSWORD, new="một mật khẩu khác", again="một mật khẩu khác")
    staff.submit("/logout", "/password")
    mai = ROOT._replace(actor="os:mai")
    clients.set_standing(store, "127.10.5.0/24", "monitor", 3600, "Làm quen", mai)
    clients.set_standing(store, "127.10.6.0/24", "exempt", 0, "Máy đo", mai)
    clients.end_standing(store, "127.10.6.0/24", 0, "Xong", mai)
    clients.add_forwarder(store, "127.10.0.53", "so-mau", ("ecs", "mac"), "AD", mai)
    clients.remove_forwarder(store, "127.10.0.53", "Thay máy", mai)
    decisions.bypass(store, settings.state, 600, "Danh sách sai", mai)
    decisions.end_bypass(store, settings.state, "Đã sửa", mai)
    unrecorded.add(settings.state, Unrecorded("00aa11bb22cc", "on", "os:mai", NOW, "Kẹt khóa", NOW + 600))
    decisions.settle(store, settings.state, NOW + 60)
    decisions.end_bypass(store, settings.state, "Hết kẹt", mai)
    decisions.allow(store, settings.state, "tot.example", 86400, "Báo nhầm", mai)
    decisions.disallow(store, settings.state, "tot.example", "Hết cần", mai)
    hoa = ROOT._replace(actor="os:hoa")
    made = campaigns.add(store, settings.state, shipped.every()["chien-dich-2022"], hoa)
    units = {"scope": ("so-mau",), "outside": "off"}
    campaigns.change(store, settings.state, msgspec.structs.replace(made, **units), hoa)
    campaigns.end(store, settings.state, made.id, made.start, "Xong sớm", hoa)
    with closing(Library.open(settings.state)) as library:
        lists = Lists(settings, library)
        lists.seed()
        for text in (b"a.evil.example\ngov.vn\n", b"b.evil.example\n", b"not a name\n"):
            options = ImportOptions(name="bo-sung", file="phu-luc.txt", format="domains")
            lists.import_file("os:0", io.BytesIO(text), options)
            if text.startswith(b"a."):
                for state in ("approved", "refused"):
                    lists.decide("os:0", Wanted("bo-sung", ("gov.vn",), state, "Theo công văn"))
                lists.import_file("os:0", io.BytesIO(text + b"#"), options)
        lists.rollback("os:0", "bo-sung")
        lists.activate("os:0", "bo-sung", 3)
        lists.withdraw("os:0", "bo-sung")
    return people


def wrong(store: Store, name: str) -> None:
    assert accounts.log_in(store, name, "wrong", Origin("", NOW, "127.0.0.1"), 60) is None


def page(people: People, query: str = "") -> str:
    answer = people["auditor"].get(f"/audit/?q={quote(query)}")
    assert answer.status_code == 200
    return html.unescape(answer.get_data(as_text=True))


def acts(text: str) -> set[str]:
    return set(re.findall(r'<td title="([^"]+)">', text))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("Xuất danh sách", {"hosts.export"}),
        ("xuat danh sach", {"hosts.export"}),
        ("XUẤT", {"hosts.export", "logout"}),
        ("Nhập danh sách", {"list-import"}),
        ("nhap danh sach", {"list-import"}),
        ("Đăng nhập thất bại", {"login.failed"}),
        ("dang nhap that bai", {"login.failed"}),
        ("sai mật khẩu", {"login.failed"}),
        ("không có tài khoản này", {"login.failed"}),
        ("vai trò: Kiểm tra, giám sát", {"account.add"}),
        ("chế độ: cho qua", {"list-import"}),
        ("root (máy chủ)", {"account.add", "account.reset", "list-import", "list-import-refused"}
            | {"list-rollback", "list-activate", "list-withdraw", "list-rows-approved", "list-rows-refused"}),
        ("binh (may chu)", {"account.disable"}),
        ("nạp từ cấu hình (tự động)", {"list-import"}),
        ("bao cao chien dich", {"hosts.export"}),
        ("22/11/2026 10:00", {"hosts.export"}),
        ("hosts.export", {"hosts.export"}),
        ("mai (may chu)", {"clients.monitor", "clients.exempt", "clients.normal"}
            | {"forwarders.add", "forwarders.remove", "bypass.on", "bypass.off", "allow.add", "allow.remove"}),
        ("tạm ngừng chặn", {"bypass.on"}),
        ("báo nhầm", {"allow.add"}),
        ("hoa (may chu)", {"campaign.add", "campaign.change", "campaign.end"}),
        ("đơn vị tham gia: – → so-mau", {"campaign.change"}),
        ("ngoài thời gian chiến dịch: chỉ ghi nhận", {"campaign.add"}),
        ("ngày kết thúc: 2022-09-29 → 2022-08-23", {"campaign.end"}),
        ("chỉ ghi nhận cho mạng", set()),
        ("che do chi ghi nhan", {"clients.monitor"}),
        ("được tin về: ecs, mac", {"forwarders.add"}),
    ],
)  # fmt: skip
def test_what_is_shown_is_found(everything: People, query: str, expected: set[str]) -> None:
    assert acts(page(everything, query)) == expected


def test_every_text_of_every_row_is_found(everything: People) -> None:
    shown = page(everything)
    cells = re.findall(r"<td[^>]*>([^<]+)</td>", shown) + re.findall(r'<span class="pair"[^>]*>([^<]+)<', shown)
    texts = {cell.strip() for cell in cells} - {"", "–"}
    assert len(texts) > 40
    assert [text for text in texts if not acts(page(everything, text))] == []


def test_everything_has_its_word(everything: People, app: Flask, store: Store) -> None:
    with app.test_request_context():
        entries, _ = audit_log.read(store, "", 0, 1000)
        assert {entry.action for entry in entries} >= set(ACTS), "every act of the pages is among them"
        assert {entry.action for entry in entries} - set(ACTS) == set()
        assert {key for entry in entries for key in entry.detail} - set(audit_words.KEYS) == set()
    shown = page(everything)
    for raw in ("why:", "held:", "True", "False", "machines:", "unknown name", "enforce", "os:", "system:"):
        assert raw not in re.sub(r"<[^>]+>", "", shown), raw
    for word in (
        "nguyên nhân: sai mật khẩu",
        "chờ người duyệt: không",
        "uid 1001 (máy chủ)",
        "nạp từ cấu hình (tự động)",
    ):
        assert word in shown, word


def test_digests_are_short_and_whole_only_where_pointed_at(everything: People) -> None:
    shown = page(everything)
    assert re.search(r'title="[0-9a-f]{64}">mã băm: [0-9a-f]{12}</span>', shown)
    assert not re.search(r"[0-9a-f]{13}", re.sub(r'title="[^"]*"', "", shown))


def test_an_account_is_no_program(app: Flask) -> None:
    with app.test_request_context():
        assert audit_words.actor("recorder", "") == "tiến trình ghi nhận (tự động)"
        assert audit_words.actor("system:feed", "") == "tải danh sách về (tự động)"
        assert audit_words.actor("recorder", "127.0.0.1") == "recorder", "a person may be called so"
        assert audit_words.actor("root", "127.0.0.1") == "root", "and so, who is not root of the machine"
        assert {audit_words.actor(one, "") for one in ("os:0", "os:root")} == {"root (máy chủ)"}
        assert audit_words.actor("account:recorder", "") == "recorder", "an account, as the lists process writes it"


def test_what_nobody_has_words_for_is_shown_as_written(app: Flask) -> None:
    detail = {"later": "x", "mode": ["odd"], "kind": "new", "digest": "short", "empty": "", "none": None}
    with app.test_request_context():
        pairs = audit_words.details(AuditEntry(NOW, "x", "later.act", "", detail))
        assert [f"{pair.name}: {pair.text}" for pair in pairs] == [
            "later: x", "chế độ: odd", "loại: new", "mã băm: short",
        ]  # fmt: skip
        assert audit_words.act("later.act") == "later.act"


def test_pages_of_what_was_found(people: People, store: Store) -> None:
    with store.transaction() as transaction:
        for number in range(150):
            audit.record(transaction, Origin("x", NOW + number), "hosts.export", "", {"reason": f"lý do {number}."})
    first = page(people, "Xuất danh sách máy")
    assert "150 mục" in first
    assert (first.count("<tr"), "lý do 149." in first, "lý do 49." in first) == (101, True, False)
    second = people["auditor"].get(f"/audit/?page=2&q={quote('Xuất danh sách máy')}").get_data(as_text=True)
    assert ("lý do 49." in second, "lý do 50." in second) == (True, False)
