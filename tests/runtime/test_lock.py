"""One holder at a time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from runtime.lock import FileLock, Held


def test_the_second_is_told_who_holds_it(tmp_path):
    path = tmp_path / "some.lock"
    with FileLock(path), pytest.raises(Held, match=f"process {os.getpid()} holds") as refused:
        FileLock(path)
    assert refused.value.holder == str(os.getpid())
    FileLock(path).close()


def test_a_killed_holder_lets_go(tmp_path):
    path = tmp_path / "some.lock"
    code = f"from pathlib import Path; from runtime.lock import FileLock; lock = FileLock(Path({str(path)!r}));"
    code += "print('held', flush=True); input()"
    holder = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(Held):
        FileLock(path)
    holder.send_signal(signal.SIGKILL)
    holder.wait(10)
    holder.stdin.close()
    holder.stdout.close()
    FileLock(path).close()
