"""An authoritative upstream of the tests' own, on loopback, with records in a dict; made with dnspython, not our code.

It runs in threads of the test process, so that a test can look at what it was asked.
"""

from __future__ import annotations

import socket
import socketserver
import struct
import threading

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from bench.ports import free_port

ZONE = "good.example."
SOA = "ns.good.example. hostmaster.good.example. 1 3600 600 86400 60"


class Upstream:
    """Answers for good.example: h<number> has an A record, `big` a long TXT, other names do not exist."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.extra: dict[tuple[str, str], list[str]] = {}
        self.port = free_port()
        self._udp = socketserver.ThreadingUDPServer(("127.0.0.1", self.port), self._datagram_handler())
        socketserver.ThreadingTCPServer.allow_reuse_address = True
        self._tcp = socketserver.ThreadingTCPServer(("127.0.0.1", self.port), self._stream_handler())
        self._tcp.daemon_threads = self._udp.daemon_threads = True
        for server in (self._udp, self._tcp):
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """Stop and give the port back."""
        for server in (self._udp, self._tcp):
            server.shutdown()
            server.server_close()

    def answer(self, wire: bytes, limit: int) -> bytes:
        """The answer to one packet."""
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name, kind = question.name.to_text().lower(), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        reply = dns.message.make_response(query, recursion_available=True)
        values = self._values(name, kind)
        if values is None:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        if values:
            reply.answer.append(dns.rrset.from_text_list(question.name, 300, "IN", kind, values))
        else:
            reply.authority.append(dns.rrset.from_text(ZONE, 60, "IN", "SOA", SOA))
        out = reply.to_wire(max_size=65535)
        if len(out) > limit:
            reply.answer.clear()
            reply.flags |= dns.flags.TC
            out = reply.to_wire()
        return out

    def _values(self, name: str, kind: str) -> list[str] | None:
        if (name, kind) in self.extra:
            return self.extra[name, kind]
        host = name.removesuffix("." + ZONE)
        if host.startswith("h") and host[1:].isdigit():
            return [f"192.0.2.{int(host[1:]) % 250}"] if kind == "A" else []
        if host == "big" and kind == "TXT":
            return [f'"{i} {"x" * 200}"' for i in range(20)]
        return [] if (name, "A") in self.extra else None

    def _datagram_handler(self) -> type[socketserver.BaseRequestHandler]:
        upstream = self

        class Datagram(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                wire, link = self.request
                link.sendto(upstream.answer(wire, 1232), self.client_address)

        return Datagram

    def _stream_handler(self) -> type[socketserver.BaseRequestHandler]:
        upstream = self

        class Stream(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                link: socket.socket = self.request
                file = link.makefile("rb")
                while len(head := file.read(2)) == 2:
                    wire = file.read(struct.unpack("!H", head)[0])
                    out = upstream.answer(wire, 65535)
                    link.sendall(struct.pack("!H", len(out)) + out)

        return Stream
