"""Which servers a name is asked of, and which of them first.

How a server is doing is resolver.upstream.server's; what is sent to it is resolver.upstream.exchange's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from contracts.names import to_text, to_wire
from contracts.networks import UpstreamAddress
from contracts.settings import ForwardZone
from resolver.upstream.server import Server

MARGIN = 0.010  # seconds of round trip that make no odds: within them the order of the settings counts
EXPLORE = 32  # of so many questions one is copied to a server that is not the best, to see how it does now
EXPLORE_SECONDS = 1.0  # but to none more often than this


class Scope:
    """A zone and its servers, in the order of the settings."""

    __slots__ = ("_turn", "servers", "zone")

    def __init__(self, zone: bytes, addresses: Iterable[UpstreamAddress]) -> None:
        self.zone = zone
        self.servers = [Server(address) for address in dict.fromkeys(addresses)]
        self._turn = 0

    def __str__(self) -> str:
        return to_text(self.zone)

    def choose(self, tried: list[Server]) -> Server:
        """The best that is up and not tried; else the one whose time comes first; else one tried the longest ago."""
        servers = self.servers
        if len(servers) == 1:
            return servers[0]
        fresh = [server for server in servers if server not in tried] if tried else servers
        up = [server for server in fresh if not server.down]
        if up:
            enough = min([server.srtt for server in up]) + MARGIN
            return next(server for server in up if server.srtt <= enough)
        if fresh:
            return min(fresh, key=_back)
        return tried[-len(servers)]  # each of them was tried: the order repeats itself

    def look_around(self, asked: Server, now: float) -> Server | None:
        """Whom to send a copy of the question that goes to `asked`: no client waits for what may be down or slow."""
        if len(self.servers) == 1 or asked.down:
            return None
        self._turn += 1
        explore = not self._turn % EXPLORE
        for server in self.servers:
            if server is asked or server.probing:
                continue
            if server.down:
                if server.down_until <= now:
                    return server
            elif server.asked < 0 or (explore and server.asked + EXPLORE_SECONDS <= now):
                return server
        return None


class Scopes:
    """The forward zones, and the general servers for all else."""

    def __init__(self, general: Iterable[UpstreamAddress], zones: Iterable[ForwardZone] = ()) -> None:
        self.general = Scope(b"\0", general)
        self._zones = {name: Scope(name, zone.servers) for zone in zones for name in [to_wire(zone.zone)]}

    def __iter__(self) -> Iterator[Scope]:
        yield self.general
        yield from self._zones.values()

    def find(self, question: bytes) -> Scope:
        """The scope of a lower-case name (with what stands behind it): the longest zone that holds it, else all."""
        zones = self._zones
        if zones:
            at, end = 0, len(question) - 4
            while size := question[at]:
                found = zones.get(question[at:end])
                if found is not None:
                    return found
                at += size + 1
        return self.general


def _back(server: Server) -> float:
    return server.down_until
