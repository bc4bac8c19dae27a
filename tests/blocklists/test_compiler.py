"""Segments and manifest follow the library, also after a crash between two steps."""

from __future__ import annotations

import msgspec
import pytest

from blocklists import compiler
from blocklists.service import Lists
from contracts.policy import PolicyFolder
from tests.blocklists.making import live_match, policy_of


def names(settings):
    return sorted(path.name for path in policy_of(settings).segments.iterdir())


def test_only_the_changed_list_is_compiled(take, settings, monkeypatch):
    take("a.example", name="a")
    take("b.example", name="b")
    compiled = []
    real = compiler.write_segment
    monkeypatch.setattr(
        compiler, "write_segment", lambda path, name, *rest: compiled.append(name) or real(path, name, *rest)
    )
    take("b.example\nc.example", name="b")
    assert compiled == ["b"]
    assert live_match(settings, "a.example")[0] == "a"
    assert live_match(settings, "c.example")[0] == "b"


def test_the_segment_before_stays_older_ones_go(take, settings):
    for number in range(4):
        take(f"n{number}.example", name="a")
    assert [name.split("-")[1] for name in names(settings)] == ["v3", "v4"]


def test_the_serial_only_grows_also_when_the_manifest_is_lost(take, lists, settings):
    serials = [take(f"n{number}.example").serial for number in range(3)]
    assert serials == sorted(set(serials))
    policy_of(settings).manifest.unlink()
    assert lists.publish() == serials[-1] + 1
    policy_of(settings).manifest.write_text("{ no manifest")
    assert lists.publish() == serials[-1] + 2
    assert live_match(settings, "n2.example")


def test_nothing_to_say_is_not_published(take, lists, settings):
    assert lists.publish() == 0
    assert policy_of(settings).read() is None
    serial = take("a.example").serial
    assert lists.publish() == serial


def crash_in(monkeypatch, place, name):
    def crash(*_args, **_more):
        raise KeyboardInterrupt

    monkeypatch.setattr(place, name, crash)


def test_a_crash_before_the_segment_is_written_changes_nothing(take, lists, settings, monkeypatch):
    take("a.example")
    with monkeypatch.context() as patch:
        crash_in(patch, compiler, "write_segment")
        with pytest.raises(KeyboardInterrupt):
            take("b.example")
    assert lists.library.live("letter").number == 1
    lists.publish(verify=True)
    assert live_match(settings, "a.example")
    assert live_match(settings, "b.example") is None


def test_a_crash_before_the_manifest_is_repaired_at_the_next_start(take, library, settings, monkeypatch):
    before = take("a.example").serial
    with monkeypatch.context() as patch:
        crash_in(patch, PolicyFolder, "publish")
        with pytest.raises(KeyboardInterrupt):
            take("b.example")
    assert live_match(settings, "a.example")
    assert Lists(settings, library).publish(verify=True) > before
    assert live_match(settings, "b.example")
    assert live_match(settings, "a.example") is None


def test_a_damaged_or_lost_segment_is_compiled_again(take, lists, settings):
    take("a.example", name="a")
    take("b.example", name="b")
    damaged, lost = sorted(policy_of(settings).segments.iterdir())
    damaged.write_bytes(damaged.read_bytes()[:-20] + b"x" * 20)
    lost.unlink()
    lists.publish(verify=True)
    assert live_match(settings, "a.example")
    assert live_match(settings, "b.example")


def test_what_a_dead_process_left_is_swept(take, settings):
    take("a.example")
    left = policy_of(settings).segments / ".letter-v9-1.tmp"
    left.write_bytes(b"half")
    take("b.example")
    assert not left.exists()


def test_a_stricter_guard_takes_names_out_and_a_laxer_one_brings_them_back(take, library, settings):
    take("a.own.example\nb.example")
    strict = msgspec.structs.replace(
        settings, guard=msgspec.structs.replace(settings.guard, protected_domains=("own.example",))
    )
    Lists(strict, library).publish()
    assert live_match(settings, "a.own.example") is None
    assert live_match(settings, "b.example")
    Lists(settings, library).publish()
    assert live_match(settings, "a.own.example")


def test_a_match_carries_the_facts_of_its_row(take, settings):
    take("Tên miền,Mã độc,Số công văn,Nguồn\n\nxấu.example,Emotet,12/CV,NCSC\n", campaign="demo")
    name, match = live_match(settings, "www.xn--xu-r5s.example")
    assert name == "letter"
    assert (*match.labels, match.line) == ("c2", "Emotet", "12/CV", "NCSC", 3)
    (entry,) = policy_of(settings).read().entries
    assert (entry.mode, entry.campaign, entry.names) == ("enforce", "demo", 1)
