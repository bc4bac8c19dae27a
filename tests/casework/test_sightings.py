"""The roll-up: sums that agree with the ledger, from the mark on, whenever it was cut short."""

from __future__ import annotations

import random
from typing import get_args

import pytest

from casework import hosts, sightings
from casework.store import evidence
from casework.store.engine import DatabaseError, open_casework, open_evidence
from contracts.hit import Action
from tests.casework.making import NOON, Clock, arrival, facts, hits_in, recorder_in, rolled_up, row


def sums(state) -> dict[str, int]:
    """Hits in every table of the evidence."""
    store = open_evidence(state, readonly=True)
    found = {
        table: store.connection.execute(f"SELECT coalesce(sum(hits), 0) FROM {table}").fetchone()[0]
        for table in ("hosts", "host_indicators", "sightings")
    }
    store.close()
    return found


def listed(state) -> list[hosts.HostRow]:
    store = open_evidence(state, readonly=True)
    found = hosts.list_hosts(store, sort="address", descending=False).rows
    store.close()
    return found


def random_batches(count: int, seed: int) -> list:
    choose = random.Random(seed)
    return [
        arrival(
            number,
            [
                row(
                    f"127.{choose.choice((10, 20, 30))}.0.{choose.randrange(1, 9)}",
                    NOON + choose.randrange(7200),
                    choose.randrange(1, 4),
                    facts(f"n{choose.randrange(5)}.evil.example", family=choose.choice(("Emotet", "Qakbot"))),
                )
                for _ in range(20)
            ],
        )
        for number in range(1, count + 1)
    ]


def test_hosts_units_and_times(recorder, settings, clock):
    recorder.commit(
        [arrival(1, [row("127.10.5.1", NOON, 2), row("127.10.5.1", NOON + 4000, 3), row("9.9.9.9", NOON + 1)])]
    )
    clock.now += 4000
    rolled_up(recorder, clock)
    unknown, known = listed(settings.state)
    assert (unknown.address, unknown.unit_code, unknown.unit_name) == ("9.9.9.9", "", "")
    assert (known.address, known.unit_code, known.unit_name) == ("127.10.5.1", "phong-mau", "Phòng Đo lường")
    assert (known.first_seen, known.last_seen, known.hits) == (NOON, NOON + 4000, 5)
    (indicator,) = known.indicators
    assert (indicator.domain, indicator.action, indicator.hits) == ("evil.example", "sinkhole", 5)


def test_the_strongest_answer_counts(recorder, settings, clock):
    for number, action in enumerate(("monitor", "sinkhole", "nodata"), 1):
        recorder.commit([arrival(number, [row("127.10.0.1", what=facts(action=action))])])
    rolled_up(recorder, clock)
    assert [one.action for one in listed(settings.state)[0].indicators] == ["sinkhole"]


def test_every_action_has_its_strength(recorder, settings, clock):
    assert sightings.STRENGTH.keys() == set(get_args(Action))
    assert len(set(sightings.STRENGTH.values())) == len(sightings.STRENGTH)
    for number, action in enumerate(get_args(Action), 1):
        recorder.commit([arrival(number, [row(f"127.10.0.{number}", what=facts(action=action))])])
    rolled_up(recorder, clock)
    assert [host.indicators[0].action for host in listed(settings.state)] == list(get_args(Action))


def test_a_second_that_goes_on_is_left_for_later(recorder, settings, clock):
    recorder.commit([arrival(1, [row("127.10.0.1")])])
    recorder.roll_up()
    assert sums(settings.state)["hosts"] == 0
    recorder.commit([arrival(2, [row("127.10.0.1", count=4)])])
    clock.now += 1
    recorder.roll_up()
    assert sums(settings.state)["hosts"] == 5


def test_the_evidence_can_be_made_again_from_the_ledger(recorder, settings, clock):
    recorder.commit(random_batches(20, 1))
    rolled_up(recorder, clock)
    before = listed(settings.state)
    assert set(sums(settings.state).values()) == {hits_in(settings.state)}
    recorder.close()
    for file in settings.state.glob("evidence.db*"):
        file.unlink()
    heir = recorder_in(settings.state, clock)
    rolled_up(heir, clock)
    heir.close()
    assert [one._replace(id=0) for one in listed(settings.state)] == [one._replace(id=0) for one in before]


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_any_step_gives_the_same_sums(recorder, settings, clock, monkeypatch, step):
    monkeypatch.setattr(sightings, "STEP", step)
    recorder.commit(random_batches(6, step))
    rolled_up(recorder, clock)
    recorder.commit(random_batches(12, step))
    rolled_up(recorder, clock)
    assert set(sums(settings.state).values()) == {hits_in(settings.state)}


@pytest.mark.parametrize("broken", ["add_sightings", "add_host_indicators", "add_hosts", "set_ledger_mark"])
def test_a_roll_up_cut_short_is_repeated_whole(recorder, settings, clock, monkeypatch, broken):
    recorder.commit(random_batches(5, 3))
    clock.now += 9999

    def fail(*_: object) -> None:
        raise DatabaseError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(evidence, broken, fail)
        with pytest.raises(DatabaseError):
            recorder.roll_up()
    assert set(sums(settings.state).values()) == {0}
    rolled_up(recorder, clock)
    assert set(sums(settings.state).values()) == {hits_in(settings.state)}


def test_a_network_that_moves_makes_another_host_and_leaves_the_old_one(recorder, settings, clock):
    recorder.commit([arrival(1, [row("127.20.0.1")])])
    rolled_up(recorder, clock)
    store = open_casework(settings.state)
    with store.transaction() as run:
        run.execute("UPDATE unit_networks SET unit = (SELECT id FROM units WHERE code = 'so-mau') WHERE unit = 3")
    recorder.commit([arrival(2, [row("127.20.0.1", int(clock.now))])])
    rolled_up(recorder, clock)
    assert [(one.address, one.unit_code, one.hits) for one in listed(settings.state)] == [
        ("127.20.0.1", "xa-mau", 1), ("127.20.0.1", "so-mau", 1),
    ]  # fmt: skip
    store.close()


def test_hosts_without_a_unit_get_theirs_when_its_network_is_added(recorder, settings, clock):
    recorder.commit([arrival(1, [row("127.30.0.1"), row("127.31.0.1")])])
    rolled_up(recorder, clock)
    store = open_casework(settings.state)
    with store.transaction() as run:
        run.execute(
            "INSERT INTO unit_networks (unit, network, first, last) VALUES (3, '127.30.0.0/16', ?, ?)",
            (b"\x7f\x1e\0\0", b"\x7f\x1e\xff\xff"),
        )
    store.close()
    rolled_up(recorder, clock)
    assert [(one.address, one.unit_code) for one in listed(settings.state)] == [
        ("127.30.0.1", "xa-mau"), ("127.31.0.1", ""),
    ]  # fmt: skip
    recorder.commit([arrival(2, [row("127.30.0.1", int(clock.now))])])
    rolled_up(recorder, clock)
    assert [one.hits for one in listed(settings.state)] == [2, 1]


def test_a_locked_database_only_puts_off_what_hosts_without_a_unit_are_due(recorder, settings, clock):
    recorder.commit([arrival(1, [row("127.30.0.1")])])
    rolled_up(recorder, clock)
    casework = open_casework(settings.state)
    with casework.transaction() as run:
        run.execute("INSERT INTO unit_networks (unit, network, first, last) VALUES (3, '127.30.0.0/16', x'', x'')")
    casework.close()
    thief = open_evidence(settings.state)
    thief.connection.execute("BEGIN IMMEDIATE")
    recorder._sightings._store.connection.execute("PRAGMA busy_timeout = 50")
    for _ in range(2):
        with pytest.raises(DatabaseError, match="locked"):
            recorder.roll_up()
    thief.connection.execute("ROLLBACK")
    thief.close()
    recorder.commit([arrival(2, [row("127.30.0.1", int(clock.now))])])
    rolled_up(recorder, clock)
    assert [(one.address, one.unit_code, one.hits) for one in listed(settings.state)] == [("127.30.0.1", "xa-mau", 2)]


def test_a_clock_of_its_own_is_not_needed_to_replay(settings):
    """What was committed before a kill -9 is rolled up by the next recorder, even with nothing new."""
    first = recorder_in(settings.state)
    first.commit(random_batches(3, 9))
    heir = recorder_in(settings.state, Clock(NOON))
    while heir.roll_up():
        pass
    assert set(sums(settings.state).values()) == {hits_in(settings.state)}
    heir.close()
    first.close()
