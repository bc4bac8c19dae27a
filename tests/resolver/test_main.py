"""The worker as a process that cannot start: a sentence and an exit code."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from bench.ports import free_port
from contracts.control import RunFolder
from tests.conftest import REPO
from tests.waiting import DEADLINE, until

pytestmark = pytest.mark.e2e

CONFIG = """\
dns:
  listen: ["127.0.0.1:{port}"]
  upstreams:
    servers: ["127.0.0.1:9"]
sinkhole:
  ipv4_pool: 127.53.0.0/16
admin:
  listen: 127.0.0.1:8053
"""


@pytest.fixture
def command(tmp_path):
    """Starts worker 0 on a port that is free now."""
    port = free_port()
    (tmp_path / "config.yaml").write_text(CONFIG.format(port=port))
    return [sys.executable, "-m", "resolver", "--worker", "0", "--config", str(tmp_path / "config.yaml")], port


def refused(command):
    ran = subprocess.run(command, cwd=REPO, capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in ran.stderr
    return ran.returncode, ran.stderr


def test_a_second_worker_of_one_number_is_told_so(command, tmp_path):
    words, port = command
    first = subprocess.Popen(words, cwd=REPO, stderr=subprocess.DEVNULL)
    try:
        until(RunFolder(tmp_path / "var").control("resolver", 0).exists, "the first worker listens")
        code, said = refused(words)
        assert code == 3
        assert f"cannot listen on 127.0.0.1:{port}: " in said
        assert "does another worker of this number run?" in said
    finally:
        first.terminate()
        assert first.wait(DEADLINE) == 0


def test_an_address_that_is_taken_is_named(command):
    words, port = command
    with socket.create_server(("127.0.0.1", port)):
        code, said = refused(words)
    assert code == 3
    assert f"cannot listen on 127.0.0.1:{port}: " in said
