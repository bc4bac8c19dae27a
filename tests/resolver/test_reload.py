"""The policy of a worker over real manifests: what is published goes live; what cannot be used does not."""

from __future__ import annotations

import errno
import logging
from unittest.mock import Mock

import pytest

from contracts import names
from contracts.decisions import Allowed, Bypass, Decisions
from contracts.policy import Manifest, ManifestEntry, PolicyFolder
from contracts.segment import write_segment
from resolver.follower import LOOK_SECONDS
from resolver.policy.clients import Group
from resolver.reload import PolicyKeeper
from tests.resolver.loop import reloaded
from tests.resolver.making import listed, pool


class Keeping:
    """A keeper and the policies it swapped in."""

    def __init__(self, reactor, folder):
        self.folder = PolicyFolder(folder)
        self.live = []
        self.now = 1000.0
        self.keeper = PolicyKeeper(reactor, self.folder, pool(), 30, self.live.append, lambda: self.now)

    def publish(self, serial, **lists):
        """A manifest with these lists of names."""
        self.folder.segments.mkdir(parents=True, exist_ok=True)
        entries = []
        for name, indicators in lists.items():
            path = self.folder.segments / f"{name}-{serial}.seg"
            digest = write_segment(path, name, serial, [listed(one) for one in indicators])
            entries.append(ManifestEntry(name, serial, "enforce", "", path.name, digest, len(indicators), 0))
        manifest = Manifest(serial, 0.0, tuple(entries))
        self.folder.publish(manifest)
        return manifest

    def action(self, name):
        """What the live policy says of a name."""
        return self.live[-1].judge(names.to_wire(name), 1, Group("normal")).action

    def blocked(self, name):
        """Whether the live policy lists a name."""
        return self.live[-1].judge(names.to_wire(name), 1, Group("normal")).found is not None


@pytest.fixture
def keeping(reactor, tmp_path):
    made = Keeping(reactor, tmp_path / "policy")
    yield made
    made.keeper.stop()


def test_at_start_the_published_policy_is_live_before_the_first_packet(keeping):
    keeping.publish(5, one=["evil.example"])
    keeping.keeper.load_now()
    assert keeping.keeper.serial == 5
    assert keeping.keeper.problem == ""
    assert keeping.keeper.since > 0
    assert keeping.blocked("www.evil.example")
    assert not keeping.blocked("other.example")


def test_without_a_policy_it_says_so_loudly_and_goes_on(keeping, spin, caplog):
    keeping.keeper.load_now()
    assert keeping.live == []
    assert keeping.keeper.problem == "no policy has been published yet"
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    keeping.publish(1, one=["evil.example"])
    assert reloaded(keeping.keeper, spin) == 1
    assert keeping.keeper.problem == ""
    assert keeping.blocked("evil.example")


def test_a_reload_swaps(keeping, spin):
    keeping.publish(1, one=["evil.example"])
    keeping.keeper.load_now()
    keeping.publish(2, two=["other.example"])
    assert reloaded(keeping.keeper, spin) == 2
    assert [policy.serial for policy in keeping.live] == [1, 2]
    assert keeping.blocked("other.example")
    assert not keeping.blocked("evil.example")


def test_the_same_serial_is_not_swapped_again(keeping, spin):
    keeping.publish(1, one=["evil.example"])
    keeping.keeper.load_now()
    assert reloaded(keeping.keeper, spin) == 1
    assert len(keeping.live) == 1


def test_a_segment_that_is_open_is_taken_over_unread(keeping, spin):
    manifest = keeping.publish(1, big=["evil.example"])
    keeping.keeper.load_now()
    (entry,) = manifest.entries
    (keeping.folder.segments / entry.segment).unlink()  # it could not be read again
    keeping.publish(2, small=["other.example"])
    small = keeping.folder.read().entries
    keeping.folder.publish(Manifest(2, 0.0, (entry, *small)))
    assert reloaded(keeping.keeper, spin) == 2
    assert keeping.blocked("evil.example")
    assert keeping.blocked("other.example")


def damage_segment(keeping, manifest):
    path = keeping.folder.segments / manifest.entries[0].segment
    path.write_bytes(path.read_bytes()[:-1] + b"x")


def remove_segment(keeping, manifest):
    (keeping.folder.segments / manifest.entries[0].segment).unlink()


def damage_manifest(keeping, manifest):
    keeping.folder.manifest.write_text("{ no manifest")


def another_list(keeping, manifest):
    entry = manifest.entries[0]
    other = ManifestEntry("other", 9, "enforce", "", entry.segment, entry.digest, 1, 0)
    keeping.folder.publish(Manifest(manifest.serial, 0.0, (other,)))


@pytest.mark.parametrize("harm", [damage_segment, remove_segment, damage_manifest, another_list])
@pytest.mark.parametrize("at_start", [False, True])
def test_what_cannot_be_used_is_told_and_the_old_policy_stays(keeping, spin, caplog, harm, at_start):
    if not at_start:
        keeping.publish(1, one=["evil.example"])
        keeping.keeper.load_now()
    harm(keeping, keeping.publish(2, two=["other.example"]))
    if at_start:
        keeping.keeper.load_now()
    else:
        assert reloaded(keeping.keeper, spin) == 1
        assert keeping.blocked("evil.example")
    assert len(keeping.live) == (0 if at_start else 1)
    assert "cannot be used" in keeping.keeper.problem
    assert any(record.levelno == logging.ERROR for record in caplog.records)
    keeping.publish(3, three=["third.example"])
    assert reloaded(keeping.keeper, spin) == 3
    assert keeping.keeper.problem == ""
    assert keeping.blocked("third.example")


def test_a_lost_word_is_made_good_by_looking(keeping, spin):
    keeping.publish(1, one=["evil.example"])
    keeping.keeper.load_now()
    keeping.keeper.start()
    keeping.publish(2, two=["other.example"])
    spin(lambda: keeping.keeper.serial == 2, f"seen within {LOOK_SECONDS} s or so")
    assert keeping.blocked("other.example")


def test_looking_does_not_complain_again_about_what_it_has_seen(keeping, spin, reactor, caplog, monkeypatch):
    monkeypatch.setattr("resolver.follower.LOOK_SECONDS", 0.01)
    damage_manifest(keeping, keeping.publish(1, one=["evil.example"]))
    keeping.keeper.load_now()
    keeping.keeper.start()
    looks = []
    monkeypatch.setattr(keeping.keeper, "_stamp", lambda stamp=keeping.keeper._stamp: (looks.append(1), stamp())[1])
    spin(lambda: len(looks) > 5, "looked")
    assert len(caplog.records) == 1


@pytest.mark.parametrize("at_start", [False, True])
@pytest.mark.parametrize("passing", [OSError(errno.EMFILE, "Too many open files"), RuntimeError("mmap"), MemoryError()])
def test_what_may_pass_is_tried_again_and_told_once(keeping, spin, caplog, monkeypatch, at_start, passing):
    monkeypatch.setattr("resolver.follower.LOOK_SECONDS", 0.01)
    manifest = keeping.publish(1, one=["evil.example"])
    if not at_start:
        keeping.keeper.load_now()
        manifest = keeping.publish(2, one=["other.example"])
    tries = []

    def failing(_folder, *_given):
        tries.append(1)
        raise passing

    monkeypatch.setattr(PolicyFolder, "open", failing)
    keeping.keeper.load_now() if at_start else reloaded(keeping.keeper, spin)
    assert "cannot be used" in keeping.keeper.problem
    keeping.keeper.start()
    spin(lambda: len(tries) > 3, "tried again")
    assert len(keeping.live) == (0 if at_start else 1)
    assert [record.levelno for record in caplog.records].count(logging.ERROR) == 1
    monkeypatch.undo()
    spin(lambda: keeping.keeper.serial == manifest.serial, "live at last, with no new manifest")
    assert keeping.keeper.problem == ""


def test_no_thread_to_read_it_with_is_a_failure_that_may_pass(keeping, spin, reactor, monkeypatch):
    monkeypatch.setattr("resolver.follower.LOOK_SECONDS", 0.01)
    keeping.publish(1, one=["evil.example"])
    monkeypatch.setattr(
        reactor.getThreadPool(), "callInThreadWithCallback", Mock(side_effect=RuntimeError("no thread"))
    )
    keeping.keeper.start()
    spin(lambda: "no thread" in keeping.keeper.problem, "told")
    monkeypatch.undo()
    spin(lambda: keeping.keeper.serial == 1, "live at last")


def test_a_bug_of_ours_while_reading_it_is_told_with_its_traceback(keeping, caplog, monkeypatch):
    keeping.publish(1, one=["evil.example"])
    monkeypatch.setattr("resolver.reload.make_policy", lambda *_given: {}["a bug"])
    keeping.keeper.load_now()
    assert "a bug" in keeping.keeper.problem
    assert "Traceback" in caplog.text
    assert keeping.live == []


def test_a_policy_that_is_gone_stays_live_and_is_told(keeping, spin, caplog, monkeypatch):
    monkeypatch.setattr("resolver.follower.LOOK_SECONDS", 0.01)
    keeping.publish(1, one=["evil.example"])
    keeping.keeper.load_now()
    away = keeping.folder.manifest.rename(keeping.folder.manifest.with_suffix(".away"))
    keeping.keeper.start()
    spin(lambda: keeping.keeper.problem, "noticed")
    assert "serial 1 stays live" in caplog.text
    assert "without any list" not in caplog.text
    assert keeping.blocked("evil.example")
    away.rename(keeping.folder.manifest)
    spin(lambda: not keeping.keeper.problem, "back")


def test_reloads_that_come_together_end_with_the_last_published(keeping, spin):
    keeping.publish(1, one=["evil.example"])
    keeping.keeper.load_now()
    done = []
    for serial in range(2, 8):
        keeping.publish(serial, one=[f"x{serial}.example"])
        keeping.keeper.reload().addCallback(done.append)
    spin(lambda: len(done) == 6, "all answered")
    assert done[-1] == 7
    assert done == sorted(done)
    assert keeping.blocked("x7.example")
    assert [policy.serial for policy in keeping.live] == sorted({policy.serial for policy in keeping.live})


def test_an_empty_policy_lists_nothing(keeping):
    keeping.publish(1)
    keeping.keeper.load_now()
    assert keeping.live[-1].live == ()
    assert not keeping.blocked("evil.example")


def test_what_people_decided_is_taken_into_every_policy(keeping):
    keeping.keeper.decide(Decisions(allowed=(Allowed("evil.example", 2000.0, "false alarm"),)))
    assert not keeping.live  # there is no policy yet
    keeping.publish(1, one=["evil.example", "other.example"])
    keeping.keeper.load_now()
    assert [keeping.action("evil.example"), keeping.action("other.example")] == ["allowed", "sinkhole"]
    keeping.keeper.decide(Decisions(bypass=Bypass(2000.0, "fire")))
    assert [keeping.action("evil.example"), keeping.action("other.example")] == ["monitor", "monitor"]
    keeping.publish(2, one=["evil.example"])
    keeping.keeper.load_now()
    assert keeping.action("evil.example") == "monitor"
    keeping.keeper.decide(Decisions())
    assert keeping.action("evil.example") == "sinkhole"
