"""One machine asks for random names without end: it is limited, the others are answered, and the disk does not fill.

Limits by themselves are tested beside resolver.server.limits. The flood is bounded in count.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import dns.message
import pytest

from tests.e2e.service import Service, wait_for
from tests.e2e.upstream import Upstream

pytestmark = pytest.mark.e2e
FLOOD = 20_000
LISTED = "evil-sample.example"
FLOODER, OTHERS = "127.20.9.9", "127.10.{}.5"
FOLDED_FROM = 64  # distinct names a minute under one indicator, beyond which a client's names are a count


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[Service]:
    """A service with low limits."""
    made = Service(tmp_path_factory.mktemp("limited"), upstream.port)
    text = made.config.read_text(encoding="utf-8")
    made.config.write_text(
        text.replace("  workers: 2\n", "  workers: 2\n  limits: {misses: 50, burst_seconds: 2}\n"), encoding="utf-8"
    )
    made.start()
    yield made
    assert made.stop() == 0, made.tail()


# Random names of one machine, as fast as Python sends them; in a process of its own, for the upstream is a thread here.
FLOODING = f"""
import socket, sys
port, packet = int(sys.argv[1]), bytearray.fromhex(sys.argv[2])
with socket.socket(type=socket.SOCK_DGRAM) as link:
    link.bind(("{FLOODER}", 0))
    for number in range({FLOOD}):
        packet[13:21] = b"%08x" % (number * 2654435761 % 2**32)
        link.sendto(packet, ("127.0.0.1", port))
"""


def flood(port: int, name: str) -> subprocess.Popen[bytes]:
    """Begin."""
    packet = dns.message.make_query(f"00000000.{name}", "A").to_wire()
    return subprocess.Popen([sys.executable, "-c", FLOODING, str(port), packet.hex()])


def counters(service: Service) -> dict[str, int]:
    workers = [about["counters"] for about in service.json("status")["processes"].values() if "counters" in about]
    return {name: sum(one[name] for one in workers) for name in workers[0]}


@pytest.mark.parametrize("name", ["flood.good.example", f"flood.{LISTED}"], ids=["unlisted", "listed"])
def test_others_are_answered_and_the_disk_does_not_fill(limited: Service, name: str):
    before = counters(limited)
    flooding = flood(limited.port, name)
    asked = 0
    while flooding.poll() is None or asked < 50:  # every one of them must be answered: a timeout fails the test
        client = OTHERS.format(asked % 200 + 1)
        answer = limited.ask(f"h{asked}.good.example", client=client)
        assert answer.answer, asked
        assert limited.addresses(LISTED, client)
        asked += 1
    assert flooding.returncode == 0
    after = counters(limited)
    assert after["limited"] - before["limited"] > FLOOD // 4  # what the kernel's buffer did not drop
    notes = limited.json("status")["notes"]
    assert any(f"over a limit (dns.limits) since the workers started; most of {FLOODER} " in note for note in notes)
    rows = limited.json("hits", "--client", FLOODER, "--limit", "5000")
    if name.endswith(LISTED):
        wait_for(
            lambda: sum(row["count"] for row in limited.json("hits", "--client", FLOODER)) > FOLDED_FROM, "hits", 10
        )
        rows = limited.json("hits", "--client", FLOODER, "--limit", "5000")
        assert 0 < len(rows) < 4 * FOLDED_FROM, len(rows)
    else:
        assert rows == []
