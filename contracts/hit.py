"""One hit on its way from a worker to the recorder: fields, pack, unpack, and the frames of the stream between them.

No sockets and no SQL: resolver.hits sends, casework.recorder stores. Facts travel as text, so that the ledger stays
readable when lists and campaigns are gone.

The stream: the worker sends Hello, the recorder answers Ack with the last batch of this boot that it has committed; the
worker then sends every later batch, in order, and forgets a batch when its number is acknowledged, never before.
"""

from __future__ import annotations

import struct
from typing import Literal

import msgspec

from contracts import record_types

Action = Literal["sinkhole", "nodata", "nxdomain", "drop", "tcp-only", "alias", "local", "passthru", "monitor"]
Transport = Literal["udp", "tcp"]
# What the indicator was found in: the name asked, a name that it is an alias of, an address answered, the client's own.
Step = Literal["name", "alias", "answer", "client"]
How = Literal["", "proxy", "ecs"]

MAX_FRAME = 1 << 22
MAX_MAC = 20  # octets: the longest hardware address there is (InfiniBand)
MAX_CPE_ID = 64  # characters
_LENGTH = struct.Struct("!I")


class HitFacts(msgspec.Struct, frozen=True, array_like=True):
    """What was asked, what matched, what was answered: all of a hit but who and when. Equal facts are packed once."""

    qname: str  # as asked, lower case
    qtype: int
    transport: Transport
    action: Action
    address: str  # the sinkhole address given, "" where none was
    indicator: str  # the listed name or network
    subdomains: bool  # listed with its subdomains
    kind: str
    family: str
    list: str
    version: int
    line: int
    campaign: str
    letter: str
    source: str
    serial: int  # policy serial
    step: Step = "name"
    verified: bool = False  # the client has shown that it reads what is sent to its address: by TCP, or a cookie


def summary(facts: HitFacts) -> HitFacts:
    """The facts of a row that only counts: `*.<indicator>` for any name below it, `*` where no name was listed.

    Types that have no name are 0, so that nobody makes 65,536 kinds of rows.
    """
    qname = facts.qname
    if facts.step != "name":
        qname = "*"
    elif qname != facts.indicator:
        qname = f"*.{facts.indicator.removeprefix('*.')}"
    qtype = facts.qtype if facts.qtype in record_types.NAMES else 0
    if (qname, qtype) == (facts.qname, facts.qtype):
        return facts
    return msgspec.structs.replace(facts, qname=qname, qtype=qtype)


class Claim(msgspec.Struct, frozen=True, array_like=True):
    """Who the client is, in the words of another: a listed proxy or a registered forwarder, at the address `via`.

    `how` it named the client: in a PROXY header, by ECS, or not at all ("": then the client is `via` itself). A device
    may be named beside the client: by its hardware address, or by any text (CPE-ID).
    """

    via: bytes  # packed address
    how: How = ""
    mac: bytes = b""
    cpe_id: str = ""


# (client address packed, packed Claim or nothing, UTC second, count, packed HitFacts)
HitRow = tuple[bytes, bytes, int, int, bytes]


class Hello(msgspec.Struct, frozen=True, array_like=True, tag="hello"):
    """First frame of a connection. A boot is one life of a worker process: 16 hexadecimal digits."""

    node: str
    worker: int
    boot: str


class Batch(msgspec.Struct, frozen=True, array_like=True, tag="batch"):
    """Numbered from 1 within a boot, without gaps. `made` counts all queries this boot folded into hits so far."""

    number: int
    made: int
    rows: list[HitRow]


class Ack(msgspec.Struct, frozen=True, array_like=True, tag="ack"):
    """Everything up to and with this batch number is committed."""

    number: int


Message = Hello | Batch | Ack

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Message)
_facts_decoder = msgspec.msgpack.Decoder(HitFacts)
_claim_decoder = msgspec.msgpack.Decoder(Claim)


class BadFrame(ValueError):
    """The peer sent something that is no frame of this protocol."""


def pack_facts(facts: HitFacts) -> bytes:
    """The bytes that a HitRow carries."""
    return _encoder.encode(facts)


def unpack_facts(packed: bytes) -> HitFacts:
    """Raise BadFrame when the bytes are no facts."""
    try:
        return _facts_decoder.decode(packed)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:  # the second: text that is no UTF-8
        raise BadFrame(str(error)) from error


def pack_claim(claim: Claim) -> bytes:
    """The bytes that a HitRow carries."""
    return _encoder.encode(claim)


def unpack_claim(packed: bytes) -> Claim:
    """Raise BadFrame when the bytes are no claim, or one that makes no sense."""
    try:
        claim = _claim_decoder.decode(packed)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadFrame(str(error)) from error
    if len(claim.via) not in {4, 16} or len(claim.mac) > MAX_MAC or len(claim.cpe_id) > MAX_CPE_ID:
        raise BadFrame("a claim with parts of impossible lengths")
    return claim


def frame(message: Message) -> bytes:
    """Length-prefixed bytes of one message."""
    body = _encoder.encode(message)
    return _LENGTH.pack(len(body)) + body


class FrameReader:
    """Feed bytes as they come, take messages as they get whole."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """Return the messages that `data` completes, raise BadFrame on the first that cannot be understood."""
        self._buffer += data
        found = list[Message]()
        at = 0
        while len(self._buffer) - at >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer, at)
            if length > MAX_FRAME:
                raise BadFrame(f"a frame of {length} octets")
            end = at + _LENGTH.size + length
            if len(self._buffer) < end:
                break
            try:
                found.append(_decoder.decode(memoryview(self._buffer)[at + _LENGTH.size : end]))
            except (msgspec.DecodeError, UnicodeDecodeError) as error:  # the second: text that is no UTF-8
                raise BadFrame(str(error)) from error
            at = end
        del self._buffer[:at]
        return found
