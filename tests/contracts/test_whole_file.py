"""A file that is replaced whole: the old one stays while the new one is not finished, and nothing is left lying."""

from __future__ import annotations

import pytest

from contracts.decisions import Decisions, DecisionsFile, Overtaken
from contracts.whole_file import replace_file


def refuse():
    raise OSError("not now")


def test_it_is_replaced_or_it_is_not(tmp_path):
    file = tmp_path / "file"
    replace_file(file, b"old")
    with pytest.raises(OSError, match="not now"):
        replace_file(file, b"new", refuse)
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]
    replace_file(file, b"new")
    assert file.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [file]


def test_decisions_replace_the_file_that_was_read_and_no_other(tmp_path):
    file = DecisionsFile(tmp_path)
    nothing = file.stamp()
    file.publish(Decisions(1), nothing)
    first = file.stamp()
    with pytest.raises(Overtaken):
        file.publish(Decisions(2), nothing)
    file.publish(Decisions(2), first)
    with pytest.raises(Overtaken):
        file.publish(Decisions(3), first)
    assert file.read().serial == 2
    file.publish(Decisions(3))
    assert file.read().serial == 3
