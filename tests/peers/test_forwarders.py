"""Agencies' own DNS servers in front of us: dnsmasq, Unbound, BIND and PowerDNS Recursor, each forwarding everything.

None of them validates here: that is tests.peers.test_validating.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from pathlib import Path

import dns.flags
import dns.rcode
import pytest

from tests.e2e.service import Service, wait_for
from tests.peers import programs
from tests.peers.programs import Peer, values

pytestmark = [pytest.mark.e2e, pytest.mark.peer]
POOL = ipaddress.ip_network("127.53.0.0/16")
# Name -> address that it asks us from, and how to start it.
FORWARDERS: dict[str, tuple[str, Callable[[Path, int, str], Peer]]] = {
    "dnsmasq": ("127.10.7.1", lambda folder, port, source: programs.dnsmasq(folder, port, source=source)),
    "unbound": (
        "127.10.7.2",
        lambda folder, port, source: programs.unbound(folder, port, server=f"  outgoing-interface: {source}"),
    ),
    "bind": ("127.10.7.3", lambda folder, port, source: programs.bind(folder, port, source=source)),
    "pdns": ("127.10.7.4", lambda folder, port, source: programs.pdns(folder, port, source=source)),
}


@pytest.fixture(scope="module", params=FORWARDERS)
def forwarder(request: pytest.FixtureRequest, tmp_path_factory, service: Service) -> Iterator[tuple[Peer, str]]:
    """One of them, and the address that it asks from."""
    source, start = FORWARDERS[request.param]
    server = start(tmp_path_factory.mktemp(request.param), service.port, source)
    yield server, source
    server.end()


def hits_of(service: Service, address: str) -> dict[str, int]:
    """Listed domain -> hits of one asking machine."""
    return {
        indicator["domain"]: indicator["hits"]
        for host in service.json("hosts")
        if host["address"] == address
        for indicator in host["indicators"]
    }


def test_a_listed_name_is_sinkholed_and_the_forwarder_is_the_asker(service: Service, forwarder: tuple[Peer, str]):
    server, source = forwarder
    for name in ("evil-sample.example", "www.evil-sample.example", "bad.plain.example", "bad.signed.example"):
        for tcp in (False, True):
            (address,) = values(server.ask(name, tcp=tcp))
            assert ipaddress.ip_address(address) in POOL
        empty = server.ask(name, "HTTPS")
        assert (empty.rcode(), empty.answer) == (dns.rcode.NOERROR, [])
    wait_for(lambda: {"evil-sample.example", "bad.plain.example"} <= hits_of(service, source).keys(), "its hits", 5.0)


def test_what_is_not_listed_works(forwarder: tuple[Peer, str]):
    server, _source = forwarder
    assert values(server.ask("host.plain.example")) == ["192.0.2.1"]
    assert values(server.ask("host.plain.example", "AAAA"), "AAAA") == ["2001:db8::1"]
    assert values(server.ask("alias.plain.example")) == ["192.0.2.1"]
    assert values(server.ask("x.wild.signed.example")) == ["192.0.2.50"]
    assert len(values(server.ask("many.plain.example"))) == 4
    assert len(server.ask("unknown.plain.example", "TYPE65280").answer) == 1
    assert len(server.ask("https.plain.example", "HTTPS").answer) == 1
    for _time in (1, 2):
        assert server.ask("nowhere.plain.example").rcode() == dns.rcode.NXDOMAIN
        empty = server.ask("v4only.plain.example", "AAAA")
        assert (empty.rcode(), empty.answer) == (dns.rcode.NOERROR, [])


def test_long_answers_come_whole(forwarder: tuple[Peer, str]):
    """Longer than any datagram: the forwarder has to ask us by TCP, and its client the forwarder."""
    server, _source = forwarder
    assert len(values(server.ask("big.plain.example", "TXT"), "TXT")) == 20
    (huge,) = values(server.ask("huge.plain.example", "TXT"), "TXT")
    assert huge.count("y") == 10_000


def test_signatures_come_through(forwarder: tuple[Peer, str]):
    """A client behind a forwarder that does not validate may validate itself."""
    server, _source = forwarder
    answer = server.ask("host.signed.example", do=True, cd=True)
    assert [rrset.rdtype for rrset in answer.answer] == [1, 46]
    denied = server.ask("nowhere.signed3.example", do=True, cd=True)
    assert denied.rcode() == dns.rcode.NXDOMAIN
    assert {50, 46} <= {rrset.rdtype for rrset in denied.authority}
    assert not answer.flags & dns.flags.AD
