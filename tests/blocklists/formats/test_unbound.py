"""Configuration of Unbound."""

from __future__ import annotations

import pytest

from blocklists.formats import unbound
from blocklists.indicator import BadLine, Indicator
from tests.blocklists.making import live_match


def rows(text: str) -> list[Indicator | BadLine]:
    return list(unbound.parse([f"{line}\n".encode() for line in text.splitlines()]))


@pytest.mark.parametrize(
    "kind",
    [
        *("always_nxdomain", "always_null", "always_nodata", "always_refuse", "always_deny", "static", "redirect"),
        *("refuse", "deny", "inform_deny", "ALWAYS_NXDOMAIN"),
    ],
)
def test_zones_that_block(kind):
    assert rows(f'local-zone: "evil.example." {kind}') == [Indicator(1, "evil.example")]


@pytest.mark.parametrize("kind", ["transparent", "typetransparent", "always_transparent", "inform"])
def test_zones_that_let_through(kind):
    assert rows(f'local-zone: "good.example" {kind}') == [Indicator(1, "good.example", action="passthru")]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("local-zone: evil.example always_null # why", Indicator(1, "evil.example")),
        ("  local-zone: 'evil.example' static", Indicator(1, "evil.example")),
        ('local-zone:"xấu.example" static', Indicator(1, "xn--xu-r5s.example")),
        ('local-data: "evil.example A 0.0.0.0"', Indicator(1, "evil.example", subdomains=False)),
        ('local-data: "evil.example. 3600 IN A 127.0.0.1"', Indicator(1, "evil.example", subdomains=False)),
        ("local-data: 'evil.example AAAA ::'", Indicator(1, "evil.example", subdomains=False)),
    ],
)
def test_other_forms(line, found):
    assert rows(line) == [found]


@pytest.mark.parametrize("line", ["server:", "  server:", "# comment", "", "view:"])
def test_what_says_nothing(line):
    assert rows(line) == []


@pytest.mark.parametrize(
    ("line", "reason", "unsupported"),
    [
        ('local-zone: "evil.example" nodefault', "type nodefault", True),
        ('local-zone: "evil.example" block_a', "type block_a", True),
        ('local-data: "evil.example TXT x"', "type TXT", True),
        ('local-data-ptr: "192.0.2.1 evil.example"', "lists nothing", True),
        ('include: "/etc/other.conf"', "lists nothing", True),
        ("verbosity: 1", "lists nothing", True),
        ('server: "x"', "lists nothing", True),
        ('local-zone: "evil.example"', "a name and a type", False),
        ('local-zone: "." static', "empty", False),
        ('local-zone: "203.0.113.5" static', "an address where", False),
        ('local-data: "evil.example A"', "a name, a type and data", False),
        ('local-data: "evil.example A nonsense"', "no address", False),
        ('local-data: "evil.example A 10.1.2.3"', "a real address", False),
        ("evil.example", "no directive", False),
    ],
)
def test_what_lists_nothing(line, reason, unsupported):
    (found,) = rows(line)
    assert isinstance(found, BadLine)
    assert reason in found.reason
    assert found.unsupported is unsupported


def test_a_zone_that_serves_its_name_is_no_block():
    found = rows(
        'local-zone: "printer.example" static\n'
        'local-data: "printer.example A 10.1.2.3"\n'
        'local-data: "old.printer.example A 0.0.0.0"\n'
        'local-zone: "evil.example" redirect\n'
        'local-data: "evil.example A 0.0.0.0"\n'
        'local-zone: "last.example" static\n'
    )
    assert [(one.line, one.name) for one in found if isinstance(one, Indicator)] == [
        (3, "old.printer.example"), (4, "evil.example"), (5, "evil.example"), (6, "last.example"),
    ]  # fmt: skip
    assert [one.line for one in found if isinstance(one, BadLine)] == [1, 2]


def test_a_file_is_known_and_taken(take, settings):
    report = take(
        'server:\n  local-zone: "evil.example" redirect\n  local-data: "evil.example A 0.0.0.0"\n'
        '  local-zone: "good.evil.example" transparent\n  local-data: "one.example A 0.0.0.0"\n'
    )
    assert (report.format, report.names, report.passthru, report.duplicates) == ("unbound", 3, 1, 1)
    assert report.format_reason == "4 of the first 5 lines are local-zone and local-data"
    assert live_match(settings, "www.evil.example")[1].subdomains
    assert live_match(settings, "www.good.evil.example")[1].rule.action == "passthru"
    assert live_match(settings, "one.example") is not None
    assert live_match(settings, "www.one.example") is None
