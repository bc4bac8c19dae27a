"""The running service: the dates of a campaign, changed by a command, put its lists in and out of force in seconds.

Midnight itself is tested with a clock: tests/blocklists/test_windows.py.
"""

from __future__ import annotations

import datetime
import os
import signal
import time
from collections.abc import Callable
from zoneinfo import ZoneInfo

import dns.rcode
import pytest

from tests.e2e.service import Service, wait_for

pytestmark = pytest.mark.e2e
LISTED = "evil-sample.example"
TODAY = datetime.datetime.now(ZoneInfo("Asia/Ho_Chi_Minh")).date()
YESTERDAY = str(TODAY - datetime.timedelta(days=1))
TOMORROW = str(TODAY + datetime.timedelta(days=1))
CLIENTS = [f"127.10.0.{number}" for number in range(1, 13)]  # several source ports meet both of two workers
SOON = 2.0 + 1.5  # seconds; the second part is for our own looking


def blocked(service: Service) -> bool:
    """Whether every worker answers with the sinkhole."""
    return all(service.addresses(LISTED, client) for client in CLIENTS)


def passed(service: Service) -> bool:
    """Whether no worker does: the upstream knows no such name."""
    return all(service.ask(LISTED, client=client).rcode() == dns.rcode.NXDOMAIN for client in CLIENTS)


def soon(condition: Callable[[Service], bool], service: Service, started: float) -> None:
    """Within the time that a change may take."""
    wait_for(lambda: condition(service), condition.__doc__ or "")
    assert time.monotonic() - started < SOON


def test_lists_follow_the_dates_of_their_campaign(service: Service) -> None:
    assert blocked(service)
    started = time.monotonic()
    service.cli("campaigns", "set", "demo", "--end", YESTERDAY)
    soon(passed, service, started)
    why = f"campaign demo ended {YESTERDAY}: only watched"
    explained = service.json("explain", LISTED)
    assert (explained["outcome"], explained["match"]["window"]) == ("monitor", why)
    assert explained["notes"] == [f"the list sample: {why}"]
    told = wait_for(lambda: service.json("status")["notes"], "status says so")
    assert f"list sample: {why}" in told
    hits = wait_for(lambda: [one for one in service.json("hits") if one["action"] == "monitor"], "hits are recorded")
    assert hits[0]["campaign"] == "demo"

    pid = service.pids()["lists"]
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: service.healthy() and service.pids()["lists"] != pid, "the lists process is back")
    assert passed(service), "a restart comes to the same"

    started = time.monotonic()
    service.cli("campaigns", "set", "demo", "--end", TOMORROW)
    soon(blocked, service, started)
    started = time.monotonic()
    service.cli("campaigns", "set", "demo", "--start", TOMORROW, "--outside", "off")
    soon(passed, service, started)
    assert service.json("explain", LISTED)["match"] is None
    listed = {one["name"]: one["window"] for one in service.json("lists", "ls")}
    assert listed == {"sample": f"campaign demo begins {TOMORROW}: not in force", "kill-switch": ""}
    started = time.monotonic()
    service.cli("campaigns", "set", "demo", "--start", "", "--end", "")
    soon(blocked, service, started)
