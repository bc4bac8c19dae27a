"""What anyone may ask about lists."""

from __future__ import annotations

import msgspec
import pytest

from blocklists.lookup import list_lists, search, withdrawn
from blocklists.service import Lists
from contracts.settings import ListSource
from runtime.control import Refused


def test_a_name_is_found_by_itself_below_itself_and_in_older_versions(take, library):
    take("evil.example")
    take("evil.example\nother.example")
    found = search(library, "www.evil.example")
    assert [(one.version, one.state, one.indicator, one.subdomains) for one in found] == [
        (2, "live", "evil.example", True), (1, "old", "evil.example", True),
    ]  # fmt: skip
    assert search(library, "example") == []
    assert search(library, "notevil.example") == []


@pytest.mark.parametrize("text", ["hxxp://XẤU[.]example/", "*.xấu.example", "a.xn--xu-r5s.example."])
def test_the_question_may_be_written_as_lists_write(take, library, text):
    take("xấu.example")
    assert len(search(library, text)) == 1


def test_addresses_are_found_in_their_networks(take, library):
    take("203.0.113.7:443\n203.0.113.0/24\n2001:db8:1::/48\n203.0.114.1\n")
    assert {one.indicator for one in search(library, "203.0.113.7")} == {"203.0.113.7 port 443", "203.0.113.0/24"}
    assert [one.indicator for one in search(library, "2001:db8:1::5")] == ["2001:db8:1::/48"]
    assert search(library, "203.0.115.1") == []


def test_rows_of_a_zone_are_found_by_what_they_cover(take, library):
    take("a.example CNAME .\n*.a.example CNAME garden.example.\n*.b.example CNAME .\n_x.1 CNAME .\na\\032b.c CNAME .\n")

    def found(text: str) -> list[tuple[str, bool, str, str]]:
        return [(one.indicator, one.itself, one.action, one.target) for one in search(library, text)]

    assert found("a.example") == [("a.example", True, "nxdomain", "")]
    assert found("x.a.example") == [("a.example", False, "alias", "garden.example")]
    assert found("b.example") == []
    assert found("*.b.example") == [("b.example", False, "nxdomain", "")]
    assert [one[0] for one in found("_x.1") + found("a\\032b.c")] == ["_x.1", "a\\032b.c"]
    with pytest.raises(Refused, match="no name and no address"):
        found("y\\.b.c d")


def test_what_was_refused_below_a_name_is_found_too(take, library):
    take("good.example CNAME .\n*.hanoi.gov.vn CNAME .\n")
    assert search(library, "hanoi.gov.vn")[0].indicator == "*.hanoi.gov.vn"


def test_what_was_refused_is_found_with_its_reason(take, library):
    take("a.example\nhanoi.gov.vn\n")
    (found,) = search(library, "hanoi.gov.vn")
    assert found.refused == "held: protected domain gov.vn"


def test_nonsense_is_refused(library):
    with pytest.raises(Refused, match="no name and no address"):
        search(library, "not a name")


def test_lists_with_their_versions(take, library):
    take("a.example", name="one")
    take("b.example", name="one", hold=True)
    (found,) = list_lists(library)
    assert (found.name, found.live.number, [one.number for one in found.versions]) == ("one", 1, [2, 1])


def test_lists_of_which_nothing_is_in_force(lists, take, settings):
    assert withdrawn(settings.state) == frozenset()
    take("a.example", name="one")
    take("a.example", name="two")
    assert withdrawn(settings.state) == frozenset()
    lists.withdraw("os:tester", "one")
    assert withdrawn(settings.state) == {"one"}
    lists.activate("os:tester", "one", 1)
    assert withdrawn(settings.state) == frozenset()
    assert withdrawn(settings.state / "elsewhere") == frozenset(), "without a library nobody can tell"


def test_a_departure_from_the_settings_is_told_until_it_ends(lists, take, library, tmp_path):
    def told() -> str:
        (one,) = [one for one in list_lists(library, [source]) if one.name == "one"]
        return one.departure

    source = ListSource("one", "one.txt")
    configured = Lists(msgspec.structs.replace(lists.settings, lists=(source,)), library)
    for content in ("a.example\n", "a.example\nb.example\n"):
        (tmp_path / "one.txt").write_text(content)
        configured.seed()
        assert told() == ""
    lists.rollback("os:lan", "one")
    assert "settings lead to version 2 (enforce, 2 names)" in told()
    assert "version 1 (enforce, 1 names) is live" in told()
    assert [one.departure for one in list_lists(library)] == ["", ""], "a list that is in no settings departs from none"
    lists.withdraw("os:lan", "one")
    assert "nothing is live" in told()
    take("a.example\nb.example\n", name="one", kind="c2", mode="enforce")  # the same by other means
    assert told() == ""


def test_a_version_of_the_settings_that_is_held_is_no_departure(lists, library, tmp_path):
    source = ListSource("one", "one.txt")
    configured = Lists(msgspec.structs.replace(lists.settings, lists=(source,)), library)
    for count in (200, 20):
        (tmp_path / "one.txt").write_text("".join(f"n{number}.example\n" for number in range(count)))
        configured.seed()
    assert [one.departure for one in list_lists(library, [source])] == ["", ""]
