"""Telling the workers, and counting them."""

from __future__ import annotations

import socket

from blocklists import workers
from blocklists.workers import tell_workers
from contracts.control import RunFolder
from tests.cli.answers import answering


def test_no_workers_is_no_error(tmp_path):
    assert tell_workers(tmp_path, 3) == workers.Workers(0, 0, 0.0)


def test_who_is_on_the_new_policy_is_counted(tmp_path):
    run = RunFolder(tmp_path)
    good = answering(run.control("resolver", 0), {"reload": {"serial": 7}})
    late = answering(run.control("resolver", 1), {"reload": {"serial": 6}})
    wrong = answering(run.control("resolver", 2), {"reload": ValueError("the manifest is damaged")})
    with good as asked, late, wrong:
        found = tell_workers(tmp_path, 7)
    assert (found.live, found.of) == (1, 3)
    assert asked[0].args == {"serial": 7}


def test_the_socket_of_a_dead_worker_counts_for_nothing(tmp_path):
    path = RunFolder(tmp_path).control("resolver", 0)
    path.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    assert tell_workers(tmp_path, 1).of == 0


def test_a_worker_that_hangs_is_counted_as_not_live(tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "TIMEOUT", 0.1)
    path = RunFolder(tmp_path).control("resolver", 0)
    path.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(path))
        silent.listen()
        found = tell_workers(tmp_path, 1)
    assert (found.live, found.of) == (0, 1)
