"""Who really asked, through the whole service: proxies and forwarders in front, forgers beside them, standings."""

from __future__ import annotations

import ipaddress
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import dns.edns
import dns.exception
import dns.message
import dns.query
import dns.rcode
import pytest

from contracts.clients import BadClients, ClientFolder
from tests.conftest import skip_or_fail
from tests.e2e.service import Service, wait_for
from tests.e2e.upstream import Upstream
from tests.peers import programs
from tests.peers.programs import HOST, Peer
from tests.resolver.server.proxying import header

pytestmark = pytest.mark.e2e
POOL = ipaddress.ip_network("127.53.0.0/16")
FORWARDER, UNKNOWN_FORWARDER, PROXY, MASQ = "127.10.7.1", "127.10.7.2", "127.10.7.3", "127.10.7.4"
FIXED_PROXY, STRANGER = "127.10.7.5", "10.9.9.9"
MAC = bytes.fromhex("001122aabbcc")
OPTIONS = [
    dns.edns.ECSOption("127.20.0.9", 32), dns.edns.GenericOption(65001, MAC),
    dns.edns.GenericOption(65073, b"00:11:22:aa:bb:cc"), dns.edns.GenericOption(65074, b"router 12"),
]  # fmt: skip


@pytest.fixture(scope="module")
def wires(upstream: Upstream) -> list[bytes]:
    """What the upstream was asked, as it came."""
    found: list[bytes] = []
    real = upstream.answer

    def answer(wire: bytes, limit: int) -> bytes:
        found.append(wire)
        return real(wire, limit)

    upstream.answer = answer  # type: ignore[method-assign]
    return found


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream, wires: list[bytes]) -> Iterator[Service]:
    """With a forwarder, a dnsmasq and a proxy registered, and a proxy in its settings."""
    made = Service(tmp_path_factory.mktemp("service"), upstream.port)
    text = made.config.read_text(encoding="utf-8").replace("dns:\n", f'dns:\n  proxies: ["{FIXED_PROXY}"]\n', 1)
    made.config.write_text(text, encoding="utf-8")
    made.start()
    for address, trusts in ((FORWARDER, "ecs,mac,cpe-id"), (MASQ, "ecs,cpe-id"), (PROXY, "proxy")):
        made.cli("forwarders", "add", address, "--trusts", trusts, "--reason", "test")
    yield made
    assert made.stop() == 0, made.tail()


def asked_by(service: Service, name: str) -> list[tuple[Any, ...]]:
    """(client, via, how, mac, cpe_id) of the hits of a name."""
    return [
        tuple(hit[key] for key in ("client", "via", "how", "mac", "cpe_id"))
        for hit in service.json("hits", "--limit", "500")
        if hit["qname"] == name
    ]


def is_recorded(service: Service, name: str, *expected: tuple[str, ...]) -> None:
    wait_for(lambda: len(asked_by(service, name)) >= len(expected), f"the hits of {name}", 5.0)
    assert sorted(asked_by(service, name)) == sorted(expected)


def units(service: Service) -> dict[str, str]:
    """Machine -> its unit."""
    return {host["address"]: host["unit"] for host in service.json("hosts")}


def counted(service: Service, name: str) -> int:
    return sum(
        about["counters"][name] for part, about in service.json("status", check=False)["processes"].items()
        if part.startswith("resolver@")
    )  # fmt: skip


def ask(port: int, name: str, source: str, options: Any = (), *, tcp: bool = False) -> dns.message.Message:
    query = dns.message.make_query(name, "A", use_edns=0, options=list(options))
    return (dns.query.tcp if tcp else dns.query.udp)(query, HOST, timeout=5, port=port, source=source)


def is_sinkholed(answer: dns.message.Message) -> bool:
    return bool(answer.answer) and ipaddress.ip_address(answer.answer[0][0].address) in POOL


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
def test_a_registered_forwarder_names_its_clients(service: Service, tcp: bool):
    name = f"forwarder-{tcp}.evil-sample.example".lower()
    assert is_sinkholed(ask(service.port, name, FORWARDER, tcp=tcp))
    assert is_sinkholed(ask(service.port, name, FORWARDER, OPTIONS[:1], tcp=tcp))
    assert is_sinkholed(ask(service.port, name, FORWARDER, OPTIONS[1:2], tcp=tcp))
    assert is_sinkholed(ask(service.port, name, FORWARDER, [OPTIONS[0], *OPTIONS[2:]], tcp=tcp))
    is_recorded(
        service, name,
        (FORWARDER, "", "", "", ""),
        ("127.20.0.9", FORWARDER, "ecs", "", ""),
        (FORWARDER, FORWARDER, "", "00:11:22:aa:bb:cc", ""),
        ("127.20.0.9", FORWARDER, "ecs", "00:11:22:aa:bb:cc", "router 12"),
    )  # fmt: skip
    wait_for(lambda: "127.20.0.9" in units(service), "the machine in the pages")
    assert units(service)["127.20.0.9"] == "xa-mau"


def test_a_forged_claim_changes_nothing_and_is_counted(service: Service):
    before = counted(service, "claims_ignored")
    for source in ("127.10.0.5", UNKNOWN_FORWARDER):
        for number, option in enumerate(OPTIONS):
            name = f"forged{number}.evil-sample.example"
            assert is_sinkholed(ask(service.port, name, source, [option]))
    for number in range(len(OPTIONS)):
        is_recorded(
            service, f"forged{number}.evil-sample.example",
            ("127.10.0.5", "", "", "", ""), (UNKNOWN_FORWARDER, "", "", "", ""),
        )  # fmt: skip
    assert counted(service, "claims_ignored") == before + 2 * len(OPTIONS)


def test_nothing_of_it_goes_upstream(service: Service, wires: list[bytes]):
    wires.clear()
    for number, source in enumerate((FORWARDER, UNKNOWN_FORWARDER, "127.10.0.5")):
        for tcp in (False, True):
            assert ask(service.port, f"h{700 + 2 * number + tcp}.good.example", source, OPTIONS, tcp=tcp).answer
    assert len(wires) >= 6
    for wire in wires:
        message = dns.message.from_wire(wire)
        assert {int(option.otype) for option in message.options} & {8, 65001, 65073, 65074} == set()
        assert MAC not in wire
        assert b"router 12" not in wire


@pytest.mark.peer
@pytest.mark.parametrize("source", [PROXY, FIXED_PROXY], ids=["registered", "of the settings"])
def test_dnsdist_names_its_clients(service: Service, tmp_path: Path, source: str):
    proxy = programs.dnsdist(tmp_path, service.port, source=source)
    try:
        name = f"dist-{source.rpartition('.')[2]}.evil-sample.example"
        for client, tcp in (("127.20.0.77", False), ("127.20.0.78", False), ("127.20.0.79", True)):
            assert is_sinkholed(ask(proxy.port, name, client, tcp=tcp))
            assert ask(proxy.port, "h3.good.example", client, tcp=tcp).answer[0][0].address == "192.0.2.3"
        is_recorded(service, name, *[(f"127.20.0.{one}", source, "proxy", "", "") for one in (77, 78, 79)])
        over = {
            hit["client"]: (hit["transport"], hit["verified"]) for hit in service.json("hits") if hit["qname"] == name
        }
        assert over["127.20.0.77"] == ("udp", False)
        assert over["127.20.0.79"] == ("tcp", True)
        forged = "forged-" + name
        assert is_sinkholed(ask(proxy.port, forged, "127.20.0.77", OPTIONS[:1]))
        is_recorded(service, forged, ("127.20.0.77", source, "proxy", "", ""))
    finally:
        proxy.end()


def test_what_a_listed_proxy_sends_without_a_header_is_dropped_and_counted(service: Service):
    before = counted(service, "proxy_refused")
    query = dns.message.make_query("bare.evil-sample.example", "A")
    with pytest.raises(dns.exception.Timeout):
        dns.query.udp(query, HOST, timeout=0.5, port=service.port, source=PROXY)
    with pytest.raises((EOFError, OSError)):
        dns.query.tcp(query, HOST, timeout=5, port=service.port, source=PROXY)
    assert counted(service, "proxy_refused") == before + 2
    assert asked_by(service, "bare.evil-sample.example") == []


def test_a_header_from_a_stranger_is_not_believed(service: Service):
    import socket

    with socket.socket(type=socket.SOCK_DGRAM) as link:
        link.bind(("127.10.0.5", 0))
        link.settimeout(5)
        query = dns.message.make_query("header.evil-sample.example", "A").to_wire()
        link.sendto(header("127.20.0.9") + query, (HOST, service.port))
        assert link.recv(4096)[:2] == b"\r\n"
    assert is_sinkholed(ask(service.port, "after.evil-sample.example", "127.10.0.5"))
    is_recorded(service, "after.evil-sample.example", ("127.10.0.5", "", "", "", ""))
    assert asked_by(service, "header.evil-sample.example") == []


@pytest.fixture(scope="module")
def dnsmasq(tmp_path_factory: pytest.TempPathFactory, service: Service) -> Iterator[Peer]:
    """As docs/operator.md says."""
    more = ["--add-subnet=32,128", "--strip-subnet", "--add-cpe-id=router 12"]
    made = programs.dnsmasq(tmp_path_factory.mktemp("dnsmasq"), service.port, source=MASQ, more=more)
    yield made
    made.end()


@pytest.mark.peer
def test_dnsmasq_names_its_clients_and_keeps_none_of_their_answers(service: Service, dnsmasq: Peer):
    for client in ("127.20.1.1", "127.20.1.2", "127.20.1.1"):
        assert is_sinkholed(ask(dnsmasq.port, "masq.evil-sample.example", client))
    assert is_sinkholed(ask(dnsmasq.port, "masq.evil-sample.example", "127.20.1.3", OPTIONS[:1]))  # forged
    wait_for(lambda: len(asked_by(service, "masq.evil-sample.example")) >= 3, "the hits", 5.0)
    assert set(asked_by(service, "masq.evil-sample.example")) == {
        (f"127.20.1.{number}", MASQ, "ecs", "", "router 12") for number in (1, 2, 3)
    }
    assert sum(
        hit["count"] for hit in service.json("hits", "--limit", "500") if hit["qname"] == "masq.evil-sample.example"
    ) == 4  # fmt: skip


@pytest.mark.peer
def test_dnsmasq_without_being_registered_is_the_asker(service: Service, tmp_path: Path):
    more = ["--add-subnet=32,128", "--add-cpe-id=router 12"]
    server = programs.dnsmasq(tmp_path, service.port, source=UNKNOWN_FORWARDER, more=more)
    before = counted(service, "claims_ignored")
    try:
        assert is_sinkholed(ask(server.port, "unknown.evil-sample.example", "127.20.1.1"))
    finally:
        server.end()
    is_recorded(service, "unknown.evil-sample.example", (UNKNOWN_FORWARDER, "", "", "", ""))
    assert counted(service, "claims_ignored") > before


@pytest.mark.peer
def test_the_forms_in_which_dnsmasq_writes_a_mac(tmp_path: Path):
    """In a network of its own, for on loopback nobody has a hardware address."""
    program = programs.program("dnsmasq", "dnsmasq-base")
    unshare = shutil.which("unshare")
    if os.geteuid() or unshare is None:
        skip_or_fail("needs root and unshare, for a network of its own")
    script = Path(__file__).with_name("mac_forms.py")
    ran = subprocess.run(
        [str(unshare), "-n", sys.executable, str(script), program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if ran.returncode == 77:
        skip_or_fail(f"no network of its own here: {ran.stderr[-300:]}")
    assert ran.stdout.split() == ["001122aabbcc"] * 3, ran.stderr


def test_a_standing_is_live_at_once_and_over_by_itself(service: Service):
    network, client = "127.20.9.0/24", "127.20.9.1"
    assert is_sinkholed(ask(service.port, "evil-sample.example", client))
    for word, outcome in (("monitor", "monitor"), ("exempt", "forward")):
        service.cli("clients", word, network, "--for", "1h", "--reason", "thử")
        for _worker in range(8):  # each has its own sockets
            assert ask(service.port, f"{word}.evil-sample.example", client).rcode() == dns.rcode.NXDOMAIN
        told = service.json("explain", f"{word}.evil-sample.example", "--client", client)
        assert told["asker"]["standing"] == word
        assert told["asker"]["unit"] == "xa-mau"
        assert told["outcome"] in {outcome, "cached"}
        assert is_sinkholed(ask(service.port, "evil-sample.example", "127.20.8.1"))
    is_recorded(service, "monitor.evil-sample.example", (client, "", "", "", ""))
    assert asked_by(service, "exempt.evil-sample.example") == []
    made = service.json("clients", "exempt", network, "--for", "3s", "--reason", "thử")
    until = datetime.fromisoformat(made["standing"]["until"]).timestamp()
    assert not is_sinkholed(ask(service.port, "short.evil-sample.example", client))
    wait_for(lambda: is_sinkholed(ask(service.port, "short.evil-sample.example", client)), "over", 5.0)
    assert until <= time.time() < until + 2
    assert "all clients are treated alike" in service.cli("clients", "ls").stderr


def test_a_damaged_client_table_is_written_anew_and_nobody_notices(service: Service):
    folder = ClientFolder(service.state)
    serial = folder.read().serial  # type: ignore[union-attr]
    folder.file.write_bytes(b"damaged")
    wait_for(lambda: _serial(folder) > serial, "published again", 5.0)
    wait_for(service.healthy, "all is well", 10.0)
    assert is_sinkholed(ask(service.port, "anew.evil-sample.example", FORWARDER, OPTIONS[:1]))
    is_recorded(service, "anew.evil-sample.example", ("127.20.0.9", FORWARDER, "ecs", "", ""))


def _serial(folder: ClientFolder) -> int:
    try:
        table = folder.read()
    except BadClients:
        return 0
    return table.serial if table else 0
