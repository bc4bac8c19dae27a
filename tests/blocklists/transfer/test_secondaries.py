"""The lists process as a primary of BIND and Unbound, and as a secondary of BIND; dig is refused without the key."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dns.exception
import dns.message
import dns.opcode
import dns.query
import dns.rcode
import dns.tsig
import pytest

from bench.ports import free_port
from blocklists import client
from contracts import config
from contracts.decisions import Allowed, Decisions, DecisionsFile
from contracts.settings import Settings
from tests.blocklists.making import CONFIG, live_match
from tests.blocklists.test_process import ready, running, status
from tests.blocklists.transfer.primaries import KEY, OTHER, SECRET, ZONE, bind_primary, zone_file
from tests.peers import programs
from tests.peers.programs import HOST, Peer, ask
from tests.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.peer]


def configured(folder: Path, port: int, names: tuple[str, ...], more: str = "", lists: str = "") -> Settings:
    """A process that gives its policy as ZONE on `port`."""
    key = folder / "one.key"
    if not key.exists():
        key.write_text(SECRET)
        key.chmod(0o600)
    (folder / "own.txt").write_text("".join(f"{name}\n" for name in names))
    text = CONFIG.replace("lists: []", f"lists:\n  - {{name: own, path: own.txt, format: domains}}\n{lists}")
    text += "tsig_keys:\n  - {name: one.key, secret_file: one.key}\n"
    text += f"transfer:\n  listen: ['{HOST}:{port}']\n  zone: {ZONE}\n  allow: [127.0.0.0/8]\n{more}"
    (folder / "config.yaml").write_text(text)
    return config.read(folder / "config.yaml")


def given(settings: Settings) -> bool:
    """Whether the zone is as new as the policy."""
    told = status(settings)
    return ready(settings) and told["transfer"].get("serial") == told["serial"]


def change(settings: Settings, *names: str) -> None:
    """Another content of the list, taken now."""
    Path(settings.base, "own.txt").write_text("".join(f"{name}\n" for name in names))
    assert client.refresh(settings, "own")[0].state in {"live", "known"}  # a reload may have been first
    assert live_match(settings, names[-1]) is not None


def blocked(port: int, name: str) -> bool:
    """Whether the answer of that server is one of our pool. What is not, it asks of a server that is not there."""
    try:
        answer = ask(port, name, seconds=1.0)
    except dns.exception.Timeout:
        return False
    return any(str(one).startswith("192.0.2.") for records in answer.answer for one in records)


@contextmanager
def bind(folder: Path, port: int, own: int) -> Iterator[Peer]:
    """BIND that takes the zone as its response policy, signed."""
    server = programs.bind(
        folder, own,
        options=f'dnssec-validation no; response-policy {{ zone "{ZONE}"; }} '
                "min-update-interval 1 qname-wait-recurse no;",
        clauses=f'key one.key {{ algorithm hmac-sha256; secret "{SECRET}"; }};\n'
                f'zone "{ZONE}" {{ type secondary; file "zone.db"; masterfile-format text; '
                f"primaries {{ {HOST} port {port} key one.key; }}; }};\n",
    )  # fmt: skip
    try:
        yield server
    finally:
        server.end()


def test_bind_follows_by_notify_and_ixfr(tmp_path):
    port, names = free_port(), tuple(f"n{number}.example" for number in range(200))
    settings = configured(tmp_path, port, names, "  tsig_keys: [one.key]\n")
    with running(settings, lambda: given(settings)) as process, bind(tmp_path, port, 9) as server:
        until(lambda: blocked(server.port, "n7.example"), "BIND has the zone")
        told = f"  tsig_keys: [one.key]\n  secondaries: [{{address: '{HOST}:{server.port}', tsig_key: one.key}}]\n"
        configured(tmp_path, port, names, told)
        process.send_signal(signal.SIGHUP)
        change(settings, *names[1:], "new.example.test")
        until(lambda: "IXFR from" in (tmp_path / "lists.log").read_text(), "BIND was told")
        until(lambda: blocked(server.port, "new.example.test"), "and has what is new")
        assert not blocked(server.port, "n0.example")
        log = (tmp_path / "lists.log").read_text()
        assert "IXFR from" in log
        assert "received notify" in (tmp_path / "bind.log").read_text()
        DecisionsFile(settings.state).publish(Decisions(1, 1.0, (Allowed("n9.example", 1e12, "wrong"),)))
        until(lambda: not blocked(server.port, "n9.example"), "what a person allowed is let through there, too")
        serial = ask(server.port, ZONE, "SOA").answer[0][0].serial
        told = status(settings)
        assert told["transfer"]["serial"] == serial
        assert told["transfer"]["transfers"] >= 3
        assert told["problems"] == []
    assert SECRET not in log


def test_unbound_follows(tmp_path):
    port = free_port()
    settings = configured(tmp_path, port, ("a.example",))
    with running(settings, lambda: given(settings)) as process:
        rpz = f"rpz:\n  name: {ZONE}.\n  primary: {HOST}@{port}\n  allow-notify: {HOST}\nserver:\n"
        server = programs.unbound(tmp_path, 9, server=f'  module-config: "respip iterator"\n{rpz}')
        try:
            until(lambda: blocked(server.port, "a.example"), "Unbound has the zone")
            configured(tmp_path, port, ("a.example",), f"  secondaries: [{{address: '{HOST}:{server.port}'}}]\n")
            process.send_signal(signal.SIGHUP)
            change(settings, "b.example")
            until(lambda: status(settings)["transfer"]["transfers"] == 2, "Unbound was told")
            until(lambda: blocked(server.port, "b.example"), "and has the new zone")
            until(lambda: not status(settings)["problems"], "it answered")
        finally:
            server.end()


def dig(port: int, *words: str) -> str:
    command = [programs.program("dig", "bind9-dnsutils"), f"@{HOST}", "-p", str(port), "+tries=1", "+time=5", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def test_only_who_may_gets_it(tmp_path):
    port = free_port()
    settings = configured(tmp_path, port, ("a.example",), "  tsig_keys: [one.key]\n  at_once: 1\n")
    with running(settings, lambda: given(settings)):
        assert "Transfer failed" in dig(port, ZONE, "AXFR")
        assert "REFUSED" in dig(port, ZONE, "SOA")
        assert "Transfer failed" in dig(port, "-y", f"hmac-sha256:one.key:{OTHER}", ZONE, "AXFR")
        signed = ("-y", f"hmac-sha256:one.key:{SECRET}")
        text = dig(port, *signed, ZONE, "AXFR")
        assert f"a.example.{ZONE}." in text
        assert text.count("SOA") == 2
        assert "Couldn't verify" not in text
        serial = status(settings)["transfer"]["serial"]
        assert f"{serial} 300 60" in dig(port, *signed, ZONE, "SOA", "+norec")
        assert f"{serial} 300 60" in dig(port, *signed, f"IXFR={serial - 1}", ZONE, "+notcp")
        assert "REFUSED" in dig(port, *signed, "else.example", "SOA")
        assert status(settings)["transfer"]["refused"] >= 4
        with socket.create_connection((HOST, port)) as link:  # what is no DNS ends nothing
            link.sendall(b"\0\x14" + b"\xff" * 20 + b"\0\x01x")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
            for octets in (b"", b"x", b"\0" * 11, b"\0\1\0\0\0\1" + b"\xff" * 30):
                link.sendto(octets, (HOST, port))
        assert f"a.example.{ZONE}." in dig(port, *signed, ZONE, "AXFR")
    assert "Traceback" not in (tmp_path / "lists.log").read_text()


def test_transfers_at_once_have_a_limit_and_slow_readers_cost_nothing(tmp_path):
    """Nobody reads the first one; the second is refused, and gets it as soon as the first is gone."""
    port = free_port()
    names = tuple(f"n{number}.example" for number in range(40_000))
    settings = configured(tmp_path, port, names, "  at_once: 1\n")
    query = dns.message.make_query(f"{ZONE}.", "AXFR").to_wire()
    with running(settings, lambda: given(settings)) as process:
        slow = socket.socket()
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect((HOST, port))
        slow.sendall(len(query).to_bytes(2, "big") + query)
        assert slow.recv(2)
        answer = dns.query.tcp(dns.message.from_wire(query), HOST, port=port, timeout=5)
        assert answer.rcode() == dns.rcode.REFUSED
        assert status(settings)["transfer"]["busy"] == 1
        slow.close()

        def whole() -> int:
            """Records of a whole transfer, by the count of each message; 1 of a refusal."""
            found = 0
            with socket.create_connection((HOST, port)) as link, link.makefile("rb") as stream:
                link.sendall(len(query).to_bytes(2, "big") + query)
                while found < 160_000:
                    message = stream.read(int.from_bytes(stream.read(2), "big"))
                    found += int.from_bytes(message[6:8], "big")
                    if not message[7]:
                        break
            return found

        records = status(settings)["transfer"]["records"]
        assert records > 160_000
        until(lambda: whole() >= 160_000, "the first has gone, and this one gets all")
        peak = Path(f"/proc/{process.pid}/status").read_text().partition("VmHWM:")[2].split()[0]
        assert int(peak) < 600_000, "kB"


def test_our_list_follows_a_bind_primary_by_notify(tmp_path):
    port = free_port()
    with bind_primary(tmp_path, zone_file(1, *(f"n{number}.example" for number in range(50))), notify=port) as server:
        source = f"  - {{name: theirs, url: 'axfr://{HOST}:{server.port}/{ZONE}', tsig_key: one.key, format: rpz}}\n"
        settings = configured(tmp_path, port, ("a.example",), lists=source)
        with running(settings, lambda: given(settings)):
            until(lambda: given(settings) and live_match(settings, "n3.example") is not None, "the zone was taken")
            feed = status(settings)["feeds"][0]
            assert (feed["list"], feed["serial"], feed["every"]) == ("theirs", 1, 3600)
            unsigned = dns.message.make_query(f"{ZONE}.", "SOA")
            unsigned.set_opcode(dns.opcode.NOTIFY)
            assert dns.query.udp(unsigned, HOST, port=port, timeout=5).rcode() == dns.rcode.REFUSED
            unsigned.use_tsig(KEY, algorithm=KEY.algorithm)
            answer = dns.query.udp(unsigned, HOST, port=port, timeout=5, source="127.0.0.9")
            assert answer.rcode() == dns.rcode.REFUSED, "signed, but not from the primary"
            (tmp_path / "primary.zone").write_text(
                zone_file(2, "m.example", *(f"n{number}.example" for number in range(50)))
            )
            server.process.send_signal(signal.SIGHUP)
            until(lambda: live_match(settings, "m.example") is not None, f"told by NOTIFY\n{server.tail()}", 40)
            until(lambda: status(settings)["feeds"][0]["serial"] == 2, "and says so")
        assert "IXFR started" in server.tail()
        assert "no differences" not in (tmp_path / "lists.log").read_text()
