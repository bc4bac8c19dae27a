"""Record types by the names that people use: what commands and pages show, and `explain` asks a worker for.

Names and numbers only, those of the IANA registry; what a type means to the resolver stands in resolver.wire.
"""

from __future__ import annotations

NAMES = {
    1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 12: "PTR", 13: "HINFO", 15: "MX", 16: "TXT", 28: "AAAA", 33: "SRV",
    35: "NAPTR", 43: "DS", 48: "DNSKEY", 52: "TLSA", 64: "SVCB", 65: "HTTPS", 255: "ANY", 257: "CAA",
}  # fmt: skip
NUMBERS = {name: number for number, name in NAMES.items()}


def type_name(number: int) -> str:
    """28 -> `AAAA`, 4711 -> `TYPE4711` (RFC 3597 section 5); 0, which no record has, stands for several: `*`."""
    if not number:
        return "*"
    return NAMES.get(number, f"TYPE{number}")
