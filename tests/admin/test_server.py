"""The admin process from start to end: its port, its control socket, its limits, its log."""

from __future__ import annotations

import http.client
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode

import pytest

from admin.lists_change import LARGEST_UPLOAD
from admin.server import LARGEST_BODY
from tests.admin.conftest import PASSWORD, make_account
from tests.admin.process import AdminProcess
from tests.conftest import REPO

pytestmark = pytest.mark.e2e
START = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'


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


def test_only_people_who_are_logged_in_send_files(running: AdminProcess) -> None:
    """A stranger is cut off at once; whoever is logged in hears that a file is too large, and none of it is kept."""
    known = _login(running)
    forged = f"{known.rpartition('.')[0]}.{'A' * 27}"
    size = LARGEST_UPLOAD + (1 << 20)
    for cookie in ("", f"sinkhole={forged}", "sinkhole=x"):
        with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
            _post_octets(running, cookie, 1 << 23)
    status, text = _post_octets(running, f"sinkhole={known}", 1 << 20)
    assert (status, "Biểu mẫu không còn hiệu lực" in text) == (400, True), "it was read; there is no token in it"
    status, text = _post_octets(running, f"sinkhole={known}", size)
    assert (status, "Tệp lớn hơn 64 MB" in text) == (413, True)


def _login(running: AdminProcess) -> str:
    """The cookie of somebody who has just logged in."""
    make_account(running.settings, "lan", "operator")
    with closing(link_to(running)) as link:
        link.request("GET", "/login")
        answer = link.getresponse()
        (token,) = re.findall(r'name="csrf_token"[^>]*value="([^"]+)"', answer.read().decode())[:1]
        cookie = str(answer.headers["Set-Cookie"]).partition(";")[0]
        body = urlencode({"csrf_token": token, "name": "lan", "password": PASSWORD})
        link.request("POST", "/login", body, {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"})
        answer = link.getresponse()
        assert answer.status == 302, answer.read().decode()
        answer.read()
        return str(answer.headers["Set-Cookie"]).partition(";")[0].removeprefix("sinkhole=")


def _post_octets(running: AdminProcess, cookie: str, size: int) -> tuple[int, str]:
    with closing(link_to(running)) as link:
        link.putrequest("POST", "/lists/upload")
        link.putheader("Cookie", cookie)
        link.putheader("Content-Type", "multipart/form-data; boundary=x")
        link.putheader("Content-Length", str(size))
        link.endheaders(START)
        left = size - len(START)
        while left:
            sent = min(left, 1 << 20)
            link.send(bytes(sent))
            left -= sent
        answer = link.getresponse()
        return answer.status, answer.read().decode()


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
