"""One writer at a time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from blocklists.lock import Busy, WriterLock


def test_the_second_is_told_who_holds_it(tmp_path):
    with WriterLock(tmp_path), pytest.raises(Busy, match=f"process {os.getpid()} is writing"):
        WriterLock(tmp_path)
    WriterLock(tmp_path).close()


def test_a_killed_holder_lets_go(tmp_path):
    code = (
        f"from pathlib import Path; from blocklists.lock import WriterLock; lock = WriterLock(Path({str(tmp_path)!r}));"
    )
    code += "print('held', flush=True); input()"
    holder = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(Busy):
        WriterLock(tmp_path)
    holder.send_signal(signal.SIGKILL)
    holder.wait(10)
    holder.stdin.close()
    holder.stdout.close()
    WriterLock(tmp_path).close()
