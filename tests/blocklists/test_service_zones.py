"""Which name a zone file's zone is taken to have, and what is told and kept of it."""

from __future__ import annotations

import pytest

from contracts.settings import ListSource
from runtime.control import Refused
from tests.blocklists.test_service import seeded

NAMED = "evil.example.rpz.example. CNAME .\n"


def test_the_zone_that_was_taken_is_told_and_who_named_it(take, lists):
    report = take(NAMED, zone="RPZ.example.")
    assert (report.zone, report.zone_reason) == ("rpz.example", "as asked")
    report = take(NAMED + "\n")
    assert report.zone == "rpz.example"
    assert report.zone_reason == "as version 1 was imported; --zone names another"
    assert lists.library.audit("letter")[0].detail["zone"] == "rpz.example"
    again = take(NAMED + "\n")
    assert (again.state, again.zone) == ("unchanged", "rpz.example")
    assert again.zone_reason == "as version 2, where the file names none"
    report = take(f"$ORIGIN other.example.\n{NAMED}", zone="")
    assert (report.zone, report.zone_reason) == ("other.example", "as its $ORIGIN says")
    report = take(f"soa.example. SOA a. b. 1 2 3 4 5\n{NAMED}", zone="rpz.example")
    assert (report.state, report.zone, report.zone_reason) == ("refused", "soa.example", "as its SOA record says")
    report = take("evil.example CNAME .\n", zone="")
    assert (report.zone, report.zone_reason) == ("", "named nowhere: owners are taken as whole names")
    assert lists.library.audit("letter")[0].detail["zone"] == ""


def test_a_zone_is_named_for_zone_files_only_and_kept_for_no_others(take, lists):
    with pytest.raises(Refused, match=r"no response policy zone: domains .*leave --zone out"):
        take("a.example", zone="rpz.example")
    assert lists.library.statuses() == []
    take(NAMED, zone="rpz.example")
    report = take("a.example")
    assert (report.format, report.zone, report.zone_reason) == ("domains", "", "")
    assert "zone" not in lists.library.audit("letter")[0].detail
    assert take(NAMED).zone == "", "the version before it was no zone"


def test_a_file_that_was_read_in_the_wrong_format_is_read_again(take):
    assert take("a.example\n", format="hosts").state == "refused"
    assert take("0.0.0.0 a.example\n").format == "hosts"
    assert take("0.0.0.0 a.example\n", format="csv").state == "refused", "not unchanged"


def test_a_zone_in_the_settings_of_another_file_is_not_kept(lists, tmp_path):
    (tmp_path / "one.txt").write_text("a.example\n")
    source = ListSource("one", "one.txt", zone="rpz.example")
    assert seeded(lists, source)["one"] == ("live", 1)
    assert lists.library.live("one").zone == ""
    lists.withdraw("os:tester", "one")
    assert seeded(lists, source)["one"] == ("known", 1), "what a person decided stands"
    assert lists.library.live("one") is None
