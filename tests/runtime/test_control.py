"""The control channel over real Unix sockets: every manner of operation, of caller and of trouble."""

from __future__ import annotations

import hashlib
import socket
import stat
import subprocess
import sys
import threading

import pytest
from twisted.internet.error import CannotListenError

from contracts.control import MAX_LINE, Reply, Request, decode_reply, encode
from runtime import control
from runtime.actor import own_actor
from runtime.control import Refused, Unreachable, ask
from tests.conftest import REPO
from tests.waiting import until


def connect(path):
    """A raw connection."""
    link = socket.socket(socket.AF_UNIX)
    link.settimeout(10)
    link.connect(str(path))
    return link


def replies(link, count):
    """So many reply lines; fewer when the other side closes."""
    with link.makefile("rb") as lines:
        return [decode_reply(line) for _, line in zip(range(count), lines, strict=False)]


def test_arguments_and_actor_arrive(server):
    told = ask(server.socket, "echo", {"name": "Sở", "list": [1, None]})
    assert told == {"args": {"name": "Sở", "list": [1, None]}, "actor": own_actor()}


def test_who_asks_is_what_the_kernel_says_and_not_the_caller(server, monkeypatch):
    monkeypatch.setenv("USER", "giam-doc")
    with connect(server.socket) as link:
        link.sendall(b'{"op": "echo", "actor": "os:giam-doc"}\n')
        (reply,) = replies(link, 1)
    assert reply.result["actor"] == own_actor()


def test_only_who_listens_where_the_pages_do_acts_for_an_account(server):
    asked = f"from pathlib import Path; from runtime.control import ask; ask(Path({str(server.socket)!r}), 'echo', "
    forging = [sys.executable, "-c", asked + "account='giam-doc')"]
    for path in (server.socket, server.plain):
        with pytest.raises(Refused, match="only the process of the staff pages"):
            ask(path, "echo", account="lan")  # nobody listens there
    with socket.socket(socket.AF_UNIX) as pages:
        pages.bind(str(server.folder / "pages.sock"))
        pages.listen()
        assert ask(server.socket, "echo", account="lan")["actor"] == "account:lan"
        assert ask(server.socket, "echo")["actor"] == own_actor()
        with pytest.raises(Refused, match="only the process of the staff pages"):
            ask(server.plain, "echo", account="lan")  # no operation there is for the pages
        other = subprocess.run(forging, cwd=REPO, check=False, capture_output=True, text=True)
    assert "Refused: only the process of the staff pages" in other.stderr, "of the same user, but another process"


def test_anyone_may_ask_whether_it_lives(server):
    assert ask(server.socket, "ping") == "pong"


def test_a_deferred_answer_is_waited_for(server):
    assert ask(server.socket, "late") == "late but there"


def test_a_refusal_carries_its_words(server):
    with pytest.raises(Refused, match=r"^not today: tệp sai$"):
        ask(server.socket, "no")


def test_an_unknown_operation_names_the_known_ones(server):
    with pytest.raises(Refused, match="unknown operation 'dance'; known: bug, echo"):
        ask(server.socket, "dance")


def test_our_own_fault_is_told_logged_and_survived(server):
    with pytest.raises(Refused, match="our own fault: KeyError: 'nothing'"):
        ask(server.socket, "bug")
    assert "Traceback" in server.log
    assert ask(server.socket, "echo")["args"] == {}


def test_progress_comes_before_the_result(server):
    seen = []
    assert ask(server.socket, "steps", progress=seen.append) == "done"
    assert seen == [{"step": 0}, {"step": 1}, {"step": 2}]
    assert ask(server.socket, "steps") == "done"  # and may be ignored


@pytest.mark.parametrize("size", [1, 70_000, 3_000_001])
def test_a_file_comes_along_whole_and_is_not_kept(server, tmp_path, size):
    file = tmp_path / "list.csv"
    file.write_bytes(bytes(at % 251 for at in range(size)))
    assert ask(server.socket, "take", body=file) == [hashlib.sha256(file.read_bytes()).hexdigest(), size]
    until(lambda: server.spooled() == [], "the spool is empty")


def test_a_file_is_not_kept_when_the_operation_fails(server, tmp_path):
    file = tmp_path / "list.csv"
    file.write_bytes(b"x" * 1000)
    for operation in ("no", "bug", "dance"):
        with pytest.raises(Refused):
            ask(server.socket, operation, body=file)
    until(lambda: server.spooled() == [], "the spool is empty")


def test_half_a_file_is_not_kept(server):
    with connect(server.socket) as link:
        link.sendall(encode(Request("take", size=1000)) + b"half")
        until(lambda: len(server.spooled()) == 1, "the body is being spooled")
    until(lambda: server.spooled() == [], "the spool is empty")


@pytest.mark.parametrize("size", [1, 5_000_000])
def test_who_takes_no_files_says_so(server, tmp_path, size):
    file = tmp_path / "list.csv"
    file.write_bytes(b"x" * size)
    for _ in range(20):  # the refusal may come before, while or after the file is sent
        with pytest.raises(Refused, match=f"take takes no file of {size} octets"):
            ask(server.plain, "take", body=file)


def test_a_file_beyond_all_bounds_is_refused_before_it_comes(server):
    with connect(server.socket) as link:
        link.sendall(encode(Request("take", size=1 << 40)))
        assert "takes no file" in replies(link, 2)[0].error


def test_requests_may_come_octet_by_octet_and_glued(server):
    body = b"one two"
    digest = hashlib.sha256(body).hexdigest()
    stream = encode(Request("echo")) + encode(Request("take", size=7)) + body + encode(Request("echo", {"n": 2}))
    with connect(server.socket) as link:
        for at in range(len(stream)):
            link.sendall(stream[at : at + 1])
        results = [reply.result for reply in replies(link, 3)]
    assert results == [{"args": {}, "actor": own_actor()}, [digest, 7], {"args": {"n": 2}, "actor": own_actor()}]
    with connect(server.socket) as link:
        link.sendall(stream)
        assert [reply.result for reply in replies(link, 3)] == results


@pytest.mark.parametrize("junk", [b"status\n", b"\xff\xfe\n", b'{"op": 5}\n', b"GET / HTTP/1.1\r\n\r\n"])
def test_junk_is_told_and_the_caller_let_go(server, junk):
    with connect(server.socket) as link:
        link.sendall(junk)
        (reply,) = replies(link, 5)
    assert reply.done
    assert reply.error.startswith("no request: ")


def test_an_endless_line_is_cut_off(server):
    with connect(server.socket) as link, pytest.raises(OSError):  # noqa: PT012  either call may notice
        for _ in range(4):
            link.sendall(b"x" * MAX_LINE)
        assert link.recv(1) == b""
        raise ConnectionResetError
    assert ask(server.socket, "echo")["args"] == {}


def test_a_caller_that_leaves_is_no_trouble(server):
    with connect(server.socket) as link:
        link.sendall(encode(Request("late")))
    assert ask(server.socket, "late") == "late but there"


def test_many_callers_at_once(server):
    told = []
    threads = [threading.Thread(target=lambda: told.append(ask(server.socket, "late"))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told == ["late but there"] * 20


def test_the_socket_is_ours_alone(server):
    assert stat.S_IMODE(server.socket.stat().st_mode) == 0o660


# When nobody answers


def test_no_socket(tmp_path):
    with pytest.raises(Unreachable, match=r"recorder does not answer \(No such file or directory\)"):
        ask(tmp_path / "recorder.sock", "status")


def test_a_dead_socket(tmp_path):
    path = tmp_path / "lists.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with pytest.raises(Unreachable, match=r"lists does not answer \(Connection refused\)"):
        ask(path, "status")


def test_silence_is_bounded(server):
    with pytest.raises(Unreachable, match=r"server does not answer \(timed out\)"):
        ask(server.socket, "never", timeout=0.2)


def test_an_end_in_the_middle(tmp_path):
    path = tmp_path / "admin.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def half():
            link, _ = listener.accept()
            with link:
                link.recv(1000)
                link.sendall(encode(Reply(False, "begun")))

        thread = threading.Thread(target=half)
        thread.start()
        with pytest.raises(Unreachable, match="admin closed the connection"):
            ask(path, "status")
        thread.join()


# Listening


class Reactor:
    """Takes note of what would listen."""

    def __init__(self):
        self.paths = []

    def listenUNIX(self, path, _factory, mode):
        """As Twisted's."""
        if control.Path(path).exists():
            raise CannotListenError(None, path, OSError(98, "Address already in use"))
        self.paths.append((path, mode))


def test_a_left_over_socket_is_replaced_and_a_live_one_is_not(tmp_path, server):
    path = tmp_path / "run" / "recorder.sock"
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    reactor = Reactor()
    control.listen(reactor, path, control.ControlFactory({}))
    assert reactor.paths == [(str(path), 0o660)]
    with pytest.raises(CannotListenError):
        control.listen(reactor, server.socket, control.ControlFactory({}))
    assert ask(server.socket, "echo")["args"] == {}
