"""Configuration of dnsmasq."""

from __future__ import annotations

import pytest

from blocklists.formats import dnsmasq
from blocklists.indicator import BadLine, Indicator
from tests.blocklists.making import live_match


def rows(line: str) -> list[Indicator | BadLine]:
    return list(dnsmasq.parse([line.encode()]))


@pytest.mark.parametrize(
    "line",
    [
        *("address=/evil.example/", "address=/evil.example/0.0.0.0", "address=/evil.example/127.0.0.1"),
        *("address=/evil.example/::", "address=/evil.example/::1", "address=/evil.example/#", "local=/evil.example/"),
        *(
            "server=/evil.example/",
            "address = /evil.example/ # why",
            "--address=/evil.example/",
            "  local=/EVIL.example/",
        ),
        *("address=/.evil.example/", "address=/evil.example./"),
    ],
)
def test_a_name_with_what_is_below_it(line):
    assert rows(line) == [Indicator(1, "evil.example")]


def test_several_names_of_one_line():
    assert rows("address=/a.example/b.example/c.example/0.0.0.0") == [
        Indicator(1, "a.example"), Indicator(1, "b.example"), Indicator(1, "c.example"),
    ]  # fmt: skip
    good, bad, last = rows("local=/a.example/-bad-/xấu.example/")
    assert (good, last) == (Indicator(1, "a.example"), Indicator(1, "xn--xu-r5s.example"))
    assert isinstance(bad, BadLine)
    assert bad.text == "-bad-"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("server=/good.example/#", Indicator(1, "good.example", action="passthru")),
        ("address=/*.evil.example/", Indicator(1, "evil.example", itself=False)),
        ("bogus-nxdomain=203.0.113.5", Indicator(1, address="203.0.113.5")),
        ("bogus-nxdomain=203.0.113.0/24", Indicator(1, address="203.0.113.0/24")),
    ],
)
def test_other_forms(line, found):
    assert rows(line) == [found]


@pytest.mark.parametrize(
    ("line", "reason", "unsupported"),
    [
        ("server=/inside.example/10.0.0.1", "asked of a server", True),
        ("server=8.8.8.8", "lists nothing", True),
        ("cache-size=1000", "lists nothing", True),
        ("no-resolv", "lists nothing", True),
        ("conf-file=/etc/other.conf", "lists nothing", True),
        ("address=/#/0.0.0.0", "every name", True),
        ("local=//", "without a dot", True),
        ("address=/evil*.example/", "a pattern", True),
        ("address=/printer.example/10.1.2.3", "a real address", False),
        ("address=/evil.example/nonsense", "no address", False),
        ("address=/evil.example", "a / is missing", False),
        ("address=/203.0.113.5/", "an address where", False),
        ("bogus-nxdomain=evil.example", "no address", False),
        ("bogus-nxdomain=", "empty", False),
        ("evil.example", "no directive", False),
    ],
)
def test_what_lists_nothing(line, reason, unsupported):
    (found,) = rows(line)
    assert isinstance(found, BadLine)
    assert reason in found.reason
    assert found.unsupported is unsupported


def test_a_file_is_known_and_taken(take, settings):
    report = take(
        "# blocked\naddress=/evil.example/0.0.0.0\nserver=/good.evil.example/#\nlocal=/b.example/\ncache-size=1\n"
    )
    assert (report.format, report.names, report.passthru, report.unsupported_total) == ("dnsmasq", 3, 1, 1)
    assert report.format_reason == "3 of the first 4 lines are address=/name/ and the like"
    assert live_match(settings, "www.evil.example")[1].rule.action == ""
    assert live_match(settings, "www.good.evil.example")[1].rule.action == "passthru"
