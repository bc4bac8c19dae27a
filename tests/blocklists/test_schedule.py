"""When sources are looked at, with a clock and a randomness of the test's."""

from __future__ import annotations

import pytest

from blocklists.schedule import Entry, Schedule


class Clock:
    def __init__(self):
        self.now, self.chance = 1000.0, 0.5

    def made(self, **entries):
        schedule = Schedule(lambda: self.now, lambda: self.chance)
        schedule.follow({name: Entry(*entry) for name, entry in entries.items()})
        return schedule


@pytest.fixture
def clock():
    return Clock()


def test_what_was_never_looked_at_is_due_at_once_and_then_every_so_often(clock):
    schedule = clock.made(one=(600, 0, 0))
    assert schedule.next() == "one"
    schedule.done("one", well=True)
    for seconds, due in ((599, None), (1, "one")):
        clock.now += seconds
        assert schedule.next() == due


def test_a_restart_goes_on_where_it_was(clock):
    schedule = clock.made(done=(600, 700, 0), late=(600, 100, 0), failing=(600, 900, 2), never=(600, 0, 0))
    assert {name: schedule.due(name) for name in ("done", "late", "failing", "never")} == {
        "done": 1300, "late": 700, "failing": 1020, "never": 1000,
    }  # fmt: skip
    assert schedule.next() == "late", "the longest ago first"


@pytest.mark.parametrize(("chance", "seconds"), [(0.0, 540), (0.5, 600), (0.75, 630)])
def test_a_little_off(clock, chance, seconds):
    clock.chance = chance
    schedule = clock.made(one=(600, 0, 0))
    schedule.done("one", well=True)
    assert schedule.due("one") == pytest.approx(clock.now + seconds)


def test_later_and_later_while_it_fails(clock):
    schedule = clock.made(one=(600, 0, 0))
    waits = []
    for _ in range(2000):
        schedule.done("one", well=False)
        waits.append(schedule.due("one") - clock.now)
    assert (waits[:6], set(waits[6:])) == ([60, 120, 240, 480, 600, 600], {600})
    schedule.done("one", well=True)
    schedule.done("one", well=False)
    assert schedule.due("one") == clock.now + 60


def test_a_clock_that_was_set_back_silences_nobody(clock):
    schedule = clock.made(one=(600, 990, 0), two=(600, 5_000_000, 0))
    clock.now = 500
    assert schedule.next() is None
    clock.now = 500 + 660
    assert schedule.next() == "one"
    schedule.done("one", well=True)
    assert schedule.next() == "two"


def test_new_settings_are_followed(clock):
    schedule = clock.made(one=(600, 1000, 0), two=(600, 1000, 0))
    schedule.follow({"two": Entry(300, 1000, 0)})
    schedule.done("one", well=True)  # its fetch was under way
    assert (schedule.due("one"), schedule.due("two")) == (None, 1300)
    assert clock.made().next() is None
