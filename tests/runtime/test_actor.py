"""Who acts: what the kernel says, whatever the caller does."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from runtime.actor import Peer, actor_of, actor_of_account, listener_of, own_actor, peer_of, sudo_user


def test_variables_make_nobody_else_of_us(monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: 4711)
    for name in ("SUDO_USER", "USER", "LOGNAME"):
        monkeypatch.setenv(name, "giam-doc")
    assert own_actor() == "os:4711"
    assert sudo_user() == ""


def test_root_is_told_beside_who_became_it(monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: 0)
    monkeypatch.setenv("SUDO_USER", "giam-doc")
    assert own_actor() == "os:root (sudo giam-doc)"
    monkeypatch.delenv("SUDO_USER")
    assert own_actor() == "os:root"


@pytest.mark.parametrize(
    ("user", "sudo", "actor"),
    [
        (0, "a\x1b[2J\nb", "os:root (sudo a[2Jb)"),
        (0, "x" * 1000, f"os:root (sudo {'x' * 64})"),
        (4711, "giam-doc", "os:4711"),  # no root, no say
    ],
)
def test_what_root_says_is_cut_to_text(user, sudo, actor):
    assert actor_of(user, sudo) == actor


def test_the_other_end_of_a_socket_is_who_connected(tmp_path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        listener.listen()
        code = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
        with subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "socket")]) as other:
            link, _ = listener.accept()
            with link:
                assert peer_of(link) == Peer(other.pid, os.getuid())


def test_who_listens_on_a_socket_is_known_too(tmp_path):
    path = tmp_path / "socket"
    assert listener_of(path) is None
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        assert listener_of(path) is None, "nobody listens yet"
        listener.listen()
        assert listener_of(path) == Peer(os.getpid(), os.getuid())
    assert listener_of(path) is None, "a left-over socket"


def test_an_account_is_told_from_users_of_the_machine():
    assert actor_of_account("lan") == "account:lan"
    assert actor_of_account("lan\x1b[2J\n" + "x" * 100) == "account:lan[2J" + "x" * 58
