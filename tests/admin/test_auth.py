"""Logging in and out, forms' tokens, cookies, limits, and when a login ends."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest
from flask import Flask

from admin import create_app
from casework import accounts
from casework.store import audit
from casework.store.audit import Origin
from casework.store.engine import open_casework
from contracts.settings import Settings
from tests.admin.conftest import PASSWORD, Browser, Clock, People, make_account
from tests.admin.populate import NOW


def test_the_first_password_must_be_changed_before_anything_else(bare: Flask, settings: Settings) -> None:
    first = _account(settings, "binh")
    browser = Browser(bare)
    browser.log_in("binh", first)
    for path in ("/", "/hosts/", "/audit/"):
        assert browser.get(path).location == "/password"
    assert "mật khẩu được cấp" in browser.get("/password").get_data(as_text=True)
    assert 'href="/password"' not in browser.get("/password").get_data(as_text=True), "the way there is for later"
    done = browser.submit("/password", "/password", old=first, new=PASSWORD, again=PASSWORD)
    assert done.location == "/"
    assert browser.get("/hosts/").status_code == 200


@pytest.mark.parametrize(
    ("old", "new", "again", "says"),
    [
        ("wrong", PASSWORD, PASSWORD, "Mật khẩu hiện tại không đúng."),
        (PASSWORD, "ngắn", "ngắn", "Ít nhất 12 ký tự."),
        (PASSWORD, "security", "security", "Ít nhất 12 ký tự."),
        (PASSWORD, "securitysecurity", "securitysecurity", "không được đặt theo tên tài khoản"),
        (PASSWORD, PASSWORD, PASSWORD, "phải khác mật khẩu hiện tại"),
        (PASSWORD, "một mật khẩu khác", "một mật khẩu khac", "không khớp"),
        (PASSWORD, "", "", "Vui lòng nhập mục này."),
        (PASSWORD, "x" * 257, "x" * 257, "Quá dài."),
    ],
)
def test_bad_new_passwords_are_refused_with_the_reason(
    people: People, old: str, new: str, again: str, says: str
) -> None:
    page = people["security"].submit("/password", "/password", old=old, new=new, again=again)
    assert page.status_code == 200
    assert says in page.get_data(as_text=True)
    assert re.findall(r'type="password" value="([^"]*)"', page.get_data(as_text=True)) == [""] * 3


def test_wrong_passwords_and_unknown_names_look_alike(app: Flask) -> None:
    pages = [Browser(app).log_in(name, "nope nope nope") for name in ("security", "nobody")]
    assert [page.status_code for page in pages] == [401, 401]
    bodies = [re.sub(r'value="[^"]*"', "", page.get_data(as_text=True)) for page in pages]
    assert bodies[0] == bodies[1]
    assert "không đúng" in bodies[0]


@pytest.mark.parametrize("path", ["/login", "/password", "/logout", "/language", "/hosts/export.csv"])
def test_forms_without_a_token_are_refused(people: People, path: str) -> None:
    answer = people["security"].client.post(path, data={"name": "x", "reason": "Báo cáo chiến dịch"})
    assert answer.status_code == 400
    assert "Biểu mẫu không còn hiệu lực" in answer.get_data(as_text=True)


def test_a_token_of_another_browser_does_not_count(people: People) -> None:
    page = people["auditor"].get("/password").get_data(as_text=True)
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert token
    answer = people["security"].client.post("/logout", data={"csrf_token": token.group(1)})
    assert answer.status_code == 400
    assert people["security"].get("/hosts/").status_code == 200


def test_flags_of_the_cookie(app: Flask, settings: Settings) -> None:
    browser = Browser(app)
    cookie = browser.get("/login").headers["Set-Cookie"]
    assert cookie.startswith("sinkhole=")
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    safe = msgspec.structs.replace(settings, admin=msgspec.structs.replace(settings.admin, secure_cookies=True))
    cookie = Browser(create_app(safe, testing=True)).get("/login").headers["Set-Cookie"]
    assert cookie.startswith("__Host-sinkhole=")
    assert "Secure" in cookie.split("; ")


def test_logging_in_begins_a_new_session(app: Flask) -> None:
    browser = Browser(app)
    browser.get("/login")
    with browser.client.session_transaction() as session:
        session["planted"] = "by somebody before"
        before = session["csrf_token"]
    browser.log_in("security")
    with browser.client.session_transaction() as session:
        assert "planted" not in session
        assert session.get("csrf_token") != before


def test_a_copied_cookie_is_worth_nothing_after_logging_out(app: Flask, people: People) -> None:
    thief = Browser(app)
    cookie = people["security"].client.get_cookie("sinkhole")
    assert cookie is not None
    thief.client.set_cookie("sinkhole", cookie.value)
    assert thief.get("/hosts/").status_code == 200
    people["security"].submit("/logout", "/password")
    assert thief.get("/hosts/").location.startswith("/login")


def test_logins_end_when_the_password_changes(app: Flask, people: People) -> None:
    elsewhere = Browser(app)
    elsewhere.log_in("security")
    new = "một mật khẩu khác"
    people["security"].submit("/password", "/password", old=PASSWORD, new=new, again=new)
    assert people["security"].get("/hosts/").status_code == 200
    assert elsewhere.get("/hosts/").status_code == 302
    assert elsewhere.log_in("security", PASSWORD).status_code == 401
    assert elsewhere.log_in("security", new).status_code == 302


@pytest.mark.parametrize("act", ["disable", "reset"])
def test_logins_end_when_the_account_is_shut_or_reset(people: People, settings: Settings, act: str) -> None:
    assert people["security"].get("/hosts/").status_code == 200
    store = open_casework(settings.state)
    if act == "disable":
        accounts.set_disabled(store, "security", Origin("os:root", NOW), disabled=True)
    else:
        accounts.reset_password(store, "security", Origin("os:root", NOW))
    store.close()
    assert people["security"].get("/hosts/").status_code == 302
    assert people["security"].log_in("security").status_code == 401
    assert people["auditor"].get("/hosts/").status_code == 200


def test_logins_end_with_their_time(people: People, clock: Clock, settings: Settings) -> None:
    assert people["security"].get("/hosts/").status_code == 200
    clock.now += settings.admin.session_hours * 3600 - 1
    assert people["security"].get("/hosts/").status_code == 200
    clock.now += 1
    assert people["security"].get("/hosts/").status_code == 302


def test_too_many_tries_from_one_address(settings: Settings) -> None:
    few = msgspec.structs.replace(settings, admin=msgspec.structs.replace(settings.admin, login_limit="3 per minute"))
    app = create_app(few, testing=True)
    make_account(settings, "security", "security")
    tries = [Browser(app).log_in(f"name{number}", "x").status_code for number in range(4)]
    assert tries == [401, 401, 401, 429]
    page = Browser(app).log_in("security")
    assert page.status_code == 429
    assert "Thử quá nhiều lần" in page.get_data(as_text=True)
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.get_data(as_text=True))
    assert token
    other = Browser(app)
    other.client.environ_base["REMOTE_ADDR"] = "127.0.0.2"
    assert other.log_in("security").status_code == 302


def test_only_wrong_passwords_count(settings: Settings) -> None:
    few = msgspec.structs.replace(settings, admin=msgspec.structs.replace(settings.admin, login_limit="3 per minute"))
    app = create_app(few, testing=True)
    make_account(settings, "security", "security")
    rooms = [Browser(app) for _ in range(6)]
    assert [one.log_in("security").status_code for one in rooms] == [302] * 6, "a room behind one address"
    assert [one.log_in("security").status_code for one in rooms] == [302] * 6, "who is logged in is sent on"
    assert [Browser(app).log_in("", "").status_code for _ in range(6)] == [200] * 6, "nothing was tried"
    staff = rooms[0]
    for new in ("ngắn", PASSWORD, "securitysecurity"):
        assert staff.submit("/password", "/password", old=PASSWORD, new=new, again=new).status_code == 200
    wrong = {"old": "nope nope nope", "new": "một mật khẩu khác", "again": "một mật khẩu khác"}
    assert staff.submit("/password", "/password", **wrong).status_code == 200
    assert [Browser(app).log_in("security", "nope").status_code for _ in range(3)] == [401, 401, 429]
    assert staff.submit("/password", "/password", **wrong).status_code == 429, "one count for both forms"
    assert Browser(app).log_in("security").status_code == 429, "nor with the right one, which would tell it"


def test_tries_at_once_cannot_slip_past_the_limit(settings: Settings) -> None:
    few = msgspec.structs.replace(settings, admin=msgspec.structs.replace(settings.admin, login_limit="3 per minute"))
    app = create_app(few, testing=True)
    browsers = [Browser(app) for _ in range(12)]
    with ThreadPoolExecutor(12) as pool:
        statuses = list(pool.map(lambda browser: browser.log_in("nobody", "nope").status_code, browsers))
    assert sorted(statuses) == [401] * 3 + [429] * 9


def test_an_ipv6_client_counts_with_its_network(settings: Settings) -> None:
    few = msgspec.structs.replace(settings, admin=msgspec.structs.replace(settings.admin, login_limit="1 per minute"))
    app = create_app(few, testing=True)
    statuses = []
    for address in ("fd00::1:0:0:0:1", "fd00::1:0:0:0:2", "fd00:0:0:2::1"):
        browser = Browser(app)
        browser.client.environ_base["REMOTE_ADDR"] = address
        statuses.append(browser.log_in("x", "y").status_code)
    assert statuses == [401, 429, 401]


def test_an_account_slows_down_whatever_the_address(app: Flask, settings: Settings, clock: Clock) -> None:
    for number in range(accounts.FREE_FAILURES):
        browser = Browser(app)
        browser.client.environ_base["REMOTE_ADDR"] = f"127.0.1.{number}"
        assert browser.log_in("security", "nope").status_code == 401
    browser = Browser(app)
    browser.client.environ_base["REMOTE_ADDR"] = "127.0.2.1"
    assert browser.log_in("security").status_code == 401, "the right password, but too soon"
    clock.now += 5
    assert browser.log_in("security").status_code == 302


def test_what_is_audited_of_logins(app: Flask, settings: Settings) -> None:
    browser = Browser(app)
    browser.log_in("security", "a mistyped secret")
    browser.log_in("my password typed into the wrong field", "x")
    browser.log_in("security")
    browser.submit("/logout", "/password")
    store = open_casework(settings.state)
    entries = audit.latest(store, 4)
    store.close()
    assert [(one.action, one.actor, one.object, one.address) for one in reversed(entries)] == [
        ("login.failed", "security", "security", "127.0.0.1"),
        ("login.failed", "", "", "127.0.0.1"),
        ("login", "security", "security", "127.0.0.1"),
        ("logout", "security", "security", "127.0.0.1"),
    ]
    assert "mistyped" not in str(entries)
    assert "wrong field" not in str(entries)


def test_a_newcomer_is_told_how_to_make_an_account(bare: Flask, settings: Settings) -> None:
    assert "sinkhole accounts add" in Browser(bare).get("/login").get_data(as_text=True)
    _account(settings, "binh")
    assert "sinkhole accounts add" not in Browser(bare).get("/login").get_data(as_text=True)


def test_the_language_is_kept_with_the_account(app: Flask, people: People) -> None:
    assert '<html lang="vi">' in people["security"].get("/hosts/").get_data(as_text=True)
    done = people["security"].submit("/language", "/password", language="en", back="/hosts/?q=a")
    assert done.location == "/hosts/?q=a"
    assert '<html lang="en">' in people["security"].get("/hosts/").get_data(as_text=True)
    elsewhere = Browser(app)
    assert "Đăng nhập" in elsewhere.get("/login").get_data(as_text=True)
    elsewhere.log_in("security")
    assert "Machines suspected of malware" in elsewhere.get("/hosts/").get_data(as_text=True)
    assert elsewhere.submit("/language", "/password", language="xx").status_code == 400


def _account(settings: Settings, name: str) -> str:
    store = open_casework(settings.state)
    password = accounts.create_account(store, name, "administrator", Origin("os:root", NOW))
    store.close()
    return password
