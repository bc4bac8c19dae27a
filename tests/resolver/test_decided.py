"""What people decided for a time: taken within a second, ended at its second without the help of anybody."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from contracts.decisions import Allowed, BadDecisions, Bypass, Decisions, DecisionsFile, _seal
from contracts.policy import Manifest
from resolver.decided import LATEST, LOOK_SECONDS, DecisionKeeper
from resolver.policy.ladder import make_policy
from tests.resolver.making import pool


class Deciding:
    """A keeper in virtual time, and what the policy was at each call."""

    def __init__(self, state):
        self.file = DecisionsFile(state)
        self.timers = Clock()
        self.taken = []
        self.keeper = DecisionKeeper(self.timers, self.file, self._take, self.now)

    def now(self):
        return 1000.0 + self.timers.seconds()

    def _take(self, decisions):
        live = make_policy(Manifest(1, 0.0, ()), {}, pool(), 30, decisions, self.now())
        self.taken.append((sorted(live.allowed), live.bypassed))


@pytest.fixture
def deciding(tmp_path):
    made = Deciding(tmp_path)
    yield made
    made.keeper.stop()
    assert not made.timers.getDelayedCalls()


def test_without_a_file_nothing_was_decided(deciding):
    deciding.keeper.look()
    assert deciding.taken == []
    assert not deciding.keeper.bypassed


def test_it_ends_by_itself(deciding):
    allowed = (Allowed("evil.example", 1060.0, "false alarm"), Allowed("over.example", 999.0, "long ago"))
    deciding.file.publish(Decisions(1, 0.0, allowed, Bypass(1030.0, "fire")))
    deciding.keeper.look()
    evil = [b"\4evil\7example\0"]
    assert deciding.taken == [(evil, True)]
    assert deciding.keeper.bypassed
    deciding.timers.advance(30.02)
    assert deciding.taken[1:] == [(evil, False)]
    assert not deciding.keeper.bypassed
    deciding.timers.advance(30)
    assert deciding.taken[2:] == [([], False)]


def test_a_change_is_seen_within_a_second(deciding):
    deciding.keeper.start()
    deciding.file.publish(Decisions(1, bypass=Bypass(2000.0, "fire")))
    deciding.timers.advance(LOOK_SECONDS)
    assert deciding.taken == [([], True)]
    deciding.file.publish(Decisions(2))
    deciding.timers.advance(LOOK_SECONDS)
    assert deciding.taken[1:] == [([], False)]
    deciding.timers.advance(LOOK_SECONDS)
    assert len(deciding.taken) == 2


def sealed(body):
    return _seal(body) + b"\n" + body


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b'{"serial": 1}',
        sealed(b"{"),
        sealed(b'{"serial": 1, "format": 2}'),
        sealed(b'{"serial": 1, "unknown": 1}'),
        sealed(b'{"allowed": [{"name": "x\xff", "until": 1, "reason": ""}]}'),
        sealed(b'{"allowed": [{"name": "good..example", "until": 1, "reason": ""}]}'),
    ],
)
def test_what_cannot_be_understood_changes_nothing_and_is_told(deciding, damage, caplog):
    deciding.file.publish(Decisions(1, bypass=Bypass(2000.0, "fire")))
    deciding.keeper.look()
    deciding.file.path.unlink()
    deciding.file.path.write_bytes(damage)
    for _ in range(3):
        deciding.keeper.look()
    assert len(deciding.taken) == 1
    assert deciding.keeper.bypassed
    assert "decisions.json" in deciding.keeper.problem
    assert len([record for record in caplog.records if record.levelname == "ERROR"]) == 1
    deciding.file.publish(Decisions(2))
    deciding.keeper.look()
    assert deciding.keeper.problem == ""


def test_years_are_looked_at_day_by_day(deciding):
    deciding.file.publish(Decisions(1, allowed=(Allowed("evil.example", 1e10, "ours"),)))
    deciding.keeper.look()
    assert deciding.timers.getDelayedCalls()[0].getTime() <= LATEST


def test_every_flipped_bit_is_found(deciding):
    deciding.file.publish(Decisions(1, 0.0, (Allowed("good.example", 2000.0, "báo nhầm"),), Bypass(2000.0, "sự cố")))
    whole = deciding.file.path.read_bytes()
    for bit in range(8 * len(whole)):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        deciding.file.path.write_bytes(flipped)
        with pytest.raises(BadDecisions):
            deciding.file.read()


def test_a_clock_that_is_set_ends_it_too(tmp_path):
    """As after a suspended machine: our timer would come hours too late."""
    now, timers, taken = [1000.0], Clock(), []
    keeper = DecisionKeeper(timers, DecisionsFile(tmp_path), taken.append, lambda: now[0])
    DecisionsFile(tmp_path).publish(Decisions(1, bypass=Bypass(2000.0, "fire")))
    keeper.look()
    keeper.look()
    assert len(taken) == 1
    now[0] += 4 * 3600
    keeper.look()
    assert len(taken) == 2
    keeper.stop()


def errors(caplog):
    return [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]


def test_a_file_that_cannot_be_reached_at_start_is_told(deciding, caplog):
    """Not even looked at, as behind a folder that is closed to us: that is not the same as no file."""
    deciding.file.path.parent.write_text("a file where the folder should be")
    for _ in range(3):
        deciding.keeper.look()
    assert any("no bypass and no allowed name holds" in problem for problem in deciding.keeper.problems())
    assert len(errors(caplog)) == 1
    deciding.file.path.parent.unlink()
    deciding.keeper.look()
    assert deciding.keeper.problems() == []


def test_a_file_that_cannot_be_read_at_start_is_told(deciding, caplog):
    deciding.file.path.mkdir(parents=True)
    for _ in range(3):
        deciding.keeper.look()
    assert any("cannot be read" in problem for problem in deciding.keeper.problems())
    assert len(errors(caplog)) == 1


def test_a_damaged_file_that_goes_away_is_no_problem_any_more(deciding):
    deciding.file.path.parent.mkdir()
    deciding.file.path.write_bytes(b"{")
    deciding.keeper.look()
    assert deciding.keeper.problem
    deciding.file.path.unlink()
    deciding.keeper.look()
    assert deciding.keeper.problem == ""


def test_what_holds_goes_on_while_the_file_cannot_be_reached(deciding):
    """And it is no problem any more when the same file is back."""
    deciding.file.publish(Decisions(1, bypass=Bypass(2000.0, "fire")))
    deciding.keeper.look()
    folder = deciding.file.path.parent
    aside = folder.rename(folder.with_name("aside"))
    folder.write_text("")
    deciding.keeper.look()
    assert deciding.keeper.problem
    assert deciding.keeper.bypassed
    folder.unlink()
    aside.rename(folder)
    deciding.keeper.look()
    assert deciding.keeper.problem == ""
    assert len(deciding.taken) == 1
