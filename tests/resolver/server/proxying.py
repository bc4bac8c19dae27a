"""PROXY headers as a proxy writes them, by haproxy's text and not by our reader.

No tests here.
"""

from __future__ import annotations

import ipaddress
import struct

SIGNATURE = b"\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a"


def raw(version_command, family_protocol, rest):
    """A header of these parts, whatever they are."""
    return SIGNATURE + struct.pack("!BBH", version_command, family_protocol, len(rest)) + rest


def header(client, *, server="127.0.0.1", stream=False, more=b""):
    """For `client`; None: for the proxy itself. `more` are TLVs."""
    if client is None:
        return raw(0x20, 0x00, more)
    address = ipaddress.ip_address(client)
    if address.version == 6 and ":" not in server:
        server = "::1"
    family = 0x10 if address.version == 4 else 0x20
    ports = struct.pack("!HH", 5353, 53)
    return raw(0x21, family | (1 if stream else 2), address.packed + ipaddress.ip_address(server).packed + ports + more)
