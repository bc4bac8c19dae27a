"""The special-use names and locally served zones, each with the RFC that says so. A table and its building.

Which zone a name belongs to, and what else may claim it, is resolver.policy.local's.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from contracts.names import parents, to_wire
from contracts.settings import SpecialNames
from resolver.wire import rare, reply
from resolver.wire.constants import EDE_BLOCKED, TYPE_A, TYPE_AAAA, TYPE_NS

TTL = 3600
TYPE_PTR = 12
_LOCALHOST = to_wire("localhost")


class Zone(NamedTuple):
    """One special name with everything below it."""

    name: bytes
    reason: str
    delegated: bool  # a zone of its own: has SOA and NS; DS is its parent's. Else no such name exists anywhere
    everywhere: Mapping[int, reply.Records] | None  # records of every name in it
    names: Mapping[bytes, Mapping[int, reply.Records]]  # the names that exist in it; all others are NXDOMAIN
    ede: int | None = None
    ttl: int = TTL
    servers: reply.Records = rare.answer(TYPE_NS, TTL, [_LOCALHOST])  # as RFC 6303 section 3


# No such names in the DNS, whatever the type: NXDOMAIN. No extended error either: RFC 8914 has none for an answer
# that every resolver must give, and 21 (not supported) speaks of the operation, not of the name.
_NOWHERE = {
    "invalid": "RFC 6761 section 6.4",
    "test": "RFC 6761 section 6.2",
    "onion": "RFC 7686 section 2",
    "alt": "RFC 9476 section 2",
    "local": "multicast DNS, RFC 6762 section 22.1",
    "internal": "reserved for private use by ICANN",
}

# Reverse zones of networks: RFC 6303 section 4, RFC 7793. fe80::/10 is four zones, 172.16.0.0/12 sixteen.
_NETWORKS = {
    "0.0.0.0/8": "this network",
    "10.0.0.0/8": "private addresses",
    "100.64.0.0/10": "shared addresses, RFC 7793",
    "127.0.0.0/8": "loopback",
    "169.254.0.0/16": "link-local addresses",
    "172.16.0.0/12": "private addresses",
    "192.0.2.0/24": "TEST-NET-1",
    "192.168.0.0/16": "private addresses",
    "198.51.100.0/24": "TEST-NET-2",
    "203.0.113.0/24": "TEST-NET-3",
    "255.255.255.255/32": "broadcast",
    "::/128": "the unspecified address",
    "::1/128": "loopback",
    "2001:db8::/32": "example addresses",
    "fd00::/8": "unique local addresses",
    "fe80::/10": "link-local addresses",
}
_POINTERS = {"127.0.0.1": "localhost", "::1": "localhost"}
_NAT64 = ("192.0.0.170", "192.0.0.171")

_CANARY = "Firefox asks whether it may use DNS over HTTPS (dns.special_names.firefox_canary)"
_RELAY = "Apple devices ask whether they may use a relay (dns.special_names.private_relay)"


def special_zones(switches: SpecialNames) -> Iterator[Zone]:
    """All zones that are answered under these settings."""
    localhost = {TYPE_A: _addresses("127.0.0.1"), TYPE_AAAA: _addresses("::1")}
    yield Zone(_LOCALHOST, "always this machine itself (RFC 6761 section 6.3)", False, localhost, {})
    for text, source in _NOWHERE.items():
        yield Zone(to_wire(text), f"no name of the DNS ({source})", False, None, {})
    yield _zone("home.arpa", "names of a home network (RFC 8375)")
    yield _zone("ipv4only.arpa", "a question about NAT64 (RFC 8880)", {"ipv4only.arpa": {TYPE_A: _addresses(*_NAT64)}})
    for address in _NAT64:
        name = ipaddress.ip_address(address).reverse_pointer
        yield _zone(name, "a question about NAT64 (RFC 8880)", {name: {TYPE_PTR: _pointer("ipv4only.arpa")}})
    # RFC 9462 section 4: an empty answer where there is no encrypted resolver of ours; RFC 9606 asks RESINFO there.
    yield Zone(to_wire("resolver.arpa"), "about this resolver itself, no encrypted one (RFC 9462)", False, {}, {})
    yield from _reverse()
    # These two are real names, hidden by our choice: RFC 8914 section 4.16 (blocked: policy of the operator).
    if switches.firefox_canary:
        yield Zone(to_wire("use-application-dns.net"), _CANARY, False, None, {}, EDE_BLOCKED)
    if switches.private_relay:
        for text in ("mask.icloud.com", "mask-h2.icloud.com"):
            yield Zone(to_wire(text), _RELAY, False, None, {}, EDE_BLOCKED)


def _reverse() -> Iterator[Zone]:
    pointers = {ipaddress.ip_address(address): target for address, target in _POINTERS.items()}
    for text, meaning in _NETWORKS.items():
        network = ipaddress.ip_network(text)
        bits = 8 if network.version == 4 else 4
        for part in network.subnets(new_prefix=-(-network.prefixlen // bits) * bits):
            labels = part.network_address.reverse_pointer.split(".")
            zone = ".".join(labels[(part.max_prefixlen - part.prefixlen) // bits :])
            inside = {
                address.reverse_pointer: {TYPE_PTR: _pointer(target)}
                for address, target in pointers.items()
                if address in part
            }
            yield _zone(zone, f"reverse names of {network}, {meaning} (RFC 6303)", inside)


def _zone(text: str, reason: str, inside: Mapping[str, Mapping[int, reply.Records]] | None = None) -> Zone:
    """A zone with a few names, and the empty names between them and its own (RFC 8020 section 2)."""
    apex = to_wire(text)
    found: dict[bytes, Mapping[int, reply.Records]] = {apex: {}}
    for name, types in (inside or {}).items():
        for parent in parents(to_wire(name)):
            if len(parent) < len(apex):
                break
            found.setdefault(parent, {})
        found[to_wire(name)] = types
    return Zone(apex, reason, True, None, found)


def _addresses(*texts: str) -> reply.Records:
    packed = [ipaddress.ip_address(text).packed for text in texts]
    return rare.answer(TYPE_A if len(packed[0]) == 4 else TYPE_AAAA, TTL, packed)


def _pointer(text: str) -> reply.Records:
    return rare.answer(TYPE_PTR, TTL, [to_wire(text)])
