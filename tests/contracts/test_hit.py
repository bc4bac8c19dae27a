"""Hit frames: one table of messages, fed whole, byte by byte, glued together, with junk behind."""

from __future__ import annotations

import contextlib
import struct

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.hit import (
    MAX_FRAME,
    Ack,
    BadFrame,
    Batch,
    Claim,
    FrameReader,
    Hello,
    HitFacts,
    frame,
    pack_claim,
    pack_facts,
    unpack_claim,
    unpack_facts,
)

FACTS = HitFacts(
    "x.evil.example", 1, "udp", "sinkhole", "127.53.1.2", "evil.example", True, "c2", "emotet", "letter-7", 3, 12,
    "demo-2026", "7/CV-Sở", "", 4,
)  # fmt: skip
MESSAGES = [
    Hello("node1", 0, "00112233445566aa"),
    Batch(1, 0, []),
    Batch(2, 70, [(b"\x7f\x0a\0\5", b"claim", 1_790_000_000, 64, pack_facts(FACTS)), (b"\0" * 16, b"", 0, 1, b"")]),
    Ack(2),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_frame_comes_back_whole_and_byte_by_byte(message):
    sent = frame(message)
    assert FrameReader().feed(sent) == [message]
    reader = FrameReader()
    found = [one for at in range(len(sent)) for one in reader.feed(sent[at : at + 1])]
    assert found == [message]


@given(st.lists(st.integers(1, 90), max_size=30))
def test_frames_may_be_cut_anywhere(sizes):
    stream = b"".join(map(frame, MESSAGES * 3))
    reader, found, at = FrameReader(), [], 0
    for size in [*sizes, len(stream)]:
        found += reader.feed(stream[at : at + size])
        at += size
    assert found == MESSAGES * 3


def test_hostile_text_in_facts_comes_back():
    facts = msgspec.structs.replace(FACTS, qname="\\000\u202e\x1b[2J", family="a'; DROP TABLE hits; --\0")
    assert unpack_facts(pack_facts(facts)) == facts
    assert unpack_facts(pack_facts(FACTS)) == FACTS


@pytest.mark.parametrize(
    "bad",
    [
        struct.pack("!I", MAX_FRAME + 1),
        struct.pack("!I", 3) + b"\xc1\xc1\xc1",
        struct.pack("!I", 0),
        frame(MESSAGES[0])[:4] + b"\x90" * (len(frame(MESSAGES[0])) - 4),
        struct.pack("!I", 7) + msgspec.msgpack.encode(["ack", "1"]),
        struct.pack("!I", 7) + msgspec.msgpack.encode(["ack", 1]) + b"\0",
    ],
)
def test_what_is_no_frame_is_refused(bad):
    with pytest.raises(BadFrame):
        FrameReader().feed(bad)


@pytest.mark.parametrize("text", [b"\xff", b"\xc3\x28", b"\xed\xa0\x80"])
def test_text_that_is_no_utf_8_is_refused(text):
    """msgspec tells it by an error of its own kind."""
    packed = pack_facts(FACTS).replace(FACTS.family.encode(), text.ljust(len(FACTS.family.encode()), b"x"))
    with pytest.raises(BadFrame):
        unpack_facts(packed)
    hello = frame(Hello("node", 0, "0" * 16)).replace(b"node", text.ljust(4, b"x"))
    with pytest.raises(BadFrame):
        FrameReader().feed(hello)


@given(st.binary(max_size=300))
def test_any_bytes_give_messages_or_the_one_error(data):
    with contextlib.suppress(BadFrame):
        FrameReader().feed(data)
    with contextlib.suppress(BadFrame):
        unpack_facts(data)
    with contextlib.suppress(BadFrame):
        unpack_claim(data)


def test_what_was_good_before_a_bad_frame_is_not_repeated():
    reader = FrameReader()
    assert reader.feed(frame(Ack(1))) == [Ack(1)]
    with pytest.raises(BadFrame):
        reader.feed(struct.pack("!I", 1) + b"\xc1")


def test_a_claim_comes_back():
    for claim in (Claim(b"\x0a\0\0\1"), Claim(b"\0" * 16, "ecs", b"\0\1\2\3\4\5", "Phòng 12 \x1b[2J")):
        assert unpack_claim(pack_claim(claim)) == claim


@pytest.mark.parametrize(
    "claim",
    [
        Claim(b""), Claim(b"\0" * 5), Claim(b"\0" * 4, "xff"), Claim(b"\0" * 4, "", b"\0" * 21),
        Claim(b"\0" * 4, "", b"", "x" * 65),
    ],
)  # fmt: skip
def test_a_claim_without_sense_is_refused(claim):
    with pytest.raises(BadFrame):
        unpack_claim(pack_claim(claim))
