"""The protocol towards clients, as dig and kdig see it: cookies, sizes, versions, ANY, connections that are kept.

What each packet gets is tested in tests/resolver/wire/vectors; here real clients talk to real processes.
"""

from __future__ import annotations

import re
import shutil
import stat
import subprocess

import pytest

from tests.conftest import skip_or_fail
from tests.e2e.service import Service

pytestmark = [pytest.mark.e2e, pytest.mark.peer]
LISTED = "evil-sample.example"
COOKIE = re.compile(r"; COOKIE: ([0-9a-f]+)(?: \((\w+)\))?")


@pytest.fixture(scope="session")
def kdig() -> str:
    """Path of kdig."""
    found = shutil.which("kdig")
    if found is None:
        skip_or_fail("kdig is not installed (Debian package knot-dnsutils)")
    return str(found)


def asking(program: str, service: Service, *once: str):
    """`program` as a machine of a unit, asking `once` only: everything it says."""

    def run(*words: str) -> str:
        command = [program, "@127.0.0.1", "-p", str(service.port), "-b", "127.10.0.5", *once, "+time=5", *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout

    return run


@pytest.fixture
def digs(service: Service, dig: str):
    """dig against the service."""
    return asking(dig, service, "+tries=1")


@pytest.fixture
def kdigs(service: Service, kdig: str):
    """The same with kdig."""
    return asking(kdig, service, "+retry=0")


@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
def test_a_cookie_makes_its_round(digs, transport):
    """dig says `good` where its own part came back. Ours is the same again, whichever worker answers."""
    first = digs(LISTED, "+cookie=0123456789abcdef", transport)
    cookie, word = COOKIE.findall(first)[0]
    assert (cookie[:16], len(cookie), word) == ("0123456789abcdef", 48, "good")
    for _ in range(8):  # every dig has a port of its own, so the kernel chooses among the workers
        again = digs(LISTED, f"+cookie={cookie}", transport)
        assert COOKIE.findall(again) == [(cookie, "good")]
        assert "status: NOERROR" in again


def test_a_wrong_cookie_is_answered_with_a_fresh_one(digs):
    out = digs("h1.good.example", "+cookie=" + "ab" * 24)
    cookie, word = COOKIE.findall(out)[0]
    assert (cookie[:16], word) == ("ab" * 8, "good")
    assert cookie != "ab" * 24
    assert "status: NOERROR" in out
    assert "192.0.2.1" in out


def test_a_cookie_without_a_question(digs):
    """RFC 7873 section 5.4."""
    out = digs("+header-only", "+cookie=0123456789abcdef")
    assert "status: NOERROR" in out
    assert "QUERY: 0," in out
    assert COOKIE.findall(out)[0][1] == "good"


def test_the_secret_is_one_file_for_all_workers(service: Service):
    file = service.state / "cookie.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not list(service.state.glob("cookie.key.*"))
    assert not service.json("status")["problems"]


def test_no_cookie_where_none_was_sent(digs):
    assert "COOKIE" not in digs(LISTED, "+nocookie")
    assert "EDNS" not in digs(LISTED, "+noedns")


def test_a_small_client_gets_what_fits_and_the_rest_by_tcp(digs):
    small = digs("big.good.example", "TXT", "+nocookie", "+bufsize=512", "+ignore")
    assert re.search(r"flags: [^;]*\btc\b", small)
    assert int(re.findall(r"MSG SIZE  rcvd: (\d+)", small)[0]) <= 512
    whole = digs("big.good.example", "TXT", "+nocookie", "+bufsize=512")
    assert ";; Truncated, retrying in TCP mode." in whole
    assert whole.count('IN\tTXT\t"') == 20


@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
def test_any_is_one_record(digs, transport):
    out = digs("-t", "ANY", "h1.good.example", transport)
    assert re.search(r'h1\.good\.example\.\s+3600\s+IN\s+HINFO\s+"RFC8482" ""', out)
    assert "ANSWER: 1," in out


def test_any_of_a_listed_name_is_empty_and_a_hit_of_no_address(digs):
    out = digs("-t", "ANY", LISTED, "+notcp")
    assert "ANSWER: 0, AUTHORITY: 1" in out
    assert "EDE: 15 (Blocked)" in out


def test_another_version_of_edns(digs):
    """dig settles for version 0 when it is told to."""
    out = digs(LISTED, "+edns=1", "+noednsnegotiation")
    assert "status: BADVERS" in out
    assert "EDNS: version: 0" in out
    assert "status: NOERROR" in digs(LISTED, "+edns=1", "+ednsnegotiation")


def test_what_edns_compliance_testers_send(digs):
    """The questions of the DNS flag day of 2019: unknown options, flags and both, with a version nobody has."""
    for words in (("+ednsopt=100",), ("+ednsflags=0x80",), ("+ednsopt=100", "+ednsflags=0x80")):
        out = digs(LISTED, "+nocookie", *words)
        assert "status: NOERROR" in out
        assert "OPT=100" not in out
        assert "MBZ" not in out
        assert "status: BADVERS" in digs(LISTED, "+nocookie", "+edns=100", "+noednsnegotiation", *words)


@pytest.mark.parametrize(("words", "status"), [
    (("AXFR", "good.example"), None),
    (("good.example", "IXFR=1"), None),
    (("version.bind", "CH", "TXT"), "REFUSED"),
    ((LISTED, "+opcode=STATUS"), "NOTIMP"),
    (("h1.good.example", "+norecurse"), "REFUSED"),
])  # fmt: skip
def test_what_is_refused(digs, words, status):
    out = digs(*words)
    if status is None:
        assert "; Transfer failed." in out
    else:
        assert f"status: {status}" in out


def test_case_is_kept(digs):
    assert "EVIL-Sample.eXample.\t30\tIN\tA\t127.53." in digs("EVIL-Sample.eXample")
    assert "H1.gOOd.example." in digs("H1.gOOd.example")


def test_dig_is_told_how_long_it_may_keep_its_connection(digs):
    assert "; TCP KEEPALIVE: 20.0 secs" in digs(LISTED, "+tcp", "+keepalive")
    assert "KEEPALIVE" not in digs(LISTED, "+tcp")
    assert "KEEPALIVE" not in digs(LISTED, "+notcp", "+keepalive")


def test_one_connection_for_many_questions(service: Service, kdigs, digs):
    """kdig and dig keep a connection open; the workers have seen one each."""
    names = [f"h{number}.good.example" for number in range(20, 30)]

    def connections() -> int:
        count: int = service.json("status")["hits"]["counters"]["tcp_connections"]
        return count

    before = connections()
    out = kdigs("+tcp", "+keepopen", LISTED, *names)
    assert out.count("status: NOERROR") == 11
    assert "127.53." in out
    assert connections() == before + 1
    out = digs("+tcp", "+keepopen", *names)
    assert out.count("status: NOERROR") == 10
    assert connections() == before + 2
