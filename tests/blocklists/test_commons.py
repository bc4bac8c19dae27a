"""Names that belong to many."""

from __future__ import annotations

import pytest

from blocklists.commons import popular_names, shared, shared_hosts, top_level_domains


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("drive.google.com", "anybody may put"),
        ("raw.githubusercontent.com", "anybody may put"),
        ("cdn.discordapp.com", "anybody may put"),
        ("www.dropbox.com", "anybody may put files or pages on dropbox.com"),
        ("t.me", "anybody may put"),
        ("github.io", "github.io is a public suffix"),
        ("com.vn", "com.vn is a public suffix"),
        ("mail.163.com", "163.com is among the most visited"),
        ("evil.example", ""),
        ("panggin.org", ""),
        ("evil.github.io", ""),  # one customer's
        ("www.evil.blogspot.com", ""),
        ("notdropbox.com", ""),
        ("example", ""),
        ("", ""),
    ],
)
def test_hosts_of_many(host, why):
    assert shared(host).startswith(why) if not why else why in shared(host)
    assert bool(shared(host)) == bool(why)


def test_the_shipped_names_are_clean():
    assert len(shared_hosts()) > 60
    assert len(popular_names()) > 9_900


def test_top_level_domains_are_those_of_the_public_suffix_list():
    known = top_level_domains()
    assert {"com", "vn", "zip", "xn--p1ai", "uk", "ck"} <= known
    assert not known & {"example", "docx", "exe", "dll", "local", "com.vn", "các"}
