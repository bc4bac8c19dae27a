"""How much one client network may ask at all, and of the upstreams, and take in large answers: others must not notice.

No decision about names here, and no hit is ever lost to a limit: what is limited was asked all the same.
"""

from __future__ import annotations

import enum
import time
from operator import itemgetter

from contracts.settings import Limits
from resolver.cache.table import TwoGenerations

LOUDEST = 1000  # clients
KEPT = 20_000  # networks in mind, in each of two generations
LARGE = 512  # octets: shorter answers are no use for one who asks in another's name
AT_ONCE = 0.1  # seconds: what is looked into at once keeps all others waiting for a tenth of that or less
NETWORK = 2  # times what one machine of it may ask
AHEAD = 0.1  # of what may be asked at once: who has used more of that waits until others have been looked after
_IPV4_OCTETS, _IPV6_OCTETS, _IPV6_HOST = 3, 7, 8  # of the address: /24, /56 and /64
_MAPPED = b"\0" * 10 + b"\xff\xff"


class Share(enum.Enum):
    """How a question stands to what its machine may ask."""

    AHEAD = enum.auto()  # it has asked little of late
    BEHIND = enum.auto()  # it asks much just now: others first
    OVER = enum.auto()  # it is used up


class Buckets:
    """Tokens by key: so many a second, and as many as `seconds` of them at once. A rate of 0 is no limit."""

    __slots__ = ("_ahead", "_room", "_table", "rate")

    def __init__(self, rate: int, seconds: float) -> None:
        self.rate = rate
        self._room = max(1.0, rate * seconds)
        self._ahead = max(1.0, self._room * AHEAD)
        self._table: TwoGenerations[bytes, list[float]] = TwoGenerations(KEPT)  # key -> [used, as of this second]

    def take(self, key: bytes, now: float, tokens: float = 1.0) -> bool:
        """Whether there were so many left; none are taken where not."""
        return self._used(key, now, tokens) <= self._room

    def share(self, key: bytes, now: float) -> Share:
        """Take one."""
        used = self._used(key, now, 1.0)
        if used > self._room:
            return Share.OVER
        return Share.AHEAD if used <= self._ahead else Share.BEHIND

    def _used(self, key: bytes, now: float, tokens: float) -> float:
        """How many are used with these; more than there is room for: these are not."""
        if not self.rate:
            return 0.0
        found = self._table.get(key)
        if found is None:
            self._table.put(key, [tokens, now])
            return min(tokens, self._room)  # the first may be as large as it likes
        used = max(0.0, found[0] - (now - found[1]) * self.rate)
        found[1] = now
        found[0] = used + tokens if used + tokens <= self._room else used
        return used + tokens


class ClientLimits:
    """One per worker. `now` is monotonic seconds. Forwarders ask for many machines and have limits of their own."""

    def __init__(self, limits: Limits) -> None:
        seconds = limits.burst_seconds
        self.loudest = Loudest()
        self._questions = Buckets(limits.questions, AT_ONCE)
        self._network_questions = Buckets(limits.questions * NETWORK, AT_ONCE)
        self._forwarder_questions = Buckets(limits.forwarder_questions, AT_ONCE)
        self._told = Buckets(limits.questions, AT_ONCE)
        self._forwarder_told = Buckets(limits.forwarder_questions, AT_ONCE)
        self._misses = Buckets(limits.misses, seconds)
        self._forwarder_misses = Buckets(limits.forwarder_misses, seconds)
        self._octets = Buckets(limits.octets, seconds)
        self._forwarder_octets = Buckets(limits.forwarder_octets, seconds)

    def question(self, client: bytes, *, forwarder: bool, now: float, proven: bool = False) -> bool:
        """Whether this client may have a question looked into that is not answered already: `share`, soon or not."""
        return self.share(client, forwarder=forwarder, now=now, proven=proven) is not Share.OVER

    def share(self, client: bytes, *, forwarder: bool, now: float, proven: bool = False) -> Share:
        """How a question of this client stands that is not answered already. Takes one.

        One machine's share is half of its network's: neighbours of a flood go on. `proven` as in `miss`.
        """
        if forwarder:
            return self._forwarder_questions.share(client, now)
        if proven:
            return self._questions.share(b"+" + host(client), now)
        own = self._questions.share(host(client), now)
        if own is Share.OVER:
            return own
        among = self._network_questions.share(network(client), now)
        return own if among is Share.AHEAD else among

    def told(self, client: bytes, *, forwarder: bool, now: float, proven: bool = False) -> bool:
        """Whether one whose share is used up is told so by UDP. Each machine by itself, whoever forges its network.

        `proven` as in `miss`: what others ask in its name does not keep it from being told.
        """
        buckets = self._forwarder_told if forwarder else self._told
        if proven:
            return buckets.take(b"+" + host(client), now)
        return buckets.take(client if forwarder else host(client), now)

    def miss(self, client: bytes, *, forwarder: bool, now: float, proven: bool = False) -> bool:
        """Whether this client may have a question asked of the upstreams.

        One that is `proven` (it reads what is sent to its address) is counted by itself: what others ask in its name,
        or its neighbours in theirs, takes nothing from it.
        """
        buckets = self._forwarder_misses if forwarder else self._misses
        if not buckets.rate:
            return True
        if proven:
            return buckets.take(b"+" + host(client), now)
        return buckets.take(client if forwarder else network(client), now)

    def answer(self, client: bytes, octets: int, *, forwarder: bool, now: float) -> bool:
        """Whether this client may get so large an answer by UDP."""
        if octets <= LARGE:
            return True
        if forwarder:
            return self._forwarder_octets.take(client, now, octets)
        return self._octets.take(network(client), now, octets)


class Loudest:
    """Who was over a limit, and how often since the worker started: of many only the loudest are remembered."""

    def __init__(self) -> None:
        self._counts: dict[bytes, int] = {}
        self.last = 0.0  # when anybody was, in seconds since the epoch; 0: nobody

    def add(self, client: bytes) -> None:
        """Once more."""
        self.last = time.time()
        counts = self._counts
        if client not in counts and len(counts) >= LOUDEST:
            counts = self._counts = dict(self._ordered()[: LOUDEST // 2])
        counts[client] = counts.get(client, 0) + 1

    def first(self, count: int) -> list[tuple[bytes, int]]:
        """The loudest so many, by packed address."""
        return self._ordered()[:count]

    def _ordered(self) -> list[tuple[bytes, int]]:
        return sorted(self._counts.items(), key=itemgetter(1), reverse=True)


def host(client: bytes) -> bytes:
    """What counts as one machine: an IPv4 address, an IPv6 /64, in which a machine has as many as it likes."""
    return client[:_IPV6_HOST] if len(client) == 16 and not client.startswith(_MAPPED) else client


def network(client: bytes) -> bytes:
    """What counts as one: the /24 of an IPv4 address, the /56 of an IPv6 one."""
    if len(client) == 16:
        if not client.startswith(_MAPPED):
            return client[:_IPV6_OCTETS]
        client = client[12:]
    return client[:_IPV4_OCTETS]
