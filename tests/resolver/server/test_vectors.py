"""Packets from files, through the UDP and the TCP server: what each must get, as another codec reads it.

The files are tests/resolver/wire/vectors/*.yaml; a finding of a fuzzer is one more entry. The policy is that of the
fixture `live` (evil.example is listed), upstreams answer A with 192.0.2.1. Of a vector's `expect`:

- `rcode`: its name, or `nothing` for no answer at all
- `question`: `as sent` (the default: octet by octet) or `none`
- `flags`: all of RD RA AD CD that are set
- `edns`, `do`: 1 or 0; without `edns` there must be no OPT record
- `ede`: extended errors; `cookie`: octets of the cookie; `keepalive`: tenths of a second; `answer`: records
- `hit`: the action recorded; `upstream`: 1 where an upstream is asked
- `udp`, `tcp`: what differs there
"""

from __future__ import annotations

import socket

import dns.flags
import dns.message
import dns.rcode
import pytest

from bench.ports import free_port
from contracts import yamlio
from contracts.networks import Endpoint
from resolver.cookies import CookieJar
from resolver.net.sockets import bind
from resolver.server.udp import UdpServer
from tests.conftest import REPO
from tests.resolver.making import errors, query
from tests.resolver.server.streams import INSIDE

FOLDER = REPO / "tests" / "resolver" / "wire" / "vectors"
SENTINEL = query("kill.example", "TXT", ident=0xFFFE, rd=False)  # answered at once: what came before is answered or not
FLAGS = {"RD": dns.flags.RD, "RA": dns.flags.RA, "AD": dns.flags.AD, "CD": dns.flags.CD}
KEYS = {"rcode", "question", "flags", "edns", "do", "ede", "cookie", "keepalive", "answer", "hit", "upstream"}


def vectors():
    for file in sorted(FOLDER.glob("*.yaml")):
        document = yamlio.read(file.read_text(encoding="utf-8"))
        assert not document.problems, (file, document.problems)
        for vector in document.data:
            yield pytest.param(vector, id=f"{file.stem}: {vector['rfc']}: {vector['what']}")


class Datagrams:
    """A UDP client, and the server it asks."""

    def __init__(self, reactor, spin, dispatcher):
        port = free_port()
        self.address = ("127.0.0.1", port)
        self.server = UdpServer(
            reactor, bind(Endpoint(f"127.0.0.1:{port}"), socket.SOCK_DGRAM), dispatcher.engine.access, dispatcher
        )
        self.server.start()
        self.spin = spin
        self.link = socket.socket(type=socket.SOCK_DGRAM)
        self.link.bind((INSIDE, 0))
        self.link.setblocking(False)

    def send(self, *packets):
        for packet in packets:
            self.link.sendto(packet, self.address)

    def read(self):
        self.server.flush_late()
        try:
            return [self.link.recv(4096)]
        except BlockingIOError:
            return []

    def close(self):
        self.server.stop()
        self.server.close()
        self.link.close()


@pytest.fixture(params=["udp", "tcp"])
def client(request, reactor, spin, dispatcher, connect):
    """Sends packets to one of the two servers."""
    if request.param == "tcp":
        made = connect()
        made.kind = "tcp"
        yield made
        return
    made = Datagrams(reactor, spin, dispatcher)
    made.kind = "udp"
    yield made
    made.close()


def exchange(client, packet, dispatcher, answer_all):
    """(the answer or None, how many questions went upstream)."""
    client.send(packet, SENTINEL)
    got = []

    def whole():
        got.extend(client.read())
        return any(message[:2] == b"\xff\xfe" for message in got)

    client.spin(whole, "what was sent behind it is answered")
    asked = 0
    if dispatcher.upstream.waiting:
        ((name_type_class, _bits),) = dispatcher.upstream.waiting
        message = dns.message.from_wire(b"\0\0\1\0\0\1" + bytes(6) + name_type_class)
        records = [f"{message.question[0].name} 300 IN A 192.0.2.1"] if message.question[0].rdtype == 1 else []
        asked = answer_all(*records)
        client.spin(lambda: got.extend(client.read()) or len(got) == 2, "the upstream's answer")
    answers = [message for message in got if message[:2] != b"\xff\xfe"]
    assert len(answers) <= 1
    return (answers[0] if answers else None), asked


@pytest.mark.parametrize("vector", list(vectors()))
def test_vectors(vector, client, dispatcher, answer_all, tmp_path):
    dispatcher.engine.options.jar = CookieJar(tmp_path)
    packet = bytes.fromhex(vector["send"])
    expect = {key: value for key, value in vector["expect"].items() if key not in {"udp", "tcp"}}
    expect |= vector["expect"].get(client.kind, {})
    assert expect.keys() <= KEYS
    wire, asked = exchange(client, packet, dispatcher, answer_all)
    assert asked == expect.get("upstream", 0)
    hits = {action: count for (_client, name, action), count in dispatcher.hits.sent.items() if name != "kill.example"}
    assert hits == ({expect["hit"]: 1} if expect.get("hit") else {})
    if expect["rcode"] == "nothing":
        assert wire is None
        return
    assert wire is not None
    assert wire[:2] == packet[:2]
    check(wire, packet, expect, client.kind)


def check(wire, packet, expect, transport):
    """What dnspython reads in our answer, beside what is expected."""
    answer = dns.message.from_wire(wire, one_rr_per_rrset=True, question_only=wire[2] & 0x78 == 0x28)
    assert dns.rcode.to_text(answer.rcode()) == expect["rcode"]
    assert answer.opcode() == packet[2] >> 3 & 15
    assert answer.flags & dns.flags.QR
    assert not answer.flags & (dns.flags.AA | dns.flags.TC | 0x40)
    if "flags" in expect:
        assert {name for name, bit in FLAGS.items() if answer.flags & bit} == set(expect["flags"].split())
    if expect.get("question", "as sent") == "none":
        assert wire[4:6] == b"\0\0"
    else:
        end = question_end(packet)
        assert wire[12:end] == packet[12:end]
    assert (answer.edns >= 0) == bool(expect.get("edns", 0))
    assert bool(answer.ednsflags & dns.flags.DO) == bool(expect.get("do", 0))
    assert answer.ednsflags & 0x7FFF == 0
    assert errors(answer) == expect.get("ede", [])
    options = {int(option.otype): option.to_wire() for option in answer.options}
    assert len(options.get(10, b"")) == expect.get("cookie", 0)
    keepalive = expect.get("keepalive", {}).get(transport)
    assert options.get(11) == (None if keepalive is None else keepalive.to_bytes(2, "big"))
    assert set(options) <= {10, 11, 15}
    if "answer" in expect:
        assert [rrset.to_text() for rrset in answer.answer] == expect["answer"]


def question_end(packet):
    at = 12
    while packet[at]:
        at += 1 + packet[at]
    return at + 5


def test_there_are_vectors():
    assert len(list(vectors())) > 90
