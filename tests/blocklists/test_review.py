"""What waits for a person: held rows from import to use, versions that change too much, and the second person."""

from __future__ import annotations

import io

import msgspec
import pytest

from blocklists.holds import Holds
from blocklists.library import Library
from blocklists.lookup import search
from blocklists.review import Wanted
from blocklists.service import ImportOptions, Lists
from contracts.settings import ListSource
from runtime.control import Misused, Refused
from tests.blocklists.making import address_match, live_match

DANGEROUS = "vn\ngov.vn\ngoogle.com\n192.0.2.7\nntp.org\n"
REASONS = {
    "vn": "a single label: a top-level domain or a host without domain",
    "gov.vn": "protected domain gov.vn",
    "google.com": "google.com is among the most visited",
    "192.0.2.7": "touches the sinkhole pool 192.0.2.0/25",
    "ntp.org": "ntp.org is a service for time or updates",
}
NAMES = "".join(f"n{number}.example\n" for number in range(200))


def approve(lists: Lists, *rows: str, actor: str = "os:lan", state="approved", **more):
    return lists.decide(actor, Wanted(more.pop("name", "letter"), rows, state, "letter 12", **more))


def states(library: Library, number: int, name: str = "letter") -> dict[str, str]:
    version = library.version(name, number)
    assert version is not None
    return {row.indicator: row.state for row in Holds(library).rows(version)}


def with_guard(lists: Lists, library: Library, **changed) -> Lists:
    guard = msgspec.structs.replace(lists.settings.guard, **changed)
    return Lists(msgspec.structs.replace(lists.settings, guard=guard), library)


def test_dangerous_rows_are_held_each_with_its_reason_and_the_rest_is_live(take, settings, library):
    take(NAMES)
    report = take("n1.example\n" + DANGEROUS)
    assert (report.state, report.names, report.waiting_total) == ("held", 1, 5)
    assert report.reason.startswith("1 names and addresses where version 1 had 200: a person must look; `sinkhole")
    assert {row.text: row.reason for row in report.waiting} == REASONS
    assert live_match(settings, "n199.example"), "what was live stays live"
    (version,) = [one for one in library.versions("letter") if one.state == "held"]
    assert version.waiting == 5
    assert [row.reason for row in Holds(library).waiting("letter")] == [REASONS[name] for name in REASONS]
    assert search(library, "google.com")[0].refused == "held: google.com is among the most visited"


def test_an_approved_row_is_live_at_once_and_a_refused_one_no_longer(take, lists, settings, library):
    serial = take("a.example\ngoogle.com\n").serial
    assert live_match(settings, "google.com") is None
    done = approve(lists, "2")
    assert (done.indicators, done.live, done.version) == (("google.com",), True, 1)
    assert done.serial > serial
    assert live_match(settings, "www.google.com")[0] == "letter"
    assert (library.live("letter").names, library.live("letter").waiting) == (2, 0)
    assert search(library, "google.com")[0].refused == ""
    done = approve(lists, "google[.]com", state="refused")
    assert live_match(settings, "google.com") is None
    assert live_match(settings, "a.example")
    assert library.live("letter").names == 1
    told = [(one.action, one.actor, one.detail) for one in library.audit("letter", 2)]
    detail = {"version": 1, "rows": ["google.com"], "reason": "letter 12"}
    assert told == [("list-rows-refused", "os:lan", detail), ("list-rows-approved", "os:lan", detail)]


def test_an_address_of_our_own_may_be_watched_but_never_enforced(take, lists, settings, library):
    take("a.example\n10.1.2.3\n192.0.2.7:443\n")
    assert approve(lists, "10.1.2.3", "192.0.2.7").indicators == ("10.1.2.3", "192.0.2.7 port 443")
    assert address_match(settings, "10.1.2.3")[0].address_mode == "monitor"
    assert library.live("letter").addresses == 2
    report = take("a.example\n10.1.2.3\n", addresses="enforce")
    assert (report.waiting_total, report.carried) == (1, 0), "what was approved to be watched is not to be enforced"
    with pytest.raises(Refused, match=r"10\.1\.2\.3 touches an internal network 10\.0\.0\.0/8: it cannot be enforced"):
        approve(lists, "10.1.2.3")
    assert address_match(settings, "10.1.2.3") is None
    assert states(library, 2) == {"10.1.2.3": "waiting"}


def test_decisions_hold_on_in_later_versions_until_they_are_undone(take, lists, settings, library):
    take("a.example\ngoogle.com\ngov.vn\n")
    approve(lists, "google.com")
    approve(lists, "gov.vn", state="refused")
    report = take("b.example\n# moved\ngov.vn\ngoogle.com\nyoutube.com\n")
    assert (report.state, report.carried, [row.text for row in report.waiting]) == ("live", 2, ["youtube.com"])
    assert "2 held rows were decided in an earlier version, which holds on" in report.warnings
    assert live_match(settings, "google.com")[1].line == 4
    assert states(library, 2) == {"youtube.com": "waiting", "gov.vn": "refused", "google.com": "approved"}
    (carried,) = [row for row in Holds(library).rows(library.live("letter")) if row.indicator == "google.com"]
    assert (carried.since, carried.actor, carried.why) == (1, "os:lan", "letter 12")
    approve(lists, "google.com", state="refused")
    take("c.example\ngoogle.com\n")
    assert live_match(settings, "google.com") is None
    assert states(library, 3) == {"google.com": "refused"}


def test_an_approval_covers_what_was_approved_and_no_more(take, lists, library):
    take("google.com CNAME .\n", format="rpz")
    approve(lists, "google.com")
    report = take("google.com CNAME rpz-drop.\n*.google.com CNAME .\n", format="rpz")
    assert (report.carried, report.waiting_total) == (0, 2), "another rule, and other names"
    take("google.com CNAME .\n", format="rpz", name="other")
    assert states(library, 1, "other") == {"google.com": "waiting"}, "another list"


def test_a_feed_decides_once_and_not_at_every_fetch(lists, settings, library, tmp_path):
    source, file = ListSource("feed", "feed.txt"), tmp_path / "feed.txt"
    file.write_text("a.example\ngoogle.com\n")
    lists.take_source(source)
    approve(lists, "google.com", name="feed")
    file.write_text("b.example\ngoogle.com\n")
    seeded, report = lists.take_source(source)
    lists.publish()
    assert (seeded.state, report.carried, report.waiting_total) == ("live", 1, 0)
    assert live_match(settings, "google.com")


def test_what_nobody_may_approve_stays_refused(take):
    report = take("a.example\niuqerfsodp9ifjaposdfjhgosurijfaewrwergwea.com\n8.0.0.0/6\n0.0.0.0\n")
    assert (report.refused_total, report.waiting_total) == (3, 0)


@pytest.mark.parametrize(("mode", "kind"), [("monitor", "c2"), ("passthru", "c2"), ("enforce", "unwanted")])
def test_much_visited_names_are_held_only_where_they_would_be_cut_off(take, mode, kind):
    report = take("youtube.com\n", mode=mode, kind=kind)
    assert (report.names, report.waiting_total) == (1, 0)
    assert take("youtube.com\nb.example\n", name="enforced").waiting_total == 1


def test_a_version_of_held_rows_only_waits_until_one_is_approved(take, lists, settings):
    report = take("google.com\n")
    assert (report.state, report.version) == ("held", 1)
    with pytest.raises(Refused, match="nothing that may be used: its rows are held"):
        lists.activate("os:lan", "letter")
    assert approve(lists, "google.com").live is False
    assert lists.activate("os:lan", "letter").version == 1
    assert live_match(settings, "google.com")


def test_an_approval_outlives_a_change_of_the_guard(take, lists, settings, library):
    take("a.example\nhanoi.gov.vn\nx.example\n")
    approve(lists, "hanoi.gov.vn")
    with_guard(lists, library, protected_domains=("gov.vn", "x.example")).publish()
    assert live_match(settings, "hanoi.gov.vn"), "a person let it through"
    assert live_match(settings, "x.example") is None, "nobody has"


def test_rows_beyond_what_is_kept_are_told_and_not_held(take, monkeypatch):
    monkeypatch.setattr("blocklists.importer.KEPT_REJECTED", 2)
    report = take("a.example\n" + "".join(f"n{number}.gov.vn\n" for number in range(5)))
    assert (report.waiting_total, report.refused_total) == (2, 3)


@pytest.mark.parametrize(
    ("wanted", "error", "said"),
    [
        (Wanted("none", ("1",), "approved", "x"), Refused, "no list is called 'none'; known: letter"),
        (Wanted("letter", ("b.example",), "approved", "x"), Refused, "holds no row 'b.example'"),
        (Wanted("letter", ("99",), "approved", "x"), Refused, "holds no row '99'"),
        (Wanted("letter", ("google.com", "99"), "approved", "x"), Refused, "holds no row '99'"),
        (Wanted("letter", ("google.com",), "approved", " "), Misused, "give a reason"),
        (Wanted("letter", ("google.com",), "approved", "x" * 501), Misused, "give a reason of at most 500"),
        (Wanted("letter", ("google.com",), "approved", "x", 7), Refused, "has no version 7"),
    ],
)
def test_what_cannot_be_decided_changes_nothing(take, lists, library, wanted, error, said):
    take("a.example\ngoogle.com\n")
    with pytest.raises(error, match=said):
        lists.decide("os:lan", wanted)
    assert states(library, 1) == {"google.com": "waiting"}
    assert library.audit("letter")[0].action == "list-import"


def test_nothing_is_decided_twice(take, lists):
    take("a.example\ngoogle.com\n")
    approve(lists, "google.com")
    with pytest.raises(Refused, match="nothing to do: that is decided already"):
        approve(lists, "google.com")


@pytest.mark.parametrize(("count", "held"), [(99, True), (100, False), (2000, False), (2001, True)])
def test_limits_hold_for_people_too(take, settings, count, held):
    take(NAMES)
    report = take("".join(f"m{number}.example\n" for number in range(count)))
    assert (report.state == "held") is held
    assert bool(live_match(settings, "n5.example")) is held


def test_limits_are_settings(take, lists, library):
    take(NAMES)
    loose = with_guard(lists, library, shrink=0.0)
    assert loose.import_file("os:lan", io.BytesIO(b"a.example\n"), ImportOptions("letter")).state == "live"


def test_who_imports_does_not_activate_where_two_must_agree(take, lists, library, settings):
    take("old.example\n")
    strict = with_guard(lists, library, two_person=True)
    report = strict.import_file("account:lan", io.BytesIO(b"a.example\ngoogle.com\n"), ImportOptions("letter"))
    assert (report.state, report.version) == ("held", 2)
    assert report.reason.startswith("another person than lan must activate it")
    for actor in ("account:lan", "os:lan", "os:root (sudo lan)"):
        with pytest.raises(Refused, match="version 2 of letter was imported by lan: another person must let it go"):
            strict.activate(actor, "letter", 2)
        with pytest.raises(Refused, match="another person"):
            approve(strict, "google.com", actor=actor)
    assert live_match(settings, "a.example") is None
    assert approve(strict, "google.com", actor="account:hoa").live is False
    assert strict.activate("account:hoa", "letter").version == 2
    assert live_match(settings, "google.com")
    approve(strict, "google.com", actor="account:lan", state="refused")
    assert live_match(settings, "google.com") is None, "what makes things safer one may do alone"
    assert strict.rollback("account:lan", "letter").version == 1
    assert strict.withdraw("account:lan", "letter").version == 0
    with pytest.raises(Refused, match="another person"):
        strict.activate("account:lan", "letter", 2)


def test_programs_need_no_second_person(lists, library, tmp_path):
    strict = with_guard(lists, library, two_person=True)
    (tmp_path / "feed.txt").write_text("a.example\n")
    assert strict.take_source(ListSource("feed", "feed.txt"))[0].state == "live"
