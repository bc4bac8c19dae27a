"""The bypass and allowed names: with a reason and an end, audited, and in the file that workers follow."""

from __future__ import annotations

import pytest

from casework import decisions
from casework.decisions import MAX_ALLOW, MAX_BYPASS, DecisionError
from casework.store import audit
from casework.store import decisions as rows
from casework.store.audit import Origin
from casework.store.engine import open_casework
from contracts.decisions import Decisions, DecisionsFile

NOW = 1_800_000_000
WHO = Origin("os:lan", NOW)


@pytest.fixture
def store(tmp_path):
    made = open_casework(tmp_path)
    yield made
    made.close()


def held(tmp_path):
    """What workers read: allowed names, and whether policy is bypassed."""
    found = DecisionsFile(tmp_path).read()
    return [one.name for one in found.allowed], found.bypass is not None


def later(seconds):
    return WHO._replace(time=NOW + seconds)


def test_the_bypass_goes_on_and_off(store, tmp_path):
    assert decisions.bypass(store, tmp_path, 1800, "  fire in\nthe house ", WHO) == 1
    found = DecisionsFile(tmp_path).read()
    assert (found.bypass.until, found.bypass.reason, found.serial) == (NOW + 1800, "fire in the house", 1)
    assert decisions.end_bypass(store, tmp_path, "", later(60)) == 2
    assert held(tmp_path) == ([], False)
    assert [(one.action, one.object, one.detail) for one in audit.latest(store, 5)] == [
        ("bypass.off", "policy", {"reason": ""}),
        ("bypass.on", "policy", {"reason": "fire in the house", "ends": NOW + 1800}),
    ]
    with pytest.raises(DecisionError, match="not bypassed"):
        decisions.end_bypass(store, tmp_path, "", later(61))


def test_a_second_bypass_is_a_new_end_of_the_first(store, tmp_path):
    decisions.bypass(store, tmp_path, 1800, "fire", WHO)
    decisions.bypass(store, tmp_path, 300, "nearly out", later(60))
    assert DecisionsFile(tmp_path).read().bypass.until == NOW + 360
    assert [(one.reason, one.ended) for one in rows.latest(store.connection, "bypass", 5)] == [
        ("nearly out", None),
        ("fire", NOW + 60),
    ]


def test_a_name_is_allowed_for_a_time(store, tmp_path):
    decisions.allow(store, tmp_path, "Good.Example.", 86400, "false alarm", WHO)
    decisions.allow(store, tmp_path, "other.example", 3600, "needed by the hospital", WHO)
    assert held(tmp_path) == (["good.example", "other.example"], False)
    decisions.bypass(store, tmp_path, 600, "fire", later(7200))
    assert held(tmp_path) == (["good.example"], True)  # what is over is not written any more
    with pytest.raises(DecisionError, match=r"it is below good\.example"):
        decisions.disallow(store, tmp_path, "www.good.example", "", later(7201))
    decisions.disallow(store, tmp_path, "good.example", "it is evil", later(7201))
    assert held(tmp_path) == ([], True)


@pytest.mark.parametrize(
    ("name", "words"),
    [("vn", "top-level"), ("", "top-level"), (".", "top-level"), ("a..b", "empty label"), ("x" * 64 + ".vn", "longer")],
)
def test_names_that_cannot_be_allowed(store, tmp_path, name, words):
    with pytest.raises(DecisionError, match=words):
        decisions.allow(store, tmp_path, name, 3600, "a reason", WHO)
    assert DecisionsFile(tmp_path).read() == Decisions()


@pytest.mark.parametrize("name", ["com.vn", "GOV.vn.", "edu.vn", "github.io"])
def test_a_public_suffix_cannot_be_allowed_but_names_below_it(store, tmp_path, name):
    with pytest.raises(DecisionError, match=rf"{name.lower().rstrip('.')} is a public suffix"):
        decisions.allow(store, tmp_path, name, 3600, "all of it", WHO)
    assert DecisionsFile(tmp_path).read() == Decisions()
    decisions.allow(store, tmp_path, f"good.{name}", 3600, "false alarm", WHO)
    assert held(tmp_path) == ([f"good.{name}".lower().rstrip(".")], False)


@pytest.mark.parametrize("reason", ["", "  ", "x\n"])
def test_a_reason_is_needed(store, tmp_path, reason):
    with pytest.raises(DecisionError, match="reason"):
        decisions.bypass(store, tmp_path, 600, reason, WHO)


@pytest.mark.parametrize("seconds", [0, 59, MAX_BYPASS + 1])
def test_a_bypass_has_an_end(store, tmp_path, seconds):
    with pytest.raises(DecisionError, match="how long"):
        decisions.bypass(store, tmp_path, seconds, "fire", WHO)


def test_an_allowed_name_has_one_too(store, tmp_path):
    with pytest.raises(DecisionError, match="366 days"):
        decisions.allow(store, tmp_path, "good.example", MAX_ALLOW + 1, "for ever", WHO)


def test_what_cannot_be_published_is_not_decided(store, tmp_path, monkeypatch):
    monkeypatch.setattr(DecisionsFile, "publish", lambda *_given: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        decisions.bypass(store, tmp_path, 600, "fire", WHO)
    assert rows.holding(store.connection, NOW) == []
    assert audit.latest(store, 5) == []


@pytest.mark.parametrize("damage", [b"", b"{}}"])
def test_a_damaged_file_is_written_anew(store, tmp_path, damage):
    decisions.bypass(store, tmp_path, 600, "fire", WHO)
    DecisionsFile(tmp_path).path.write_bytes(damage)
    assert decisions.repair(store, tmp_path, NOW + 1)
    assert DecisionsFile(tmp_path).read().bypass.until == NOW + 600
    assert not decisions.repair(store, tmp_path, NOW + 2)


def test_a_lost_file_and_one_that_says_more_than_was_decided_are_put_right(store, tmp_path):
    decisions.allow(store, tmp_path, "good.example", 3600, "false alarm", WHO)
    file = DecisionsFile(tmp_path)
    file.path.unlink()
    assert decisions.repair(store, tmp_path, NOW)
    before = file.read()
    store.connection.execute("DELETE FROM decisions")
    assert decisions.repair(store, tmp_path, NOW)
    assert file.read().allowed == ()
    assert file.read().serial > before.serial
    assert not decisions.repair(store, tmp_path, NOW + 10)


def test_somebody_answers_for_an_allowed_name(store, tmp_path):
    decisions.allow(store, tmp_path, "a.example", 3600, "false alarm", WHO)
    decisions.allow(store, tmp_path, "b.example", 3600, "false alarm", WHO, "  Phòng\nKế toán ")
    assert {one.name: one.answers for one in rows.holding(store.connection, NOW)} == {
        "a.example": "os:lan",
        "b.example": "Phòng Kế toán",
    }
    assert [one.owner for one in DecisionsFile(tmp_path).read().allowed] == ["os:lan", "Phòng Kế toán"]
    assert audit.latest(store, 1)[0].detail["owner"] == "Phòng Kế toán"
    decisions.allow(store, tmp_path, "b.example", 3600, "still needed", WHO)
    assert rows.holding(store.connection, NOW)[-1].answers == "os:lan", "the new decision has its own"
    for owner in ("x" * 201, "\x1b[2J"):
        with pytest.raises(DecisionError, match="the owner"):
            decisions.allow(store, tmp_path, "c.example", 3600, "false alarm", WHO, owner)
