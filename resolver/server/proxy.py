"""Reads the header of the PROXY protocol, version 2 (haproxy's proxy-protocol.txt, section 2.2): whom a proxy asks for.

Bytes only: who may send one is resolver.policy.clients', what comes behind it is the servers'.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from contracts.hit import Transport

MAX_HEADER = 536  # octets with all TLVs: what the protocol promises to fit into any first segment
_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_FIXED = struct.Struct("!12sBBH")
_VERSION = 2
_LOCAL, _PROXY = 0, 1
_ADDRESSES = {1: 4, 2: 16}  # family -> octets of an address; others have no address that could ask
_STREAM, _DATAGRAM = 1, 2
_PORTS = 4
_MAPPED = b"\0" * 10 + b"\xff\xff"


class BadHeader(Exception):
    """These octets do not begin with a header that can be used."""


class Header(NamedTuple):
    """`client` is a packed address; None where the proxy asks for itself (a health check). `size` octets are read.

    `stream`: the client speaks to the proxy by a connection, so that its address is no mere assertion.
    """

    client: bytes | None
    stream: bool
    size: int

    @property
    def transport(self) -> Transport | None:
        """By what the client speaks to the proxy; None where that asks for itself."""
        if self.client is None:
            return None
        return "tcp" if self.stream else "udp"


def read_header(data: bytes) -> Header | None:
    """The header that `data` begins with; None where more octets are needed; BadHeader where none can come of them."""
    if len(data) < _FIXED.size:
        if data[: len(_SIGNATURE)] != _SIGNATURE[: len(data)]:
            raise BadHeader
        return None
    signature, kind, family, length = _FIXED.unpack_from(data)
    size = _FIXED.size + length
    if signature != _SIGNATURE or kind >> 4 != _VERSION or size > MAX_HEADER:
        raise BadHeader
    if len(data) < size:
        return None
    command, protocol = kind & 0xF, family & 0xF
    if command == _LOCAL:
        return Header(None, True, size)
    octets = _ADDRESSES.get(family >> 4)
    if command != _PROXY or octets is None or protocol not in {_STREAM, _DATAGRAM} or length < 2 * octets + _PORTS:
        raise BadHeader
    client = data[_FIXED.size : _FIXED.size + octets]
    if client.startswith(_MAPPED) and octets == 16:
        client = client[len(_MAPPED) :]
    return Header(client, protocol == _STREAM, size)
