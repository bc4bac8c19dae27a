"""What anyone may ask about lists."""

from __future__ import annotations

import pytest

from blocklists.lookup import list_lists, search
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


def test_what_was_refused_is_found_with_its_reason(take, library):
    take("a.example\nhanoi.gov.vn\n")
    (found,) = search(library, "hanoi.gov.vn")
    assert found.refused == "protected domain gov.vn"


def test_nonsense_is_refused(library):
    with pytest.raises(Refused, match="no name and no address"):
        search(library, "not a name")


def test_lists_with_their_versions(take, library):
    take("a.example", name="one")
    take("b.example", name="one", hold=True)
    (found,) = list_lists(library)
    assert (found.name, found.live.number, [one.number for one in found.versions]) == ("one", 1, [2, 1])
