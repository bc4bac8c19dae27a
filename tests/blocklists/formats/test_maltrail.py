"""Trails of Maltrail."""

from __future__ import annotations

import pytest

from blocklists.formats import maltrail
from blocklists.formats.look import Origin
from blocklists.indicator import BadLine, Indicator
from blocklists.lookup import search

FILE = """\
# Copyright (c) 2014-2026 Maltrail developers (https://github.com/stamparm/maltrail/)

# Aliases: apt32, apt-c-00

before.example

# Reference: https://report.example/one
# Reference: https://report.example/two

evil.example
203.0.113.5:443

# Note: nothing to us
http://203.0.113.6
host.example/gate.php  # compromised site
203.0.113.7/x
/gate.php
(a|b).example

# Referecne: https://report.example/three
last.example
# Generic
any.example
drive.google.com/uc
not a trail
"""


def rows(file: str = "apt_oceanlotus.txt") -> list[Indicator | BadLine]:
    return list(maltrail.parse((f"{line}\n".encode() for line in FILE.splitlines()), Origin(file)))


def test_a_file():
    both = "https://report.example/one https://report.example/two"
    taken = [one for one in rows() if isinstance(one, Indicator)]
    assert [(one.line, one.name or one.address, one.port, one.source) for one in taken] == [
        (5, "before.example", 0, ""),
        (10, "evil.example", 0, both),
        (11, "203.0.113.5", 443, both),
        (14, "203.0.113.6", 0, both),
        (15, "host.example", 0, both),
        (21, "last.example", 0, "https://report.example/three"),
        (23, "any.example", 0, ""),
    ]
    assert {one.family for one in taken} == {"oceanlotus"}
    assert taken[4].note == "compromised site; host of the URL host.example/gate.php"
    assert [one.reduced for one in taken] == [False] * 4 + [True] + [False] * 2
    bad = {one.line: (one.unsupported, one.reason) for one in rows() if isinstance(one, BadLine)}
    assert {line: unsupported for line, (unsupported, _) in bad.items()} == {
        16: False, 17: True, 18: True, 24: False, 25: False,
    }  # fmt: skip
    assert "a person must decide" in bad[16][1]
    assert "piece of a path" in bad[17][1]
    assert "shared host" in bad[24][1]


@pytest.mark.parametrize(
    ("file", "family"),
    [
        ("emotet.txt", "emotet"),
        ("apt_oceanlotus.txt", "oceanlotus"),
        ("apt_27.txt", "apt27"),
        ("android_flubot.txt", "flubot"),
        ("sinkhole_bitsight.txt", "sinkhole bitsight"),
        ("/folder/agenttesla.txt", "agenttesla"),
        ("", ""),
    ],
)
def test_the_family_is_the_name_of_the_file(file, family):
    assert maltrail.family_of(file) == family


def test_without_a_name_the_first_alias_is_the_family():
    assert {one.family for one in rows("") if isinstance(one, Indicator)} == {"apt32"}


def test_a_file_is_known_and_its_name_reaches_the_library(take, library):
    report = take(FILE, name="oceanlotus", file="apt_oceanlotus.txt")
    assert (report.format, report.format_reason) == ("maltrail", "its head says so: Maltrail")
    (found,) = search(library, "www.evil.example")
    assert found.family == "oceanlotus"
    assert found.source.startswith("https://report.example/one")


def test_trails_without_their_head_are_known_by_references(take):
    report = take("# Reference: https://report.example/one\n\nevil.example\n/gate.php\n", file="x.txt")
    assert (report.format, report.unsupported_total) == ("maltrail", 1)
    assert take("# Reference: a book\nevil.example\ntwo words\n", name="other").format == "domains"
