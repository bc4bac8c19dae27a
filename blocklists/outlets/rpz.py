"""The live policy as a response policy zone (draft-vixie-dnsop-dns-rpz): for BIND, Unbound and their kind.

Records of one zone: as text in an order that is the same whenever the policy is, and as octets for zone transfer. Which
rows there are is blocklists.live's; who gets the zone over the network is not known here.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from blocklists.formats import rdata
from blocklists.live import Effect
from contracts.names import MAX_WIRE, to_text, to_wire
from contracts.networks import Network, address_text
from contracts.pool import Pool
from contracts.segment import RuleAction, network_of

_TARGETS: dict[RuleAction, str] = {
    "nxdomain": ".",
    "nodata": "*.",
    "passthru": "rpz-passthru.",
    "drop": "rpz-drop.",
    "tcp-only": "rpz-tcp-only.",
}
_WIRED_TARGETS = {target: to_wire(target) for target in _TARGETS.values()}
_A, _CNAME, _AAAA = 1, 5, 28
_TRIGGERS = {"answer": "rpz-ip", "client": "rpz-client-ip"}
_ZEROS = re.compile(r"\b0(?: 0)+\b")
REFRESH, RETRY, EXPIRE = 300, 60, 604_800  # seconds: who gets the zone keeps it for a week where we are gone


def zone_text(effects: Iterable[Effect], zone: str, serial: int, pool: Pool, ttl: int) -> Iterator[str]:
    """Lines of the zone file, those of the SOA first; owners are whole names. `ttl` is that of answers, seconds."""
    origin = f"{zone}."
    yield f"$TTL {ttl}\n"
    yield f"{origin} SOA localhost. hostmaster.{origin} {serial} {REFRESH} {RETRY} {EXPIRE} {ttl}\n"
    yield f"{origin} NS localhost.\n"
    lines = sorted({line for effect in effects for line in records(effect, origin, pool)})
    yield from lines


def records(effect: Effect, origin: str, pool: Pool) -> Iterator[str]:
    """The lines of one row; none where a zone cannot say it, because the owner would be too long."""
    owner = _owner(effect)
    if len(owner) + 1 + len(origin) > 254 or (effect.where == "below" and len(effect.indicator) > 253):
        return
    yield from (f"{owner}.{origin} {data}\n" for data in _data(effect, pool))


class Wired(NamedTuple):
    """A record as messages carry it."""

    owner: bytes  # labels before the zone's name
    qtype: int
    ttl: int
    rdata: bytes


def wired(effect: Effect, zone: bytes, pool: Pool, ttl: int) -> Iterator[Wired]:
    """The same records of one row as `records` writes, for a zone with this wire name."""
    if effect.where == "name":
        owner = effect.indicator[:-1]
    elif effect.where == "below":
        owner = b"\1*" + effect.indicator[:-1]
    else:
        owner = to_wire(_owner(effect))[:-1]
    if len(owner) + len(zone) > MAX_WIRE:
        return
    target = _TARGETS.get(effect.action)
    if target is not None:
        yield Wired(owner, _CNAME, ttl, _WIRED_TARGETS[target])
        return
    assert effect.match is not None
    if effect.action == "alias":
        yield Wired(owner, _CNAME, ttl, effect.match.rule.target)
    elif effect.action == "local":
        yield from (Wired(owner, one.qtype, one.ttl, one.rdata) for one in effect.match.rule.data)
    else:
        ipv6 = pool.ipv6(effect.match.hash32)
        yield Wired(owner, _A, ttl, pool.ipv4(effect.match.hash32))
        if ipv6 is not None:
            yield Wired(owner, _AAAA, ttl, ipv6)


def _owner(effect: Effect) -> str:
    if effect.where == "name":
        return to_text(effect.indicator)
    if effect.where == "below":
        return f"*.{to_text(effect.indicator)}"
    return f"{_network_labels(network_of(effect.indicator))}.{_TRIGGERS[effect.where]}"


def _network_labels(network: Network) -> str:
    """192.0.2.0/24 -> `24.0.2.0.192`; 2001:db8::/32 -> `32.zz.db8.2001` (section 4.1.1 of the draft)."""
    if isinstance(network, ipaddress.IPv4Network):
        words = str(network.network_address).split(".")
    else:
        groups = " ".join(f"{int(group, 16):x}" for group in network.network_address.exploded.split(":"))
        run = max(_ZEROS.finditer(groups), key=lambda one: len(one[0]), default=None)  # the first longest: RFC 5952
        words = (f"{groups[: run.start()]}zz{groups[run.end() :]}" if run else groups).split()
    return ".".join((str(network.prefixlen), *reversed(words)))


def _data(effect: Effect, pool: Pool) -> list[str]:
    target = _TARGETS.get(effect.action)
    if target is not None:
        return [f"CNAME {target}"]
    assert effect.match is not None
    if effect.action == "alias":
        return [f"CNAME {to_text(effect.match.rule.target)}."]
    if effect.action == "local":
        return [f"{one.ttl} {rdata.text(one.qtype, one.rdata)}" for one in effect.match.rule.data]
    ipv6 = pool.ipv6(effect.match.hash32)
    addresses: list[tuple[str, bytes | None]] = [("A", pool.ipv4(effect.match.hash32)), ("AAAA", ipv6)]
    return [f"{kind} {address_text(packed)}" for kind, packed in addresses if packed is not None]
