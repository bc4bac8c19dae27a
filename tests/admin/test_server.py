"""The admin process from start to end: its port, its control socket, its limits, its log."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from admin.server import LARGEST_BODY
from tests.admin.process import AdminProcess
from tests.conftest import REPO

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AdminProcess]:
    with AdminProcess(tmp_path_factory.mktemp("admin")) as process:
        yield process


def link_to(running: AdminProcess) -> http.client.HTTPConnection:
    listen = running.settings.admin.listen
    return http.client.HTTPConnection(str(listen.address), listen.port, timeout=10)


def test_it_serves_and_counts(running: AdminProcess) -> None:
    before = running.status()["requests"]
    link = link_to(running)
    for _ in range(3):
        link.request("GET", "/login?q=a-secret-search")
        answer = link.getresponse()
        assert answer.status == 200
        assert "Đăng nhập" in answer.read().decode()
    link.close()
    status = running.status()
    assert status["requests"] == before + 3
    assert status["listen"] == str(running.settings.admin.listen)
    assert status["pid"] > 0


def test_its_log_has_no_addresses_of_pages(running: AdminProcess) -> None:
    link = link_to(running)
    link.request("GET", "/login?q=a-secret-search")
    link.getresponse().read()
    link.close()
    assert "staff pages on" in running.log
    assert "secret" not in running.log
    assert "GET" not in running.log


def test_who_sends_too_much_is_cut_off(running: AdminProcess) -> None:
    listen = running.settings.admin.listen
    with socket.create_connection((str(listen.address), listen.port), timeout=10) as link:
        link.sendall(b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n")
        with pytest.raises(ConnectionError):
            _send_for_ever(link)
    assert running.status()["pid"] > 0


def _send_for_ever(link: socket.socket) -> None:
    while True:
        link.sendall(b"x" * LARGEST_BODY)


@pytest.mark.parametrize("garbage", [b"\x16\x03\x01\x02\x00\x01\x00", b"GET\r\n\r\n", b"GET /%ff%00 HTTP/1.1\r\n\r\n"])
def test_garbage_leaves_no_traceback(running: AdminProcess, garbage: bytes) -> None:
    listen = running.settings.admin.listen
    with socket.create_connection((str(listen.address), listen.port), timeout=10) as link:
        link.sendall(garbage)
        link.shutdown(socket.SHUT_WR)
        while link.recv(4096):
            pass
    assert running.status()["pid"] > 0
    assert "Traceback" not in running.log


def test_a_second_one_says_why_it_cannot_start(running: AdminProcess) -> None:
    command = [sys.executable, "-m", "admin", "--config", str(running.config_file)]
    second = subprocess.run(command, cwd=REPO, check=False, capture_output=True, text=True, timeout=30)
    assert second.returncode == 1
    assert "Traceback" not in second.stderr
    assert "in use" in second.stderr


def test_it_ends_when_told(tmp_path: Path) -> None:
    process = AdminProcess(tmp_path)
    with process:
        link = link_to(process)
        link.request("GET", "/login")
        assert link.getresponse().status == 200
        assert process.stop() == 0
        link.close()
    assert "stopping on SIGTERM" in process.log
    assert "Traceback" not in process.log


def test_bad_settings_end_it_with_every_reason(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("dns: {listen: []}\n", encoding="utf-8")
    command = [sys.executable, "-m", "admin", "--config", str(file)]
    ended = subprocess.run(command, cwd=REPO, check=False, capture_output=True, text=True, timeout=30)
    assert ended.returncode == 2
    assert "dns.listen" in ended.stderr
    assert "admin: missing" in ended.stderr
