"""The red switch and one allowed name on a running service: live within two seconds, audited, over by themselves.

The rules are tested beside casework.decisions; here is that it works when it is needed.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import closing

import dns.message
import dns.rcode
import pytest

from casework.store import audit
from casework.store.engine import open_casework
from tests.e2e.service import Service, wait_for

pytestmark = pytest.mark.e2e
LISTED = "evil-sample.example"
SOON = 2.0  # seconds that the red switch may take, its command included
LOCKED = 3.0  # the same, when it has to wait for a database first: a second of that is the waiting


CLIENTS = [f"127.10.0.{number}" for number in range(1, 25)]  # several source ports meet both of two workers


def others(service: Service, name: str, right: Callable[[dns.message.Message], bool]) -> list[str]:
    """Answers that are not right, with what the workers say of themselves: for the message of a failed test."""
    answers = [(client, service.ask(name, client=client)) for client in CLIENTS]
    wrong = [f"{client}: {answer}" for client, answer in answers if not right(answer)]
    return [*wrong, service.cli("status", "--json", check=False).stdout, service.tail()] if wrong else []


def blocked(service: Service, name: str = LISTED) -> bool:
    """Whether every worker answers with the sinkhole."""
    wrong = others(service, name, lambda answer: answer.rcode() == dns.rcode.NOERROR and bool(answer.answer))
    assert not wrong, "\n".join(wrong)
    return True


def passed(service: Service, name: str = LISTED) -> bool:
    """Whether no worker does: the upstream knows no such name."""
    wrong = others(service, name, lambda answer: answer.rcode() == dns.rcode.NXDOMAIN)
    assert not wrong, "\n".join(wrong)
    return True


def test_the_red_switch(service: Service):
    assert blocked(service)
    started = time.monotonic()
    done = service.json("bypass", "on", "--for", "10m", "--reason", "a wrong list")
    assert passed(service)
    assert time.monotonic() - started < SOON + 24 * 0.05
    assert (done["workers"], done["of"]) == (2, 2)
    status = service.cli("status", check=False)
    assert status.returncode == 1
    assert "policy is bypassed" in status.stdout
    wait_for(
        lambda: any(hit["action"] == "monitor" for hit in service.json("hits")), "hits are recorded all the same", 3
    )
    told = service.json("explain", LISTED, "--client", "127.10.0.5")
    assert told["outcome"] == "monitor"
    assert any("bypassed" in note for note in told["notes"])
    service.cli("bypass", "off", "--reason", "found it")
    assert blocked(service)
    assert service.cli("status", check=False).returncode == 0


def test_it_works_when_the_lists_process_is_stuck(service: Service):
    """Stopped, as one that is busy with millions of names would be."""
    lists = service.pids()["lists"]
    os.kill(lists, signal.SIGSTOP)
    try:
        service.cli("bypass", "on", "--reason", "a wrong list")
        assert passed(service)
        service.cli("bypass", "off")
        assert blocked(service)
    finally:
        os.kill(lists, signal.SIGCONT)


def entries(service: Service) -> list[audit.AuditEntry]:
    """The audit of the switch, the newest first."""
    with closing(open_casework(service.state, readonly=True)) as store:
        return audit.latest(store, 20, text="bypass.")


def test_it_works_while_the_database_is_locked(service: Service):
    """By a process that took the write lock and is stuck; the record is made up for when it is gone, once."""
    before = len(entries(service))
    with closing(open_casework(service.state)) as store, store.transaction():
        started = time.monotonic()
        done = service.json("bypass", "on", "--for", "10m", "--reason", "a stuck lock")
        assert passed(service)
        assert time.monotonic() - started < LOCKED + 24 * 0.05
        assert (done["workers"], done["of"], done["recorded"]) == (2, 2, False)
        told = service.cli("status", check=False).stdout
        assert "record of `bypass on`" in told
        assert "outstanding" in told
        service.cli("bypass", "off", "--reason", "found it")
        assert blocked(service)
        assert len(entries(service)) == before
    wait_for(lambda: service.cli("status", check=False).returncode == 0, "recorded, and nothing is a problem any more")
    off, on = entries(service)[: len(entries(service)) - before]
    assert (off.action, off.detail["reason"]) == ("bypass.off", "found it")
    assert (on.action, on.detail["reason"]) == ("bypass.on", "a stuck lock")
    assert on.time <= off.time <= on.detail["recorded"]
    (row, *_older) = service.json("bypass", "ls")
    assert (row["state"], row["reason"], row["actor"]) == ("ended", "a stuck lock", on.actor)
    assert blocked(service)


def test_one_name_out_of_all_lists(service: Service):
    service.cli("allow", "add", f"good.{LISTED}", "--reason", "false alarm", "--for", "7d")
    assert passed(service, f"www.good.{LISTED}")
    assert blocked(service, f"other.{LISTED}")
    assert service.json("explain", f"www.good.{LISTED}")["match"] is None
    (row,) = service.json("allow", "ls")
    assert (row["name"], row["state"], row["reason"]) == (f"good.{LISTED}", "holds", "false alarm")
    done = service.json("allow", "remove", f"good.{LISTED}")
    assert (done["workers"], done["of"]) == (2, 2)
    assert blocked(service, f"www.good.{LISTED}")
    assert not any(
        hit["qname"].endswith(f"good.{LISTED}") and hit["action"] == "monitor" for hit in service.json("hits")
    )
