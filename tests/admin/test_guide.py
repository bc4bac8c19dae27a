"""The guide for staff says what the pages do: words in bold stand on a page, columns said to sort do."""

from __future__ import annotations

import html
import io
import re
from contextlib import closing

from blocklists.library import Library
from blocklists.service import ImportOptions, Lists
from contracts.hit import Claim
from contracts.settings import Settings
from tests.admin.conftest import People
from tests.admin.populate import populate
from tests.conftest import REPO

GUIDE = (REPO / "docs/vi/huong-dan-can-bo.md").read_text(encoding="utf-8")
HEADING = re.compile(r'<th scope="col" aria-sort="[^"]+"[^>]*><a [^>]*>([^<]+?)\s*<')
# Bold for weight, not names of anything on a page.
LISTS = (
    "/lists/", "/lists/named/thu", "/lists/named/thu/1", "/lists/upload", "/lists/named/thu/rollback",
    "/lists/named/kill-switch", "/campaigns/", "/campaigns/named/demo-2026", "/campaigns/new", "/allowed/",
)  # fmt: skip
STRESSED = {"Nghi nhiễm chưa phải là nhiễm.", "vẫn"}


def test_words_in_bold_stand_on_a_page(people: People, settings: Settings) -> None:
    with closing(Library.open(settings.state)) as library:
        options = ImportOptions("thu", format="domains", hold=True)
        lists = Lists(settings, library)
        lists.seed_kill_switch()
        lists.import_file("os:test", io.BytesIO(b"c2.evil.example\n-\n"), options)
    named = Claim(b"\x7f\x0a\0\x35", "ecs")  # a column of its own says who named the machine
    populate(settings, [("127.10.0.7", 5, "c2.evil.example", 1)], claim=named)
    token = {"name": "tot.example", "reason": "Báo nhầm", "days": "1"}
    assert people["administrator"].submit("/allowed/", "/allowed/", **token).status_code == 302
    seen = ""
    for browser in (people["anonymous"], people["administrator"]):
        for path in ("/login", "/hosts/", "/hosts/?q=127.10", "/hosts/1", "/audit/", "/password", *LISTS):
            seen += html.unescape(browser.get(path).get_data(as_text=True))
    for role in ("auditor", "security"):
        seen += people[role].get("/hosts/").get_data(as_text=True)
    bold = set(re.findall(r"\*\*([^*]+)\*\*", GUIDE)) - STRESSED
    assert len(bold) > 12
    assert {word for word in bold if word not in seen} == set()


def test_columns_said_to_sort_do(people: People) -> None:
    (said,) = re.findall(r"Bấm tiêu đề các cột (.+) để sắp xếp", GUIDE)
    page = html.unescape(people["security"].get("/hosts/").get_data(as_text=True))
    assert re.findall(r"\*\*([^*]+)\*\*", said) == HEADING.findall(page)
    assert page.count("<th scope") == len(HEADING.findall(page)) + 2, "two others"


def test_the_password_can_be_changed_from_every_page(people: People) -> None:
    for path in ("/hosts/", "/hosts/1", "/audit/", "/password", "/nothing"):
        page = people["auditor"].get(path).get_data(as_text=True)
        assert re.search(r'<a href="/password"[^>]*>Đổi mật khẩu</a>', page), path
    assert "/password" not in people["anonymous"].get("/login").get_data(as_text=True)
