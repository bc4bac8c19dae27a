"""What a server that asks for the zone is answered: access, SOA, and the messages of AXFR and IXFR (RFC 5936, 1995).

No sockets: octets in, octets or a stream of messages out. NOTIFY is blocklists.transfer.notify's.
"""

from __future__ import annotations

import ipaddress
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.TSIG
import dns.serial
import dns.tsig
from dns.rdtypes.ANY.SOA import SOA

from blocklists.transfer.keys import NOT_OURS
from blocklists.transfer.published import Published, Version
from contracts.names import to_wire
from contracts.networks import Address, NetworkTable
from contracts.settings import Transfer
from contracts.transfers import canonical

BATCH = 16_000  # octets of records in a message: no pointer of theirs reaches further
_HEADER = struct.Struct("!6H")
_XFR = {dns.rdatatype.AXFR, dns.rdatatype.IXFR}
_FUDGE = 300


@dataclass
class Counts:
    """Since the process began."""

    transfers: int = 0
    refused: int = 0
    busy: int = 0  # refused because `at_once` were under way


@dataclass
class Stream:
    """Messages that go out one after the other; `done` is called once, whatever comes of it."""

    messages: Iterator[bytes]
    what: str
    _done: Callable[[], None] = field(repr=False)
    _over: bool = False

    def done(self) -> None:
        """It is over."""
        if not self._over:
            self._over = True
            self._done()


Reply = bytes | Stream | None


class Outgoing:
    """Answers by the settings it was made with."""

    def __init__(self, transfer: Transfer, published: Published, keyring: dict[dns.name.Name, dns.tsig.Key],
                 notified: Callable[[dns.message.Message, Address], dns.rcode.Rcode],
                 acknowledged: Callable[[int, Address], None], counts: Counts) -> None:  # fmt: skip
        self._transfer = transfer
        self._published = published
        self._keyring = keyring
        self._notified = notified  # a NOTIFY came
        self._acknowledged = acknowledged  # an answer to ours
        self._allowed = NetworkTable((network, True) for network in transfer.allow)
        self._keys = {canonical(name) for name in transfer.tsig_keys}
        self._zone = dns.name.from_text(f"{transfer.zone.removesuffix('.')}.")
        self.counts = counts
        self._under_way = 0

    def answer(self, wire: bytes, host: str, *, tcp: bool) -> Reply:
        """What goes back; None: nothing."""
        if len(wire) < _HEADER.size:
            return None
        address = ipaddress.ip_address(host.partition("%")[0])
        if wire[2] & 0x80:  # an answer: of those only one is awaited, and all that counts is that it was heard
            if (wire[2] >> 3) & 0xF == dns.opcode.NOTIFY:
                self._acknowledged(int.from_bytes(wire[:2], "big"), address)
            return None
        try:
            query = dns.message.from_wire(wire, keyring=self._keyring)
        except NOT_OURS:
            self.counts.refused += 1
            return _bare(wire, dns.rcode.NOTAUTH)
        except (dns.exception.DNSException, ValueError, struct.error):
            return _bare(wire, dns.rcode.FORMERR)
        opcode = query.opcode()
        if opcode == dns.opcode.NOTIFY:
            return _said(query, self._notified(query, address))
        if opcode != dns.opcode.QUERY:
            return _bare(wire, dns.rcode.NOTIMP)
        if len(query.question) != 1:
            return _said(query, dns.rcode.FORMERR)
        return self._asked(query, address, tcp=tcp)

    def _asked(self, query: dns.message.Message, address: Address, *, tcp: bool) -> Reply:
        asked = query.question[0]
        if asked.name != self._zone or asked.rdclass != dns.rdataclass.IN or not self._may(query, address):
            self.counts.refused += 1
            return _said(query, dns.rcode.REFUSED)
        version = self._published.current
        if version is None or version.wire != to_wire(self._transfer.zone):
            return _said(query, dns.rcode.SERVFAIL)  # it is being made
        if asked.rdtype not in _XFR:
            return self._plain(query, version)
        serial = _serial(query) if asked.rdtype == dns.rdatatype.IXFR else None
        if asked.rdtype == dns.rdatatype.IXFR and serial is None:
            return _said(query, dns.rcode.FORMERR)
        if not tcp:
            return self._plain(query, version) if serial is not None else _said(query, dns.rcode.FORMERR)
        return self._transfer_of(query, version, serial)

    def _may(self, query: dns.message.Message, address: Address) -> bool:
        if not self._allowed.find(address.packed):
            return False
        return not self._keys or (query.had_tsig and canonical(str(query.keyname)) in self._keys)

    def _plain(self, query: dns.message.Message, version: Version) -> bytes:
        """The SOA or NS record alone, or nothing. To IXFR by UDP it says: come by TCP (RFC 1995 section 2)."""
        kind = query.question[0].rdtype
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.AA
        zone = self._zone
        soa = f"localhost. hostmaster.{zone} {version.serial} " + " ".join(
            str(number) for number in struct.unpack("!4I", version.soa()[-16:])
        )
        records = {"SOA": soa, "NS": "localhost."}
        wanted = "SOA" if kind == dns.rdatatype.IXFR else dns.rdatatype.to_text(kind)
        section = answer.answer if wanted in records else answer.authority
        name = wanted if wanted in records else "SOA"
        section.append(dns.rrset.from_text(zone, version.ttl, "IN", name, records[name]))
        return answer.to_wire()

    def _transfer_of(self, query: dns.message.Message, version: Version, serial: int | None) -> Reply:
        if self._under_way >= self._transfer.at_once:
            self.counts.busy += 1
            return _said(query, dns.rcode.REFUSED)
        form = "AXFR"
        try:
            rows: Iterator[bytes] | None = None
            if serial is not None:
                if dns.serial.Serial(serial) >= version.serial:
                    rows, form = iter((version.soa(),)), "nothing newer"
                elif (rows := self._published.since(version, serial)) is not None:
                    form = f"IXFR from {serial}"
            rows = self._published.whole(version) if rows is None else rows
        except OSError:  # renewed at this moment, and the files are gone: asked again, it is there
            return _said(query, dns.rcode.SERVFAIL)
        self._under_way += 1
        self.counts.transfers += 1

        def over() -> None:
            self._under_way -= 1

        return Stream(_messages(rows, query, version), f"serial {version.serial}, {form}", over)


def _serial(query: dns.message.Message) -> int | None:
    """What who asks for differences has."""
    for records in query.authority:
        if records.rdtype == dns.rdatatype.SOA and records.name == query.question[0].name and records:
            found = records[0]
            assert isinstance(found, SOA)
            return int(found.serial)
    return None


def _messages(rows: Iterator[bytes], query: dns.message.Message, version: Version) -> Iterator[bytes]:
    question = version.wire + struct.pack("!2H", query.question[0].rdtype, dns.rdataclass.IN)
    signer = _Signer(query)
    batch, size = list[bytes](), 0
    for row in rows:
        if batch and size + len(row) > BATCH:
            yield signer.signed(query.id, question, batch)
            batch, size = [], 0
        batch.append(row)
        size += len(row)
    yield signer.signed(query.id, question, batch)


class _Signer:
    """Messages with, where the query was signed, its key's signature over all of them (RFC 8945 section 5.3.1)."""

    def __init__(self, query: dns.message.Message) -> None:
        self._key = query.keyring if query.had_tsig and isinstance(query.keyring, dns.tsig.Key) else None
        self._mac = query.mac
        self._context: dns.tsig.HMACTSig | dns.tsig.GSSTSig | None = None

    def signed(self, number: int, question: bytes, batch: list[bytes]) -> bytes:
        flags = dns.flags.QR | dns.flags.AA
        body = question + b"".join(batch)
        wire = _HEADER.pack(number, flags, 1, len(batch), 0, 0) + body
        key = self._key
        if key is None:
            return wire
        blank = dns.rdtypes.ANY.TSIG.TSIG(
            dns.rdataclass.ANY, dns.rdatatype.TSIG, key.algorithm, 0, _FUDGE, b"", number, 0, b""
        )
        tsig, self._context = dns.tsig.sign(wire, key, blank, int(time.time()), self._mac, self._context, True)
        data: bytes = tsig.to_wire()
        owner = to_wire(key.name.to_text())
        record = owner + struct.pack("!HHIH", dns.rdatatype.TSIG, dns.rdataclass.ANY, 0, len(data)) + data
        return _HEADER.pack(number, flags, 1, len(batch), 0, 1) + body + record


def _said(query: dns.message.Message, rcode: dns.rcode.Rcode) -> bytes:
    answer = dns.message.make_response(query)
    answer.set_rcode(rcode)
    return answer.to_wire()


def _bare(wire: bytes, rcode: dns.rcode.Rcode) -> bytes:
    """A header alone, for what cannot be read."""
    flags = 0x8000 | (int.from_bytes(wire[2:4], "big") & 0x7900) | rcode
    return wire[:2] + struct.pack("!5H", flags, 0, 0, 0, 0)
