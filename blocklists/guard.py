"""What no list may block by itself: a verdict with its rule and reason. Most wait for a person, some are refused.

Judges single indicators; no database, no files but the shipped kill-switch names, and /etc/resolv.conf where upstreams
are the system's. Names that belong to many, and those nothing is kept up to date without, are commons'. The guard is
asked at import, and again when a segment is compiled under other settings than it was imported with. Who may let rows
go that are held is blocklists.review's to say.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

from blocklists.commons import popular_names, public_suffixes, service_names, shared_hosts
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
_EDITION = "5"  # of the rules below: what was judged by others is judged again

Rule = Literal["", "refused", "suffix", "protected", "own-network", "service", "shared", "popular"]


class Verdict(NamedTuple):
    """What the guard says of an indicator. No rule: it may be listed; `refused`: never; else a person decides."""

    rule: Rule = ""
    reason: str = ""

    @property
    def holds(self) -> bool:
        """Whether a person may still let it through."""
        return self.rule not in {"", "refused"}


FREE = Verdict()
_REFUSED_KILL_SWITCH = Verdict("refused", _KILL_SWITCH)


class Guard:
    """Judges names and addresses by the settings, the Public Suffix List and the kill-switch names."""

    def __init__(self, settings: Settings) -> None:
        self._suffixes = public_suffixes()
        self._below = dict[str, Verdict]()  # names that are not free, with everything under them
        self._exact = dict[str, Verdict]()  # their parents
        for name in service_names():
            above = f"parent of {name}, a service for time or updates"
            self._guard(name, "service", f"{name} is a service for time or updates", above)
        for domain in settings.guard.protected_domains:
            name = target(domain).name
            self._guard(name, "protected", f"protected domain {name}", f"parent of the protected domain {name}")
        for name in kill_switch_names():
            self._below[name] = _REFUSED_KILL_SWITCH
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

    def _guard(self, domain: str, rule: Rule, reason: str, above: str) -> None:
        self._below[domain] = Verdict(rule, reason)
        parent = domain.partition(".")[2]
        while parent:
            self._exact[parent] = Verdict(rule, above)
            parent = parent.partition(".")[2]

    def _fingerprint(self) -> str:
        """Changes when a verdict may change."""
        said = [_EDITION, *sorted(self._below), *(str(network) for network, _ in self._networks)]
        said += ["clients", *(str(network) for network in self._clients)]
        said += ["units", *(str(network) for network, _ in self._units)]
        digest = hashlib.blake2b("\n".join(said).encode(), digest_size=8)
        digest.update(self._suffixes.digest.encode())
        return digest.hexdigest()

    def verdict(self, one: Indicator, *, kind: str = "c2", mode: str = "enforce") -> Verdict:
        """May this indicator be used, in a list of this kind and mode?"""
        of_kill_switch_list = kind == "kill-switch"
        passes = one.action == "passthru"
        if one.address:
            return self.address_verdict(one.address, one.trigger, passes=passes)
        if one.kind == "kill-switch" and not of_kill_switch_list:
            return Verdict("refused", "a kill-switch name: it belongs in a list of that kind")
        found = self.name_verdict(
            one.name, of_kill_switch_list=of_kill_switch_list, passes=passes, below=one.subdomains
        )
        if passes or mode != "enforce" or kind in {"unwanted", "kill-switch"}:
            return found
        many = _of_many(one.name) if found is FREE or one.name in self._exact else FREE
        return many if many.rule and found.rule != "protected" else found

    def name_verdict(
        self, name: str, *, of_kill_switch_list: bool = False, passes: bool = False, below: bool = True
    ) -> Verdict:
        """May this name be listed at all?

        `passes`: it is to be let through, which protected domains may well be; but not so much that, `below` it, all
        lists behind were switched off.
        """
        parent = name.partition(".")[2]
        if not parent:
            return Verdict("suffix", "a single label: a top-level domain or a host without domain")
        at = name
        while at:
            if at in self._below:
                found = self._below[at]
                if not (of_kill_switch_list if found.rule == "refused" else passes):
                    return found
            at = at.partition(".")[2]
        above = self._exact.get(name, FREE)
        if above.rule and not passes and (below or above.rule == "protected"):
            return above
        if (below or not passes) and self._suffixes.holds(name, parent):
            return Verdict("suffix", "a public suffix: others register names below it")
        return FREE

    def address_verdict(
        self, text: str, trigger: Literal["answer", "client"] = "answer", *, passes: bool = False
    ) -> Verdict:
        """May this address or network be listed? `passes`: it is to be let through."""
        network = ipaddress.ip_network(text)
        if trigger == "client":
            return _refused(self._client_refusal(network) or _too_wide(network))
        if passes:
            return FREE if any(_holds(wide, network) for wide in self._internal) else _refused(_too_wide(network))
        for other, what in self._networks:
            if other.version == network.version and other.overlaps(network):
                return Verdict("refused" if _too_wide(network) else "own-network", f"touches {what} {other}")
        if _nowhere(network):
            return Verdict(
                "refused", "no address of a machine (unspecified, loopback, link-local, multicast or reserved)"
            )
        return _refused(_too_wide(network))

    def _client_refusal(self, network: Network) -> str:
        """Clients may be listed, inside ones above all; but no list decides for everybody."""
        allowed = next((one for one in self._clients if _holds(network, one)), None)
        if allowed:
            return f"holds all clients of {allowed} (dns.allowed_clients)"
        unit = next((what for one, what in self._units if _holds(network, one)), None)
        return f"holds all clients of {unit}: a list may name machines, not whole agencies" if unit else ""


def _refused(reason: str) -> Verdict:
    return Verdict("refused", reason) if reason else FREE


def _of_many(name: str) -> Verdict:
    """Names by themselves that many use; what is below them may be anybody's."""
    if name in popular_names():
        return Verdict("popular", f"{name} is among the most visited")
    return Verdict("shared", f"anybody may put files or pages on {name}") if name in shared_hosts() else FREE


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
