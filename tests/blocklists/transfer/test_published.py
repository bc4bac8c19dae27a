"""The zone that is given to others: its serial, its differences, and what becomes of them over time and restarts."""

from __future__ import annotations

import msgspec
import pytest

from blocklists.outlets.rpz import Wired
from blocklists.transfer import published, records
from blocklists.transfer.published import Published
from contracts.decisions import Allowed, Decisions, DecisionsFile


@pytest.fixture
def clock():
    return [1000.0]


@pytest.fixture
def given(lists, clock):
    made = Published(lists.settings.state, lambda: clock[0])
    made.load()
    return made


def text(octets):
    """The first label of each record's owner."""
    return [one[1 : 1 + one[0]].decode() if one[0] < 64 else "@" for one in octets]


NAMES = tuple(f"n{number:03}.example" for number in range(100))


def put(take, *names):
    return take("".join(f"{name}\n" for name in names), hold=False)


def test_serials_follow_the_policy_and_what_people_decide(lists, take, given, clock):
    assert not given.renew(lists.settings), "there is no policy yet"
    put(take, *NAMES)
    assert given.stale()
    assert given.renew(lists.settings)
    assert given.current.serial == lists.folder.read().serial
    assert not given.stale()
    assert not given.renew(lists.settings)
    first = given.current.serial
    decisions = DecisionsFile(lists.settings.state)
    decisions.publish(Decisions(1, 1.0, (Allowed("n005.example", 2000.0, "wrong"),)))
    assert given.stale()
    assert given.renew(lists.settings)
    assert given.current.serial == first + 1
    assert not given.stale()
    clock[0] = 2000.0
    assert given.stale(), "the allowance is over"
    assert given.renew(lists.settings)
    assert given.current.serial == first + 2
    steps = text(given.since(given.current, first))
    assert steps.count("@") == 6  # the newest, (old, new) twice, the newest
    assert set(steps) == {"@", "n005", "*"}
    assert given.since(given.current, first - 1) is None


def test_differences_lead_from_one_zone_to_the_next(lists, take, given):
    put(take, *NAMES)
    given.renew(lists.settings)
    first, before = given.current.serial, set(given.whole(given.current)) - {given.current.soa()}
    put(take, *NAMES[1:], "new.example")
    given.renew(lists.settings)
    version = given.current
    steps = list(given.since(version, first))
    middle = steps.index(version.soa(), 1)
    assert steps[0] == steps[-1] == version.soa()
    assert steps[1] == version.soa(first)
    removed, added = set(steps[2:middle]), set(steps[middle + 1 : -1])
    assert removed <= before
    assert before - removed | added == set(given.whole(version)) - {version.soa()}
    assert {*text(removed)} == {"n000", "*"}


def test_a_restart_goes_on_and_cleans_up(lists, take, given, clock):
    put(take, *NAMES)
    given.renew(lists.settings)
    put(take, *NAMES[1:])
    given.renew(lists.settings)
    folder = lists.settings.state / published.FOLDER
    (folder / "new.records").write_bytes(b"half")
    again = Published(lists.settings.state, lambda: clock[0])
    again.load()
    assert again.current == given.current
    assert not (folder / "new.records").exists()
    assert not again.renew(lists.settings), "what it was made from is the same"
    assert list(again.whole(again.current)) == list(given.whole(given.current))
    (folder / "zone.json").write_text("{")
    damaged = Published(lists.settings.state, lambda: clock[0])
    damaged.load()
    assert damaged.current is None
    assert damaged.renew(lists.settings)


def test_few_differences_are_kept(lists, take, given, monkeypatch):
    monkeypatch.setattr(published, "KEPT", 3)
    for last in range(95, 101):
        put(take, *NAMES[:last])
        given.renew(lists.settings)
    assert len(given.current.differences) == 3
    put(take, *(f"other-{name}" for name in NAMES))
    given.renew(lists.settings)
    assert given.current.differences == (), "larger than the zone itself"
    assert len(list((lists.settings.state / published.FOLDER).iterdir())) == 2


def test_another_ttl_or_name_begins_anew(lists, take, given):
    put(take, *NAMES)
    given.renew(lists.settings)
    serial = given.current.serial
    settings = msgspec.structs.replace(
        lists.settings, sinkhole=msgspec.structs.replace(lists.settings.sinkhole, ttl=60)
    )
    given.forget()
    assert given.renew(settings)
    assert (given.current.serial, given.current.differences) == (serial + 1, ())


def test_runs_are_merged_and_each_record_is_there_once(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "RUN", 7)
    made = [records.encoded(Wired(b"\x01" + bytes([97 + number % 26]), 1, 30, b"\x7f\0\0\x01")) for number in range(60)]
    too_long = records.encoded(Wired(b"\x01a", 16, 30, b"x" * 50_000))
    assert records.write_sorted(tmp_path / "zone", [*made, too_long]) == 26
    with (tmp_path / "zone").open("rb") as file:
        assert list(records.read(file)) == sorted(set(made))
    assert [one.name for one in tmp_path.iterdir()] == ["zone"]
