"""Headers on every response, host names, the cookie key, and that nothing is fetched from elsewhere."""

from __future__ import annotations

import re
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
from flask import Flask

from admin import create_app
from admin.security import secret_key
from contracts.networks import Endpoint
from contracts.settings import Settings
from tests.admin.conftest import Browser, People
from tests.conftest import REPO

PAGES = ("/login", "/hosts/", "/hosts/1", "/audit/", "/password", "/nothing", "/static/site.css")


@pytest.mark.parametrize("path", PAGES)
def test_headers(people: People, path: str) -> None:
    headers = people["administrator"].get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "script-src" not in policy, "there is no script, so default-src forbids all"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    cached = headers["Cache-Control"]
    assert (cached == "no-store") == (not path.startswith("/static/")), cached


@pytest.mark.parametrize("path", PAGES[:-1])
def test_pages_obey_their_own_policy(people: People, path: str) -> None:
    page = people["administrator"].get(path).get_data(as_text=True)
    assert not re.search(r"<script|<style|\sstyle=|\son[a-z]+=|javascript:", page)
    sources = re.findall(r'(?:src|href|action)="([^"]+)"', page)
    assert sources
    assert all(source.startswith(("/", "#")) and not source.startswith("//") for source in sources), sources


def test_templates_switch_no_escaping_off() -> None:
    for file in (REPO / "admin/templates").rglob("*.html"):
        assert not re.search(r"\|\s*safe|autoescape", file.read_text(encoding="utf-8")), file


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8053", 200),
        ("localhost:9000", 200),
        ("[::1]:8053", 200),
        ("LOCALHOST", 200),
        ("evil.example", 400),
        ("127.0.0.1.evil.example", 400),
        ("10.0.0.1:8053", 400),
        ("[::1", 400),
    ],
)
def test_foreign_host_names_are_refused(bare: Flask, host: str, status: int) -> None:
    assert bare.test_client().get("/login", headers={"Host": host}).status_code == status


def test_behind_tls_the_proxy_knows_the_name(settings: Settings) -> None:
    changed = msgspec.structs.replace(
        settings, admin=msgspec.structs.replace(settings.admin, secure_cookies=True, listen=Endpoint("10.0.0.1:8053"))
    )
    client = create_app(changed, testing=True).test_client()
    assert client.get("/login", headers={"Host": "sinkhole.tinh.gov.vn"}).status_code == 200


def test_the_address_listened_on_is_ours(settings: Settings) -> None:
    changed = msgspec.structs.replace(
        settings, admin=msgspec.structs.replace(settings.admin, listen=Endpoint("[fd00::8]:8053"))
    )
    client = create_app(changed, testing=True).test_client()
    assert client.get("/login", headers={"Host": "[fd00::8]:8053"}).status_code == 200
    assert client.get("/login", headers={"Host": "[fd00::9]:8053"}).status_code == 400


def test_the_key_is_made_once_and_for_us_alone(tmp_path: Path) -> None:
    path = tmp_path / "state" / "admin.key"
    key = secret_key(path)
    assert len(key) == 64
    assert secret_key(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_a_key_cut_short_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "admin.key"
    path.write_bytes(b"abc\n")
    with pytest.raises(ValueError, match=r"admin\.key: too short"):
        secret_key(path)


def test_logins_outlive_a_restart(settings: Settings, people: People) -> None:
    cookie = people["security"].client.get_cookie("sinkhole")
    assert cookie is not None
    again = Browser(create_app(settings, testing=True, clock=lambda: 1_795_400_001))
    again.client.set_cookie("sinkhole", cookie.value)
    assert again.get("/hosts/").status_code == 200


def test_two_processes_starting_at_once_agree_on_the_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(secret_key, [tmp_path / "admin.key"] * 8))) == 1
