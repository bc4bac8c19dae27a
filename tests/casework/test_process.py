"""The recorder process: kill -9 at any time, a drained end, hostile peers, a locked ledger, dead workers.

Every batch holds hits for names of its own, so that one lost or doubled cannot hide in a sum.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import struct
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from casework import hosts, ledger
from casework.store.engine import Store, open_casework, open_evidence
from contracts.counter import CounterFile, counter_path
from contracts.hit import Ack, Batch, FrameReader, Hello, HitRow, frame
from tests.casework.making import facts, row, settings_in
from tests.casework.process import Process, Sender
from tests.conftest import REPO
from tests.waiting import DEADLINE, until

pytestmark = pytest.mark.e2e
KILLS = 12


@pytest.fixture
def process(tmp_path) -> Iterator[Process]:
    settings_in(tmp_path)
    made = Process(tmp_path)
    made.start()
    yield made
    if made.process.poll() is None:
        made.kill()


@pytest.fixture
def sender(process) -> Iterator[Sender]:
    made = Sender(process.run.hits)
    made.start()
    yield made
    made.end()


def batch_rows(number: int, tag: str = "b") -> list[HitRow]:
    """Two hits from different machines, with names nobody else has."""
    second = int(time.time())
    client = f"127.10.{number // 250 % 250}.{number % 250 + 1}"
    return [
        row(client, second, 1, facts(f"{tag}{number}.evil.example")),
        row("127.20.0.1", second, 2, facts(indicator=f"{tag}{number}.example", qname=f"{tag}{number}.example")),
    ]


def counted(process: Process) -> Counter[str]:
    found = Counter[str]()
    for one in ledger.rows(process.state, limit=1 << 60):
        found[one.qname] += one.count
    return found


def expected(batches: int, tag: str = "b") -> Counter[str]:
    found = Counter[str]()
    for number in range(batches):
        found[f"{tag}{number}.evil.example"] += 1
        found[f"{tag}{number}.example"] += 2
    return found


def rolled_up_hits(process: Process) -> list[int]:
    store = open_evidence(process.state, readonly=True)
    sums = [
        store.connection.execute(f"SELECT coalesce(sum(hits), 0) FROM {table}").fetchone()[0]
        for table in ("hosts", "host_indicators", "sightings")
    ]
    store.close()
    return sums


def test_kill_9_at_any_instant_neither_loses_nor_doubles(process, sender):
    other = Sender(process.run.hits, worker=1, window=5)
    other.start()
    choose = random.Random(20261123)
    given = 0
    for _ in range(KILLS):
        for _ in range(choose.randrange(5, 60)):
            sender.give(batch_rows(given))
            other.give(batch_rows(given, "o"))
            given += 1
        time.sleep(choose.random() * 0.3)  # the instant of the kill is meant to be random
        process.kill()
        process.start()
    until(lambda: not sender.waiting() and not other.waiting(), "everything acknowledged")
    wanted = expected(given) + expected(given, "o")
    assert counted(process) == wanted
    assert sender.connections > KILLS / 2
    until(lambda: rolled_up_hits(process) == [wanted.total()] * 3, "everything rolled up, once")
    other.end()


def test_sigterm_commits_acknowledges_and_ends_well(process, sender):
    for number in range(300):
        sender.give(batch_rows(number))
    until(lambda: sender.acknowledged > 20, "the stream runs")
    assert process.end() == 0, process.log.read_text()
    assert "Traceback" not in process.log.read_text()
    kept = counted(process)
    assert kept == expected(len(kept) // 2), "whole batches, from the first on"
    assert sender.acknowledged <= len(kept) // 2
    process.start()
    until(lambda: not sender.waiting(), "the rest")
    assert counted(process) == expected(300)
    assert process.end() == 0


def test_what_a_killed_worker_had_sent_is_read_to_the_end(process):
    code = """\
import os, signal, socket, sys
sys.path.insert(0, ".")
from contracts.hit import Hello, frame
from tests.casework.test_process import batch_rows, Batch
link = socket.socket(socket.AF_UNIX)
link.connect(sys.argv[1])
link.sendall(frame(Hello("node1", 0, "00000000000000a1")))
for number in range(200):
    link.sendall(frame(Batch(number + 1, 3 * (number + 1), batch_rows(number))))
os.kill(os.getpid(), signal.SIGKILL)
"""
    worker = subprocess.run(
        [sys.executable, "-c", code, str(process.run.hits)], check=False, cwd=REPO, timeout=DEADLINE
    )
    assert worker.returncode == -signal.SIGKILL
    until(lambda: process.status()["batches"] == 200, "all 200 batches")
    assert counted(process) == expected(200)


def test_hits_that_died_with_a_worker_are_told(process):
    boot = "00000000000000a1"
    held = subprocess.Popen(["sleep", "60"])
    counter = CounterFile(counter_path(process.run.folder, 0, boot))
    counter.values[0] = 10
    counter._cast[2] = held.pid
    link = process.connect()
    link.sendall(frame(Hello("node1", 0, boot)) + frame(Batch(1, 4, [row("127.10.0.1", int(time.time()), 4)])))
    until(lambda: process.status()["hits"] == 4, "the hits")
    link.close()
    held.kill()
    held.wait()
    until(lambda: bool(process.status()["lost"]), "the account is settled")
    status = process.status()
    assert [one["lost"] for one in status["lost"]] == [6]
    assert any("6 hits were lost when worker 0 died" in problem for problem in status["problems"])
    assert not counter.path.exists()
    counter.close()


def test_what_is_sent_again_after_a_kill_is_taken_once(process):
    """A worker that never saw our Ack sends everything again, whatever our Ack to its Hello says."""
    batches = b"".join(frame(Batch(number + 1, 3, batch_rows(number))) for number in range(20))
    for life in range(3):
        link = process.connect()
        link.sendall(frame(Hello("node1", 0, "00000000000000a1")) + batches)
        reader, seen = FrameReader(), [0]
        while seen[-1] < 20:
            seen += [ack.number for ack in reader.feed(link.recv(1000)) if isinstance(ack, Ack)]
        assert seen == sorted(seen)
        link.close()
        until(lambda again=life > 0: process.status()["duplicates"] == 20 * again, "what came again is noticed")
        process.kill()
        process.start()
    assert counted(process) == expected(20)


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        struct.pack("!I", 1 << 30),
        struct.pack("!I", 5) + b"\xff" * 5,
        frame(Batch(1, 1, [])),
        frame(Ack(1)),
        frame(Hello("node1", 0, "x")) * 2,
        frame(Hello("node1", 0, "x")) + frame(Batch(0, 0, [])),
        frame(Hello("node1", 0, "x")) + frame(Batch(1 << 63, 0, [])),
        frame(Hello("node1", 0, "x")) + frame(Batch(1, 1 << 63, [])),
        frame(Hello("node1", 0, "x")) + frame(Batch(1, -1, [])),
        frame(Hello("node1", 0, "x" * 65)),
        frame(Hello("node1", -1, "x")),
    ],
)
def test_garbage_closes_that_connection_only(process, garbage):
    good, bad = process.connect(), process.connect()
    good.sendall(frame(Hello("node1", 0, "00000000000000a1")))
    assert FrameReader().feed(good.recv(100)) == [Ack(0)]
    bad.sendall(garbage)
    until(lambda: process.status()["bad_frames"] == 1, "it is counted")
    with pytest.raises((ConnectionResetError, BrokenPipeError)):  # noqa: PT012  the end may be seen at either call
        while bad.recv(100):
            pass
        raise ConnectionResetError
    good.sendall(frame(Batch(1, 1, [row("127.10.0.1")])))
    assert FrameReader().feed(good.recv(100)) == [Ack(1)]
    good.close()
    bad.close()


def test_a_locked_ledger_is_waited_out_and_the_queue_stays_bounded(process):
    sender = Sender(process.run.hits, window=1 << 30)
    sender.give([row("127.10.0.1", int(time.time()))])
    sender.start()
    until(lambda: not sender.waiting(), "the first batch")
    thief = Store(ledger.day_files(process.state)[0], "ledger")
    thief.connection.execute("BEGIN IMMEDIATE")
    long = "x" * 200
    for number in range(600):
        rows = [row("127.10.0.1", 1 + number, 1, facts(source=f"{long}{item}")) for item in range(150)]
        sender.give(rows)
    until(lambda: process.status()["retries"] > 0, "it tries again")
    status = process.status()
    assert "locked" in status["errors"]["commit"]
    assert any("commit fails" in problem for problem in status["problems"])
    until(lambda: process.status()["queue_octets"] > 16 << 20, "the queue fills")
    assert sender.acknowledged == 1
    assert process.status()["queue_octets"] < 17 << 20
    thief.connection.execute("ROLLBACK")
    thief.close()
    until(lambda: not sender.waiting(), "everything", 60)
    until(lambda: not process.status()["errors"], "back to normal")
    assert process.status()["rows"] == 1 + 600 * 150
    assert sender.connections == 1, "the link was paused and went on"
    sender.end()


def test_damaged_ledger_files_are_problems_and_hold_up_nothing(tmp_path):
    settings_in(tmp_path)
    process = Process(tmp_path)
    files = [ledger.day_path(process.state, second, "node1") for second in (0, time.time())]
    for path in files:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"not a database at all, " * 300)
    process.start()
    sender = Sender(process.run.hits)
    sender.give([row("127.10.0.1", int(time.time()))])
    sender.start()
    until(lambda: not sender.waiting(), "the hit")
    until(lambda: not process.status()["behind"], "and in the pages")
    told = process.status()["problems"]
    assert all(any(path.name in problem for problem in told) for path in files), told
    assert process.status()["errors"] == {}
    sender.end()
    process.kill()


def test_a_second_recorder_does_not_start_beside_the_first(process):
    other = Process(process.config.parent)
    other.spawn()
    assert other.process.wait(DEADLINE) == 1
    assert "does another recorder run?" in process.log.read_text()
    assert process.answers()


def test_a_newer_database_ends_it_with_a_sentence(tmp_path):
    settings = settings_in(tmp_path)
    store = open_casework(settings.state)
    store.connection.execute("PRAGMA user_version = 999")
    store.close()
    process = Process(tmp_path)
    process.spawn()
    assert process.process.wait(DEADLINE) == 1
    assert "is of version 999" in process.log.read_text()
    assert "Traceback" not in process.log.read_text()


def test_units_that_change_are_seen_without_a_restart(process, sender):
    store = open_casework(process.state)
    with store.transaction() as run:
        run.execute("UPDATE units SET code = 'doi-ten' WHERE code = 'xa-mau'")
    store.close()
    os.kill(process.process.pid, signal.SIGHUP)
    sender.give([row("127.20.0.5", int(time.time()))])

    def units() -> list[str]:
        evidence = open_evidence(process.state, readonly=True)
        found = [one.unit_code for one in hosts.list_hosts(evidence).rows]
        evidence.close()
        return found

    until(lambda: units() == ["doi-ten"], "the host under its unit's new code")
    assert process.end() == 0


def test_a_frame_byte_by_byte_is_a_frame(process):
    link = process.connect()
    link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    message = frame(Hello("node1", 0, "00000000000000a1")) + frame(Batch(1, 3, [row("127.10.0.1", count=3)]))
    for at in range(len(message)):
        link.sendall(message[at : at + 1])
    until(lambda: process.status()["hits"] == 3, "the hits")
    link.close()
