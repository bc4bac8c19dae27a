"""Which sinkhole address an indicator gets: workers answer with it, and what is published of the policy names it.

Nothing about clients, and no answers: only numbers.
"""

from __future__ import annotations

from contracts.networks import Network
from contracts.settings import Sinkhole


class Pool:
    """The sinkhole addresses of this node: one for each indicator by its stable hash."""

    def __init__(self, sinkhole: Sinkhole) -> None:
        self._v4 = _Range(sinkhole.ipv4_pool)
        self._v6 = _Range(sinkhole.ipv6_pool) if sinkhole.ipv6_pool else None

    def ipv4(self, hash32: int) -> bytes:
        """Packed address for an A question."""
        return self._v4.pick(hash32)

    def ipv6(self, hash32: int) -> bytes | None:
        """Packed address for an AAAA question, None where no IPv6 pool is set."""
        return self._v6.pick(hash32) if self._v6 else None


class _Range:
    """Usable addresses of a network: without the first and last of an IPv4 one, without the first of an IPv6 one."""

    def __init__(self, network: Network) -> None:
        self._octets = network.max_prefixlen // 8
        size = network.num_addresses
        first = int(network.network_address)
        if size > 2:
            first += 1
            size -= 2 if network.version == 4 else 1
        self._first, self._size = first, size

    def pick(self, hash32: int) -> bytes:
        return (self._first + hash32 % self._size).to_bytes(self._octets, "big")
