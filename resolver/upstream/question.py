"""One question under way and one way on which answers come: what the exchange keeps of each.

Data only; what happens to them is resolver.upstream.exchange's.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Generic, TypeVar

import msgspec

from resolver.upstream.scope import Scope
from resolver.upstream.server import Server

Key = tuple[bytes, int]  # (lower-case name, type, class; DO, CD and AD bits)
Waiter = TypeVar("Waiter")
REMEMBERED = 512  # IDs of a link, of 65,536: of a hundred guesses one is forgiven


class Question(msgspec.Struct, Generic[Waiter], eq=False):
    """One question under way and everyone who waits for its answer."""

    key: Key
    scope: Scope
    waiters: list[Waiter]  # none where it is asked ahead of any client
    opened: float
    probe: bool = False  # a copy that only shows how a server does: nothing is delivered
    told_late: int | None = None  # how many of the waiters have been told late, None before the time
    tried: list[Server] = []  # one for each try; asking the same server in another way belongs to its try
    # the try under way
    attempt: int = 0  # counts every sending
    server: Server | None = None
    link: Link[Waiter] | None = None  # where its answer is expected
    ident: bytes = b""
    asked: bytes = b""  # name, type and class as sent
    edns: bool = False
    sent: float = 0.0
    # how to go on
    again: bool = False  # the same server once more, in another way
    by_stream: bool = False  # by TCP, though it is a server of datagrams
    avoid: Link[Waiter] | None = None  # another port than this
    plain_for: tuple[Server, ...] = ()  # who could not read it with EDNS
    level_for: tuple[Server, ...] = ()  # who changed the case of its letters
    reopened: bool = False  # the connection was closed under it once already


class Link(Generic[Waiter]):
    """One way on which answers of one server come: a source port, or a connection. IDs are its own."""

    __slots__ = ("answers", "heard", "hung", "opened", "pending", "recent", "server", "stream", "wrong")

    def __init__(self, server: Server, now: float, *, stream: bool = False) -> None:
        self.server = server
        self.opened = now
        self.stream = stream
        self.pending: dict[bytes, Question[Waiter]] = {}
        self.answers = 0
        self.heard = -math.inf
        self.hung = False  # a connection on which nothing comes any more
        self.recent = Recent()  # networks duplicate packets, and answers come late
        self.wrong = 0  # packets with an ID that nobody waits for, beyond those


class Recent:
    """IDs that were free again a short while ago: what comes with them is late or there twice, and no forgery.

    Counting how many such packets may come would let a forger guess that often.
    """

    __slots__ = ("_known", "_order")

    def __init__(self) -> None:
        self._order: deque[bytes] = deque()
        self._known: set[bytes] = set()

    def __contains__(self, ident: bytes) -> bool:
        return ident in self._known

    def add(self, ident: bytes) -> None:
        """This ID is free again; the oldest of too many is forgotten."""
        if ident in self._known:
            return
        self._known.add(ident)
        self._order.append(ident)
        if len(self._order) > REMEMBERED:
            self._known.discard(self._order.popleft())
