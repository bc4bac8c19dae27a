"""EDNS options that say who asks: client subnet (RFC 7871), hardware address, CPE-ID, in the forms of dnsmasq.

Reading only. Whether they are believed is resolver.identity's.
"""

from __future__ import annotations

import base64
import binascii
import struct

from contracts.hit import MAX_CPE_ID, MAX_MAC
from resolver.wire.constants import EDNS_CPE_ID, EDNS_ECS, EDNS_MAC, EDNS_MAC_TEXT

CODES = frozenset((EDNS_ECS, EDNS_MAC, EDNS_MAC_TEXT, EDNS_CPE_ID))
Claims = dict[int, bytes | None]  # code -> data; None where it stands there twice: one of them is not the forwarder's
_ECS = struct.Struct("!HBB")
_OCTETS = {1: 4, 2: 16}  # family -> length of an address
_MAPPED = b"\0" * 10 + b"\xff\xff"
_MAC_TEXT = 17  # 00:11:22:33:44:55
_MAC_BASE64 = 8


def client_of(claims: Claims) -> bytes | None:
    """The one address in the client subnet; None where there is none, or a whole network: that is nobody."""
    data = claims.get(EDNS_ECS)
    if data is None or len(data) < _ECS.size:
        return None
    family, source, scope = _ECS.unpack_from(data)
    address = data[_ECS.size :]
    octets = _OCTETS.get(family)
    if octets is None or source != octets * 8 or scope or len(address) != octets or not any(address):
        return None
    return address[12:] if address.startswith(_MAPPED) else address


def mac_of(claims: Claims) -> bytes:
    """A hardware address: as octets, or as text or base64 of six; empty where there is none."""
    raw = claims.get(EDNS_MAC)
    if raw is not None:
        return raw if 0 < len(raw) <= MAX_MAC else b""
    text = claims.get(EDNS_MAC_TEXT)
    if text is None:
        return b""
    try:
        if len(text) == _MAC_TEXT and text[2::3] in {b":" * 5, b"-" * 5}:
            return bytes(int(text[at : at + 2], 16) for at in range(0, _MAC_TEXT, 3))
        if len(text) == _MAC_BASE64:
            found = base64.b64decode(text, validate=True)
            return found if len(found) == _MAC_BASE64 * 3 // 4 else b""
    except (ValueError, binascii.Error):
        pass
    return b""


def cpe_id_of(claims: Claims) -> str:
    """Any text, cut and without what is no plain character."""
    data = claims.get(EDNS_CPE_ID) or b""
    text = data.decode("utf-8", "replace")[:MAX_CPE_ID]
    return "".join(char if char.isprintable() else "�" for char in text)
