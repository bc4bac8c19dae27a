"""Publishing: what the database says is what workers read, under a serial that only grows, whoever publishes."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from casework import client_table, clients, decisions
from casework.client_table import Publisher, publish, publish_to_all
from casework.jobs import Job
from casework.store.audit import Origin
from casework.store.engine import DatabaseError, open_casework
from contracts.clients import ClientFolder
from contracts.decisions import DecisionsFile
from tests.casework.making import NOON, ZONE
from tests.casework.process import Process
from tests.waiting import until

LAN = Origin("os:lan", NOON)


@pytest.fixture
def store(settings):
    made = open_casework(settings.state)
    yield made
    made.close()


@pytest.fixture
def folder(settings):
    return ClientFolder(settings.state)


def test_everything_is_in_it(settings, store, folder):
    clients.set_standing(store, "127.10.5.0/24", "monitor", 60, "làm quen", LAN)
    clients.set_standing(store, "127.20.0.0/16", "exempt", 10, "x", LAN)
    clients.add_forwarder(store, "127.10.0.53", "so-mau", ("ecs",), "AD", LAN)
    assert publish(store, settings.state, ZONE, NOON + 30) == 1
    table = folder.read()
    assert [(one.network, one.unit) for one in table.units] == [
        ("127.10.0.0/16", "so-mau"), ("fd00:10::/32", "so-mau"), ("127.10.5.0/24", "phong-mau"),
        ("127.20.0.0/16", "xa-mau"),
    ]  # fmt: skip
    assert [(one.network, one.standing, one.until, one.reason) for one in table.standings] == [
        ("127.10.5.0/24", "monitor", NOON + 60, "làm quen")
    ]
    assert [(one.network, one.unit, one.trusts) for one in table.forwarders] == [("127.10.0.53/32", "so-mau", ("ecs",))]


def test_only_what_is_new_is_published_and_the_serial_only_grows(settings, store, folder):
    assert [publish(store, settings.state, ZONE, NOON) for _ in range(2)] == [1, 1]
    clients.add_forwarder(store, "127.10.0.53", "", ("ecs",), "AD", LAN)
    assert publish(store, settings.state, ZONE, NOON) == 2
    folder.file.unlink()
    assert publish(store, settings.state, ZONE, NOON) == 3
    folder.file.write_bytes(b"damaged")
    assert publish(store, settings.state, ZONE, NOON) == 4
    assert folder.read().serial == 4


def test_many_at_once_publish_what_is_true_at_the_end(settings, folder):
    """Each adds one and publishes; whoever is last, all are in it."""

    def add(number):
        store = open_casework(settings.state)
        clients.add_forwarder(store, f"127.10.0.{number}", "", ("ecs",), "AD", LAN)
        publish(store, settings.state, ZONE, NOON)
        store.close()

    threads = [threading.Thread(target=add, args=(number,)) for number in range(1, 9)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    table = folder.read()
    assert sorted(one.network for one in table.forwarders) == [f"127.10.0.{number}/32" for number in range(1, 9)]
    assert table.serial <= 8


def test_a_file_that_cannot_be_written_leaves_the_serial(settings, store, folder, monkeypatch):
    def full(_self, _table):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(ClientFolder, "publish", full)
        with pytest.raises(OSError, match="No space"):
            publish(store, settings.state, ZONE, NOON)
    assert publish(store, settings.state, ZONE, NOON) == 1


def test_the_publisher_looks_at_the_database_the_day_and_the_file(settings, store, folder, monkeypatch):
    made = []
    real = client_table.publish
    monkeypatch.setattr(client_table, "publish", lambda *given: made.append(given[3]) or real(*given))
    publisher = Publisher(settings.state, ZONE)
    for now in (NOON, NOON, NOON + 1):
        publisher.look(now)
    assert made == [NOON]
    clients.add_forwarder(store, "127.10.0.53", "", ("ecs",), "AD", LAN)
    publisher.look(NOON + 2)
    publisher.look(NOON + 3)
    folder.file.unlink()
    publisher.look(NOON + 4)
    publisher.look(NOON + 86400)
    publisher.close()
    assert made == [NOON, NOON + 2, NOON + 4, NOON + 86400]
    assert len(folder.read().forwarders) == 1


def test_a_locked_database_is_tried_again(settings, store, folder):
    publisher = Publisher(settings.state, ZONE)
    publisher._store = open_casework(settings.state)
    publisher._store.connection.execute("PRAGMA busy_timeout = 10")
    with store.transaction(), pytest.raises(DatabaseError):
        publisher.look(NOON)
    publisher.look(NOON)
    publisher.close()
    assert folder.read().serial == 1


def broken(words):
    def raising(*_given):
        raise OSError(28, words)

    return raising


def test_decisions_are_put_right_while_the_client_table_cannot_be_published(settings, store, folder, monkeypatch):
    decisions.bypass(store, settings.state, 600, "a wrong list", LAN)
    DecisionsFile(settings.state).path.unlink()
    publisher = Publisher(settings.state, ZONE)
    with monkeypatch.context() as patch:
        patch.setattr(ClientFolder, "publish", broken("no room for clients"))
        with pytest.raises(OSError, match="no room for clients"):
            publisher.look(NOON)
        assert DecisionsFile(settings.state).read().bypass is not None
    publisher.look(NOON)
    publisher.close()
    assert folder.read().serial == 1


def test_the_client_table_is_published_while_decisions_cannot_be(settings, store, folder, monkeypatch):
    decisions.bypass(store, settings.state, 600, "a wrong list", LAN)
    DecisionsFile(settings.state).path.unlink()
    publisher = Publisher(settings.state, ZONE)
    with monkeypatch.context() as patch:
        patch.setattr(DecisionsFile, "publish", broken("no room for decisions"))
        with pytest.raises(OSError, match="no room for decisions"):
            publisher.look(NOON)
        assert folder.read().serial == 1
    publisher.look(NOON)
    publisher.close()
    assert DecisionsFile(settings.state).read().bypass is not None


def test_two_errors_are_both_told(settings, store, monkeypatch):
    decisions.bypass(store, settings.state, 600, "a wrong list", LAN)
    DecisionsFile(settings.state).path.unlink()
    publisher = Publisher(settings.state, ZONE)
    monkeypatch.setattr(ClientFolder, "publish", broken("no room for clients"))
    monkeypatch.setattr(DecisionsFile, "publish", broken("no room for decisions"))
    with pytest.raises(OSError) as caught:
        publisher.look(NOON)
    job = Job("publish")
    job.failed(caught.value)
    assert "no room for clients" in job.error
    assert "no room for decisions" in job.error


def test_without_workers_nobody_is_waited_for(settings, store):
    assert publish_to_all(store, settings.state, ZONE) == (1, 0, 0)


def test_the_recorder_publishes_at_start_and_what_a_command_could_not(tmp_path, settings, folder):
    recorder = Process(tmp_path)
    recorder.start()
    try:
        until(lambda: folder.read() is not None, "published")
        assert [one.unit for one in folder.read().units][:1] == ["so-mau"]
        added = "from casework.store.engine import open_casework; from casework import clients; import sys, pathlib;"
        added += "from casework.store.audit import Origin;"
        added += "clients.add_forwarder(open_casework(pathlib.Path(sys.argv[1])), '127.10.0.53', '', ('mac',), 'AD',"
        added += " Origin('os:lan', 1))"
        subprocess.run([sys.executable, "-c", added, str(settings.state)], check=True)
        until(lambda: len(folder.read().forwarders) == 1, "published again")
        assert recorder.status()["errors"] == {}
    finally:
        assert recorder.end() == 0
