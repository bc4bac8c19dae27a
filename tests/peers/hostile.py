"""An upstream that lies, in a thread of the test: raw bytes by UDP and TCP. How it answers a name stands in the name.

`forged-7.good.example` is answered as BEHAVIOURS["forged"] says; the 7 chooses among several lies. What is
right is `RIGHT`, whatever is forged `POISON`.
"""

from __future__ import annotations

import itertools
import os
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable

from bench.ports import free_port

RIGHT = "192.0.2.1"
POISON = "198.51.100.66"
TTL = 300
A, NS, CNAME, SOA, TXT, OPT = 1, 2, 5, 6, 16, 41
QR_RD_RA = 0x8180
TC = 0x0200
NXDOMAIN = 3
Send = tuple[float, bytes]  # (seconds after the last one, message)


def name(text: str) -> bytes:
    """Wire form."""
    return b"".join(bytes([len(label)]) + label.encode() for label in text.split(".")) + b"\0"


def record(kind: int, data: bytes, owner: bytes = b"\xc0\x0c", ttl: int = TTL) -> bytes:
    """One record; the owner is the question's name unless said otherwise."""
    return owner + struct.pack("!HHIH", kind, 1, ttl, len(data)) + data


def address(text: str, owner: bytes = b"\xc0\x0c", ttl: int = TTL) -> bytes:
    """An A record."""
    return record(A, socket.inet_aton(text), owner, ttl)


def large_text(octets: int) -> bytes:
    """A TXT record of about so many octets."""
    return record(TXT, (b"\xc8" + b"x" * 200) * (octets // 201))


class Asked:
    """One question as it came."""

    def __init__(self, wire: bytes, tcp: bool, times: int) -> None:
        end = wire.index(b"\0", 12) + 5
        self.wire = wire
        self.ident = wire[:2]
        self.question = wire[12:end]
        self.tcp = tcp
        self.times = times  # how often this name was asked before
        digits = self.question[1 : self.question[0] + 1].rpartition(b"-")[2]
        self.number = int(digits) if digits.isdigit() else 0

    def message(self, answer: Iterable[bytes] = (), authority: Iterable[bytes] = (), additional: Iterable[bytes] = (),
                *, rcode: int = 0, flags: int = QR_RD_RA, ident: bytes = b"",
                question: bytes = b"") -> bytes:  # fmt: skip
        """A message with these records."""
        parts = [list(section) for section in (answer, authority, additional)]
        head = struct.pack("!HHHHH", flags | rcode, 1, *map(len, parts))
        return (ident or self.ident) + head + (question or self.question) + b"".join(itertools.chain(*parts))

    def right(self) -> bytes:
        """The true answer."""
        return self.message([address(RIGHT)])

    def poison(self, **how: object) -> bytes:
        """The true form with a false address."""
        return self.message([address(POISON)], **how)  # type: ignore[arg-type]

    def other_idents(self, count: int) -> list[bytes]:
        """IDs that were not asked with."""
        first = int.from_bytes(self.ident, "big")
        return [((first + 1 + i * 7) & 0xFFFF or 1).to_bytes(2, "big") for i in range(count)]


Behaviour = Callable[[Asked], Iterable[Send]]
_VICTIM = name("victim.good.example")
_SOA = record(SOA, name("ns.good.example") + name("h.good.example") + struct.pack("!5I", 1, 60, 60, 60, 60))


def then_right(*messages: bytes, asked: Asked) -> list[Send]:
    """Lies first, the truth a moment later, as a forger who is quicker would."""
    return [*((0.0, message) for message in messages), (0.05, asked.right())]


def at_first(messages: list[bytes], asked: Asked) -> list[Send]:
    """Unusable at the first time, the truth at the next. The number in the name chooses what is unusable."""
    return [(0.0, asked.right() if asked.times else messages[asked.number % len(messages)])]


def _loops(asked: Asked) -> list[bytes]:
    at = 12 + len(asked.question)  # where the first record begins
    itself = struct.pack("!H", 0xC000 | at)
    return [
        asked.message([address(POISON, owner=itself)]),
        asked.message([address(POISON, owner=struct.pack("!H", 0xC000 | at + 2))]),
        asked.message([address(POISON, owner=b"\xff\xff")]),
    ]


def _data(asked: Asked) -> list[bytes]:
    """What is wrong stands inside the data of a record."""
    to_data = struct.pack("!H", 0xC000 | 12 + len(asked.question) + 12)
    return [
        asked.message([record(CNAME, to_data), address(POISON, owner=to_data)]),
        asked.message([record(CNAME, b"\x01x" + to_data), address(POISON)]),
        asked.message([record(A, b"\1\2")]),
    ]


def _broken(asked: Asked) -> list[bytes]:
    right = asked.right()
    poison = asked.poison()
    return [
        asked.ident,
        asked.ident + os.urandom(40),
        poison[:-1],
        poison[:6] + b"\xff\xff" + poison[8:],
        poison[:10] + b"\0\x05" + poison[12:],
        right[:2] + b"\x01\0" + poison[4:],  # QR is not set
        right[:2] + b"\xf9\x80" + poison[4:],  # another opcode
        poison[:4] + b"\0\0" + poison[6:],
        asked.message([address(POISON)], additional=[record(OPT, b"", b"\x01x\0"), record(OPT, b"", b"\0")])[:-3],
    ]


def _extras(asked: Asked) -> bytes:
    """The true answer, with records of other names in every section."""
    return asked.message(
        [address(RIGHT), address(POISON, _VICTIM)],
        [record(NS, _VICTIM, name("good.example")), record(NS, _VICTIM, name("example"))],
        [address(POISON, _VICTIM), address(POISON, name("ns.good.example"))],
    )


BEHAVIOURS: dict[str, Behaviour] = {
    "right": lambda asked: [(0.0, asked.right())],
    "large": lambda asked: [(0.0, asked.message([large_text(900 if asked.question[0] % 2 else 2500)])
                             if asked.question[-4:-2] == b"\0\x10" else asked.right())],
    "short": lambda asked: [(0.0, asked.message([address(RIGHT, ttl=1)]))],
    "silent": lambda asked: [],
    "late": lambda asked: [(1.0, asked.right())],
    "wrongid": lambda asked: then_right(*(asked.poison(ident=one) for one in asked.other_idents(50)), asked=asked),
    "wrongname": lambda asked: then_right(asked.poison(question=_VICTIM + asked.question[-4:]), asked=asked),
    "wrongtype": lambda asked: then_right(asked.poison(question=asked.question[:-4] + b"\0\x1c\0\1"), asked=asked),
    "wrongclass": lambda asked: then_right(asked.poison(question=asked.question[:-2] + b"\0\3"), asked=asked),
    "broken": lambda asked: at_first(_broken(asked), asked),
    "loops": lambda asked: at_first(_loops(asked), asked),
    "data": lambda asked: at_first(_data(asked), asked),
    "servfail": lambda asked: at_first([asked.message(rcode=2)], asked),
    "refused": lambda asked: at_first([asked.message(rcode=5)], asked),
    "formerr": lambda asked: at_first([asked.ident + b"\x81\x81" + bytes(8)], asked),
    "forged": lambda asked: [(0.0, _extras(asked))],
    "huge31": lambda asked: [(0.0, asked.message([address(RIGHT, ttl=0x80000000)]))],
    "huge32": lambda asked: [(0.0, asked.message([address(RIGHT, ttl=0xFFFFFFFF)]))],
    "long": lambda asked: [(0.0, asked.message([address(RIGHT, ttl=0x7FFFFFFF)]))],
    "nosoa": lambda asked: [(0.0, asked.message(rcode=NXDOMAIN))],
    "nodata": lambda asked: [(0.0, asked.message())],
    "negative": lambda asked: [(0.0, asked.message((), [_SOA], rcode=NXDOMAIN))],
    "tc": lambda asked: [(0.0, asked.right() if asked.tcp else asked.message(flags=QR_RD_RA | TC))],
    "tcdead": lambda asked: [] if asked.tcp else [(0.0, asked.message(flags=QR_RD_RA | TC))],
    "tctc": lambda asked: [(0.0, asked.message(flags=QR_RD_RA | TC))],
    "tcwrong": lambda asked: [(0.0, asked.poison(ident=asked.other_idents(1)[0]) if asked.tcp
                              else asked.message(flags=QR_RD_RA | TC))],
}  # fmt: skip


class Hostile:
    """Listens on a port of its own until closed. `mood` overrides every name's behaviour."""

    def __init__(self, mood: str = "", port: int = 0) -> None:
        self.mood = mood
        self.asked: Counter[str] = Counter()
        self.times: Counter[bytes] = Counter()
        self._udp = socket.socket(type=socket.SOCK_DGRAM)
        self.port = port or free_port()
        self._udp.bind(("127.0.0.1", self.port))
        self._tcp = socket.create_server(("127.0.0.1", self.port))
        self._closed = False
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=one, daemon=True) for one in (self._datagrams, self._streams)]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop, and give the port back."""
        self._closed = True
        with socket.socket(type=socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", ("127.0.0.1", self.port))
        with socket.socket() as caller:
            caller.settimeout(1)
            caller.connect_ex(("127.0.0.1", self.port))
        for thread in self._threads:
            thread.join(5)
        self._udp.close()
        self._tcp.close()

    def answers(self, wire: bytes, tcp: bool) -> list[Send]:
        """What is sent for one question."""
        with self._lock:
            end = wire.index(b"\0", 12) + 5
            key = wire[12:end].lower()
            first = key[1 : key[0] + 1].decode("latin-1")
            asked = Asked(wire, tcp, self.times[key])
            self.times[key] += 1
            self.asked[first] += 1
        return list(BEHAVIOURS.get(self.mood or first.split("-")[0], BEHAVIOURS["right"])(asked))

    def _datagrams(self) -> None:
        while True:
            wire, peer = self._udp.recvfrom(65535)
            if self._closed:
                return
            if len(wire) < 17:
                continue
            sends = self.answers(wire, False)
            if any(after for after, _message in sends):
                threading.Thread(target=self._send_datagrams, args=(sends, peer), daemon=True).start()
            else:
                self._send_datagrams(sends, peer)

    def _send_datagrams(self, sends: list[Send], peer: tuple[str, int]) -> None:
        for after, message in sends:
            if after:
                time.sleep(after)
            if not self._closed:
                self._udp.sendto(message, peer)

    def _streams(self) -> None:
        while True:
            link, _peer = self._tcp.accept()
            if self._closed:
                link.close()
                return
            threading.Thread(target=self._stream, args=(link,), daemon=True).start()

    def _stream(self, link: socket.socket) -> None:
        with link, link.makefile("rb") as file:
            link.settimeout(10)
            try:
                while len(head := file.read(2)) == 2:
                    for after, message in self.answers(file.read(struct.unpack("!H", head)[0]), True):
                        time.sleep(after)
                        link.sendall(struct.pack("!H", len(message)) + message)
            except OSError:
                return
