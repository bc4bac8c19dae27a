"""Feeds in the lists process as it runs, with and without a server; what of it is tested alone stands in feeds/."""

from __future__ import annotations

import json
import signal
import threading
from pathlib import Path

import pytest

from blocklists import client
from blocklists.library import Library
from contracts import config
from contracts.control import RunFolder
from runtime.control import Refused, ask
from tests.blocklists.feeds.serving import certified, serving
from tests.blocklists.making import CONFIG, live_match
from tests.blocklists.test_process import ready, running, status, versions
from tests.resolver.upstream.servers import Authority
from tests.waiting import until

pytestmark = pytest.mark.e2e


def configured(folder: Path, lists: str, feeds: str = ""):
    text = CONFIG.replace("lists: []", f"lists:\n{lists}feeds: {{{feeds}}}\n")
    (folder / "config.yaml").write_text(text)
    return config.read(folder / "config.yaml")


def has(settings, name):
    """Whether some live list has this name."""
    return bool(versions(settings).get("one")) and live_match(settings, name) is not None


def test_fetched_by_tls_kept_and_taken_again_without_a_server(tmp_path):
    authority = Authority()
    authority.write(tmp_path / "ca.pem")
    with serving(tls=certified(tmp_path, authority, "127.0.0.1")) as server:
        url = server.url("t0ken/one.txt?key=s3cret", "lan:p4ss@")
        settings = configured(tmp_path, f"  - {{name: one, url: '{url}'}}\n", "ca_file: ca.pem")
        with running(settings) as process:
            until(lambda: has(settings, "x.a.example"), "the feed is live")
            until(lambda: status(settings)["busy"] is None, "the import is over")
            told = status(settings)
            assert (told["problems"], told["notes"]) == ([], [])
            (feed,) = told["feeds"]
            assert (feed["list"], feed["failures"], feed["every"]) == ("one", 0, 21600)
        assert process.returncode == 0
    library = Library.reader(settings.state)
    (audited,) = library.audit("one")
    library.close()
    assert (audited.actor, audited.detail["file"]) == ("system:feed", feed["url"])
    for file in settings.state.glob("library.db*"):
        file.unlink()  # all that is left of the list is its copy
    with running(settings):
        assert has(settings, "x.a.example")
        (found,) = client.refresh(settings, "one")
        assert (found.state, found.reason.endswith("refused the connection")) == ("failed", True)
        (note,) = status(settings)["notes"]
        assert note.startswith("list one was last fetched 0.0 h ago and is as it was then: ")
        told = json.dumps([told, status(settings), audited.detail])
    written = told + (tmp_path / "lists.log").read_text() + (settings.state / "feeds" / "one~.json").read_text()
    assert not any(secret in written for secret in ("s3cret", "p4ss", "t0ken"))


def test_a_slow_feed_holds_up_neither_other_lists_nor_the_end(tmp_path):
    (tmp_path / "two.txt").write_text("two.example\n")
    with serving(lambda one: one.drip(b"HTTP/1.1 200 OK\r\n\r\n")) as server:
        settings = configured(tmp_path, f"  - {{name: one, url: '{server.url()}'}}\n  - {{name: two, path: two.txt}}\n")
        with running(settings) as process:
            until(lambda: bool(server.asked), "the fetch is under way")
            (tmp_path / "two.txt").write_text("three.example\n")
            process.send_signal(signal.SIGHUP)
            until(lambda: ready(settings) and live_match(settings, "three.example") is not None, "a reload meanwhile")
            process.terminate()
            assert process.wait(10) == 0
    assert not (settings.state / "feeds" / "one").exists()
    assert "Traceback" not in (tmp_path / "lists.log").read_text()


def test_a_reload_brings_feeds_and_takes_them_away(tmp_path):
    settings = configured(tmp_path, "  - {name: two, path: two.txt}\n")
    (tmp_path / "two.txt").write_text("two.example\n")
    with serving() as server, running(settings) as process:
        configured(tmp_path, f"  - {{name: one, url: '{server.url()}', every: 5m}}\n")
        process.send_signal(signal.SIGHUP)
        until(lambda: has(settings, "a.example"), "the new feed is live")
        configured(tmp_path, "  - {name: two, path: two.txt}\n")
        process.send_signal(signal.SIGHUP)
        until(lambda: status(settings)["feeds"] == [], "the feed is gone")


def test_refresh_all_tells_each_and_that_it_lives(tmp_path):
    (tmp_path / "two.txt").write_text("two.example\n")
    held = threading.Event()

    def say(one):
        if len(server.asked) > 1:  # the first one is the schedule's
            held.wait(20)
        one.reply()

    with serving(say) as server:
        settings = configured(tmp_path, f"  - {{name: one, url: '{server.url()}'}}\n  - {{name: two, path: two.txt}}\n")
        with running(settings):
            until(lambda: has(settings, "a.example"), "the feed is live")
            (tmp_path / "two.txt").write_text("three.example\n")
            path, beats = RunFolder(settings.state).control("lists"), []

            def beat(told):
                beats.append(told)
                held.set()

            found = ask(path, "refresh", {"name": None}, timeout=20, progress=beat)
            assert [(one["list"], one["state"]) for one in found] == [("one", "known"), ("two", "live")]
            assert found[1]["report"]["workers"] == {"live": 0, "of": 0, "seconds": 0.0}
            assert beats
            with pytest.raises(Refused, match="no list of the settings is called 'three'; known: one, two"):
                client.refresh(settings, "three")
