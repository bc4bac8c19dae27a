"""A forwarder that validates DNSSEC in front of us, with a trust anchor for the zone that holds a listed name.

docs/operator.md, "Behind a validating forwarder", shows the lines that are tried here.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import dns.flags
import dns.rcode
import pytest

from tests.conftest import REPO
from tests.e2e.service import Service, wait_for
from tests.peers import programs, zones
from tests.peers.conftest import OWN
from tests.peers.programs import Peer, values
from tests.peers.test_forwarders import hits_of
from tests.peers.zones import SIGNED, SIGNED3

pytestmark = [pytest.mark.e2e, pytest.mark.peer]
POOL = ipaddress.ip_network("127.53.0.0/16")
LISTED = "bad.signed.example"


def unbound(folder: Path, zone_folder: Path, service: Service, source: str, lines: str = "") -> Peer:
    """Unbound that validates the signed zones; `lines` come into its server clause."""
    anchors = "\n".join(
        f'  trust-anchor: "{zone}. DNSKEY {zones.trust_anchor(zone_folder, zone)}"' for zone in (SIGNED, SIGNED3)
    )
    server = f"  outgoing-interface: {source}\n{anchors}\n{lines}"
    return programs.unbound(folder, service.port, name="validating-unbound", server=server, validating=True)


def bind(folder: Path, zone_folder: Path, service: Service, source: str, lines: str = "") -> Peer:
    """BIND that validates the signed zones; `lines` come into its options."""
    keys = "".join(
        '{}. static-key {} {} {} "{}";'.format(zone, *zones.trust_anchor(zone_folder, zone).split())
        for zone in (SIGNED, SIGNED3)
    )
    return programs.bind(
        folder, service.port, name="validating-bind", source=source,
        options=f"dnssec-validation yes; {lines}", clauses=f"trust-anchors {{ {keys} }};",
    )  # fmt: skip


STARTS: dict[str, Callable[..., Peer]] = {"unbound": unbound, "bind": bind}


def documented(kind: str) -> str:
    """The exemption as the operator's page shows it, with our listed name and our own record's in it."""
    page = (REPO / "docs" / "operator.md").read_text(encoding="utf-8")
    section = page.partition("## Behind a validating forwarder")[2].partition("\n## ")[0]
    pattern = {"unbound": r"^ *domain-insecure: .*$", "bind": r"^ *validate-except \{.*\};"}[kind]
    (line,) = re.findall(pattern, section, re.MULTILINE)
    if kind == "unbound":
        return "\n".join(str(line).replace("evil.example", name) for name in (LISTED, OWN))
    return str(line).replace('"evil.example";', f'"{LISTED}"; "{OWN}";')


@pytest.fixture(scope="module", params=STARTS)
def kind(request: pytest.FixtureRequest) -> str:
    """Which program."""
    return str(request.param)


@pytest.fixture(scope="module")
def strict(kind: str, tmp_path_factory, zone_folder: Path, service: Service) -> Iterator[tuple[Peer, str]]:
    """It validates everything; and its address towards us."""
    source = {"unbound": "127.10.8.1", "bind": "127.10.8.2"}[kind]
    server = STARTS[kind](tmp_path_factory.mktemp(kind), zone_folder, service, source)
    yield server, source
    server.end()


@pytest.fixture(scope="module")
def exempting(kind: str, tmp_path_factory, zone_folder: Path, service: Service) -> Iterator[Peer]:
    """The same with the documented line."""
    server = STARTS[kind](tmp_path_factory.mktemp(kind), zone_folder, service, "127.10.8.9", documented(kind))
    yield server
    server.end()


@pytest.mark.parametrize("zone", [SIGNED, SIGNED3])
def test_what_is_not_listed_validates_through_us(strict: tuple[Peer, str], zone: str):
    """DO, CD, signatures and proofs pass through us whole: the forwarder finds everything authentic."""
    server, _source = strict
    for name, kind, code, count in (
        ("host", "A", dns.rcode.NOERROR, 2), ("x.wild", "A", dns.rcode.NOERROR, 2), ("chain6", "A", 0, 22),
        ("nowhere", "A", dns.rcode.NXDOMAIN, 0), ("v4only", "AAAA", dns.rcode.NOERROR, 0),
        ("huge", "TXT", dns.rcode.NOERROR, 2), ("unknown", "TYPE65280", dns.rcode.NOERROR, 2),
        (r"escaped\.dot", "A", dns.rcode.NOERROR, 2), ("", "DNSKEY", dns.rcode.NOERROR, 4),
    ):  # fmt: skip
        answer = server.ask(f"{name}.{zone}".lstrip("."), kind, do=True)
        assert answer.rcode() == code, (name, kind)
        assert answer.flags & dns.flags.AD, (name, kind)
        assert sum(len(rrset) for rrset in answer.answer) == count, (name, kind)


def test_a_listed_name_of_a_signed_zone_fails_there_and_the_hit_stays(strict: tuple[Peer, str], service: Service):
    server, source = strict
    assert server.ask(LISTED).rcode() == dns.rcode.SERVFAIL
    assert server.ask(f"www.{LISTED}").rcode() == dns.rcode.SERVFAIL
    # Two questions by us; it asks for keys and proofs, too, and again.
    wait_for(lambda: hits_of(service, source).get(LISTED, 0) > 2, "the hits", 5.0)
    (unchecked,) = values(server.ask(LISTED, cd=True))
    assert ipaddress.ip_address(unchecked) in POOL


def test_our_own_record_in_a_signed_zone_fails_there_too(strict: tuple[Peer, str], service: Service):
    server, _source = strict
    assert service.addresses(OWN) == ["192.0.2.77"]
    assert server.ask(OWN).rcode() == dns.rcode.SERVFAIL


def test_a_listed_name_of_an_unsigned_zone_is_sinkholed_there_too(strict: tuple[Peer, str]):
    server, _source = strict
    for name in ("evil-sample.example", "bad.plain.example"):
        (address,) = values(server.ask(name))
        assert ipaddress.ip_address(address) in POOL


def test_the_documented_exemption_lets_the_sinkhole_address_through(exempting: Peer):
    for name in (LISTED, f"www.{LISTED}", f"deep.{LISTED}"):
        (address,) = values(exempting.ask(name))
        assert ipaddress.ip_address(address) in POOL
    empty = exempting.ask(LISTED, "AAAA")
    assert (empty.rcode(), empty.answer) == (dns.rcode.NOERROR, [])
    assert values(exempting.ask(OWN)) == ["192.0.2.77"]
    other = exempting.ask(f"host.{SIGNED}")
    assert values(other) == ["192.0.2.1"]
    assert other.flags & dns.flags.AD, "the rest of the zone is still validated"
    assert exempting.ask("bad.signed3.example").rcode() == dns.rcode.SERVFAIL


@pytest.fixture
def started() -> Iterator[list[Peer]]:
    """What a test starts and adds here is ended."""
    servers: list[Peer] = []
    yield servers
    for server in servers:
        server.end()


REBINDING = {
    "unbound": ("  private-address: 127.0.0.0/8", '  private-domain: "evil-sample.example"'),
    "dnsmasq": ("--stop-dns-rebind", "--rebind-domain-ok=/evil-sample.example/"),
}


@pytest.mark.parametrize("program", REBINDING)
def test_rebinding_protection_swallows_the_sinkhole_address_unless_exempted(
    program: str, started: list[Peer], tmp_path: Path, service: Service
):
    protected, exempted = REBINDING[program]
    for lines, expected in (([protected], 0), ([protected, exempted], 1)):
        if program == "unbound":
            started.append(programs.unbound(tmp_path, service.port, server="\n".join(lines)))
        else:
            started.append(programs.dnsmasq(tmp_path, service.port, source="127.10.8.8", more=lines))
        assert len(values(started[-1].ask("evil-sample.example"))) == expected, lines
