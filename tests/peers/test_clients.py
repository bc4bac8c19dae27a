"""The stub resolvers that machines have, as clients of ours: glibc, c-ares, dnspython, dig and kdig.

Each asks for an address, an IPv6 address, a name that is not there, a long answer that must come by TCP, a listed name;
with EDNS and without.
"""

from __future__ import annotations

import ipaddress
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import pycares
import pytest

from tests.conftest import skip_or_fail
from tests.e2e.service import Service
from tests.peers.conftest import PLAIN_PORT_ADDRESS
from tests.peers.programs import program

pytestmark = [pytest.mark.e2e, pytest.mark.peer]
POOL = ipaddress.ip_network("127.53.0.0/16")
BIG = 20  # strings of the long answer
ON_OFF = pytest.mark.parametrize("edns", [True, False], ids=["edns", "no-edns"])

# What a client must get: (name, type) -> values, None for NXDOMAIN. Told by `answer(name, type)` as a sorted list.
EXPECTED = {
    ("host.plain.example", "A"): ["192.0.2.1"],
    ("host.plain.example", "AAAA"): ["2001:db8::1"],
    ("many.plain.example", "A"): [f"192.0.2.10{i}" for i in range(1, 5)],
    ("alias.plain.example", "A"): ["192.0.2.1"],
    ("v4only.plain.example", "AAAA"): [],
    ("host.signed.example", "A"): ["192.0.2.1"],
    ("nowhere.plain.example", "A"): None,
    ("nowhere.signed3.example", "AAAA"): None,
}


def check(answer: Callable[[str, str], list[str] | None]) -> None:
    """Everything a client asks."""
    for (name, kind), expected in EXPECTED.items():
        assert answer(name, kind) == expected, (name, kind)
    (sinkhole,) = answer("www.evil-sample.example", "A") or []
    assert ipaddress.ip_address(sinkhole) in POOL
    assert answer("www.evil-sample.example", "AAAA") == []
    assert len(answer("big.plain.example", "TXT") or []) == BIG


def run(*command: str, **more: Any) -> str:
    """What a command prints."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, **more)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@ON_OFF
def test_dig(service: Service, edns: bool):
    dig = program("dig", "dnsutils")

    def answer(name: str, kind: str) -> list[str] | None:
        out = run(dig, "@127.0.0.1", "-p", str(service.port), name, kind, "+noall", "+answer", "+comments",
                  "+edns=0" if edns else "+noedns", "+time=3", "+tries=2")  # fmt: skip
        assert ("; EDNS: version: 0" in out) == edns
        return None if "status: NXDOMAIN" in out else records(out, kind)

    check(answer)


@ON_OFF
def test_kdig(service: Service, edns: bool):
    kdig = program("kdig", "knot-dnsutils")

    def answer(name: str, kind: str) -> list[str] | None:
        out = run(kdig, "@127.0.0.1", "-p", str(service.port), name, kind, "+edns" if edns else "+noedns", "+time=3")
        assert ("EDNS PSEUDOSECTION" in out) == edns
        return None if "status: NXDOMAIN" in out else records(out, kind)

    check(answer)


def records(out: str, kind: str) -> list[str]:
    """Data of the records of one type in what dig and kdig print."""
    section = out.partition("ANSWER SECTION:\n")[2].partition("\n\n")[0]
    lines = [line.split(None, 4) for line in section.splitlines()]
    return sorted(words[4] for words in lines if len(words) == 5 and words[3] == kind)


@ON_OFF
def test_dnspython(service: Service, edns: bool):
    def answer(name: str, kind: str) -> list[str] | None:
        query = dns.message.make_query(name, kind, use_edns=0 if edns else False)
        reply, tcp = dns.query.udp_with_fallback(query, "127.0.0.1", timeout=5, port=service.port)
        assert tcp == name.startswith("big.")
        assert (reply.edns == 0) == edns
        if reply.rcode() == dns.rcode.NXDOMAIN:
            return None
        wanted = dns.rdatatype.from_text(kind)
        return sorted(item.to_text() for rrset in reply.answer for item in rrset if rrset.rdtype == wanted)

    check(answer)


@ON_OFF
def test_c_ares(service: Service, edns: bool):
    """By `pycares`; its own event thread does the waiting."""
    flags = pycares.ARES_FLAG_NOSEARCH | (pycares.ARES_FLAG_EDNS if edns else 0)
    channel = pycares.Channel(
        flags=flags, servers=["127.0.0.1"], udp_port=service.port, tcp_port=service.port, timeout=3.0, tries=2,
        lookups="b",
    )  # fmt: skip
    told: dict[str, tuple[Any, int | None]] = {}

    def answer(name: str, kind: str) -> list[str] | None:
        told.clear()
        channel.query(name, getattr(pycares, f"QUERY_TYPE_{kind}"),
                      callback=lambda result, error: told.update(done=(result, error)))  # fmt: skip
        end = time.monotonic() + 15
        while "done" not in told:
            assert time.monotonic() < end, f"c-ares gives no answer for {name} {kind}"
            select.select([], [], [], 0.01)
        result, error = told["done"]
        if error == pycares.errno.ARES_ENOTFOUND:
            return None
        if error == pycares.errno.ARES_ENODATA:
            return []
        assert error is None, pycares.errno.strerror(error)
        wanted = getattr(pycares, f"QUERY_TYPE_{kind}")
        return sorted(_text(item.data) for item in result.answer if item.type == wanted)

    try:
        check(answer)
    finally:
        channel.close()


def _text(data: Any) -> str:
    return str(data.addr) if hasattr(data, "addr") else repr(data)


GLIBC = Path(__file__).with_name("glibc_client.py")


@pytest.mark.parametrize("options", ["", "edns0", "edns0 trust-ad", "use-vc", "single-request"])
def test_glibc(service: Service, tmp_path: Path, options: str):
    """getaddrinfo and res_query of the C library, in a mount namespace with a resolv.conf that names us."""
    if os.geteuid():
        skip_or_fail("a resolv.conf of one's own for the C library needs root (mount namespace)")
    (tmp_path / "resolv.conf").write_text(f"nameserver {PLAIN_PORT_ADDRESS}\noptions timeout:3 attempts:2 {options}\n")
    (tmp_path / "nsswitch.conf").write_text("hosts: dns\n")
    script = "".join(f'mount --bind "{tmp_path}/{name}" /etc/{name} && ' for name in ("resolv.conf", "nsswitch.conf"))
    try:
        run("unshare", "--mount", "true")
    except (AssertionError, FileNotFoundError) as error:
        pytest.skip(f"this machine lets us have no mount namespace, which no package can bring: {error}")
    if not Path("/etc/nsswitch.conf").exists():
        script = script.split(" && ")[0] + " && "
    asked = [*EXPECTED, ("www.evil-sample.example", "A"), ("www.evil-sample.example", "AAAA"),
             ("big.plain.example", "TXT")]  # fmt: skip
    out = run(
        "unshare", "--mount", "sh", "-c", f'{script}exec "$0" "$@"', sys.executable, str(GLIBC), json.dumps(asked)
    )
    told = {(name, kind): values for name, kind, values in json.loads(out)}

    def answer(name: str, kind: str) -> list[str] | None:
        given: list[str] | None = told[name, kind]
        # getaddrinfo does not tell an empty answer from a missing name
        return [] if given is None and EXPECTED.get((name, kind), []) == [] else given

    check(answer)
