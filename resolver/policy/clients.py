"""Which clients may ask, which of them policy treats alike, and whose words about others are believed.

Names are resolver.policy.ladder's; who a client is belongs to casework.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from contracts.clients import Forwarder, NetworkStanding, Standing, Trust
from contracts.networks import Network, NetworkTable
from contracts.segment import Match

_NO_MATCHES: Mapping[int, Match] = {}
_NO_TRUST: frozenset[Trust] = frozenset()
_LABELS: frozenset[Trust] = frozenset(("mac", "cpe-id"))  # what a proxy may say of a device beside its client


class Group:
    """Clients that policy treats alike. Each group has answer tables of its own: no group sees another's answers.

    `matches`: what lists say of the clients' own address, by position in the policy. `trusts`: what they are believed.
    `forwarder`: registered as one, so that it asks for many machines.
    """

    __slots__ = ("exempt", "forwarder", "matches", "standing", "trusts", "watched")

    def __init__(self, standing: Standing, matches: Mapping[int, Match] = _NO_MATCHES,
                 trusts: frozenset[Trust] = _NO_TRUST, *, forwarder: bool = False) -> None:  # fmt: skip
        self.standing = standing
        self.exempt = standing == "exempt"
        self.watched = standing == "monitor"
        self.matches = matches
        self.trusts = trusts
        self.forwarder = forwarder


STRANGERS = Group("normal")
"""Clients outside the allowed networks: refused, and nothing is ever kept for them."""
PROXIES = Group("normal", forwarder=True)
"""Listed proxies: what comes from them begins with a PROXY header, which names the client. Nothing is kept for them."""
_Key = tuple[Standing, tuple[tuple[int, bytes], ...], frozenset[Trust], bool]

_ALL_ALIKE: _Key = ("normal", (), _NO_TRUST, False)


class Access:
    """Packed client address -> its group. `generation` grows when what was said of a client may be wrong by now."""

    def __init__(self, allowed: Iterable[Network], proxies: Iterable[Network] = ()) -> None:
        self.generation = 0
        self.default = Group("normal")
        self._allowed = NetworkTable((network, True) for network in allowed)
        self._proxies = NetworkTable((network, True) for network in proxies)  # of the settings
        self._standings: NetworkTable[NetworkStanding] = NetworkTable(())
        self._forwarders: NetworkTable[Forwarder] = NetworkTable(())
        self._listed: Callable[[bytes], Mapping[int, Match]] = lambda _packed: _NO_MATCHES
        self._groups: dict[_Key, Group] = {_ALL_ALIKE: self.default}

    def follow(self, listed: Callable[[bytes], Mapping[int, Match]] | None = None,
               standings: NetworkTable[NetworkStanding] | None = None,
               forwarders: NetworkTable[Forwarder] | None = None) -> None:  # fmt: skip
        """Judge clients anew: by another policy's lists of clients, or by what another client table says."""
        if listed is not None:  # positions of matches are those of another policy now
            self._listed = listed
            self._groups = {_ALL_ALIKE: self.default}
        self._standings = standings or self._standings
        self._forwarders = forwarders or self._forwarders
        self.generation += 1

    def group(self, packed: bytes) -> Group:
        """The group of who sent a packet: PROXIES for listed proxies, STRANGERS for those in no allowed network."""
        trusts = self._trusts(packed)
        if "proxy" in trusts:
            return PROXIES
        return self._known(packed, trusts) if self._allowed.find(packed) else STRANGERS

    def behind(self, proxy: bytes, packed: bytes) -> Group:
        """The group of a client that a listed proxy names; of the proxy itself, which may ask, where it names none."""
        own = self._trusts(proxy)
        if packed == proxy:
            return self._known(proxy, own)
        if not self._allowed.find(packed):
            return STRANGERS
        return self._known(packed, (self._trusts(packed) | (own & _LABELS)) - {"proxy"})

    def named(self, packed: bytes) -> Group:
        """The group of a client that was let in, or that a forwarder names who was."""
        return self._known(packed, _NO_TRUST)

    def _trusts(self, packed: bytes) -> frozenset[Trust]:
        found = self._forwarders.find(packed)
        trusts = frozenset(found.trusts) if found is not None else _NO_TRUST
        return trusts | {"proxy"} if self._proxies.find(packed) else trusts

    def _known(self, packed: bytes, trusts: frozenset[Trust]) -> Group:
        said = self._standings.find(packed)
        standing: Standing = said.standing if said is not None else "normal"
        matches = self._listed(packed)
        forwarder = self._forwarders.find(packed) is not None
        key = (standing, tuple((number, match.indicator) for number, match in matches.items()), trusts, forwarder)
        found = self._groups.get(key)
        if found is None:
            found = self._groups[key] = Group(standing, matches, trusts, forwarder=forwarder)
        return found
