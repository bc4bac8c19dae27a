"""Data of one record as zone files write it -> its type and octets: the door to dnspython.

No owners, no lines, and no meaning in a policy: those are blocklists.formats.rpz's.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from blocklists.formats.zonefile import Malformed

# IANA "DNS RR TYPEs". Signatures and proofs of the zone itself say nothing of what it lists.
DNSSEC = frozenset({24, 25, 30, 43, 46, 47, 48, 50, 51, 59, 60, 62, 63, 32768, 32769})
_REFUSED = {
    2: "NS records below the zone's own name are no local data",
    6: "a second SOA record, of another name",
    39: "DNAME moves everything below a name, and only whole names are answered here",
    41: "OPT is no record of a name",
}


@lru_cache(256)
def number_of(kind: str) -> int:
    """The number of a type's mnemonic, or of TYPEnumber. Raises Malformed."""
    import dns.exception
    import dns.rdatatype

    try:
        return int(dns.rdatatype.from_text(kind))
    except (dns.exception.DNSException, ValueError) as error:
        raise Malformed(f"an unknown type: {kind[:20]!a}") from error


def octets(kind: str, qtype: int, words: tuple[str, ...], origin: str) -> bytes:
    """Data in wire form; relative names in it are below `origin`. Raises Malformed."""
    if qtype in _REFUSED:
        raise Malformed(_REFUSED[qtype])
    if qtype == 0 or 128 <= qtype < 256:
        raise Malformed(f"{kind} is no record of a name")
    try:
        if qtype == 1 and len(words) == 1:
            return ipaddress.IPv4Address(words[0]).packed
        if qtype == 28 and len(words) == 1 and "%" not in words[0]:
            return ipaddress.IPv6Address(words[0]).packed
    except ValueError as error:
        raise Malformed(f"no address for {kind}: {words[0][:50]!a}") from error
    return _by_dnspython(kind, qtype, words, origin)


def text(qtype: int, wire: bytes) -> str:
    """Type and data as a zone file writes them; what cannot be read as that type as plain octets (RFC 3597)."""
    import dns.exception
    import dns.rdata
    import dns.rdataclass
    import dns.rdatatype

    number = dns.rdatatype.RdataType.make(qtype)
    try:
        made = dns.rdata.from_wire(dns.rdataclass.IN, number, wire, 0, len(wire))
        return f"{dns.rdatatype.to_text(number)} {made.to_text()}"
    except (dns.exception.DNSException, ValueError):
        return f"TYPE{qtype} \\# {len(wire)} {wire.hex()}"


def _by_dnspython(kind: str, qtype: int, words: tuple[str, ...], origin: str) -> bytes:
    import dns.exception
    import dns.name
    import dns.rdata
    import dns.rdataclass
    import dns.rdatatype

    text = " ".join(words)
    if not text.isascii():
        raise Malformed("letters outside ASCII in the data: write them as \\DDD")
    try:
        base = dns.name.from_text(f"{origin}.")
        made = dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.RdataType(qtype), text, base, relativize=False)
        wire = made.to_wire()
    except (dns.exception.DNSException, ValueError) as error:
        raise Malformed(f"no data of a {kind} record: {_short(error)}") from error
    if wire is None or len(wire) > 65535:
        raise Malformed(f"data of a {kind} record that is too long")
    return wire


def _short(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:100]
