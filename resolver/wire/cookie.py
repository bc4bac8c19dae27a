"""Server cookies (RFC 7873, in the form of RFC 9018): made from a secret, and checked for whom and when they were made.

No secrets are kept here and no clock is read: that is resolver.cookies.
"""

from __future__ import annotations

import hashlib
import hmac
import struct

CLIENT = 8  # octets of a client cookie
FULL = 24  # of a client cookie with a server cookie of ours behind it
MAX_AGE = 3600  # seconds: RFC 9018 section 4.3
MAX_AHEAD = 300  # clocks of two servers with one secret may differ
RENEW_AGE = 1800
_VERSION = b"\1\0\0\0"  # and three reserved octets
_TIME = struct.Struct("!I")
_HASH = 8
_MAPPED = b"\0" * 10 + b"\xff\xff"


def well_formed(cookie: bytes) -> bool:
    """Whether its length is one that RFC 7873 section 4 knows; its server part may be another server's."""
    return len(cookie) == CLIENT or 16 <= len(cookie) <= 40


def make(secret: bytes, cookie: bytes, client: bytes, second: int) -> bytes:
    """The full cookie for who sent this (client) cookie from the packed address `client`, made in this Unix second."""
    made = cookie[:CLIENT] + _VERSION + _TIME.pack(second & 0xFFFFFFFF)
    return made + _hash(secret, made, client)


def age(secret: bytes, cookie: bytes, client: bytes, second: int) -> int | None:
    """How many seconds ago we made this full cookie for this client; None where we did not, or too long ago."""
    if len(cookie) != FULL or cookie[CLIENT : CLIENT + 4] != _VERSION:
        return None
    (made,) = _TIME.unpack_from(cookie, CLIENT + 4)
    old = (second - made) & 0xFFFFFFFF
    if old >= 0x80000000:  # RFC 1982: 32 bits of time go round in 2106
        old -= 0x100000000
    if not -MAX_AHEAD <= old <= MAX_AGE:
        return None
    return old if hmac.compare_digest(cookie[-_HASH:], _hash(secret, cookie[:-_HASH], client)) else None


def _hash(secret: bytes, made: bytes, client: bytes) -> bytes:
    """RFC 9018 section 4.4, with keyed BLAKE2s where it has SipHash, which Python does not offer."""
    if client.startswith(_MAPPED) and len(client) == 16:
        client = client[12:]  # one machine, whether it asks our IPv4 socket or one that takes both
    return hashlib.blake2s(made + client, key=secret, digest_size=_HASH).digest()
