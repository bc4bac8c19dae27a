"""From a listed name to an infected host: the path that everything else grows on, with real processes on loopback.

What one part does by itself is tested beside that part.
"""

from __future__ import annotations

import ipaddress
import json
import subprocess
import time
import urllib.error
import urllib.request

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import pytest

from tests.e2e.service import Service, wait_for
from tests.e2e.upstream import Upstream

pytestmark = pytest.mark.e2e
POOL = ipaddress.ip_network("127.53.0.0/16")


def in_pool(addresses: list[str]) -> bool:
    return len(addresses) == 1 and ipaddress.ip_address(addresses[0]) in POOL


def rows(service: Service, *words: str) -> dict[tuple[str, str], dict]:
    """`hosts --json`, by (host address, domain)."""
    return {
        (host["address"], indicator["domain"]): {**host, **indicator, "unit": host["unit"]}
        for host in service.json("hosts", *words)
        for indicator in host["indicators"]
    }


def test_a_listed_name_is_sinkholed_and_its_askers_become_hosts(service: Service, tmp_path):
    letter = tmp_path / "letter.csv"
    letter.write_text(
        "Tên miền,Mã độc,Số công văn\nc2.first-light.example,Emotet,12/CV-MAU\nxấu.example,Ramnit,12/CV-MAU\n",
        encoding="utf-8",
    )
    report = service.json("lists", "import", letter, "--name", "letter", "--campaign", "demo", "--format", "csv")
    assert report["names"] == 2
    assert report["workers"]["live"] == 2

    asked = [
        ("c2.first-light.example", "127.10.0.5", False), ("www.c2.first-light.example", "127.10.0.5", False),
        ("c2.first-light.example", "127.10.0.5", True), ("C2.First-Light.EXAMPLE", "127.20.0.9", False),
        ("www.c2.first-light.example", "127.20.0.9", True), ("xn--xu-r5s.example", "127.20.0.9", False),
    ]  # fmt: skip
    given = [service.addresses(name, client, tcp=tcp) for name, client, tcp in asked]
    assert all(in_pool(addresses) for addresses in given)
    assert len({addresses[0] for addresses in given[:5]}) == 1, "one indicator, one address"

    def seen() -> bool:
        found = rows(service)
        return ("127.10.0.5", "c2.first-light.example") in found and ("127.20.0.9", "c2.first-light.example") in found

    wait_for(seen, "both hosts", 2.0)
    wait_for(lambda: rows(service)["127.20.0.9", "c2.first-light.example"]["hits"] == 2, "exact count", 2.0)
    found = rows(service)
    first = found["127.10.0.5", "c2.first-light.example"]
    assert first["hits"] == 3
    assert first["family"] == "Emotet"
    assert first["list"] == "letter"
    assert first["campaign"] == "demo"
    assert "so-mau" in json.dumps(first["unit"])
    assert "xa-mau" in json.dumps(found["127.20.0.9", "c2.first-light.example"]["unit"])
    assert first["first_seen"] <= first["last_seen"]


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
def test_an_unlisted_name_gets_what_the_upstream_says(service: Service, tcp: bool):
    first = service.ask("h7.good.example", tcp=tcp)
    again = service.ask("h7.good.example", tcp=tcp)
    for reply in (first, again):
        assert reply.rcode() == dns.rcode.NOERROR
        assert reply.flags & dns.flags.RA
        assert not reply.flags & dns.flags.AA
        assert [item.address for rrset in reply.answer for item in rrset] == ["192.0.2.7"]
    assert again.answer[0].ttl <= 300
    assert service.ask("nope.good.example", tcp=tcp).rcode() == dns.rcode.NXDOMAIN
    empty = service.ask("h7.good.example", "AAAA", tcp=tcp)
    assert empty.rcode() == dns.rcode.NOERROR
    assert not empty.answer


def test_a_long_answer_is_truncated_by_udp_and_whole_by_tcp(service: Service):
    short = service.ask("big.good.example", "TXT")
    assert short.flags & dns.flags.TC
    assert not short.answer
    whole = service.ask("big.good.example", "TXT", tcp=True)
    assert len(whole.answer[0]) == 20


def test_other_types_of_a_listed_name_are_empty_with_a_soa(service: Service):
    for kind in ("AAAA", "HTTPS", "TXT", "MX"):
        reply = service.ask("a.evil-sample.example", kind)
        assert reply.rcode() == dns.rcode.NOERROR
        assert not reply.answer
        assert reply.authority[0].name.to_text() == "evil-sample.example."
        assert reply.authority[0].rdtype == dns.rdatatype.SOA
        assert reply.extended_errors()[0].code == 15


def test_questions_of_a_listed_name_never_reach_the_upstream(service: Service, upstream: Upstream):
    service.ask("secret.evil-sample.example")
    assert not [name for name, _kind in upstream.asked if "evil-sample" in name]


def test_equal_questions_under_way_are_asked_once(service: Service, upstream: Upstream):
    import concurrent.futures

    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        given = list(pool.map(lambda i: service.addresses("h99.good.example", f"127.10.1.{i + 1}"), range(20)))
    assert given == [["192.0.2.99"]] * 20
    # Two workers, each with a cache of its own: at most one question each.
    assert upstream.asked.count(("h99.good.example.", "A")) <= 2


def test_a_stranger_is_refused(service: Service, tmp_path_factory, upstream: Upstream):
    folder = tmp_path_factory.mktemp("strangers")
    other = Service(folder, upstream.port)
    other.config.write_text(
        other.config.read_text().replace("  workers: 2\n", "  workers: 2\n  allowed_clients: [127.10.0.0/16]\n")
    )
    other.start()
    try:
        assert in_pool(other.addresses("evil-sample.example", "127.10.0.1"))
        for name in ("evil-sample.example", "h1.good.example"):
            reply = other.ask(name, client="127.99.0.1")
            assert reply.rcode() == dns.rcode.REFUSED
            assert reply.extended_errors()[0].code == 18
        assert in_pool(other.addresses("evil-sample.example", "127.10.0.1"))
    finally:
        assert other.stop() == 0


def test_explain_tells_why(service: Service):
    told = service.json("explain", "x.evil-sample.example", "--client", "127.10.0.5")
    assert told["outcome"] == "sinkhole"
    assert told["match"]["list"] == "sample"
    assert told["match"]["line"] == 1
    assert told["address"] == service.addresses("x.evil-sample.example")[0]
    assert service.json("explain", "h1.good.example")["match"] is None


def test_rollback_brings_the_old_version_back(service: Service, tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("one.rollback.example\n")
    service.cli("lists", "import", path, "--name", "turn", "--campaign", "demo", "--format", "domains")
    path.write_text("two.rollback.example\n")
    service.cli("lists", "import", path, "--name", "turn", "--campaign", "demo", "--format", "domains")
    assert in_pool(service.addresses("two.rollback.example"))
    assert service.ask("one.rollback.example").rcode() == dns.rcode.NXDOMAIN
    service.cli("lists", "rollback", "turn")
    assert in_pool(service.addresses("one.rollback.example"))
    assert service.ask("two.rollback.example").rcode() == dns.rcode.NXDOMAIN


def test_a_held_version_is_not_live(service: Service, tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("held.example\n")
    report = service.json(
        "lists", "import", path, "--name", "later", "--campaign", "demo", "--format", "domains", "--hold"
    )
    assert report["state"] == "held"
    assert service.ask("held.example").rcode() == dns.rcode.NXDOMAIN


def test_kill_switch_names_pass_through_and_are_recorded(service: Service, upstream: Upstream):
    name = "www.iuqerfsodp9ifjaposdfjhgosurijfaewrwergwea.com"
    upstream.extra[name + ".", "A"] = ["192.0.2.200"]
    assert service.addresses(name, "127.20.0.77") == ["192.0.2.200"]
    wait_for(lambda: [key for key in rows(service) if key[0] == "127.20.0.77"], "the hit", 2.0)


def test_the_login_page_answers(service: Service):
    with urllib.request.urlopen(f"http://127.0.0.1:{service.admin_port}/", timeout=5) as page:
        assert "Đăng nhập" in page.read().decode()


@pytest.mark.peer
def test_dig_from_a_units_network(service: Service, dig: str):
    out = subprocess.run(
        [dig, "@127.0.0.1", "-p", str(service.port), "-b", "127.10.0.5", "deep.www.evil-sample.example", "+short"],
        capture_output=True, text=True, timeout=10, check=True,
    )  # fmt: skip
    assert in_pool(out.stdout.split())


def test_a_changed_list_is_live_everywhere_within_two_seconds(service: Service, tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("".join(f"n{i}.swap.example\n" for i in range(100)))
    service.cli("lists", "import", path, "--name", "swap", "--campaign", "demo", "--format", "domains")
    path.write_text("".join(f"m{i}.swap.example\n" for i in range(100)))
    started = time.monotonic()
    service.cli("lists", "import", path, "--name", "swap", "--campaign", "demo", "--format", "domains")
    assert time.monotonic() - started < 5  # the command, Python's start included
    for i in range(20):  # both workers
        assert in_pool(service.addresses(f"m{i}.swap.example", f"127.10.2.{i + 1}"))
        assert service.ask(f"n{i}.swap.example", client=f"127.10.3.{i + 1}").rcode() == dns.rcode.NXDOMAIN


def test_the_unreachable_page_is_no_crash(service: Service):
    with pytest.raises(urllib.error.HTTPError) as told:
        urllib.request.urlopen(f"http://127.0.0.1:{service.admin_port}/no-such-page", timeout=5)
    assert told.value.code in {403, 404}
    told.value.close()
