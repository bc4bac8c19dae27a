"""What /proc and dnsperf say is read right, and nothing is made up where they say nothing."""

from __future__ import annotations

import os
import time

import pytest

from bench import meters
from bench.meters import BenchError, Cpu

DNSPERF = """\
DNS Performance Testing Tool
Version 2.10.0

[Status] Command line: dnsperf -s 127.0.0.1 -p 5301 -d listed.q -l 5
[Status] Testing complete (time limit)

Statistics:

  Queries sent:         401234
  Queries completed:    401200 (99.99%)
  Queries lost:         34 (0.01%)

  Response codes:       NOERROR 401100 (99.98%), SERVFAIL 100 (0.02%)
  Average packet size:  request 36, response 52
  Run time (s):         5.002123
  Queries per second:   80205.945044

  Average Latency (s):  0.004 (min 0.000031, max 0.021)
"""
NOTHING_ANSWERED = """\
  Queries sent:         5
  Queries completed:    0 (0.00%)
  Queries lost:         5 (100.00%)

  Response codes:       
  Average packet size:  request 27, response 0
  Queries per second:   0.000000
"""  # noqa: W291  as dnsperf prints it


def test_the_outcome_of_a_load():
    load = meters.parse_dnsperf(DNSPERF)
    assert load == (401234, 401200, 34, 80205.945044, "NOERROR 401100 (99.98%), SERVFAIL 100 (0.02%)")


def test_a_load_without_answers():
    assert meters.parse_dnsperf(NOTHING_ANSWERED) == (5, 0, 5, 0.0, "")


def test_a_missing_line_is_named():
    with pytest.raises(BenchError, match="Queries lost"):
        meters.parse_dnsperf(DNSPERF.replace("Queries lost", "Queries mislaid"))


def test_cpu_of_a_process_whose_name_has_brackets_and_blanks():
    numbers = " ".join(str(number) for number in range(4, 53))
    stat = meters.parse_stat(f"77 (a) b (c) S {numbers}")
    # fields 14 and 15 of proc(5); the first number after the state is field 4
    assert stat == Cpu(14 / meters.TICKS, 15 / meters.TICKS)


def test_cpu_since():
    assert Cpu(3.5, 2.0).since(Cpu(1.5, 1.75)) == (2.0, 0.25)


def test_our_own_cpu_agrees_with_the_kernels_other_account():
    before, mine = meters.cpu_of(os.getpid()), os.times()
    end = time.process_time() + 0.2
    while time.process_time() < end:
        pass
    used, now = meters.cpu_of(os.getpid()).since(before), os.times()
    assert sum(used) == pytest.approx(now.user + now.system - mine.user - mine.system, abs=0.05)
    assert sum(used) >= 0.15


def test_an_ended_process_is_an_error():
    child = os.posix_spawn("/bin/true", ["true"], {})
    os.waitpid(child, 0)
    with pytest.raises(BenchError, match=str(child)):
        meters.cpu_of(child)


def test_busy_seconds_of_one_core():
    text = "cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\ncpu1 100 20 30 4000 500 6 7 8 50 0\n"
    assert meters.parse_core(text, 1) == (100 + 20 + 30 + 6 + 7 + 8) / meters.TICKS
    with pytest.raises(BenchError, match="core 2"):
        meters.parse_core(text, 2)


def test_memory():
    assert meters.parse_pss("5583-7fff [rollup]\nRss:  4000 kB\nPss:  2560 kB\nPss_Dirty: 12 kB\n") == 2.5
    assert 1 < meters.pss_of(os.getpid()) < 4000
    with pytest.raises(BenchError):
        meters.parse_pss("Rss: 4 kB\n")
