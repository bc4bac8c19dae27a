"""The same response policy zones in Unbound, BIND and our service: who answers what. docs/rpz.md is made from it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest

from tests.e2e.service import Service
from tests.peers import programs
from tests.peers.conftest import running
from tests.peers.programs import HOST, Peer
from tests.peers.rpz_cases import CASES, FIRST, PAGE, SECOND, WORLD, Case, page

ZONES = {"first.rpz": FIRST, "second.rpz": SECOND}
SECONDS = 1.5  # what is not answered by then is dropped


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Zone files and the servers' folders."""
    made = tmp_path_factory.mktemp("rpz")
    for name, text in {"world.example": WORLD, **ZONES}.items():
        (made / f"{name}.zone").write_text(text if name == "world.example" else f"$ORIGIN {name}.\n{text}")
    return made


@pytest.fixture(scope="module")
def world(folder: Path) -> Iterator[Peer]:
    """NSD with the world's data."""
    (folder / "nsd").mkdir()
    server = programs.nsd(folder / "nsd", {"world.example": folder / "world.example.zone"})
    yield server
    server.end()


@pytest.fixture(scope="module")
def unbound(folder: Path, world: Peer) -> Iterator[Peer]:
    """Unbound with the zones, the first one first."""
    rpz = "".join(f'rpz:\n  name: {name}.\n  zonefile: "{folder}/{name}.zone"\n' for name in ZONES)
    server = programs.unbound(folder, world.port, server=f'  module-config: "respip iterator"\n{rpz}server:\n')
    yield server
    server.end()


@pytest.fixture(scope="module")
def bind(folder: Path, world: Peer) -> Iterator[Peer]:
    """BIND with the zones, in the order of its policy; a name match does not wait, as with us."""
    policy = "".join(f'zone "{name}"; ' for name in ZONES)
    clauses = "".join(f'zone "{name}" {{ type primary; file "{folder}/{name}.zone"; }};\n' for name in ZONES)
    options = f"dnssec-validation no; response-policy {{ {policy}}} qname-wait-recurse no break-dnssec yes;"
    server = programs.bind(folder, world.port, options=options, clauses=clauses)
    yield server
    server.end()


@pytest.fixture(scope="module")
def service(folder: Path, world: Peer) -> Iterator[Service]:
    """Our service with the zones as lists, both in force."""
    home = folder / "service"
    home.mkdir()
    made = Service(home, world.port)
    text = made.config.read_text(encoding="utf-8")
    lists = "".join(
        f"  - {{name: {name}, path: {folder}/{name}.zone, format: rpz, mode: enforce, addresses: enforce}}\n"
        for name in ZONES
    )
    head, _lists, tail = text.partition("lists:\n")
    made.config.write_text(f"{head}lists:\n{lists}{tail[tail.index('campaigns:') :]}", encoding="utf-8")
    yield from running(made)


def summary(port: int, case: Case) -> str:
    """What a server answers, as the cases write it."""
    message = dns.message.make_query(f"{case.name}.world.example", case.kind)
    ask = dns.query.tcp if case.tcp else dns.query.udp
    try:
        answer = ask(message, HOST, timeout=SECONDS, port=port, source=case.client)
    except (dns.exception.Timeout, EOFError):
        return "nothing"
    if answer.flags & dns.flags.TC:
        return "TC"
    if answer.answer:
        records = (f"{dns.rdatatype.to_text(one.rdtype)} {data}" for one in answer.answer for data in one)
        return ", ".join(sorted(records))
    return "NODATA" if answer.rcode() == dns.rcode.NOERROR else dns.rcode.to_text(answer.rcode())


def label(case: Case) -> str:
    """For the report of a failure."""
    return f"{case.name}-{case.kind}-{case.client}{'-tcp' if case.tcp else ''}"


@pytest.mark.parametrize("case", CASES, ids=label)
def test_unbound(unbound: Peer, case: Case) -> None:
    assert summary(unbound.port, case) == (case.unbound or case.answer)


@pytest.mark.parametrize("case", CASES, ids=label)
def test_bind(bind: Peer, case: Case) -> None:
    assert summary(bind.port, case) == (case.bind or case.answer)


@pytest.mark.parametrize("case", CASES, ids=label)
def test_ours(service: Service, case: Case) -> None:
    for _ in range(2):  # and again from the cache
        assert summary(service.port, case) == case.answer


def test_what_differs_has_a_reason() -> None:
    assert [case for case in CASES if (case.unbound or case.bind) and not case.why] == []
    assert len(CASES) >= 40


def test_the_page_is_made_of_this() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()
