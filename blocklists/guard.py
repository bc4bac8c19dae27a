"""What no list may ever block, whatever it says: a refusal with its reason, or nothing.

Judges single indicators; no files but the shipped lists of names, no database. The guard is asked at import, and
again when a segment is compiled under other settings than it was imported with.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable
from functools import cache
from importlib import resources
from pathlib import Path

from publicsuffixlist import PublicSuffixList

from blocklists.formats import csvtable, domains
from blocklists.indicator import Indicator
from blocklists.normalise import Unusable, target
from contracts.networks import Network
from contracts.settings import Settings

KILL_SWITCH_FILE = Path(__file__).parent / "data" / "kill-switch.csv"
_POPULAR_FILE = KILL_SWITCH_FILE.with_name("popular.txt")
_KILL_SWITCH = "a kill-switch name: blocking it arms the malware; it stands in the list kill-switch"


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
        self._networks = [
            *((network, "an internal network") for network in settings.guard.internal_networks),
            *(
                (pool, "the sinkhole pool")
                for pool in (settings.sinkhole.ipv4_pool, settings.sinkhole.ipv6_pool)
                if pool
            ),
        ]
        self.fingerprint = self._fingerprint()

    def _protect(self, domain: str) -> None:
        self._below[domain] = f"protected domain {domain}"
        parent = domain.partition(".")[2]
        while parent:
            self._exact[parent] = f"parent of the protected domain {domain}"
            parent = parent.partition(".")[2]

    def _fingerprint(self) -> str:
        """Changes when a verdict may change."""
        said = [*sorted(self._below), *(str(network) for network, _ in self._networks)]
        digest = hashlib.blake2b("\n".join(said).encode(), digest_size=8)
        digest.update(self._suffixes.digest.encode())
        return digest.hexdigest()

    def refusal(self, one: Indicator, *, of_kill_switch_list: bool = False) -> str:
        """Why this indicator must not be used, "" when it may."""
        if one.address:
            return self.address_refusal(one.address)
        if one.kind == "kill-switch" and not of_kill_switch_list:
            return "a kill-switch name: it belongs in a list of that kind"
        return self.name_refusal(one.name, of_kill_switch_list=of_kill_switch_list)

    def name_refusal(self, name: str, *, of_kill_switch_list: bool = False) -> str:
        """Why this name must not be listed, "" when it may."""
        parent = name.partition(".")[2]
        if not parent:
            return "a single label: a top-level domain or a host without domain"
        if name in self._exact:
            return self._exact[name]
        at = name
        while at:
            if at in self._below and not (of_kill_switch_list and self._below[at] == _KILL_SWITCH):
                return self._below[at]
            at = at.partition(".")[2]
        if self._suffixes.holds(name, parent):
            return "a public suffix: others register names below it"
        return ""

    def address_refusal(self, text: str) -> str:
        """Why this address or network must not be listed, "" when it may."""
        network = ipaddress.ip_network(text)
        for other, what in self._networks:
            if other.version == network.version and other.overlaps(network):
                return f"touches {what} {other}"
        if _nowhere(network):
            return "no address of a machine (unspecified, link-local, multicast or reserved)"
        return ""


def _nowhere(network: Network) -> bool:
    return network.is_multicast or network.is_link_local or network.is_unspecified or network.is_reserved


class PublicSuffixes:
    """The Public Suffix List, ICANN and private part, made quick for millions of names that are none."""

    def __init__(self) -> None:
        text = (resources.files("publicsuffixlist") / "public_suffix_list.dat").read_text(encoding="utf-8")
        self.digest = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
        self._list = PublicSuffixList(text.splitlines())
        # The library decides; these two sets only spare asking it about names that can be no suffix.
        self._candidates, self._above = _rules(text.splitlines())

    def holds(self, name: str, parent: str) -> bool:
        """Whether the name is a public suffix itself. A name under an unknown top-level domain is none."""
        return (name in self._candidates or parent in self._above) and bool(self._list.is_public(name))


def _rules(lines: Iterable[str]) -> tuple[frozenset[str], frozenset[str]]:
    exact, above = set[str](), set[str]()
    for line in lines:
        rule = line.strip()
        if not rule or rule.startswith(("//", "!")):
            continue
        wildcard = rule.startswith("*.")
        try:
            name = target(rule).name
        except Unusable:  # single labels, which need no rule here
            continue
        (above if wildcard else exact).add(name)
    return frozenset(exact), frozenset(above)


@cache
def public_suffixes() -> PublicSuffixes:
    """Read once: a fraction of a second."""
    return PublicSuffixes()


@cache
def kill_switch_names() -> frozenset[str]:
    """The shipped names that must always resolve."""
    with KILL_SWITCH_FILE.open("rb") as file:
        return frozenset(one.name for one in csvtable.parse(file) if isinstance(one, Indicator))


@cache
def popular_names() -> frozenset[str]:
    """Most visited names: no reason to refuse one (malware hides there, too), but a person should look."""
    with _POPULAR_FILE.open("rb") as file:
        return frozenset(one.name for one in domains.parse(file) if isinstance(one, Indicator))
