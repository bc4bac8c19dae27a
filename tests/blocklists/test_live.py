"""What the live policy comes to for one who takes a copy: order of lists, actions, allowed names, the bypass."""

from __future__ import annotations

import io

import pytest

from blocklists.live import Live
from blocklists.service import ImportOptions, Lists
from contracts.decisions import Allowed, Bypass, Decisions
from contracts.names import to_text
from contracts.policy import PolicyFolder
from contracts.segment import is_network, network_of

NOW = 1000.0


def put(lists: Lists, name: str, text: str, **options: object) -> None:
    """Import a list that people gave."""
    lists.import_file("os:tester", io.BytesIO(text.encode()), ImportOptions(name, **options))  # type: ignore[arg-type]


def effects(lists: Lists, decisions: Decisions | None = None) -> list[str]:
    """`list where indicator action` of each row, without those of the shipped list."""
    live = Live.read(PolicyFolder(lists.settings.state / "policy"), decisions or Decisions(), NOW)
    assert live is not None
    found = []
    for one in live.effects():
        shown = str(network_of(one.indicator)) if is_network(one.indicator) else to_text(one.indicator)
        found.append(f"{one.entry.list if one.entry else '-'} {one.where} {shown} {one.action or 'sinkhole'}")
    return sorted(found)


def test_nothing_before_the_first_policy(settings):
    assert Live.read(PolicyFolder(settings.state / "policy"), Decisions(), NOW) is None


def test_a_name_is_one_row_for_itself_and_one_for_what_is_below(lists):
    put(lists, "a", "evil.example\n")
    assert effects(lists) == ["a below evil.example sinkhole", "a name evil.example sinkhole"]


def test_what_an_earlier_list_in_force_covers_is_left_out(lists):
    put(lists, "first", "evil.example\n")
    put(lists, "second", "x.evil.example\nother.example\n", mode="passthru")
    assert effects(lists) == [
        "first below evil.example sinkhole", "first name evil.example sinkhole",
        "second below other.example passthru", "second name other.example passthru",
    ]  # fmt: skip


def test_an_exception_of_an_earlier_list_stays_within_a_wider_row(lists):
    put(lists, "first", "good.evil.example\n", mode="passthru")
    put(lists, "second", "evil.example\n")
    assert "first name good.evil.example passthru" in effects(lists)
    assert "second below evil.example sinkhole" in effects(lists)


def test_what_is_only_watched_is_in_no_copy_and_covers_nothing(lists):
    put(lists, "first", "evil.example\n203.0.113.7\n", mode="monitor")
    put(lists, "second", "evil.example\n203.0.113.7\n", addresses="enforce")
    assert effects(lists) == [
        "second answer 203.0.113.7/32 sinkhole", "second below evil.example sinkhole",
        "second name evil.example sinkhole",
    ]  # fmt: skip


def test_addresses_are_watched_unless_their_list_says_otherwise(lists):
    put(lists, "first", "evil.example\n203.0.113.7\n")
    assert not [one for one in effects(lists) if " answer " in one]


RPZ = """$ORIGIN rpz.test.
@ SOA . . 1 1 1 1 1
only.example CNAME .
*.under.example CNAME *.
drop.example CNAME rpz-drop.
tcp.example CNAME rpz-tcp-only.
pass.example CNAME rpz-passthru.
alias.example CNAME garden.example.net.
local.example A 127.53.9.9
24.0.113.0.203.rpz-ip CNAME .
32.7.9.10.127.rpz-client-ip CNAME rpz-drop.
"""


def test_a_zones_own_actions(lists):
    put(lists, "zone", RPZ, addresses="enforce")
    assert effects(lists) == [
        "zone answer 203.0.113.0/24 nxdomain", "zone below under.example nodata", "zone client 127.10.9.7/32 drop",
        "zone name alias.example alias", "zone name drop.example drop", "zone name local.example local",
        "zone name only.example nxdomain", "zone name pass.example passthru", "zone name tcp.example tcp-only",
    ]  # fmt: skip


def test_what_a_person_allowed_is_let_through_with_what_is_below(lists):
    put(lists, "a", "evil.example\ngood.example\nx.good.example\n")
    allowed = Decisions(
        allowed=(Allowed("good.example", NOW + 60, "mistake"), Allowed("evil.example", NOW - 1, "over"))
    )
    assert effects(lists, allowed) == [
        "- below good.example passthru", "- name good.example passthru",
        "a below evil.example sinkhole", "a name evil.example sinkhole",
    ]  # fmt: skip


@pytest.mark.parametrize(("until", "blocked"), [(NOW + 60, False), (NOW - 1, True)])
def test_under_the_bypass_nothing_is_blocked(lists, until, blocked):
    put(lists, "a", "evil.example\n")
    put(lists, "b", "other.example\n", mode="passthru")
    found = effects(lists, Decisions(bypass=Bypass(until, "test")))
    assert ("a name evil.example sinkhole" in found) == blocked
    assert "b name other.example passthru" in found
