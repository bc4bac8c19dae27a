"""The pages in a real browser, from the printed first password to one machine; nothing may break their own policy."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from casework import seed
from casework.store.audit import Origin
from casework.store.engine import open_casework
from tests.admin.populate import populate
from tests.admin.process import AdminProcess
from tests.browsing import laptop

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = [pytest.mark.browser, pytest.mark.e2e]

NEW = "vườn rau trước nhà"


@pytest.fixture
def page() -> Iterator[playwright.Page]:
    with laptop(playwright) as window:
        yield window


@pytest.fixture
def running(tmp_path: Path) -> Iterator[AdminProcess]:
    with AdminProcess(tmp_path) as process:
        yield process


def test_from_the_first_password_to_one_machine(running: AdminProcess, page: playwright.Page, tmp_path: Path) -> None:
    log_in_for_the_first_time(running, page)
    playwright.expect(page.get_by_role("heading", name="Danh sách máy nghi nhiễm mã độc")).to_be_visible()
    playwright.expect(page.get_by_text("Chưa ghi nhận máy nào")).to_be_visible()
    page.screenshot(path=tmp_path / "empty.png", full_page=True)

    two_machines(running)
    page.get_by_role("link", name="Làm mới").click()
    rows = page.locator("table.hosts tbody tr")
    playwright.expect(rows).to_have_count(2)
    playwright.expect(rows.nth(0)).to_contain_text("127.20.0.9")
    playwright.expect(rows.nth(0)).to_contain_text("Ủy ban nhân dân xã Mẫu")
    playwright.expect(rows.nth(0).locator(".number")).to_have_text("2")
    playwright.expect(rows.nth(1)).to_contain_text("Sở Khoa học và Công nghệ (mẫu)")
    playwright.expect(rows.nth(1).locator(".number")).to_have_text("5")
    page.screenshot(path=tmp_path / "hosts.png", full_page=True)

    page.get_by_label("Đơn vị", exact=True).select_option(label="Sở Khoa học và Công nghệ (mẫu)")
    page.get_by_role("button", name="Lọc").click()
    playwright.expect(rows).to_have_count(1)
    page.get_by_role("link", name="127.10.0.7").click()
    playwright.expect(page.get_by_role("heading", name="127.10.0.7")).to_be_visible()
    playwright.expect(page.get_by_role("img", name="Lượt truy vấn từ")).to_be_visible()
    playwright.expect(page.get_by_text("www[.]c2[.]evil[.]example")).to_be_visible()
    page.screenshot(path=tmp_path / "host.png", full_page=True)
    playwright.expect(page.locator(".site-header")).to_have_css("background-color", "rgb(18, 52, 59)")


def test_a_file_is_downloaded_with_its_reason(running: AdminProcess, page: playwright.Page, tmp_path: Path) -> None:
    log_in_for_the_first_time(running, page)
    two_machines(running)
    page.get_by_role("link", name="Làm mới").click()
    page.get_by_text("Xuất CSV").click()
    page.get_by_label("Lý do xuất dữ liệu").fill("Báo cáo chiến dịch")
    with page.expect_download() as download:
        page.get_by_role("button", name="Tải về").click()
    file = tmp_path / "hosts.csv"
    download.value.save_as(file)
    assert "Ủy ban nhân dân xã Mẫu" in file.read_text(encoding="utf-8-sig")
    page.get_by_role("link", name="Nhật ký truy cập").click()
    playwright.expect(page.get_by_text("Báo cáo chiến dịch")).to_be_visible()


def test_a_phone_need_not_scroll_sideways(running: AdminProcess, page: playwright.Page, tmp_path: Path) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    log_in_for_the_first_time(running, page)
    two_machines(running)
    for path in ("/hosts/", "/hosts/?since=abc&unit=unknown", "/hosts/1", "/audit/", "/password"):
        page.goto(f"{running.url}{path}")
        page.screenshot(path=tmp_path / f"phone{path.partition('?')[0].replace('/', '-')}.png")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path


def log_in_for_the_first_time(running: AdminProcess, page: playwright.Page) -> None:
    page.goto(running.url)
    playwright.expect(page.get_by_text("sinkhole accounts add")).to_be_visible()
    first = running.sinkhole("accounts", "add", "binh", "--role", "administrator").split()[-1]
    page.get_by_label("Tài khoản").fill("binh")
    page.get_by_label("Mật khẩu").fill(first)
    page.get_by_role("button", name="Đăng nhập").click()
    page.get_by_label("Mật khẩu hiện tại").fill(first)
    page.get_by_label("Mật khẩu mới", exact=True).fill(NEW)
    page.get_by_label("Nhập lại mật khẩu mới").fill(NEW)
    page.get_by_role("button", name="Đổi mật khẩu").click()
    playwright.expect(page.get_by_text("Đã đổi mật khẩu")).to_be_visible()


def two_machines(running: AdminProcess) -> None:
    store = open_casework(running.settings.state)
    seed.seed(store, running.settings, Origin("test", 0))
    store.close()
    populate(running.settings, now=int(time.time()))
