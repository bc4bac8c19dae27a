"""Seeding: once, together with its audit entry, and never over what people made."""

from __future__ import annotations

import threading

import msgspec

from casework.seed import seed
from casework.store.audit import Origin, latest
from casework.store.engine import open_casework
from tests.casework.making import NOON, settings_in

ORIGIN = Origin("test", NOON)
TABLES = ("units", "unit_networks", "campaigns")


def test_an_empty_database_is_seeded_once(tmp_path):
    settings = settings_in(tmp_path)
    store = open_casework(settings.state)
    assert seed(store, settings, ORIGIN)
    assert not seed(store, settings, ORIGIN)
    rows = {name: list(store.connection.execute(f"SELECT * FROM {name} ORDER BY rowid")) for name in TABLES}
    assert [row["code"] for row in rows["units"]] == ["so-mau", "phong-mau", "xa-mau"]
    assert [row["network"] for row in rows["unit_networks"]] == [
        "127.10.0.0/16", "fd00:10::/32", "127.10.5.0/24", "127.20.0.0/16",
    ]  # fmt: skip
    first = rows["unit_networks"][0]
    assert (first["first"], first["last"]) == (b"\x7f\x0a\0\0", b"\x7f\x0a\xff\xff")
    assert rows["campaigns"][0]["start"] == "2026-01-01"
    assert [entry.action for entry in latest(store, 10)] == ["database.seed"]
    store.close()


def test_what_people_deleted_does_not_come_back(tmp_path):
    settings = settings_in(tmp_path)
    store = open_casework(settings.state)
    seed(store, settings, ORIGIN)
    with store.transaction() as run:
        run.execute("DELETE FROM unit_networks")
        run.execute("DELETE FROM units")
        run.execute("DELETE FROM campaigns")
    assert not seed(store, settings, ORIGIN)
    assert store.connection.execute("SELECT count(*) FROM units").fetchone()[0] == 0
    store.close()


def test_settings_without_units_leave_the_first_time_open(tmp_path):
    settings = settings_in(tmp_path)
    store = open_casework(settings.state)
    assert not seed(store, msgspec.structs.replace(settings, units=(), campaigns=()), ORIGIN)
    assert seed(store, settings, ORIGIN)
    store.close()


def test_two_at_once_seed_once(tmp_path):
    settings = settings_in(tmp_path)
    open_casework(settings.state).close()
    did = []

    def one() -> None:
        store = open_casework(settings.state)
        did.append(seed(store, settings, ORIGIN))
        store.close()

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(did) == [False, False, False, True]
