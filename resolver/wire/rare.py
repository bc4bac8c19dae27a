"""Octets of records that people wrote down: the one door to dnslib.

Reading and checking lines is contracts.zone_text's. Slow: no packet comes here.
"""

from __future__ import annotations

import binascii
import ipaddress
import struct
from typing import Any

from contracts.zone_text import BadRecord, Record, octets, svc_key
from resolver.wire import reply
from resolver.wire.constants import CLASS_IN, HEADER

_RECORD = struct.Struct("!HHHIH")  # pointer to the owner, type, class, TTL, length
_TO_QUESTION = 0xC000 | HEADER


def encode(record: Record) -> bytes:
    """The data of a record without its length; names in it are whole, so that it may stand anywhere in a message."""
    import dnslib  # noqa: TID251  this is the door; most workers have no local records and need not load it
    from dnslib.buffer import BufferError as Overrun  # noqa: TID251
    from dnslib.label import DNSLabelError  # noqa: TID251

    if not record.kind:
        return binascii.unhexlify(record.words[0])
    try:
        buffer = dnslib.DNSBuffer()
        buffer.encode_name = buffer.encode_name_nocompress
        _made(dnslib, record).pack(buffer)
    except (dnslib.DNSError, DNSLabelError, Overrun, ValueError, struct.error) as error:
        raise BadRecord(f"{record.kind} data that dnslib cannot encode: {error}") from error
    return bytes(buffer.data)


def _made(dnslib: Any, record: Record) -> Any:
    """The data as dnslib's own class. Its `fromZone` is used where it takes every good word, as tests show."""
    words = list(record.words)
    if record.kind == "TXT":  # fromZone knows no octets above 127
        return dnslib.TXT([octets(word) for word in words])
    if record.kind in {"SVCB", "HTTPS"}:  # RFC 9460 section 2.2: keys in ascending order; two names dnslib has not
        words[2:] = [_numbered(word) for word in sorted(words[2:], key=svc_key)]
        words[1] = words[1].removesuffix(".") + "."
        return dnslib.HTTPS.fromZone(words)
    if record.kind == "AAAA":
        words = [ipaddress.IPv6Address(words[0]).exploded]
    if record.kind in {"NAPTR", "CAA"}:
        words = [octets(word).decode("ascii") for word in words]
    return dnslib.RDMAP[record.kind].fromZone(words)


def _numbered(word: str) -> str:
    return "key7" + word.removeprefix("dohpath") if word.startswith("dohpath=") else word


def answer(qtype: int, ttl: int, data: list[bytes]) -> reply.Records:
    """Records of one type for the name that was asked."""
    heads = [_RECORD.pack(_TO_QUESTION, qtype, CLASS_IN, ttl, len(one)) + one for one in data]
    return reply.Records(b"".join(heads), len(data), 0)
