"""Who holds a place among the TCP connections of a worker, the longest idle one first; who makes place for whom.

No sockets: connections are only compared and asked whether they are busy. resolver.server.tcp ends those that lose.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, Protocol, TypeVar


class Holder(Protocol):
    """A connection."""

    @property
    def busy(self) -> bool:
        """Whether questions of it are still to be answered."""


H = TypeVar("H", bound=Holder)
_Order = dict[H, bytes]  # holder -> client, the longest idle first: a dict keeps the order in which keys came


class Places(Generic[H]):
    """`limit` in all, `per_client` for each address. A stranger never takes the place of an insider."""

    def __init__(self, limit: int, per_client: int) -> None:
        self._limit = limit
        self._per_client = per_client
        self._insiders: _Order[H] = {}
        self._strangers: _Order[H] = {}
        self._of: dict[bytes, _Order[H]] = {}

    def __len__(self) -> int:
        return len(self._insiders) + len(self._strangers)

    def status(self) -> dict[str, int]:
        """For `sinkhole status`: how many there are, and whose."""
        return {"limit": self._limit, "insiders": len(self._insiders), "strangers": len(self._strangers)}

    @property
    def taken(self) -> float:
        """The share of places that are taken: 0 to 1."""
        return len(self) / self._limit

    def holders(self) -> list[H]:
        """All of them."""
        return [*self._insiders, *self._strangers]

    def enter(self, holder: H, client: bytes, *, stranger: bool) -> tuple[bool, H | None]:
        """Whether it got a place, and who has lost one to it.

        At its own cap an address gives up what it does not use; with all in use the new one must wait outside. At the
        cap of all, an insider takes a stranger's place first; then an idle one's; then that of the longest silent.
        """
        loser: H | None = None
        own = self._of.get(client, {})
        if len(own) >= self._per_client:
            loser = _idle(own)
            if loser is None:
                return False, None
        elif len(self) >= self._limit:
            if stranger:
                return False, None
            loser = next(iter(self._strangers), None) or _idle(self._insiders) or next(iter(self._insiders))
        if loser is not None:
            self.leave(loser)
        (self._strangers if stranger else self._insiders)[holder] = client
        self._of.setdefault(client, {})[holder] = client
        return True, loser

    def active(self, holder: H) -> None:
        """It asked something, or was answered: now it is the one that was idle for the shortest time."""
        for order in (self._insiders, self._strangers):
            client = order.pop(holder, None)
            if client is not None:
                order[holder] = client
                own = self._of[client]
                own[holder] = own.pop(holder)

    def leave(self, holder: H) -> None:
        """It is gone, if it had a place at all."""
        client = self._insiders.pop(holder, None) or self._strangers.pop(holder, None)
        if client is None:
            return
        own = self._of[client]
        del own[holder]
        if not own:
            del self._of[client]


def _idle(order: Iterable[H]) -> H | None:
    return next((holder for holder in order if not holder.busy), None)
