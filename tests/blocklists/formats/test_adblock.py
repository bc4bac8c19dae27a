"""Filter rules of ad blockers."""

from __future__ import annotations

import pytest

from blocklists.formats import adblock
from blocklists.indicator import BadLine, Indicator
from tests.blocklists.making import address_match, live_match


def one(line: str) -> Indicator | BadLine:
    (found,) = adblock.parse([line.encode()])
    return found


@pytest.mark.parametrize(
    "line",
    [
        *("||evil.example^", "||EVIL.example^", "||evil.example^|", "||evil.example^$important", "||evil.example^$all"),
        *(
            "||evil.example^$document",
            "||evil.example^$doc,popup",
            "||evil.example^$Important,_,__",
            "||evil.example^$",
        ),
    ],
)
def test_rules_for_a_whole_name(line):
    assert one(line) == Indicator(1, "evil.example")


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("@@||good.example^", Indicator(1, "good.example", action="passthru", overrides=True)),
        ("@@||good.example^$important", Indicator(1, "good.example", action="passthru", overrides=True)),
        ("||*.evil.example^", Indicator(1, "evil.example", itself=False)),
        ("||xấu.example^", Indicator(1, "xn--xu-r5s.example")),
        ("||203.0.113.5^", Indicator(1, address="203.0.113.5")),
        ("evil.example", Indicator(1, "evil.example", subdomains=False)),
        ("0.0.0.0 evil.example # why", Indicator(1, "evil.example", subdomains=False)),
    ],
)
def test_other_forms(line, found):
    assert one(line) == found


@pytest.mark.parametrize(
    "line", ["! comment", "# comment", "#[ads]", "[Adblock Plus 2.0]", "[uBlock Origin]", "", "   "]
)
def test_what_says_nothing(line):
    assert list(adblock.parse([line.encode()])) == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("##.ad", "elements"),
        ("evil.example##.ad", "elements"),
        ("evil.example#@#.ad", "elements"),
        ("evil.example#?#.ad:has(b)", "elements"),
        ("evil.example#$#abort-on-x y", "elements"),
        ("evil.example#%#//scriptlet('x')", "elements"),
        ("evil.example#@$?#.ad { remove: true; }", "elements"),
        ("evil.example$$script[x]", "elements"),
        ("/^https?:\\/\\/x/$script", "regular expression"),
        ("/banner/*", "regular expression or a path"),
        ("||evil.example/path^", "addresses of pages"),
        ("|https://evil.example/", "addresses of pages"),
        ("||evil*.example^", "middle"),
        ("||evil.example^*.gif", "middle"),
        ("||evil.example", "no ^ behind"),
        ("||evil.example^$third-party", "only for some"),
        ("||evil.example^$script,image", "only for some"),
        ("||evil.example^$~document", "not followed"),
        ("||evil.example^$domain=a.example|b.example", "for everybody"),
        ("||evil.example^$client=10.0.0.1", "for everybody"),
        ("||evil.example^$ctag=device_phone", "for everybody"),
        ("||evil.example^$dnstype=AAAA", "for everybody"),
        ("||evil.example^$dnsrewrite=192.0.2.1", "not followed"),
        ("||evil.example^$badfilter", "takes back"),
        ("||evil.example:8080^", "port"),
        ("-banner.gif", "piece of an address"),
        ("@@||evil.example^$elemhide", "not followed"),
        ("banner.js", "piece of an address"),
    ],
)
def test_what_dns_cannot_follow_is_counted(line, reason):
    found = one(line)
    assert isinstance(found, BadLine)
    assert found.unsupported
    assert reason in found.reason


def test_a_rule_that_is_none_is_a_bad_line():
    found = one("||-bad-.example-^")
    assert isinstance(found, BadLine)
    assert not found.unsupported
    assert isinstance(one("0.0.0.0"), BadLine)
    mapped = one("203.0.113.5 evil.example")
    assert isinstance(mapped, BadLine)
    assert "leads nowhere" in mapped.reason


@pytest.mark.parametrize("order", [1, -1])
def test_an_exception_wins_wherever_it_stands(take, settings, order):
    rules = ["||both.example^", "@@||both.example^", "||evil.example^", "@@||good.evil.example^"]
    report = take("\n".join(rules[::order]), name="rules")
    assert (report.format, report.names, report.passthru, report.duplicates) == ("adblock", 3, 2, 1)
    actions = {name: live_match(settings, name)[1].rule.action for name in ("both.example", "x.evil.example")}
    assert actions == {"both.example": "passthru", "x.evil.example": ""}
    assert live_match(settings, "www.good.evil.example")[1].rule.action == "passthru"


def test_exceptions_win_over_batches_too(take, settings, monkeypatch):
    monkeypatch.setattr("blocklists.importer.BATCH", 2)
    report = take("||a.example^\n||b.example^\n||c.example^\n@@||a.example^\n@@||c.example^\n||c.example^\n")
    assert (report.names, report.passthru, report.duplicates) == (3, 2, 3)


def test_an_address_is_one_of_answers(take, settings):
    take("||evil.example^\n||203.0.113.5^\n")
    assert address_match(settings, "203.0.113.5") is not None
