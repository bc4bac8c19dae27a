"""Feeds while the process runs: when they are fetched, what is taken, what status says. The clock is the test's."""

from __future__ import annotations

import logging
import queue

import msgspec
import pytest
from twisted.internet.defer import succeed
from twisted.internet.task import Clock

from blocklists.feeds.keeping import Copies
from blocklists.feeds.runner import Feeds
from blocklists.service import Lists
from contracts.settings import ListSource
from runtime.control import Refused
from tests.blocklists.feeds.serving import serving
from tests.blocklists.making import live_match
from tests.waiting import until

HOUR = 3600


class Loop(Clock):
    """A reactor whose time the test moves; what threads hand over waits in a queue."""

    def __init__(self):
        super().__init__()
        self.handed = queue.Queue()
        self.rightNow = 1_000_000.0

    def callFromThread(self, call, *given):
        self.handed.put((call, given))

    def handed_over(self):
        """Do the next thing that a thread hands over."""
        call, given = self.handed.get(timeout=20)
        call(*given)


class World:
    """Lists of a library, with feeds."""

    def __init__(self, settings, library):
        self.settings, self.library, self.loop = settings, library, Loop()
        self.taken = []
        self.feeds = None

    def follow(self, *sources):
        """As after a start (or a restart) with these lists."""
        if self.feeds:
            self.feeds.stop()
        settings = msgspec.structs.replace(self.settings, lists=sources)
        self.copies = Copies(settings.state, self.loop.seconds)
        self.lists = Lists(settings, self.library, self.copies)
        self.feeds = Feeds(self.loop, self.copies, self._take, self.loop.seconds, lambda: 0.5)
        self.feeds.follow(settings)
        self.seeded = {one.list: one.state for one in self.lists.seed()}
        return self

    def _take(self, name, actor):
        found = self.lists.take_source(self.lists.source(name), actor=actor)
        self.taken.append((name, found[0].state, found[0].version))
        return succeed(found)

    def pass_by(self, seconds):
        """Time goes by; whatever is fetched at its end is waited for."""
        self.loop.advance(seconds)
        if self.feeds._lock.locked:
            self.loop.handed_over()

    def refresh(self, name, actor="os:lan"):
        done, found = self.feeds.refresh(name, actor), []
        done.addBoth(found.append)
        while not found:
            self.loop.handed_over()
        return found[0]


@pytest.fixture
def world(settings, library):
    return World(settings, library)


def names(count):
    return "".join(f"n{number}.example\n" for number in range(count)).encode()


def test_fetched_at_start_and_then_every_so_often(world, settings):
    body = [b"a.example\n"]
    with serving(lambda one: one.reply(body[0])) as server:
        world.follow(ListSource("one", url=server.url(), every="1h"))
        assert world.seeded == {"kill-switch": "live"}
        world.feeds.start()
        world.loop.handed_over()
        assert world.taken == [("one", "live", 1)]
        assert live_match(settings, "a.example")
        world.pass_by(HOUR - 2)
        assert len(server.asked) == 1
        world.pass_by(2)
        assert world.taken[1:] == [("one", "known", 1)], "unchanged content imports nothing"
        body[0] = b"b.example\n"
        world.pass_by(HOUR)
        assert world.taken[2:] == [("one", "live", 2)]
    assert live_match(settings, "b.example")
    assert [(one.actor, one.action) for one in world.library.audit("one")] == [("system:feed", "list-import")] * 2
    world.feeds.stop()


def test_a_server_that_is_down_and_a_restart_meanwhile(world, settings, caplog):
    caplog.set_level(logging.INFO)
    with serving() as server:
        source = ListSource("one", url=server.url("t0ken/one.txt?key=s3cret", "lan:p4ss@"), every="1h")
        world.follow(source).feeds.start()
        world.loop.handed_over()
    assert world.feeds.notes() == [
        "list one is fetched by http: anybody on the way can change what it lists; use https"
    ]
    world.follow(source)
    assert world.seeded["one"] == "known", "the last good copy is there without any server"
    world.feeds.start()
    world.pass_by(HOUR)
    assert world.feeds.problems() == []
    assert "list one was last fetched 1.0 h ago and is as it was then: 127.0.0.1:" in world.feeds.notes()[-1]
    assert world.feeds.told()[0]["next"] == world.loop.seconds() + 60
    for _ in range(2):
        world.pass_by(HOUR)
    assert world.feeds.problems() == []
    world.pass_by(HOUR)
    (problem,) = world.feeds.problems()
    assert problem.startswith("list one was last fetched 4.0 h ago")
    world.follow(source)
    assert world.feeds.told()[0]["failures"] == 4, "failures are known over a restart"
    audit = [msgspec.to_builtins(one) for one in world.library.audit()]
    everything = str((world.feeds.told(), world.feeds.notes(), world.feeds.problems(), audit)) + caplog.text
    assert not any(secret in everything for secret in ("s3cret", "p4ss", "t0ken"))
    assert "http://127.0.0.1" in everything


def test_a_feed_that_never_came_is_a_problem(world):
    with serving(lambda one: one.reply(b"", 404)) as server:
        world.follow(ListSource("one", url=server.url()))
        world.feeds.start()
        world.loop.handed_over()
    (problem,) = world.feeds.problems()
    assert problem.startswith("list one was never fetched: 127.0.0.1:")
    assert problem.endswith("answers HTTP 404 Not Found")
    assert world.taken == []


def test_a_feed_that_shrinks_is_held(world, settings):
    body = [names(300)]
    with serving(lambda one: one.reply(body[0])) as server:
        world.follow(ListSource("one", url=server.url()))
        assert world.refresh("one").state == "live"
        body[0] = names(100)
        for _ in range(2):
            found = world.refresh("one")
            assert (found.state, "lists activate one 2" in found.reason) == ("held", True)
    assert live_match(settings, "n299.example")
    assert [one.number for one in world.library.versions("one")] == [2, 1]


def test_content_without_a_use_is_judged_once(world):
    with serving(lambda one: one.reply(b"0.0.0.0\n")) as server:
        world.follow(ListSource("one", url=server.url()))
        assert [world.refresh("one").state for _ in range(3)] == ["refused"] * 3
    assert [one.action for one in world.library.audit("one")] == ["list-import-refused"]


def test_a_person_may_ask_now(world):
    with serving() as server:
        world.follow(ListSource("one", url=server.url()), ListSource("two", url="http://127.0.0.1:1/"))
        found = world.refresh("one")
        assert (found.state, found.report.names, found.source) == ("live", 2, server.url())
        assert world.refresh("one").reason == "it holds what it held before, version 1"
    failed = world.refresh("two")
    assert (failed.state, failed.reason) == ("failed", "127.0.0.1:1 refused the connection")
    assert world.library.audit("one")[0].actor == "os:lan"
    done = world.feeds.refresh("three", "os:lan")
    done.addErrback(lambda failure: failure.trap(Refused) and world.taken.append(failure.getErrorMessage()))
    assert world.taken[-1] == "no list of the settings is called 'three'; known: one, two"


def test_one_at_a_time(world):
    with serving() as server:
        world.follow(ListSource("one", url=server.url("1")), ListSource("two", url=server.url("2")))
        world.feeds.start()
        world.loop.advance(1)  # while the first is under way
        world.loop.handed_over()
        assert [path for path, _headers in server.asked] == ["/1"]
        world.pass_by(1)
    assert [name for name, _state, _version in world.taken] == ["one", "two"]


def test_a_file_is_looked_at_again(world, tmp_path):
    file = tmp_path / "one.txt"
    file.write_text("a.example\n")
    world.follow(ListSource("one", "one.txt", every="10m"), ListSource("two", "one.txt"))
    world.feeds.start()
    file.write_text("b.example\n")
    world.pass_by(600)
    assert world.taken == [("one", "live", 2)]
    file.unlink()
    world.pass_by(600)
    world.pass_by(60)
    assert world.taken[1:] == [("one", "failed", 0)] * 2
    assert world.library.audit("one")[0].actor == "system:seed"


def test_the_end_of_the_process_waits_for_no_server(world):
    with serving(lambda one: one.drip(b"HTTP/1.1 200 OK\r\n\r\n")) as server:
        source = ListSource("one", url=server.url())
        world.follow(source)
        world.feeds.start()
        until(lambda: bool(server.asked), "the fetch is under way")
        world.feeds.stop()
        world.loop.handed_over()
    assert (world.copies.memory(source).tried, world.taken) == (0, [])


def test_a_fault_of_our_own_ends_one_try_only(world, monkeypatch, caplog):
    def broken(source, *_given):
        raise RuntimeError(source.url)

    with serving() as server:
        world.follow(ListSource("one", url=server.url(user="lan:p4ss@")))
        with monkeypatch.context() as patch:
            patch.setattr(world.copies, "refresh", broken)
            assert world.refresh("one").reason == "our own fault: RuntimeError"
        assert "in broken" in caplog.text
        assert "p4ss" not in caplog.text
        assert world.refresh("one").state == "live"
