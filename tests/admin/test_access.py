"""Every route tried by everyone of the cast, from one table. A route that is not in the table fails the test."""

from __future__ import annotations

import datetime
import inspect
import io
from collections.abc import Callable
from contextlib import closing

import pytest
from flask import Flask
from werkzeug.exceptions import Forbidden

from admin import access, access_casework
from admin.access import PERMISSIONS, Permission, Person
from blocklists.library import Library
from blocklists.report import Version
from blocklists.review import Wanted
from blocklists.service import ImportOptions, Lists
from casework.accounts import ROLES
from casework.decision_rules import DecisionError
from casework.hosts import EVERY_HOST, HostRow
from casework.store.accounts import all_accounts
from casework.store.campaigns import Campaign
from contracts.settings import Settings
from runtime.control import Unreachable
from tests.admin.conftest import CAST, Browser, People
from tests.conftest import REPO

EVERYONE = ("anonymous", *CAST)
LOGIN = 302  # sent to the login page
# (method, endpoint, path): status for anonymous, operator, security, auditor, administrator
TABLE: dict[tuple[str, str, str], tuple[int, int, int, int, int]] = {
    ("GET", "overview.home", "/"): (LOGIN, 302, 302, 302, 302),
    ("POST", "overview.choose_language", "/language"): (302, 302, 302, 302, 302),
    ("GET", "auth.log_in", "/login"): (200, 302, 302, 302, 302),
    ("POST", "auth.log_in", "/login"): (200, 302, 302, 302, 302),
    ("GET", "auth.change_password", "/password"): (LOGIN, 200, 200, 200, 200),
    ("POST", "auth.change_password", "/password"): (LOGIN, 200, 200, 200, 200),
    ("POST", "auth.log_out", "/logout"): (LOGIN, 302, 302, 302, 302),
    ("GET", "hosts.show_list", "/hosts/"): (LOGIN, 200, 200, 200, 200),
    ("GET", "hosts.show", "/hosts/1"): (LOGIN, 200, 200, 200, 200),
    ("POST", "hosts.export", "/hosts/export.csv"): (LOGIN, 403, 200, 403, 200),
    ("GET", "audit.show_list", "/audit/"): (LOGIN, 403, 403, 200, 200),
    ("GET", "campaigns.show_list", "/campaigns/"): (LOGIN, 200, 200, 200, 200),
    ("GET", "campaigns.show", "/campaigns/named/demo-2026"): (LOGIN, 200, 200, 200, 200),
    ("GET", "campaigns.show_new", "/campaigns/new"): (LOGIN, 403, 200, 403, 200),
    ("POST", "campaigns.add", "/campaigns/new"): (LOGIN, 403, 422, 403, 422),  # nothing entered
    ("GET", "campaigns.show_change", "/campaigns/named/demo-2026/change"): (LOGIN, 403, 200, 403, 200),
    ("POST", "campaigns.change", "/campaigns/named/demo-2026/change"): (LOGIN, 403, 422, 403, 422),
    ("POST", "campaigns.end", "/campaigns/named/demo-2026/end"): (LOGIN, 403, 422, 403, 422),
    ("GET", "allowed.show_list", "/allowed/"): (LOGIN, 200, 200, 200, 200),
    ("POST", "allowed.add", "/allowed/"): (LOGIN, 422, 422, 403, 422),
    ("POST", "allowed.end", "/allowed/end"): (LOGIN, 302, 302, 403, 302),
    ("GET", "lists.show_lists", "/lists/"): (LOGIN, 200, 200, 200, 200),
    ("GET", "lists.search", "/lists/search?q=evil.example"): (LOGIN, 200, 200, 200, 200),
    ("GET", "lists.show", "/lists/named/thu"): (LOGIN, 200, 200, 200, 200),
    ("GET", "lists.show_version", "/lists/named/thu/1"): (LOGIN, 200, 200, 200, 200),
    ("GET", "lists.show_upload", "/lists/upload"): (LOGIN, 200, 200, 403, 200),
    ("POST", "lists.upload", "/lists/upload"): (LOGIN, 422, 422, 403, 422),  # no file
    ("POST", "lists.activate", "/lists/named/thu/1/activate"): (LOGIN, 503, 503, 403, 503),  # no lists process
    ("GET", "lists.show_rollback", "/lists/named/thu/rollback"): (LOGIN, 200, 200, 403, 200),
    ("POST", "lists.rollback", "/lists/named/thu/rollback"): (LOGIN, 503, 503, 403, 503),
    ("GET", "lists.show_withdraw", "/lists/named/thu/withdraw"): (LOGIN, 200, 200, 403, 200),
    ("POST", "lists.withdraw", "/lists/named/thu/withdraw"): (LOGIN, 503, 503, 403, 503),
    ("GET", "lists.not_taken", "/lists/named/thu/1/not-taken.csv"): (LOGIN, 200, 200, 200, 200),
    ("GET", "lists_held.held_file", "/lists/named/thu/1/held.csv"): (LOGIN, 200, 200, 200, 200),
    ("POST", "lists_held.decide", "/lists/named/thu/1/held"): (LOGIN, 503, 503, 403, 503),
    ("GET", "static", "/static/site.css"): (200, 200, 200, 200, 200),
    ("GET", "bootstrap.static", "/bootstrap/static/css/bootstrap.min.css"): (200, 200, 200, 200, 200),
}
# What a view may ask for, with the one permission it takes; the rest of admin.access gives nothing that is stored.
HOST = HostRow(1, "127.10.0.7", "", "", 0, 0, 0, ())
OPTIONS = ImportOptions("thu", hold=True)
HELD = Wanted("thu", ("1",), "approved", "đã kiểm tra")
DEMO, DAY = Campaign("demo-2026", "Thử"), datetime.date(2026, 11, 30)
ASKED: dict[str, tuple[Permission, Callable[[], object]]] = {
    "list_hosts": ("hosts", lambda: access.list_hosts(EVERY_HOST, "last_seen", True, 1, 50)),
    "host_choices": ("hosts", access.host_choices),
    "withdrawn_lists": ("hosts", access.withdrawn_lists),
    "fetch_host": ("hosts", lambda: access.fetch_host(1, 1)),
    "host_series": ("hosts", lambda: access.host_series(HOST, 0, 1, "day")),
    "host_evidence": ("hosts", lambda: access.host_evidence(HOST, 1, 50)),
    "export_hosts": ("export", lambda: access.export_hosts(EVERY_HOST, "last_seen", True, "Báo cáo")),
    "read_audit": ("audit", lambda: access.read_audit("", 0, 10)),
    "lists_in_order": ("lists", access.lists_in_order),
    "fetch_list": ("lists", lambda: access.fetch_list("thu")),
    "list_contents": ("lists", lambda: access.list_contents(_version(), 1, 1)),
    "list_lines_not_taken": ("lists", lambda: access.list_lines_not_taken(_version())),
    "list_difference": ("lists", lambda: access.list_difference(_version(), _version(), 1)),
    "held_rows": ("lists", lambda: access.held_rows(_version())),
    "list_reach": ("hosts", lambda: access.list_reach("thu")),
    "decide_rows": ("change-lists", lambda: _unreachable(lambda: access.decide_rows(HELD))),
    "search_lists": ("lists", lambda: access.search_lists("evil.example")),
    "import_list": ("change-lists", lambda: _unreachable(lambda: access.import_list(REPO / "README.md", OPTIONS))),
    "activate_list": ("change-lists", lambda: _unreachable(lambda: access.activate_list("thu", 1))),
    "rollback_list": ("change-lists", lambda: _unreachable(lambda: access.rollback_list("thu"))),
    "list_campaigns": ("campaigns", access_casework.list_campaigns),
    "fetch_campaign": ("campaigns", lambda: access_casework.fetch_campaign("demo-2026")),
    "campaign_units": ("campaigns", lambda: access_casework.campaign_units(DEMO)),
    "campaign_lists": ("campaigns", lambda: access_casework.campaign_lists(DEMO)),
    "campaign_machines": ("campaigns", lambda: access_casework.campaign_machines(DEMO)),
    "add_campaign": ("change-campaigns", lambda: access_casework.add_campaign(Campaign("moi", "Mới"))),
    "change_campaign": ("change-campaigns", lambda: access_casework.change_campaign(DEMO, "")),
    "end_campaign": ("change-campaigns", lambda: access_casework.end_campaign("demo-2026", DAY, "hết hạn")),
    "allowed_names": ("allowed", access_casework.allowed_names),
    "allow_name": ("change-allowed", lambda: access_casework.allow_name("a.example", 3600, "nhầm", "")),
    "disallow_name": ("change-allowed", lambda: _none_allowed(lambda: access_casework.disallow_name("a.example", ""))),
    "withdraw_list": ("change-lists", lambda: _unreachable(lambda: access.withdraw_list("thu"))),
}
PAGES: dict[Permission, list[str]] = {
    "hosts": ["/hosts/", "/hosts/1"],
    "export": ["/hosts/export.csv"],
    "audit": ["/audit/"],
    "campaigns": ["/campaigns/", "/campaigns/named/demo-2026"],
    "change-campaigns": ["/campaigns/new", "/campaigns/named/demo-2026/change"],
    "allowed": ["/allowed/"],
    "change-lists": ["/lists/upload", "/lists/named/thu/rollback", "/lists/named/thu/withdraw"],
    "lists": [
        "/lists/",
        "/lists/named/thu",
        "/lists/named/thu/1",
        "/lists/named/thu/1/not-taken.csv",
        "/lists/named/thu/1/held.csv",
        "/lists/search",
    ],
}
GIVES_NOTHING = {"install", "person", "require", "origin", "local_path", "all_lists"}
FIELDS = {
    "/language": {"language": "en"},
    "/hosts/export.csv": {"reason": "Báo cáo chiến dịch"},
    "/lists/named/thu/1/held": {"state": "approved", "row": "1", "reason": "đã kiểm tra"},
    **{f"/lists/named/thu/{change}": {"before": "1"} for change in ("1/activate", "rollback", "withdraw")},
}


@pytest.fixture(autouse=True)
def _a_list(app: Flask, settings: Settings) -> None:
    with closing(Library.open(settings.state)) as library:
        options = ImportOptions("thu", format="domains")
        Lists(settings, library).import_file("os:test", io.BytesIO(b"c2.evil.example\n"), options)


def _version() -> Version:
    with closing(Library.reader(access.services().settings.state)) as library:
        (version,) = library.versions("thu")
    return version


def _unreachable(ask: Callable[[], object]) -> None:
    """There is no lists process here: whoever gets as far as asking it may do it."""
    with pytest.raises(Unreachable):
        ask()


def _none_allowed(ask: Callable[[], object]) -> None:
    """Whoever is told that may ask."""
    with pytest.raises(DecisionError):
        ask()


def test_every_route_is_in_the_table(app: Flask) -> None:
    routes = {
        (method, rule.endpoint)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert routes == {(method, endpoint) for method, endpoint, _ in TABLE}


@pytest.mark.parametrize("who", EVERYONE)
def test_what_everyone_may_do(people: People, app: Flask, who: str) -> None:
    seen = {}
    for method, endpoint, path in TABLE:
        if endpoint == "auth.log_out":
            continue  # the last thing a person does, below
        seen[method, endpoint, path] = _status(people[who], method, path, who)
    expected = {key: statuses[EVERYONE.index(who)] for key, statuses in TABLE.items() if key[1] != "auth.log_out"}
    assert seen == expected
    assert _status(people[who], "POST", "/logout", who) == 302


def test_roles_of_the_table_are_those_of_the_accounts() -> None:
    assert set(CAST) == set(ROLES)
    assert set().union(*PERMISSIONS.values()) <= set(ROLES)


def test_everything_that_gives_data_is_asked_below() -> None:
    functions = {
        name
        for module in (access, access_casework)
        for name, one in inspect.getmembers(module, inspect.isfunction)
        if one.__module__ == module.__name__
    }
    assert {name for name in functions if not name.startswith("_")} == set(ASKED) | GIVES_NOTHING


@pytest.mark.parametrize("asked", ASKED)
def test_each_asks_for_its_own_permission(app: Flask, monkeypatch: pytest.MonkeyPatch, asked: str) -> None:
    """With a role of the test's own: those of the cast share permissions, and one that all have could be forgotten."""
    needed, ask = ASKED[asked]
    with app.test_request_context(environ_base={"REMOTE_ADDR": "127.0.0.1"}):
        someone = all_accounts(access.services().stores.casework)[0]._replace(role="guest")
        monkeypatch.setattr(access, "person", lambda: Person(someone, ""))
        for permission in PERMISSIONS:
            roles = frozenset() if permission == needed else frozenset({"guest"})
            monkeypatch.setitem(PERMISSIONS, permission, roles)  # type: ignore[arg-type]  # no role of ours
        with pytest.raises(Forbidden):
            ask()
        only = {permission: frozenset({"guest"} if permission == needed else ()) for permission in PERMISSIONS}
        for permission, granted in only.items():
            monkeypatch.setitem(PERMISSIONS, permission, granted)  # type: ignore[arg-type]
        ask()


@pytest.mark.parametrize("permission", PAGES)
def test_who_loses_a_permission_loses_its_pages(
    people: People, app: Flask, monkeypatch: pytest.MonkeyPatch, permission: Permission
) -> None:
    pages = PAGES[permission]
    method = "POST" if permission == "export" else "GET"
    assert [_status(people["administrator"], method, path, "administrator") for path in pages] == [200] * len(pages)
    monkeypatch.setitem(PERMISSIONS, permission, PERMISSIONS[permission] - {"administrator"})
    assert [_status(people["administrator"], method, path, "administrator") for path in pages] == [403] * len(pages)


@pytest.mark.parametrize("path", ["/hosts/", "/hosts/1", "/audit/", "/password"])
def test_a_stranger_is_led_back_after_logging_in(app: Flask, path: str) -> None:
    stranger = Browser(app)
    sent = stranger.get(path)
    assert sent.location.startswith("/login?next=")
    done = stranger.submit(sent.location, sent.location, name="auditor", password="vườn rau trước nhà")
    assert done.location == path


@pytest.mark.parametrize(
    "bad", ["//evil.example/", "https://evil.example/", "/\\evil.example", "javascript:1", "/a\nb"]
)
def test_nobody_is_led_elsewhere(app: Flask, bad: str) -> None:
    stranger = Browser(app)
    page = stranger.client.get("/login", query_string={"next": bad})
    assert page.status_code == 200
    done = stranger.submit(page.request.full_path, name="auditor", password="vườn rau trước nhà")
    assert done.location == "/"


def test_hidden_machines_are_not_found(people: People) -> None:
    assert people["security"].get("/hosts/4711").status_code == 404
    assert people["security"].get("/hosts/none").status_code == 404


def _status(browser: Browser, method: str, path: str, who: str) -> int:
    if method == "GET":
        return browser.get(path).status_code
    seen = "/login" if who == "anonymous" else "/password"
    return browser.submit(path, seen, **FIELDS.get(path, {})).status_code
