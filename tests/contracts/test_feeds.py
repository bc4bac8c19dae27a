"""Addresses of lists: their parts, what may be shown of them, and times."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.feeds import BadAddress, interval, parse, parse_transfer, proxy_problem, shown, without_secrets


def test_the_parts_of_an_address():
    one = parse("HTTPS://lan:p%40ss@Lists.Example/a b".replace(" ", "%20") + "?key=x#top")
    assert one == ("https", "lists.example", 443, "/a%20b?key=x", "lan:p@ss")
    assert (one.server, one.origin) == ("lists.example", ("https", "lists.example", 443))
    assert parse("http://[::1]:81")[1:4] == ("::1", 81, "/")
    assert parse("http://[::1]:81").server == "[::1]:81"
    assert parse("https://bắc.example/đ")[1:4] == ("xn--bc-m6s.example", 443, "/%C4%91")


@pytest.mark.parametrize(
    "text",
    ["", "x", "//h/", "ftp://h/", "file:///etc/passwd", "http://", "http:///x", "http://h:0/", "http://h:99999/",
     "http://h:x/", "http://[::1/", "http://h/a b", "http://h/\r\nX: y", "http://a\\b/", "http://đ..x/"],
)  # fmt: skip
def test_what_is_no_address(text):
    with pytest.raises(BadAddress):
        parse(text)
    assert shown(text) == "an address that cannot be read"


@given(st.text(max_size=30).map("https://lists.example/".__add__))
def test_any_text_is_an_address_or_the_one_error(text):
    try:
        one = parse(text)
    except BadAddress:
        return
    assert one.target.isascii()
    assert not set(one.target) & set(" \r\n")


def test_nothing_secret_is_shown():
    assert shown("https://lan:p4ss@h.example:444/t0ken/names.txt?key=s3cret#x") == "https://h.example:444/…/names.txt"
    assert shown("http://h.example/names.txt") == "http://h.example/names.txt"
    assert shown("http://h.example/t0ken/") == "http://h.example/…/"
    text = "{'url': 'https://lan:p4ss@h.example/x?key=s3cret', 'b': 1}"
    assert without_secrets(text) == "{'url': 'https://…@h.example/x?…', 'b': 1}"
    assert without_secrets("who? lan@example") == "who? lan@example"


def test_zones_and_their_primaries():
    assert parse_transfer("axfr://10.1.1.5:5353/RPZ.example.") == ("10.1.1.5:5353", "rpz.example")
    assert parse_transfer("axfr://[fd00::1]/rpz.example") == ("[fd00::1]:53", "rpz.example")
    assert shown("axfr://10.1.1.5/rpz.example") == "axfr://10.1.1.5:53/rpz.example"
    for bad in ("axfr://", "axfr://10.1.1.5", "axfr://10.1.1.5/a..b", "axfr://u:pw@10.1.1.5/z", "axfr://h.example/z"):
        with pytest.raises(BadAddress):
            parse_transfer(bad)
        assert shown(bad) == "an address that cannot be read"
    with pytest.raises(BadAddress):
        parse("axfr://10.1.1.5/rpz.example")  # a redirect, a checksum or a proxy is none


def test_times():
    assert [interval("", ""), interval("https://h/", ""), interval("", "30m"), interval("https://h/", "2d")] == [
        0, 21600, 1800, 172800,
    ]  # fmt: skip


def test_proxies():
    assert proxy_problem("http://lan:p4ss@10.1.1.1:3128") == ""
    assert proxy_problem("https://10.1.1.1:3128") == "expected http://host:port"
    assert proxy_problem("10.1.1.1:3128") == "expected http://… or https://…"
