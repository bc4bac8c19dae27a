"""Counter files: written by one item assignment, read by others, even after kill -9."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from contracts.counter import Counter, CounterFile, counter_path, find_counters, read_counter
from tests.conftest import REPO

BOOT = "0123456789abcdef"


def test_what_is_assigned_is_read(tmp_path):
    file = CounterFile(counter_path(tmp_path / "run", 3, BOOT))
    assert read_counter(file.path) == Counter("resolver", 3, BOOT, 0, 0, os.getpid())
    file.values[0] = 12
    file.values[1] = 2
    assert find_counters(tmp_path / "run") == {file.path: Counter("resolver", 3, BOOT, 12, 2, os.getpid())}
    file.values[0], file.values[1] = (1 << 64) - 1, 7
    assert read_counter(file.path)[3:5] == ((1 << 64) - 1, 7)
    assert len(file.values) == 2
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o640
    file.close()
    assert read_counter(file.path).dropped == 7, "the file stays for the recorder"


def test_the_numbers_survive_kill_9(tmp_path):
    code = (
        "import os, signal, sys; from pathlib import Path; from contracts.counter import *\n"
        f"file = CounterFile(counter_path(Path(sys.argv[1]), 0, '{BOOT}'))\n"
        "for number in range(1, 100_001): file.values[0] = number\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=REPO, check=False, timeout=30)
    assert ended.returncode == -signal.SIGKILL
    (counter,) = find_counters(tmp_path).values()
    assert counter.made == 100_000


def test_other_files_are_left_alone(tmp_path):
    for name, content in {
        f"resolver-0.{BOOT}.count": b"short",
        f"resolver-x.{BOOT}.count": b"\0" * 24,
        "resolver-0.XYZ.count": b"\0" * 24,
        "notes.count": b"",
    }.items():
        (tmp_path / name).write_bytes(content)
    assert find_counters(tmp_path) == {}
    assert read_counter(tmp_path / f"resolver-9.{BOOT}.count") is None


@given(st.binary(max_size=60))
def test_any_content_is_a_counter_or_none(tmp_path_factory, content):
    path = counter_path(tmp_path_factory.mktemp("run"), 0, BOOT)
    path.write_bytes(content)
    assert (read_counter(path) is not None) == (len(content) == 24)
