"""Which clients may ask, and which of them policy treats alike.

Names are resolver.policy.ladder's; who a client is belongs to casework.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Literal

from contracts.networks import Network, NetworkTable
from contracts.segment import Match

Standing = Literal["normal", "monitor", "exempt"]
_NO_MATCHES: Mapping[int, Match] = {}


class Group:
    """Clients that policy treats alike. Each group has answer tables of its own: no group sees another's answers.

    `matches`: what lists say of the clients' own address, by position in the policy.
    """

    __slots__ = ("exempt", "matches", "standing", "watched")

    def __init__(self, standing: Standing, matches: Mapping[int, Match] = _NO_MATCHES) -> None:
        self.standing = standing
        self.exempt = standing == "exempt"
        self.watched = standing == "monitor"
        self.matches = matches


STRANGERS = Group("normal")
"""Clients outside the allowed networks: refused, and nothing is ever kept for them."""


class Access:
    """Packed client address -> its group. `generation` grows when what was said of a client may be wrong by now."""

    def __init__(self, allowed: Iterable[Network]) -> None:
        self.generation = 0
        self.default = Group("normal")
        self._allowed = NetworkTable((network, True) for network in allowed)
        self._standings: NetworkTable[Standing] = NetworkTable(())
        self._listed: Callable[[bytes], Mapping[int, Match]] = lambda _packed: _NO_MATCHES
        self._groups: dict[tuple[Standing, tuple[tuple[int, bytes], ...]], Group] = {("normal", ()): self.default}

    def follow(self, listed: Callable[[bytes], Mapping[int, Match]] | None = None,
               standings: NetworkTable[Standing] | None = None) -> None:  # fmt: skip
        """Judge clients anew: by another policy's lists of clients, or another table of how networks stand."""
        self._listed = listed or self._listed
        self._standings = standings or self._standings
        self._groups = {("normal", ()): self.default}
        self.generation += 1

    def group(self, packed: bytes) -> Group:
        """The group of a client, STRANGERS for those in no allowed network."""
        if not self._allowed.find(packed):
            return STRANGERS
        standing = self._standings.find(packed) or "normal"
        matches = self._listed(packed)
        key = (standing, tuple((number, match.indicator) for number, match in matches.items()))
        found = self._groups.get(key)
        if found is None:
            found = self._groups[key] = Group(standing, matches)
        return found
