"""Lists of a campaign are in force between its days, on time at both ends, by a clock that the test moves."""

from __future__ import annotations

import datetime
import io
from zoneinfo import ZoneInfo

import msgspec
import pytest

from blocklists.lookup import list_lists
from blocklists.service import ImportOptions, Lists
from contracts.campaigns import Campaigns, CampaignsFile, Window
from runtime.control import Misused
from tests.blocklists.making import live_match, policy_of

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
START, END = datetime.date(2026, 3, 1), datetime.date(2026, 12, 31)


def at(text: str) -> float:
    return datetime.datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp()


class World:
    """Operations on lists at a time of our choosing."""

    def __init__(self, settings, library):
        self.settings, self.library = settings, library
        self.now = at("2026-06-01 12:00")
        self.lists = self.fresh()

    def fresh(self) -> Lists:
        """As after a restart."""
        return Lists(self.settings, self.library, clock=lambda: self.now)

    def take(self, text, name="letter", **options):
        return self.lists.import_file("os:tester", io.BytesIO(text.encode()), ImportOptions(name, **options))

    def campaign(self, serial=1, **changed):
        window = msgspec.structs.replace(Window("demo", START, END), **changed)
        CampaignsFile(self.settings.state).publish(Campaigns(serial, self.now, (window,)))

    def entries(self):
        """What workers are told, after a publication at this time: list -> (mode, mode of addresses, why)."""
        self.lists.publish()
        return self.manifest()

    def manifest(self):
        found = policy_of(self.settings).read()
        return {one.list: (one.mode, one.address_mode, one.window) for one in found.entries}


@pytest.fixture
def world(settings, library):
    made = World(settings, library)
    made.campaign()
    made.take("a.example\n192.0.2.200\n", campaign="demo", addresses="enforce")
    return made


ENDED = ("monitor", "monitor", "campaign demo ended 2026-12-31: only watched")
TO_COME = ("monitor", "monitor", "campaign demo begins 2026-03-01: only watched")
IN_FORCE = ("enforce", "enforce", "")


@pytest.mark.parametrize(
    ("moment", "meant"),
    [
        ("2026-02-28 23:59:59", TO_COME),
        ("2026-03-01 00:00:00", IN_FORCE),
        ("2026-12-31 23:59:59", IN_FORCE),
        ("2027-01-01 00:00:00", ENDED),
    ],
)
def test_the_first_and_the_last_day_count_by_local_midnight_and_a_restart_comes_to_the_same(world, moment, meant):
    world.now = at(moment)
    assert world.entries() == {"letter": meant}
    serial = world.lists.publish()
    assert world.fresh().publish() == serial, "a restart changes nothing"
    assert world.manifest() == {"letter": meant}


def test_who_looks_often_sees_midnight_and_every_change_and_nothing_else(world):
    world.now = at("2026-12-31 23:59:59")
    before = world.lists.windows.mark()
    world.now += 0.9
    assert world.lists.windows.mark() == before
    world.now += 0.1
    after = world.lists.windows.mark()
    assert after != before
    world.campaign(2, end=None)
    assert world.lists.windows.mark() != after


def test_a_campaign_may_put_its_lists_off_and_they_come_back(world):
    world.take("b.example\n", "other")
    world.campaign(2, outside="off")
    world.now = at("2027-01-01 00:00")
    assert list(world.entries()) == ["other"]
    assert live_match(world.settings, "a.example") is None
    (letter, other) = list_lists(world.library, (), world.lists.windows.today())
    assert (letter.window, other.window) == ("campaign demo ended 2026-12-31: not in force", "")
    assert letter.live is not None, "its version stays what is live of it"
    world.campaign(3, end=datetime.date(2027, 1, 31))
    assert world.entries()["letter"] == IN_FORCE
    assert live_match(world.settings, "x.a.example")[0] == "letter"


def test_what_lets_through_is_never_switched(world):
    world.lists.seed()
    world.take("good.example\n", "good", mode="passthru", campaign="demo", addresses="enforce")
    before = world.entries()
    world.campaign(2, outside="off", end=START)
    after = world.entries()
    assert "letter" not in after
    for name in ("kill-switch", "good"):
        assert after[name] == before[name] == ("passthru", before[name][1], "")


def test_lists_that_only_watch_and_those_of_no_campaign_stay_as_they_are(world):
    world.take("b.example\n", "watched", mode="monitor", campaign="demo")
    world.take("c.example\n", "free")
    world.now = at("2027-06-01 00:00")
    found = world.entries()
    assert found["watched"][0] == "monitor"
    assert found["free"] == ("enforce", "monitor", "")


def test_a_damaged_file_changes_nothing_and_is_told(world):
    assert world.entries() == {"letter": IN_FORCE}
    file = CampaignsFile(world.settings.state)
    file.path.write_bytes(file.path.read_bytes().replace(b"2026-12-31", b"2026-05-31"))
    assert world.entries() == {"letter": IN_FORCE}
    assert "going on with those known before: campaigns.json: damaged" in world.lists.windows.problem
    world.campaign(2, end=datetime.date(2026, 5, 31))
    assert world.entries()["letter"][0] == "monitor"
    assert world.lists.windows.problem == ""


def test_lists_may_name_the_campaigns_that_are_published_and_before_that_those_of_the_settings(settings, library):
    world = World(settings, library)
    assert world.take("a.example\n", campaign="demo").state == "live"  # of the settings
    CampaignsFile(settings.state).publish(Campaigns(1, 0.0, (Window("c-2027"),)))
    with pytest.raises(Misused, match="no campaign has the id 'demo'; known: c-2027"):
        world.take("b.example\n", "other", campaign="demo")
    assert world.take("b.example\n", "other", campaign="c-2027").campaign == "c-2027"
