"""The red switch and one allowed name on a running service: live within two seconds, audited, over by themselves.

The rules are tested beside casework.decisions; here is that it works when it is needed.
"""

from __future__ import annotations

import os
import signal
import time

import dns.rcode
import pytest

from tests.e2e.service import Service, wait_for

pytestmark = pytest.mark.e2e
LISTED = "evil-sample.example"
SOON = 2.0  # seconds that the red switch may take, its command included


def blocked(service: Service, name: str = LISTED) -> bool:
    """Whether every worker still answers with the sinkhole: several source ports meet both of two workers."""
    return all(service.addresses(name, f"127.10.0.{number}") for number in range(1, 25))


def passed(service: Service, name: str = LISTED) -> bool:
    """Whether no worker does: the upstream knows no such name."""
    answers = [service.ask(name, client=f"127.10.0.{number}") for number in range(1, 25)]
    return all(answer.rcode() == dns.rcode.NXDOMAIN for answer in answers)


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


def test_one_name_out_of_all_lists(service: Service):
    service.cli("allow", "add", f"good.{LISTED}", "--reason", "false alarm", "--for", "7d")
    assert passed(service, f"www.good.{LISTED}")
    assert blocked(service, f"other.{LISTED}")
    assert service.json("explain", f"www.good.{LISTED}")["match"] is None
    (row,) = service.json("allow", "ls")
    assert (row["name"], row["state"], row["reason"]) == (f"good.{LISTED}", "holds", "false alarm")
    service.cli("allow", "remove", f"good.{LISTED}")
    assert blocked(service, f"www.good.{LISTED}")
    assert not any(
        hit["qname"].endswith(f"good.{LISTED}") and hit["action"] == "monitor" for hit in service.json("hits")
    )
