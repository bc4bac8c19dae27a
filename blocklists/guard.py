"""What no list may ever block, whatever it says: a refusal with its reason, or nothing.

Judges single indicators; no database, no files but the shipped kill-switch names, and /etc/resolv.conf where upstreams
are the system's. Names that belong to many are commons'. The guard is asked at import, and again when a segment is
compiled under other settings than it was imported with.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Literal

from blocklists.commons import public_suffixes
from blocklists.formats import csvtable
from blocklists.indicator import Indicator
from blocklists.normalise import target
from contracts.networks import Network, UpstreamAddress
from contracts.settings import Settings, system_upstreams

KILL_SWITCH_FILE = Path(__file__).parent / "data" / "kill-switch.csv"
_KILL_SWITCH = "a kill-switch name: blocking it arms the malware; it stands in the list kill-switch"
# Wider networks are refused: an IPv4 /16 is what a large hosting company has in one piece, an IPv6 /32 what a registry
# gives to a whole provider at first. What is wider belongs to many, and no malware owns all of it.
WIDEST = {4: 16, 6: 32}
_NOWHERE = tuple(ipaddress.ip_network(text) for text in ("0.0.0.0/8", "127.0.0.0/8", "::/127"))
_EDITION = "4"  # of the rules below: what was judged by others is judged again


class Guard:
    """Judges names and addresses by the settings, the Public Suffix List and the kill-switch names."""

    def __init__(self, settings: Settings) -> None:
        self._suffixes = public_suffixes()
        self._below = dict[str, str]()  # names that are refused with everything under them
        self._exact = dict[str, str]()  # parents of protected names
        for domain in settings.guard.protected_domains:
            self._protect(target(domain).name)
        for name in kill_switch_names():
            self._below[name] = _KILL_SWITCH
        self._internal = settings.guard.internal_networks
        self._networks = list(_own_networks(settings))
        self._units = [
            (network, f"the unit {unit.code}")
            for unit in settings.units
            for network in unit.networks
            if network.num_addresses > 1
        ]
        self._clients = [one for one in settings.dns.allowed_clients if one.num_addresses > 1]
        self.fingerprint = self._fingerprint()

    def _protect(self, domain: str) -> None:
        self._below[domain] = f"protected domain {domain}"
        parent = domain.partition(".")[2]
        while parent:
            self._exact[parent] = f"parent of the protected domain {domain}"
            parent = parent.partition(".")[2]

    def _fingerprint(self) -> str:
        """Changes when a verdict may change."""
        said = [_EDITION, *sorted(self._below), *(str(network) for network, _ in self._networks)]
        said += ["clients", *(str(network) for network in self._clients)]
        said += ["units", *(str(network) for network, _ in self._units)]
        digest = hashlib.blake2b("\n".join(said).encode(), digest_size=8)
        digest.update(self._suffixes.digest.encode())
        return digest.hexdigest()

    def refusal(self, one: Indicator, *, of_kill_switch_list: bool = False) -> str:
        """Why this indicator must not be used, "" when it may."""
        passes = one.action == "passthru"
        if one.address:
            return self.address_refusal(one.address, one.trigger, passes=passes)
        if one.kind == "kill-switch" and not of_kill_switch_list:
            return "a kill-switch name: it belongs in a list of that kind"
        return self.name_refusal(one.name, of_kill_switch_list=of_kill_switch_list, passes=passes, below=one.subdomains)

    def name_refusal(
        self, name: str, *, of_kill_switch_list: bool = False, passes: bool = False, below: bool = True
    ) -> str:
        """Why this name must not be listed, "" when it may.

        `passes`: it is to be let through, which protected domains may well be; but not so much that, `below` it, all
        lists behind were switched off.
        """
        parent = name.partition(".")[2]
        if not parent:
            return "a single label: a top-level domain or a host without domain"
        if name in self._exact and not passes:
            return self._exact[name]
        at = name
        while at:
            if at in self._below:
                reason = self._below[at]
                if not (of_kill_switch_list if reason == _KILL_SWITCH else passes):
                    return reason
            at = at.partition(".")[2]
        if (below or not passes) and self._suffixes.holds(name, parent):
            return "a public suffix: others register names below it"
        return ""

    def address_refusal(
        self, text: str, trigger: Literal["answer", "client"] = "answer", *, passes: bool = False
    ) -> str:
        """Why this address or network must not be listed, "" when it may. `passes`: it is to be let through."""
        network = ipaddress.ip_network(text)
        if trigger == "client":
            return self._client_refusal(network) or _too_wide(network)
        if passes:
            return "" if any(_holds(wide, network) for wide in self._internal) else _too_wide(network)
        for other, what in self._networks:
            if other.version == network.version and other.overlaps(network):
                return f"touches {what} {other}"
        if _nowhere(network):
            return "no address of a machine (unspecified, loopback, link-local, multicast or reserved)"
        return _too_wide(network)

    def _client_refusal(self, network: Network) -> str:
        """Clients may be listed, inside ones above all; but no list decides for everybody."""
        allowed = next((one for one in self._clients if _holds(network, one)), None)
        if allowed:
            return f"holds all clients of {allowed} (dns.allowed_clients)"
        unit = next((what for one, what in self._units if _holds(network, one)), None)
        return f"holds all clients of {unit}: a list may name machines, not whole agencies" if unit else ""


def _own_networks(settings: Settings) -> Iterator[tuple[Network, str]]:
    """What answers lead to on the WAN itself, and what nothing works without."""
    yield from ((network, "an internal network") for network in settings.guard.internal_networks)
    pools = (settings.sinkhole.ipv4_pool, settings.sinkhole.ipv6_pool)
    yield from ((pool, "the sinkhole pool") for pool in pools if pool)
    yield from ((network, f"the unit {unit.code}") for unit in settings.units for network in unit.networks)
    upstreams = settings.dns.upstreams.servers
    servers = [*upstreams, *(server for zone in settings.dns.forward_zones for server in zone.servers)]
    if "system" in servers:
        servers += system_upstreams(settings.dns.listen)
    addresses = {server.address for server in servers if isinstance(server, UpstreamAddress)}
    for address in sorted(addresses, key=str):
        yield ipaddress.ip_network(address), "the upstream"


def _holds(wide: Network, narrow: Network) -> bool:
    """Whether all of `narrow` lies in `wide`."""
    if isinstance(wide, ipaddress.IPv4Network) and isinstance(narrow, ipaddress.IPv4Network):
        return narrow.subnet_of(wide)
    if isinstance(wide, ipaddress.IPv6Network) and isinstance(narrow, ipaddress.IPv6Network):
        return narrow.subnet_of(wide)
    return False


def _too_wide(network: Network) -> str:
    widest = WIDEST[network.version]
    return f"wider than /{widest}: it belongs to many" if network.prefixlen < widest else ""


def _nowhere(network: Network) -> bool:
    return (
        network.is_multicast
        or network.is_link_local
        or network.is_unspecified
        or network.is_reserved
        or any(_holds(nowhere, network) for nowhere in _NOWHERE)
    )


@cache
def kill_switch_names() -> frozenset[str]:
    """The shipped names that must always resolve."""
    with KILL_SWITCH_FILE.open("rb") as file:
        return frozenset(one.name for one in csvtable.parse(file) if isinstance(one, Indicator))
