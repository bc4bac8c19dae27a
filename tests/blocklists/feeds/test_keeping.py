"""The last good copy of a feed, and what is known of it over restarts."""

from __future__ import annotations

import hashlib
import logging

import msgspec
import pytest

from blocklists.feeds.dialling import Deadline
from blocklists.feeds.keeping import Copies
from contracts.settings import ListSource
from tests.blocklists.feeds.serving import TEXT, serving


@pytest.fixture
def clock():
    return [1_000_000.0]


@pytest.fixture
def copies(settings, clock):
    return Copies(settings.state, lambda: clock[0])


@pytest.fixture
def fetch(settings, copies):
    def fetching(source, by=copies):
        return by.refresh(source, settings, Deadline(10))

    return fetching


def feed(server, **more):
    return ListSource("one", url=server.url("t0ken/one.txt?key=s3cret", "lan:p4ss@"), **more)


def test_a_copy_is_kept_and_asked_for_only_when_it_changed(copies, fetch, clock, settings):
    def say(one):
        if one.headers["If-None-Match"] == '"1"':
            one.reply(b"", 304)
        else:
            one.reply(ETag='"1"')

    with serving(say) as server:
        source = feed(server)
        assert copies.file(source) is None
        assert fetch(source) == (True, "")
        clock[0] += 500
        assert fetch(source) == (False, "")
    assert copies.file(source).read_bytes() == TEXT
    known = Copies(settings.state, lambda: 0.0).memory(source)  # as after a restart
    assert (known.fetched, known.checked, known.failures, known.size) == (1_000_000, 1_000_500, 0, len(TEXT))
    assert sorted(one.name for one in (settings.state / "feeds").iterdir()) == ["one", "one~.json"]


def test_a_failure_keeps_the_copy_and_is_remembered(copies, fetch, clock, settings, caplog):
    caplog.set_level(logging.INFO)
    with serving() as server:
        source = feed(server)
        fetch(source)
    again = Copies(settings.state, lambda: clock[0] + 60)
    for failures in (1, 2):
        new, error = fetch(source, again)
        known = again.memory(source)
        assert (new, known.failures, known.error, known.tried) == (False, failures, error, 1_000_060)
        assert (known.checked, known.fetched) == (1_000_000, 1_000_000)
    assert error.endswith("refused the connection")
    assert again.file(source).read_bytes() == TEXT
    assert len(caplog.records) == 1, "the same news once"
    written = caplog.text + (settings.state / "feeds" / "one~.json").read_text()
    assert not any(secret in written for secret in ("s3cret", "p4ss", "t0ken"))
    with serving(lambda one: one.reply(b"<html>")) as server:
        assert "a page (HTML)" in fetch(msgspec.structs.replace(source, url=server.url())).error


def test_the_same_content_is_nothing_new(copies, fetch, clock):
    with serving() as server:
        source = feed(server)
        assert fetch(source).new
        clock[0] += 9
        assert not fetch(source).new
    assert (copies.memory(source).fetched, copies.memory(source).checked) == (1_000_000, 1_000_009)


def test_another_address_or_a_damaged_copy_is_fetched_whole(copies, fetch, settings):
    with serving(lambda one: one.reply(ETag='"1"')) as server:
        source = feed(server)
        fetch(source)
        (settings.state / "feeds" / "one").write_text("damaged")
        assert fetch(source) == (False, "")
        assert copies.file(source).read_bytes() == TEXT
        moved = msgspec.structs.replace(source, url=server.url("other.txt"))
        assert copies.file(moved) is None, "the copy is of another address"
        assert fetch(moved).new
    assert [headers["If-None-Match"] for _path, headers in server.asked] == [None] * 3


def test_what_is_known_may_be_damaged(copies, fetch, settings):
    with serving() as server:
        fetch(feed(server))
        (settings.state / "feeds" / "one~.json").write_text("{")
        again = Copies(settings.state, lambda: 5.0)
        assert again.memory(feed(server)).fetched == 0
        assert fetch(feed(server), again).new


def test_checksums(fetch, copies):
    right, wrong = hashlib.sha256(TEXT).hexdigest(), "0" * 64
    sums = {"/right": f"{right}  one.txt\n{wrong}  two.txt\n", "/wrong": wrong}

    def say(one):
        one.reply(sums[one.path].encode() if one.path in sums else TEXT)

    with serving(say) as server:
        assert fetch(feed(server, sha256=right.upper())).new
        assert fetch(feed(server, sha256_url=server.url("right"))).new
        for bad in ({"sha256": wrong}, {"sha256_url": server.url("wrong")}):
            new, error = fetch(feed(server, **bad))
            assert (new, error.startswith("the checksum is wrong: SHA-256 ")) == (False, True)
            assert copies.file(feed(server, **bad)) is None


def test_what_is_no_list_takes_no_good_copys_place(fetch, copies):
    bodies = [b"a.example\n", b'{"error": "quota"}', b"PK\x03\x04"]
    with serving(lambda one: one.reply(bodies.pop(0))) as server:
        source = feed(server)
        assert fetch(source).new
        assert fetch(source).error.startswith("no list came: this file is JSON, of no known kind; ")
        assert fetch(source).error.startswith("no list came: this file is an Office document")
    assert copies.file(source).read_bytes() == b"a.example\n"


def test_a_folder_that_cannot_be_written(fetch, settings):
    settings.state.mkdir()
    (settings.state / "feeds").write_text("a file where the folder should be")
    with serving() as server:
        assert fetch(feed(server)) == (False, "the copy cannot be kept: File exists")


def test_what_a_dead_process_left_is_removed(copies, settings):
    folder = settings.state / "feeds"
    folder.mkdir(parents=True)
    for name in ("one", "b.new", "one~new", "one~sum~new", "one~.json", "one~.json.77.new"):
        (folder / name).touch()
    copies.clean()
    assert sorted(one.name for one in folder.iterdir()) == ["b.new", "one", "one~.json"]


def test_a_process_that_ends_is_nobodys_failure(copies, settings):
    deadline = Deadline(10)
    deadline.end()
    with serving() as server:
        source = feed(server)
        assert copies.refresh(source, settings, deadline).error == "the process is ending"
    assert copies.memory(source).failures == 0
