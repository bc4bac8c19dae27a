"""A zone that is transferred, as lines of text by record: what dnspython's reading of AXFR and IXFR writes into.

No sockets, and no meaning of records: which of them list something is blocklists.formats.rpz's. A line is `owner TTL
type data`, whole names, the SOA record first; so a copy can be read again, and the next differences applied to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdataset
import dns.rdatatype
from dns.rdtypes.ANY.SOA import SOA

_LINE_COST = 20  # octets of a line beside what is its key: TTL and blanks, generously


class Unfit(dns.exception.FormError):
    """What came is no such zone; the message says why, in our words."""

    def __init__(self, why: str) -> None:
        super().__init__(why)  # type: ignore[no-untyped-call]  # dnspython's own is not typed


class Held:
    """The records of one zone. dnspython takes it for its transaction manager, and for the transaction itself."""

    def __init__(self, zone: str, max_size: int) -> None:
        self.origin = dns.name.from_text(f"{zone}.")
        self.soa: SOA | None = None
        self._max_size = max_size
        self._soa_ttl = 0
        self._records = dict[str, int]()  # "owner type data" -> TTL
        self._size = 0
        self.complete = False

    @classmethod
    def read(cls, path: Path, zone: str, max_size: int) -> Held | None:
        """A copy that was kept; None where it is of another zone or damaged."""
        made = cls(zone, max_size)
        try:
            with path.open(encoding="ascii") as file:
                first = file.readline().split(" ", 3)
                soa = dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.SOA, first[3])
                if dns.name.from_text(first[0]) != made.origin or first[2] != "SOA":
                    return None
                made.soa, made._soa_ttl = cast("SOA", soa), int(first[1])
                for line in file:
                    owner, ttl, rest = line.rstrip("\n").split(" ", 2)
                    made._put(f"{owner} {rest}", int(ttl))
        except (OSError, ValueError, IndexError, dns.exception.DNSException):
            return None
        return made

    @property
    def serial(self) -> int:
        """Of the SOA record."""
        assert self.soa is not None
        return int(self.soa.serial)

    def lines(self) -> Iterator[str]:
        """The zone as text, the same whenever its records are."""
        assert self.soa is not None
        yield f"{self.origin} {self._soa_ttl} SOA {self.soa.to_text()}\n"
        for key in sorted(self._records):
            owner, _, rest = key.partition(" ")
            yield f"{owner} {self._records[key]} {rest}\n"

    # What dns.xfr.Inbound calls

    def origin_information(self) -> tuple[dns.name.Name, bool, dns.name.Name]:
        """Names are kept whole."""
        return self.origin, False, self.origin

    def writer(self, replacement: bool = False) -> Held:
        """Changes begin; a replacement begins with nothing."""
        if replacement:
            self._records.clear()
            self._size = 0
        return self

    def add(self, name: dns.name.Name, records: dns.rdataset.Rdataset) -> None:
        """A record more."""
        for key in _keys(name, records):
            self._put(key, records.ttl)

    def delete_exact(self, name: dns.name.Name, records: dns.rdataset.Rdataset) -> None:
        """A record less, which must have been there."""
        for key in _keys(name, records):
            if self._records.pop(key, None) is None:
                raise Unfit("the differences are of another zone: they take away what is not there")
            self._size -= len(key) + _LINE_COST

    def replace(self, _name: dns.name.Name, records: dns.rdataset.Rdataset) -> None:
        """The SOA record; nothing else is replaced."""
        self.soa, self._soa_ttl = cast("SOA", records[0]), records.ttl

    def commit(self) -> None:
        """All of it has come."""
        self.complete = True

    def rollback(self) -> None:
        """What is half there is thrown away by who began it."""

    def _put(self, key: str, ttl: int) -> None:
        if key not in self._records:
            self._size += len(key) + _LINE_COST
            if self._size > self._max_size:
                raise Unfit(f"too large: more than max_size, {self._max_size} octets")
        self._records[key] = ttl


_ODD = re.compile(r"[^\x20-\x7e]")


def _keys(name: dns.name.Name, records: Any) -> Iterator[str]:
    owner = name.to_text().lower()
    kind = dns.rdatatype.to_text(records.rdtype)
    for one in records:
        data = one.to_text()
        if _ODD.search(data):  # no line of a file: as plain octets (RFC 3597)
            data = f"\\# {len(wire := one.to_wire())} {wire.hex()}"
        yield f"{owner} {kind} {data}"
