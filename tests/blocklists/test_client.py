"""Changing lists where no lists process runs; with one: test_process."""

from __future__ import annotations

import errno

import msgspec
import pytest

from blocklists import client, compiler
from blocklists.library import LOCK
from blocklists.service import ImportOptions
from contracts.control import RunFolder
from contracts.settings import ListSource
from runtime.control import Refused, Unreachable
from runtime.lock import FileLock
from runtime.state import claim
from tests.blocklists.feeds.serving import serving
from tests.blocklists.making import live_match, policy_of
from tests.cli.answers import answering


@pytest.fixture
def letter(tmp_path):
    file = tmp_path / "letter.txt"
    file.write_text("a.example\n")
    return file


def test_the_same_operations_in_this_process(settings, letter):
    first = client.import_file(settings, letter, ImportOptions("letter"))
    assert (first.state, first.file, first.workers.of) == ("live", "letter.txt", 0)
    assert [entry.list for entry in policy_of(settings).read().entries] == ["kill-switch", "letter"]
    letter.write_text("b.example\n")
    client.import_file(settings, letter, ImportOptions("letter"))
    assert client.rollback(settings, "letter").version == 1
    assert client.activate(settings, "letter", 2).before == 1
    assert live_match(settings, "b.example")
    assert client.withdraw(settings, "letter").before == 2


def test_workers_are_told_here_too(settings, letter):
    with answering(RunFolder(settings.state).control("resolver", 0), {"reload": {"serial": 99}}):
        report = client.import_file(settings, letter, ImportOptions("letter"))
    assert (report.workers.live, report.workers.of) == (1, 1)


def test_who_holds_the_lock_but_does_not_answer_is_named(settings, letter):
    claim(settings.state)
    with FileLock(settings.state / LOCK), pytest.raises(Unreachable, match=r"does not answer.*is writing the lists"):
        client.import_file(settings, letter, ImportOptions("letter"))


def test_a_file_that_is_none(settings, tmp_path):
    with pytest.raises(Refused, match="no such file"):
        client.import_file(settings, tmp_path / "none.txt", ImportOptions("letter"))
    with pytest.raises(Refused, match="not a regular file"):
        client.import_file(settings, tmp_path, ImportOptions("letter"))


def test_a_full_disk_is_a_sentence_and_the_old_policy_stays(settings, letter, monkeypatch):
    client.import_file(settings, letter, ImportOptions("letter"))
    letter.write_text("b.example\n")

    def full(*_args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(compiler, "write_segment", full)
        with pytest.raises(Refused, match=r"No space left on device.*stays live"):
            client.import_file(settings, letter, ImportOptions("letter"))
    assert live_match(settings, "a.example")
    assert client.import_file(settings, letter, ImportOptions("letter")).version == 2


def test_feeds_are_fetched_in_this_process_too(settings, tmp_path):
    (tmp_path / "two.txt").write_text("two.example\n")
    with serving() as server:
        sources = (ListSource("one", url=server.url("one.txt")), ListSource("two", "two.txt"))
        settings = msgspec.structs.replace(settings, lists=sources)
        found = client.refresh(settings)
        assert [(one.list, one.state, one.report.names) for one in found] == [("one", "live", 2), ("two", "live", 1)]
        assert [one.state for one in client.refresh(settings, "one")] == ["known"]
    (failed,) = client.refresh(settings, "one")
    assert (failed.state, failed.report, failed.source.endswith("/one.txt")) == ("failed", None, True)
    assert live_match(settings, "a.example")
    with pytest.raises(Refused, match="no list of the settings is called 'three'"):
        client.refresh(settings, "three")


def test_for_an_account_only_the_lists_process_works(settings, letter):
    """The audit is to name the account by the kernel's word, which there is none for in this process."""
    for change in (
        lambda: client.import_file(settings, letter, ImportOptions("letter"), account="lan"),
        lambda: client.activate(settings, "letter", 1, account="lan"),
        lambda: client.rollback(settings, "letter", account="lan"),
        lambda: client.withdraw(settings, "letter", account="lan"),
    ):
        with pytest.raises(Unreachable, match="lists does not answer"):
            change()
    assert not (settings.state / "library.db").exists()
