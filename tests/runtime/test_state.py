"""The state folder: closed to strangers, and written by its owner only."""

from __future__ import annotations

import os
import pwd
import stat

import pytest

from runtime.state import NotOurs, claim, claim_unless_there

ME = pwd.getpwuid(os.getuid()).pw_name


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_it_is_made_with_its_run_folder_and_closed(tmp_path):
    before = os.umask(0)
    try:
        claim(tmp_path / "var" / "state")
    finally:
        os.umask(before)
    assert mode(tmp_path / "var" / "state") == mode(tmp_path / "var" / "state" / "run") == 0o750


def test_one_that_stood_open_is_closed_and_nothing_else_is_changed(tmp_path):
    for name, was, becomes in (("a", 0o755, 0o750), ("b", 0o700, 0o700), ("c", 0o2775, 0o2770)):
        (tmp_path / name / "run").mkdir(parents=True)
        (tmp_path / name).chmod(was)
        claim(tmp_path / name)
        assert mode(tmp_path / name) == becomes


def test_that_of_another_user_is_refused_with_what_to_type(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    with pytest.raises(NotOurs, match=f"belongs to {ME}.*use `sudo -u {ME} sinkhole"):
        claim(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_reading_is_writing_where_there_is_nothing_to_read(tmp_path, monkeypatch):
    (tmp_path / "a.db").touch()
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    claim_unless_there(tmp_path, "a.db")
    with pytest.raises(NotOurs):
        claim_unless_there(tmp_path, "a.db", "b.db")
