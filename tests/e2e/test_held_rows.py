"""Dangerous rows and sudden changes wait for a person while DNS goes on; two people make a letter live from the pages.

The whole service runs, with real questions; nothing may break the pages' own policy.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.browsing import laptop
from tests.e2e.service import Service
from tests.e2e.upstream import Upstream

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = [pytest.mark.browser, pytest.mark.e2e]

NAMES = [f"n{number}.evil.example" for number in range(200)]
DANGEROUS = {
    "vn": "a single label",
    "gov.vn": "protected domain gov.vn",
    "google.com": "google.com is among the most visited",
    "127.53.0.9": "touches an internal network 127.0.0.0/8",
}
PASSWORD = "vườn rau trước nhà"
LIVE_SECONDS = 2.0
ANNEX = "vn-letters/cong-van-mau-danh-sach-ma-doc"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[Service]:
    """The service where two people must agree, with a list of 200 names."""
    made = Service(tmp_path_factory.mktemp("service"), upstream.port, "\n".join(NAMES))
    with made.config.open("a", encoding="utf-8") as file:
        file.write("guard: {two_person: true}\n")
    running = made.start()
    yield running
    assert running.stop() == 0, running.tail()


@pytest.fixture
def page() -> Iterator[playwright.Page]:
    with laptop(playwright) as window:
        yield window


def sinkholed(service: Service, name: str) -> bool:
    return any(one.startswith("127.53.") for one in service.addresses(name))


def within(limit: float, condition: Callable[[], bool], what: str) -> float:
    """Seconds until it is so: asked again and again, each time over the network."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < limit, what
    return time.monotonic() - began


def test_what_is_dangerous_is_held_with_its_reason_and_dns_goes_on(service: Service, tmp_path: Path) -> None:
    before = {name: service.addresses(name) for name in ("good.example", "gov.vn", "google.com", NAMES[7])}
    file = tmp_path / "new.txt"
    file.write_text("\n".join([*NAMES[:20], *DANGEROUS]), encoding="utf-8")
    done = service.cli("lists", "import", file, "--name", "sample", "--addresses", "enforce", check=False)
    assert done.returncode == 1
    assert "20 names and addresses where version 1 had 200: a person must look" in done.stdout
    assert "`sinkhole lists activate sample 2` makes it live" in done.stdout
    held = {row["indicator"]: row["reason"] for row in service.json("lists", "held", "sample")}
    assert held.keys() == DANGEROUS.keys()
    for name, reason in DANGEROUS.items():
        assert held[name].startswith(reason)
    assert {name: service.addresses(name) for name in before} == before
    assert sinkholed(service, NAMES[199]), "the version before is live"
    assert service.cli("lists", "show", "sample").stdout.count("4 of version 2") == 1

    refused = service.cli("lists", "activate", "sample", "2", check=False)
    assert refused.returncode == 1
    assert "another person must let it go" in refused.stderr
    assert service.cli("lists", "approve", "sample", "google.com", "--reason", "x", check=False).returncode == 1


def test_two_people_make_the_annexes_of_a_letter_live(
    service: Service, page: playwright.Page, shared_data: Path, tmp_path: Path
) -> None:
    for name in ("lan", "hoa"):
        first = service.cli("accounts", "add", name, "--role", "operator").stdout.split()[-1]
        log_in(service, page, name, first)
        page.get_by_label("Mật khẩu hiện tại").fill(first)
        page.get_by_label("Mật khẩu mới", exact=True).fill(PASSWORD)
        page.get_by_label("Nhập lại mật khẩu mới").fill(PASSWORD)
        page.get_by_role("button", name="Đổi mật khẩu").click()
        playwright.expect(page.get_by_text("Đã đổi mật khẩu")).to_be_visible()

    log_in(service, page, "lan", PASSWORD)
    upload(service, page, shared_data / f"{ANNEX}.csv", 1)
    playwright.expect(
        page.get_by_text("không phải địa chỉ IP, tên miền").or_(page.get_by_role("heading", name="Dòng lỗi"))
    ).to_be_visible()
    held = page.locator("table.held")
    playwright.expect(held).to_contain_text("facebook[.]com")
    playwright.expect(held).to_contain_text("được truy cập nhiều nhất")
    playwright.expect(held).to_contain_text("trùng với mạng nội bộ 127.0.0.0/8")
    page.screenshot(path=tmp_path / "held.png", full_page=True)
    playwright.expect(page.get_by_text("Bạn đã nhập phiên bản này: phải do người khác áp dụng.")).to_be_visible()
    playwright.expect(page.get_by_text("Bạn đã nhập phiên bản này: phải do người khác duyệt")).to_be_visible()
    playwright.expect(page.get_by_role("button", name="Áp dụng phiên bản 1")).to_have_count(0)
    assert not sinkholed(service, "panggin.org")

    log_in(service, page, "hoa", PASSWORD)
    page.goto(f"http://127.0.0.1:{service.admin_port}/lists/named/cv-mau/1")
    page.get_by_role("button", name="Áp dụng phiên bản 1").click()
    within(LIVE_SECONDS, lambda: sinkholed(service, "panggin.org"), "live within two seconds of the click")
    assert not sinkholed(service, "facebook.com"), "held still"
    page.goto(f"http://127.0.0.1:{service.admin_port}/lists/named/cv-mau/1")
    decide(page, "facebook.com")
    within(LIVE_SECONDS, lambda: sinkholed(service, "facebook.com"), "approved within two seconds of the click")
    playwright.expect(page.get_by_role("status").first).to_contain_text("Đã duyệt: facebook.com.")
    playwright.expect(held).to_contain_text("hoa")
    page.screenshot(path=tmp_path / "approved.png", full_page=True)
    audit = service.json("lists", "held", "cv-mau", "--version", "1")
    assert [(row["actor"], row["why"]) for row in audit if row["state"] == "approved"] == [
        ("account:hoa", "Trang giả, đã xác minh")
    ]

    upload(service, page, shared_data / f"{ANNEX}.xlsx", 2)
    log_in(service, page, "lan", PASSWORD)
    page.goto(f"http://127.0.0.1:{service.admin_port}/lists/named/cv-mau/2?compare=1")
    page.screenshot(path=tmp_path / "workbook.png", full_page=True)
    changes = service.json("lists", "diff", "cv-mau", "1", "2")["rows"]
    added = [row["indicator"] for row in changes if row["what"] == "added" and row["indicator"][-1].isalpha()]
    name = next(one for one in added if not sinkholed(service, one))
    page.get_by_role("button", name="Áp dụng phiên bản 2").click()
    within(LIVE_SECONDS, lambda: sinkholed(service, name), f"{name} is live within two seconds")

    page.get_by_role("link", name="Khôi phục phiên bản").click()
    page.get_by_role("button", name="Khôi phục phiên bản 1").click()
    within(LIVE_SECONDS, lambda: not sinkholed(service, name), "back within two seconds, by one person")
    assert sinkholed(service, "facebook.com"), "the approval stands in the version that has it"


def log_in(service: Service, page: playwright.Page, name: str, password: str) -> None:
    page.context.clear_cookies()
    page.goto(f"http://127.0.0.1:{service.admin_port}/login")
    page.get_by_label("Tài khoản").fill(name)
    page.get_by_label("Mật khẩu").fill(password)
    page.get_by_role("button", name="Đăng nhập").click()
    page.wait_for_url(lambda url: "/login" not in url)


def upload(service: Service, page: playwright.Page, file: Path, number: int) -> None:
    page.goto(f"http://127.0.0.1:{service.admin_port}/lists/upload")
    page.get_by_label("Tệp").set_input_files(file)
    page.get_by_label("Tên danh sách").fill("cv-mau")
    page.get_by_role("button", name="Đọc tệp và xem trước").click()
    playwright.expect(page.get_by_role("heading", name=f"phiên bản {number}", exact=True)).to_be_visible()


def decide(page: playwright.Page, indicator: str) -> None:
    page.get_by_role("checkbox", name=indicator).check()
    page.get_by_label("Lý do").fill("Trang giả, đã xác minh")
    page.get_by_role("button", name="Duyệt các mục đã đánh dấu").click()
