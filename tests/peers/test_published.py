"""What we publish of the live policy, in Unbound and BIND: they block the same names with the same addresses as we."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dns.message
import dns.query
import dns.rcode
import pytest

from tests.e2e.service import Service
from tests.peers import programs
from tests.peers.conftest import running
from tests.peers.programs import HOST, Peer
from tests.peers.rpz_cases import WORLD

ZONE = "rpz.sinkhole"
LIST = "kname.world.example\nbelow.world.example\n"
PASSED = "ok.below.world.example\n"
RPZ = "$ORIGIN z.\n@ SOA . . 1 1 1 1 1\nnx.world.example CNAME .\n*.empty.world.example CNAME *.\n"
ASKED = ("kname", "x.kname", "below", "deep.er.below", "ok.below", "nx", "x.empty", "plain")
CLIENT = "127.10.0.5"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("published")
    (made / "world.example.zone").write_text(WORLD)
    for name, text in {"passed": PASSED, "listed": LIST, "zone": RPZ}.items():
        (made / name).write_text(text)
    return made


@pytest.fixture(scope="module")
def world(folder: Path) -> Iterator[Peer]:
    """NSD with the world's data."""
    (folder / "nsd").mkdir()
    server = programs.nsd(folder / "nsd", {"world.example": folder / "world.example.zone"})
    yield server
    server.end()


@pytest.fixture(scope="module")
def service(folder: Path, world: Peer) -> Iterator[Service]:
    """Our service with three lists: one lets a name through that the second blocks; the third is a zone."""
    home = folder / "service"
    home.mkdir()
    made = Service(home, world.port)
    text = made.config.read_text(encoding="utf-8")
    lists = (
        f"  - {{name: passed, path: {folder}/passed, mode: passthru}}\n"
        f"  - {{name: listed, path: {folder}/listed}}\n  - {{name: zone, path: {folder}/zone, format: rpz}}\n"
    )
    head, _lists, tail = text.partition("lists:\n")
    made.config.write_text(f"{head}lists:\n{lists}{tail[tail.index('campaigns:') :]}", encoding="utf-8")
    yield from running(made)


@pytest.fixture(scope="module")
def published(service: Service, folder: Path) -> Path:
    """The zone file, as an operator writes it."""
    file = folder / f"{ZONE}.zone"
    told = service.json("lists", "export", "rpz", "--output", str(file))
    assert told["lines"] == len(file.read_text().splitlines())
    return file


@pytest.fixture(scope="module", params=["unbound", "bind"])
def peer(request: pytest.FixtureRequest, folder: Path, published: Path, world: Peer) -> Iterator[Peer]:
    """A resolver that has our zone as its own."""
    (folder / request.param).mkdir()
    if request.param == "unbound":
        rpz = f'rpz:\n  name: {ZONE}.\n  zonefile: "{published}"\nserver:\n'
        server = programs.unbound(folder / "unbound", world.port, server=f'  module-config: "respip iterator"\n{rpz}')
    else:
        server = programs.bind(
            folder / "bind", world.port,
            options=f'dnssec-validation no; response-policy {{ zone "{ZONE}"; }} qname-wait-recurse no;',
            clauses=f'zone "{ZONE}" {{ type primary; file "{published}"; }};\n',
        )  # fmt: skip
    yield server
    server.end()


def answer(port: int, name: str, kind: str) -> tuple[str, list[str]]:
    message = dns.message.make_query(f"{name}.world.example", kind)
    got = dns.query.udp(message, HOST, timeout=5, port=port, source=CLIENT)
    return dns.rcode.to_text(got.rcode()), sorted(str(data) for one in got.answer for data in one)


@pytest.mark.parametrize("name", ASKED)
def test_the_same_names_lead_to_the_same_addresses(service: Service, peer: Peer, name: str) -> None:
    assert answer(peer.port, name, "A") == answer(service.port, name, "A")


def test_they_do_block(service: Service) -> None:
    """So that equal answers mean something."""
    sinkholed = [name for name in ASKED if any(one.startswith("127.53.") for one in answer(service.port, name, "A")[1])]
    assert sinkholed == ["kname", "x.kname", "below", "deep.er.below"]
    assert answer(service.port, "nx", "A")[0] == "NXDOMAIN"
    assert answer(service.port, "x.empty", "A") == ("NOERROR", [])
