"""Back-off of the writer's jobs."""

from __future__ import annotations

import pytest

from casework import jobs
from casework.jobs import FIRST_BACKOFF, MAX_BACKOFF, Job
from casework.store.engine import DatabaseError


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(jobs.time, "monotonic", lambda: now[0])
    return now


def test_waits_double_up_to_a_limit_and_end_with_success(clock):
    job, waits = Job("commit"), []
    for _ in range(9):
        job.failed(DatabaseError("database is locked"))
        start = clock[0]
        while job.waits:
            clock[0] += 0.05
        waits.append(clock[0] - start)
    assert waits[0] == pytest.approx(FIRST_BACKOFF, abs=0.06)
    assert waits[1] == pytest.approx(2 * FIRST_BACKOFF, abs=0.06)
    assert waits[-1] == pytest.approx(MAX_BACKOFF, abs=0.06)
    assert (job.retries, job.error) == (9, "Error: database is locked")
    job.succeeded()
    assert job.error == ""
    job.failed(DatabaseError("again"))
    clock[0] += FIRST_BACKOFF + 0.01
    assert not job.waits


def test_the_same_error_is_logged_once_and_our_own_fault_with_its_traceback(clock, caplog):
    job = Job("commit")
    for _ in range(5):
        job.failed(DatabaseError("database is locked"))
    assert caplog.text.count("database is locked") == 1
    assert "Traceback" not in caplog.text
    try:
        raise KeyError("ours")
    except KeyError as error:
        job.failed(error)
    assert "Traceback" in caplog.text


def test_being_put_off_does_not_shorten_a_back_off(clock):
    job = Job("roll_up")
    job.failed(OSError("disk"))
    job.put_off(0.0)
    assert job.waits
    clock[0] += 1
    assert not job.waits
    assert job.overdue(0.5)
    assert not job.overdue(2)
