"""Plain questions, read and told to come by TCP with as little work as can be: for floods (resolver.throttle).

Only what a stub resolver sends: one question, perhaps an OPT record without options. All else is resolver.wire.query's,
and what is read here is read there just so.
"""

from __future__ import annotations

from resolver.wire import edns
from resolver.wire.constants import EMPTY_OPT, HEADER
from resolver.wire.query import MAX_NAME, NO_QUESTION

_NOT_PLAIN = 0xF8  # of the first octet of flags: QR and the opcode
_COUNTS = (b"\0\1\0\0\0\0\0\0", b"\0\1\0\0\0\0\0\1")  # a question; and one additional record
_OPT_START = b"\0\0\x29"  # owner and type
_NO_QUESTION = frozenset(number.to_bytes(2, "big") for number in NO_QUESTION)
_QR_TC, _RD = 0x82, 0x01  # of the first octet of flags
_RA, _CD = 0x80, 0x10  # of the second
_DO = 0x80


def plain(packet: bytes) -> int:
    """Where the question of a plain query ends; 0 for any other packet."""
    limit = len(packet)
    if limit < HEADER or packet[2] & _NOT_PLAIN:
        return 0
    at = HEADER
    while at < limit and (size := packet[at]):
        if size > 63:
            return 0
        at += size + 1
    end = at + 5
    if end > limit or at - HEADER >= MAX_NAME or packet[at + 1 : at + 3] in _NO_QUESTION:
        return 0
    counts = packet[4:HEADER]
    if end == limit:
        return end if counts == _COUNTS[0] else 0
    if end + EMPTY_OPT != limit or counts != _COUNTS[1] or packet[end : end + 3] != _OPT_START:
        return 0
    return 0 if packet[end + 6] or packet[-2:] != b"\0\0" else end  # another version of EDNS, options


def truncated(packet: bytes, end: int, payload: int) -> bytes:
    """What stands behind the ID of an answer that says: come by TCP. `payload` is the UDP size that we announce."""
    flags = bytes((_QR_TC | (packet[2] & _RD), _RA | (packet[3] & _CD)))
    if end == len(packet):
        return flags + packet[4:]
    return flags + packet[4:end] + edns.opt(payload, bool(packet[end + 7] & _DO))
