"""The lists process as it runs: its socket, its signals, its death."""

from __future__ import annotations

import datetime
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from blocklists import client
from blocklists.library import Library
from blocklists.lookup import list_lists
from blocklists.service import ImportOptions
from contracts.campaigns import Campaigns, CampaignsFile, Window
from contracts.control import RunFolder
from contracts.settings import Settings
from runtime.actor import own_actor
from runtime.control import Misused, Refused, Unreachable, ask
from tests.blocklists.formats import making
from tests.blocklists.making import CONFIG, live_match, policy_of
from tests.cli.answers import answering
from tests.conftest import REPO
from tests.waiting import until

pytestmark = pytest.mark.e2e


@contextmanager
def running(settings: Settings, prepared: Callable[[], bool] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """The process, ready, or as far as `prepared` says."""
    folder = Path(settings.base)
    with (folder / "lists.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "blocklists", "--config", str(folder / "config.yaml")], cwd=REPO, stderr=log
        )
    try:
        up = prepared or (lambda: ready(settings))
        until(lambda: process.poll() is not None or (listens(settings) and up()), "the lists process is ready")
        assert process.poll() is None, (folder / "lists.log").read_text()
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(30)


def status(settings: Settings) -> Any:
    return ask(RunFolder(settings.state).control("lists"), "status", timeout=10.0)


def listens(settings: Settings) -> bool:
    try:
        return bool(status(settings))
    except Unreachable:
        return False


def ready(settings: Settings) -> bool:
    told = status(settings)
    return bool(told["seeded"]) and told["busy"] is None


def write(folder: Path, *names: str) -> Path:
    file = folder / "letter.txt"
    file.write_text("".join(f"{name}\n" for name in names))
    return file


def test_a_workbook_that_kills_its_reader_does_not_kill_the_process(settings, tmp_path):
    file = tmp_path / "annex.xlsx"
    with running(settings) as process:
        file.write_bytes(making.raw_workbook("", 0, workbook=f"<workbook>{'<a/>' * 15_000_000}</workbook>"))
        with pytest.raises(Refused, match=r"this file is .*; nothing of it was taken"):
            client.import_file(settings, file, ImportOptions("annex"))
        assert status(settings)["pid"] == process.pid
        file.write_bytes(making.sheets(S=[["Domain"], ["a.example"]]))
        assert client.import_file(settings, file, ImportOptions("annex")).state == "live"
        assert live_match(settings, "a.example")
        assert [
            task.read_text() for task in Path(f"/proc/{process.pid}/task").glob("*/children") if task.read_text()
        ] == []


def test_import_hold_activate_roll_back_withdraw(settings, tmp_path):
    with running(settings) as process:
        told = status(settings)
        assert (told["pid"], told["problems"]) == (process.pid, [])
        assert [one["list"] for one in told["lists"]] == ["kill-switch"]
        with answering(RunFolder(settings.state).control("resolver", 0), {"reload": {"serial": 10**6}}):
            report = client.import_file(settings, write(tmp_path, "a.example", "bad line"), ImportOptions("letter"))
        assert (report.state, report.names, report.bad_total, report.file) == ("live", 1, 1, "letter.txt")
        assert (report.workers.live, report.workers.of) == (1, 1)
        assert live_match(settings, "x.a.example")
        held = client.import_file(settings, write(tmp_path, "b.example"), ImportOptions("letter", hold=True))
        assert held.state == "held"
        assert client.activate(settings, "letter").version == 2
        assert live_match(settings, "b.example")
        assert client.rollback(settings, "letter").version == 1
        with pytest.raises(Refused, match="no version of letter before"):
            client.rollback(settings, "letter")
        assert client.withdraw(settings, "letter").before == 1
        assert not list((settings.state / "spool").glob("*"))
    assert process.returncode == 0
    library = Library.reader(settings.state)
    assert {one.actor for one in library.audit("letter")} == {own_actor()}
    library.close()


def test_wrong_requests_are_refused_in_words(settings):
    path = RunFolder(settings.state).control("lists")
    with running(settings):
        for op, args, reason in (
            ("import", {"name": "x"}, "takes a file"),
            ("rollback", {}, "`name` is missing"),
            ("activate", {"name": "x", "version": "2"}, "is a number"),
            ("activate", {"name": "x"}, "no list is called 'x'"),
            ("dance", {}, "unknown operation"),
        ):
            with pytest.raises(Refused, match=reason):
                ask(path, op, args)
        body = write(Path(settings.base), "a.example")
        with pytest.raises(Refused, match="no import request"):
            ask(path, "import", {"name": "x", "colour": "red"}, body=body)
        with pytest.raises(Misused, match="no campaign has the id 'none-such'"):
            ask(path, "import", {"name": "x", "campaign": "none-such"}, body=body)
        with pytest.raises(Refused, match="no list is called 'x'") as plain:
            ask(path, "rollback", {"name": "x"})
        assert not isinstance(plain.value, Misused)


def test_a_second_process_does_not_start(settings):
    with running(settings):
        second = subprocess.run(
            [sys.executable, "-m", "blocklists", "--config", str(Path(settings.base) / "config.yaml")],
            cwd=REPO, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert second.returncode == 1
    assert "cannot start" in second.stderr


def big_import(settings: Settings, seen: threading.Event) -> threading.Thread:
    """Begin an import that takes a while; `seen` is set when it reads."""
    file = Path(settings.base) / "big.txt"
    file.write_text("".join(f"n{number}.example\n" for number in range(600_000)))
    path = RunFolder(settings.state).control("lists")

    def go() -> None:
        try:
            ask(path, "import", {"name": "letter"}, body=file, timeout=30.0, progress=see)
        except (Unreachable, Refused):
            seen.set()

    def see(told: Any) -> None:
        if told["stage"] == "reading":
            seen.set()

    thread = threading.Thread(target=go)
    thread.start()
    assert seen.wait(30)
    return thread


def versions(settings: Settings) -> dict[str, list[int]]:
    library = Library.reader(settings.state)
    try:
        return {one.name: [version.number for version in one.versions] for one in list_lists(library)}
    finally:
        library.close()


def test_killed_within_an_import_the_old_policy_stands_and_the_next_start_goes_on(settings, tmp_path):
    with running(settings) as process:
        client.import_file(settings, write(tmp_path, "a.example"), ImportOptions("letter"))
        serial = policy_of(settings).read().serial
        thread = big_import(settings, threading.Event())
        assert status(settings)["busy"]["operation"] == "import", "it answers while it works"
        os.kill(process.pid, signal.SIGKILL)
        thread.join(30)
    assert policy_of(settings).read().serial == serial
    assert live_match(settings, "a.example")
    with running(settings):
        assert versions(settings)["letter"] == [1]
        assert not list((settings.state / "spool").glob("*"))
        assert not list(policy_of(settings).segments.glob(".*.tmp"))
        report = client.import_file(settings, write(tmp_path, "b.example"), ImportOptions("letter"))
        assert (report.version, report.state) == (2, "live")


def test_a_clean_end_within_an_import_undoes_it(settings, tmp_path):
    with running(settings) as process:
        client.import_file(settings, write(tmp_path, "a.example"), ImportOptions("letter"))
        thread = big_import(settings, threading.Event())
        process.terminate()
        assert process.wait(30) == 0
        thread.join(30)
    assert versions(settings)["letter"] == [1]
    assert live_match(settings, "a.example")


def test_a_start_that_fails_is_told_and_made_up_for(settings, tmp_path):
    (tmp_path / "one.txt").write_text("a.example\n")
    (tmp_path / "config.yaml").write_text(CONFIG.replace("lists: []", "lists: [{name: one, path: one.txt}]"))
    settings.state.mkdir()
    (settings.state / "policy").write_text("a file where the folder should be")
    with running(settings, lambda: bool(status(settings)["problems"])):
        (problem,) = status(settings)["problems"]
        assert problem.startswith("the lists of the settings are not taken yet, tried again: ")
        assert versions(settings).get("one") is None
        (settings.state / "policy").unlink()
        until(lambda: ready(settings) and status(settings)["problems"] == [], "the repair seeds")
        assert live_match(settings, "a.example")


def test_hang_up_reads_settings_and_lists_again(settings, tmp_path):
    config_file = tmp_path / "config.yaml"
    with running(settings) as process:
        (tmp_path / "one.txt").write_text("a.example\n")
        config_file.write_text("lists: 7\n")
        process.send_signal(signal.SIGHUP)
        until(lambda: "going on with the old ones" in (tmp_path / "lists.log").read_text(), "wrong settings are told")
        (problem,) = status(settings)["problems"]
        assert problem.startswith("reload refused: the settings cannot be used")
        config_file.write_text(
            CONFIG.replace("lists: []", "lists: [{name: one, path: one.txt}, {name: gone, path: gone.txt}]")
        )
        process.send_signal(signal.SIGHUP)
        until(lambda: "one" in versions(settings), "the list is seeded")
        until(lambda: ready(settings) and bool(status(settings)["problems"]), "the missing file is told")
        assert status(settings)["problems"] == ["list gone was not imported: gone.txt: No such file or directory"]
        assert live_match(settings, "a.example")


def test_a_list_of_the_settings_waits_for_its_campaign_and_follows_its_dates(settings, tmp_path):
    (tmp_path / "one.txt").write_text("a.example\n")
    listed = "lists: [{name: one, path: one.txt, campaign: c-new}]"
    (tmp_path / "config.yaml").write_text(CONFIG.replace("lists: []", listed))
    file, past = CampaignsFile(settings.state), datetime.date(2020, 1, 1)

    def modes() -> dict[str, str]:
        return {one.list: one.mode for one in policy_of(settings).read().entries}

    with running(settings):
        (problem,) = status(settings)["problems"]
        assert problem == "list one was not imported: no campaign has the id 'c-new'; known: demo"
        file.publish(Campaigns(1, 0.0, (Window("c-new"),)))
        until(lambda: modes().get("one") == "enforce", "the list is taken")
        assert status(settings)["problems"] == []
        file.publish(Campaigns(2, 0.0, (Window("c-new", None, past),)))
        until(lambda: modes()["one"] == "monitor", "its campaign is over")
        assert "list one: campaign c-new ended 2020-01-01: only watched" in status(settings)["notes"]
        file.path.write_bytes(b"damaged")
        until(lambda: status(settings)["problems"] != [], "damage is told")
        assert modes()["one"] == "monitor", "what was known before holds"
