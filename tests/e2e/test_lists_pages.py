"""A letter's list through the staff pages in a real browser: uploaded, looked at, activated, and live for a machine.

The whole service runs, as users run it; nothing may break the pages' own policy.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browsing import laptop
from tests.conftest import SHARED
from tests.e2e.service import Service

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = [pytest.mark.browser, pytest.mark.e2e]

LETTER = SHARED / "vn-letters/cong-van-mau-danh-sach-ma-doc.csv"
SAMPLE = (
    "STT,Tên miền/IP độc hại,Mã độc,Ghi chú\n1,panggin[.]org,APT32,Nguồn mở\n2,khuyenmai-tet[.]example,Lừa đảo,\n"
    "3,facebook.com,Lừa đảo,\n4,-bad-.example-,Lỗi,\n5,127.0.0.1,Lỗi,\n6,=cmd|'/c calc'!A1,Lỗi,\n"
)
LISTED = "panggin.org"
LIVE_SECONDS = 2.0
NEW = "vườn rau trước nhà"


@pytest.fixture
def page() -> Iterator[playwright.Page]:
    with laptop(playwright) as window:
        yield window


@pytest.fixture
def letter(tmp_path: Path) -> Path:
    if LETTER.exists():
        return LETTER
    own = tmp_path / LETTER.name
    own.write_text(SAMPLE, encoding="utf-8")
    return own


@pytest.fixture
def logged_in(service: Service, page: playwright.Page) -> playwright.Page:
    first = service.cli("accounts", "add", "lan", "--role", "operator").stdout.split()[-1]
    page.goto(f"http://127.0.0.1:{service.admin_port}/lists/")
    page.get_by_label("Tài khoản").fill("lan")
    page.get_by_label("Mật khẩu").fill(first)
    page.get_by_role("button", name="Đăng nhập").click()
    page.get_by_label("Mật khẩu hiện tại").fill(first)
    page.get_by_label("Mật khẩu mới", exact=True).fill(NEW)
    page.get_by_label("Nhập lại mật khẩu mới").fill(NEW)
    page.get_by_role("button", name="Đổi mật khẩu").click()
    playwright.expect(page.get_by_text("Đã đổi mật khẩu")).to_be_visible()
    page.get_by_role("link", name="Danh sách chặn").click()
    return page


def test_a_letter_goes_live_in_two_steps(
    service: Service, logged_in: playwright.Page, letter: Path, tmp_path: Path
) -> None:
    page = logged_in
    page.screenshot(path=tmp_path / "lists.png", full_page=True)
    assert page.locator(".table-responsive").evaluate("table => table.scrollWidth <= table.clientWidth"), "all columns"
    page.get_by_role("link", name="Nhập danh sách").click()
    page.get_by_label("Tệp").set_input_files(letter)
    page.get_by_label("Tên danh sách").fill("cv-mau")
    page.get_by_label("Chiến dịch").select_option("demo")
    page.screenshot(path=tmp_path / "upload.png", full_page=True)
    page.get_by_role("button", name="Đọc tệp và xem trước").click()

    playwright.expect(page.get_by_role("heading", name="phiên bản 1", exact=True)).to_be_visible()
    playwright.expect(page.get_by_role("status").filter(has_text="chưa chặn gì")).to_be_visible()
    playwright.expect(page.locator("table.entries")).to_contain_text("panggin[.]org")
    waiting = page.get_by_role("row").filter(has_text="facebook[.]com")
    playwright.expect(waiting).to_contain_text("thuộc nhóm được truy cập nhiều nhất")
    playwright.expect(page.get_by_role("row").filter(has_text="trùng với mạng nội bộ 127.0.0.0/8")).to_be_visible()
    page.screenshot(path=tmp_path / "version.png", full_page=True)
    assert not sinkholed(service), "only held so far"

    page.get_by_role("button", name="Áp dụng phiên bản 1").click()
    clicked = time.monotonic()
    while not sinkholed(service):
        assert time.monotonic() - clicked < LIVE_SECONDS, "live within two seconds"
    playwright.expect(page.get_by_role("status").first).to_contain_text("Có hiệu lực trên 2/2 tiến trình phân giải")
    page.screenshot(path=tmp_path / "live.png", full_page=True)

    versions = service.json("lists", "ls", "cv-mau")[0]["versions"]
    assert [(one["state"], one["actor"], one["campaign"]) for one in versions] == [("live", "account:lan", "demo")]

    page.get_by_role("link", name="Nhập phiên bản mới").click()
    playwright.expect(page.get_by_label("Tên danh sách")).to_have_value("cv-mau")
    (tmp_path / "moi.txt").write_text("panggin.org\nmoi.example\n", encoding="utf-8")
    page.get_by_label("Tệp").set_input_files(tmp_path / "moi.txt")
    page.get_by_role("button", name="Đọc tệp và xem trước").click()
    playwright.expect(page.get_by_role("heading", name="Khác biệt so với phiên bản 1 đang áp dụng")).to_be_visible()
    page.screenshot(path=tmp_path / "difference.png", full_page=True)
    page.get_by_role("link", name="Không áp dụng, để lại chờ").click()
    playwright.expect(page.get_by_role("status")).to_contain_text("Phiên bản 2 được giữ nguyên, chờ phê duyệt")

    page.get_by_role("link", name="Gỡ bỏ").click()
    page.screenshot(path=tmp_path / "withdraw.png", full_page=True)
    page.get_by_role("button", name="Gỡ bỏ cv-mau").click()
    playwright.expect(page.get_by_role("status").first).to_contain_text("Đã gỡ bỏ danh sách cv-mau")
    page.get_by_role("navigation", name="Trình đơn chính").get_by_role("link", name="Danh sách chặn").click()
    page.get_by_role("searchbox").fill("panggin[.]org")
    page.get_by_role("button", name="Tìm trong danh sách").click()
    playwright.expect(page.get_by_role("link", name="cv-mau phiên bản 1")).to_be_visible()
    page.screenshot(path=tmp_path / "search.png", full_page=True)


def sinkholed(service: Service) -> bool:
    return any(one.startswith("127.53.") for one in service.addresses(LISTED))


def test_a_phone_need_not_scroll_sideways(service: Service, page: playwright.Page, tmp_path: Path) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    base = f"http://127.0.0.1:{service.admin_port}"
    page.goto(f"{base}/login")
    page.get_by_label("Tài khoản").fill("lan")
    page.get_by_label("Mật khẩu").fill(NEW)
    page.get_by_role("button", name="Đăng nhập").click()
    for path in (
        "/lists/",
        "/lists/upload",
        "/lists/named/sample",
        "/lists/named/sample/1",
        "/lists/search?q=panggin.org",
    ):
        page.goto(f"{base}{path}")
        page.screenshot(path=tmp_path / f"phone{path.partition('?')[0].replace('/', '-')}.png")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
