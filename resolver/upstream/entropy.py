"""What a forger must guess beside the source port: message IDs and the case of letters, drawn from the system in bulk.

Ports are resolver.net.sockets'; whether an answer fits is resolver.upstream.exchange's.
"""

from __future__ import annotations

import os

_BULK = 8192
_CASE_BIT = bytes(0x20 if 0x61 <= octet <= 0x7A else 0 for octet in range(256))


class Entropy:
    """Unpredictable octets (RFC 5452 section 9.2)."""

    __slots__ = ("_at", "_pool")

    def __init__(self) -> None:
        self._pool = b""
        self._at = 0

    def _draw(self, count: int) -> bytes:
        at = self._at
        if at + count > len(self._pool):
            self._pool = os.urandom(_BULK)
            at = 0
        self._at = at + count
        return self._pool[at : at + count]

    def ident(self) -> bytes:
        """A message ID."""
        return self._draw(2)

    def mixed(self, name: bytes) -> bytes:
        """A lower-case wire name with each letter in a case by chance (draft-vixie-dnsext-dns0x20)."""
        size = len(name)
        letters = int.from_bytes(name.translate(_CASE_BIT), "big")
        chance = int.from_bytes(self._draw(size), "big")
        return (int.from_bytes(name, "big") ^ (letters & chance)).to_bytes(size, "big")
