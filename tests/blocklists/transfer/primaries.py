"""A primary that says what a test wants, by TCP, and BIND as one.

What is taken from them is the tests' business.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rdatatype
import dns.renderer
import dns.rrset
import dns.tsig

from tests.peers import programs
from tests.peers.programs import HOST, Peer

ZONE = "rpz.example"
SECRET = "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0ISEhIQ=="
OTHER = "b3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgISE="
KEY = dns.tsig.Key("one.key.", SECRET, "hmac-sha256")


def soa(serial: int) -> str:
    """The line of an SOA record."""
    return f"{ZONE}. 60 SOA localhost. hostmaster.{ZONE}. {serial} 3600 600 86400 60"


def wire(query: dns.message.Message, *lines: str, sign: dns.tsig.Key | None = None) -> bytes:
    """One message of a transfer; owners are whole names."""
    answer = dns.message.make_response(query)
    answer.flags |= dns.flags.AA
    for line in lines:
        owner, ttl, kind, data = line.split(" ", 3)
        answer.answer.append(dns.rrset.from_text(owner, int(ttl), "IN", kind, data))
    if sign is None:
        answer.tsig = None
    return answer.to_wire(max_size=65535)


class Primary:
    """Counts what it was asked; `say` gives the messages that answer a query, or octets as they go out."""

    def __init__(self, say: Callable[[dns.message.Message], Iterator[bytes]]) -> None:
        self._say = say
        self.asked = list[str]()
        self._socket = socket.create_server((HOST, 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"axfr://{HOST}:{self.port}/{ZONE}"

    def _run(self) -> None:
        while True:
            try:
                link, _ = self._socket.accept()
            except OSError:
                return
            with link, suppress(OSError, EOFError):
                octets, _ = dns.query.receive_tcp(link, keyring={KEY.name: KEY})  # type: ignore[arg-type]
                self.asked.append(dns.rdatatype.to_text(octets.question[0].rdtype))
                for message in self._say(octets):
                    link.sendall(len(message).to_bytes(2, "big") + message)

    def close(self) -> None:
        """No more."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)


@contextmanager
def primary(say: Callable[[dns.message.Message], Iterator[bytes]]) -> Iterator[Primary]:
    """One that is closed at the end."""
    made = Primary(say)
    try:
        yield made
    finally:
        made.close()


def zone_file(serial: int, *names: str) -> str:
    """An RPZ zone that empties these names."""
    return "".join(f"{line}\n" for line in ("$TTL 60", soa(serial), f"{ZONE}. NS localhost.",
                                            *(f"{name}.{ZONE}. CNAME ." for name in names)))  # fmt: skip


@contextmanager
def bind_primary(folder: Path, text: str, notify: int = 0, key: bool = True) -> Iterator[Peer]:
    """BIND that serves the zone, makes differences of what changes in its file, and reads it again on SIGHUP."""
    file = folder / "primary.zone"
    file.write_text(text)
    told = f"also-notify {{ {HOST} port {notify}{' key one.key' if key else ''}; }}; notify explicit; notify-delay 0;"
    allowed = "key one.key" if key else "127.0.0.0/8"
    server = programs.bind(
        folder, 9, name="primary",
        clauses=f'key one.key {{ algorithm hmac-sha256; secret "{SECRET}"; }};\n'
                f'zone "{ZONE}" {{ type primary; file "{file}"; ixfr-from-differences yes; '
                f"allow-transfer {{ {allowed}; }}; {told if notify else 'notify no;'} }};\n",
    )  # fmt: skip
    try:
        yield server
    finally:
        server.end()
