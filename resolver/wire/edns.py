"""The OPT record (RFC 6891): reads options of clients and upstreams, writes the record of our answers and questions.

Where the record stands in a packet is resolver.wire.query's; what an option brings about is resolver.options'.
"""

from __future__ import annotations

import functools
import struct

from resolver.wire.claims import CODES, Claims
from resolver.wire.constants import DO, EDNS_COOKIE, EDNS_EDE, EDNS_KEEPALIVE, TYPE_OPT

_OPT = struct.Struct("!BHHBBHH")
_OPTION = struct.Struct("!HHH")
_CODE = 2  # octets of an extended error before its text
_HEAD = struct.Struct("!HH")
_LENGTH = struct.Struct("!H")
_LENGTH_AT = _OPT.size - _LENGTH.size
_LONGEST_TEXT = 100  # octets of the text of an extended error: all of an error without records fits 512 octets


class BadOptions(Exception):
    """An option that runs over the end of the record, or octets that are none."""


def read_options(data: bytes) -> tuple[bytes | None, bytes | None, Claims | None]:
    """What stands in COOKIE and in keepalive, and what says who asks; None where they are not there.

    Others are stepped over (section 6.1.2). Of several cookies or keepalives the first counts (RFC 7873 section 5.2).
    """
    cookie = keepalive = None
    claims: Claims | None = None
    at, limit = 0, len(data)
    while at < limit:
        if at + _HEAD.size > limit:
            raise BadOptions
        code, length = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        end = at + length
        if end > limit:
            raise BadOptions
        if code == EDNS_COOKIE and cookie is None:
            cookie = data[at:end]
        elif code == EDNS_KEEPALIVE and keepalive is None:
            keepalive = data[at:end]
        elif code in CODES:
            claims = claims or {}
            claims[code] = data[at:end] if code not in claims else None
        at = end
    return cookie, keepalive, claims


def extended_error(data: bytes) -> bytes:
    """The first extended error in an upstream's options, as the option that clients get; empty where none can be read.

    RFC 8914 section 3: who gets it takes it for ours, so its text says whose it is. What is no plain line is dropped.
    """
    at, limit = 0, len(data)
    while at + _HEAD.size <= limit:
        code, length = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        end = at + length
        if code == EDNS_EDE and length >= _CODE and end <= limit:
            text = _plain(data[at + _CODE : end])
            return option(EDNS_EDE, data[at : at + _CODE] + _cut(f"upstream: {text}" if text else "upstream"))
        at = end
    return b""


def _plain(text: bytes) -> str:
    try:
        read = text.removesuffix(b"\0").decode()
    except UnicodeDecodeError:
        return ""
    return read if read.isprintable() else ""  # no control characters, none that turn the direction of reading


def _cut(text: str) -> bytes:
    """Between letters: RFC 8914 wants UTF-8."""
    return text.encode()[:_LONGEST_TEXT].decode(errors="ignore").encode()


def option(code: int, data: bytes) -> bytes:
    """One option as it stands in an OPT record."""
    return _HEAD.pack(code, len(data)) + data


@functools.lru_cache(maxsize=1024)
def opt(payload: int, do: bool, high_rcode: int = 0, ede: int | None = None, text: str = "") -> bytes:
    """An OPT record. `payload` is what we can take by UDP, `high_rcode` the upper eight bits of a 12-bit rcode."""
    options = b""
    if ede is not None:
        extra = _cut(text)
        options = _OPTION.pack(EDNS_EDE, 2 + len(extra), ede) + extra
    return _OPT.pack(0, TYPE_OPT, payload, high_rcode, 0, DO if do else 0, len(options)) + options


def with_options(record: bytes, options: bytes) -> bytes:
    """An OPT record of ours with more options: what belongs to one client stays out of the table of `opt`."""
    length = len(record) - _OPT.size + len(options)
    return b"".join((record[:_LENGTH_AT], _LENGTH.pack(length), record[_OPT.size :], options))
