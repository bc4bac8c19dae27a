"""The upstreams of a scenario: what they were asked, and the answers that its rules state.

UDP sockets of the resolver end in a socket pair here, so that servers may have any address and no packet is under way
unseen. What should have been asked is not judged here.
"""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rdatatype
from twisted.internet.interfaces import IReadDescriptor
from twisted.internet.protocol import ServerFactory
from twisted.protocols.basic import Int16StringReceiver
from zope.interface import implementer

from tests.scenarios.player_time import START, VirtualReactor
from tests.scenarios.reading import Packet, Rule, Scenario, absolute


@dataclass
class Asked:
    """One question that a server got."""

    seconds: float
    server: str
    name: str
    kind: int
    marks: set[str]  # the conditions of a rule that hold

    def __str__(self) -> str:
        marks = [mark for mark in sorted(self.marks) if not mark.startswith("NO_") and mark not in {"RD", "LOWER_CASE"}]
        return f"{self.server} {self.name} {dns.rdatatype.to_text(self.kind)} {' '.join(marks)}".rstrip()


class Upstreams:
    """All servers of a scenario. `asked` is taken by the player's checks, `strange` is what no rule knows."""

    def __init__(self, scenario: Scenario) -> None:
        self.reactor: VirtualReactor | None = None
        self.asked: list[Asked] = []
        self.strange: list[str] = []
        self.under_way = 0  # packets that wait for their time
        self._rules = scenario.rules
        self._used = dict.fromkeys(map(id, scenario.rules), 0)
        self._dead = scenario.dead
        self._ends: list[_End] = []

    def connected(self, address) -> socket.socket:
        """In the place of resolver.net.sockets.connected."""
        server = str(address.address)
        state = self._dead.get(server)
        if state == "UNREACHABLE":
            raise OSError(errno.ENETUNREACH, "Network is unreachable")
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        ours.setblocking(False)
        theirs.setblocking(False)
        if state == "REFUSING":
            theirs.close()
        else:
            self._ends.append(_End(self, server, theirs))
        return ours

    def listener(self, host: str, port: int):
        """Who takes TCP connections there."""
        return "refused" if self._dead.get(host) else _Streams(self, host)

    def close(self) -> None:
        for end in self._ends:
            end.close()

    def question(self, server: str, packet: bytes, transport: str, marks: set[str], send, hang_up) -> None:
        """A server was asked: note it, and do what the first rule that fits says."""
        message = dns.message.from_wire(packet)
        asked = self._note(server, message, {transport.upper(), *marks})
        rule = self._rule(asked)
        if rule is None:
            self.strange.append(f"at second {asked.seconds:g} {asked}")
            return
        for said in rule.packets:
            if "SILENT" not in said.says:
                self.under_way += 1
                self.reactor.callLater(said.delay, self._send, said, packet, message, send, hang_up)

    def _note(self, server: str, message, marks: set[str]) -> Asked:
        (question,) = message.question
        name = question.name.to_text()
        for mark, there in (
            ("EDNS", message.edns >= 0),
            ("DO", message.ednsflags & dns.flags.DO),
            ("CD", message.flags & dns.flags.CD),
            ("AD", message.flags & dns.flags.AD),
            ("RD", message.flags & dns.flags.RD),
        ):
            marks.add(mark if there else f"NO_{mark}")
        marks.add("LOWER_CASE" if name == name.lower() else "MIXED_CASE")
        asked = Asked(self.reactor.now - START, server, name.lower(), int(question.rdtype), marks)
        self.asked.append(asked)
        return asked

    def _rule(self, asked: Asked) -> Rule | None:
        for rule in self._rules:
            if not (_fits(rule, asked) and self._used[id(rule)] != rule.times):
                continue
            self._used[id(rule)] += 1
            return rule
        return None

    def _send(self, said: Packet, packet: bytes, message, send, hang_up) -> None:
        self.under_way -= 1
        if "CLOSE" in said.says:
            hang_up()
        else:
            send(written(said, packet, message))


def _fits(rule: Rule, asked: Asked) -> bool:
    below = rule.name.startswith("*.") and asked.name.endswith(rule.name[1:])
    return (
        rule.server in {"*", asked.server}
        and (rule.name in {"*", asked.name} or below)
        and rule.kind in {None, asked.kind}
        and rule.start <= asked.seconds < rule.end
        and {word.upper() for word in rule.wants} <= asked.marks
    )


def written(said: Packet, packet: bytes, message) -> bytes:
    """The packet that a rule states, as an answer to `packet`."""
    if "GARBAGE" in said.says:
        return packet[:2] + b"\x81\x80\0\1\0\1\0\0\0\0\xff\xff\xff"
    answer = dns.message.make_response(message, recursion_available="NO_RA" not in said.flags)
    answer.flags |= sum(dns.flags.from_text(flag) for flag in said.flags if flag != "NO_RA")
    answer.set_rcode(said.rcode)
    if "NO_EDNS" in said.says:
        answer.use_edns(False)
    elif said.ede is not None:
        answer.use_edns(0, answer.ednsflags, 1232, options=[dns.edns.EDEOption(said.ede)])
    if said.other:
        name, kind = said.other
        answer.question = dns.message.make_query(name, kind).question
    if "LOWER_CASE" in said.says:
        answer.question[0].name = dns.name.from_text(absolute(answer.question[0].name.to_text()))
    if "NO_QUESTION" in said.says:
        answer.question = []
    for name, records in said.sections.items():
        getattr(answer, name.lower()).extend(records)
    octets = answer.to_wire(max_size=65535)
    if "CUT" in said.says:
        octets = octets[:-3]
    return bytes((packet[0] ^ 0xFF, packet[1])) + octets[2:] if "WRONG_ID" in said.says else octets


@implementer(IReadDescriptor)
class _End:
    """The server's end of one UDP socket of the resolver."""

    def __init__(self, upstreams: Upstreams, server: str, link: socket.socket) -> None:
        self._upstreams, self._server, self._link = upstreams, server, link
        upstreams.reactor.addReader(self)

    def fileno(self) -> int:
        return self._link.fileno()

    def logPrefix(self) -> str:
        return "scenario"

    def doRead(self) -> None:
        try:
            packet = self._link.recv(65535)
        except OSError:
            return
        self._upstreams.question(self._server, packet, "udp", set(), self._send, lambda: None)

    def _send(self, packet: bytes) -> None:
        try:
            self._link.send(packet)
        except OSError:  # the resolver has closed that port: late answers go nowhere
            return

    def connectionLost(self, reason: object) -> None:
        """For the reactor."""

    def close(self) -> None:
        self._upstreams.reactor.removeReader(self)
        self._link.close()


class _Connection(Int16StringReceiver):
    """The server's end of one TCP connection of the resolver."""

    first = True

    def stringReceived(self, string: bytes) -> None:
        marks = {"NEW" if self.first else "REUSED"}
        self.first = False
        streams = self.factory
        streams.upstreams.question(streams.server, string, "tcp", marks, self._send, self.transport.loseConnection)

    def _send(self, packet: bytes) -> None:
        self.sendString(packet)


class _Streams(ServerFactory):
    noisy = False
    protocol = _Connection

    def __init__(self, upstreams: Upstreams, server: str) -> None:
        self.upstreams, self.server = upstreams, server
