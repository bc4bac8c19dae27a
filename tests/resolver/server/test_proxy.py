"""The PROXY header: what haproxy's text says, cut anywhere, with anything in it; and nothing else is taken for one."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from resolver.server.proxy import MAX_HEADER, BadHeader, Header, read_header
from tests.resolver.server.proxying import SIGNATURE, header, raw

CLIENT = "127.10.0.5"


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        (header(CLIENT), Header(b"\x7f\x0a\0\5", False, 28)),
        (header(CLIENT, stream=True), Header(b"\x7f\x0a\0\5", True, 28)),
        (header("fd00:10::5"), Header(bytes.fromhex("fd000010" + "0" * 23 + "5"), False, 52)),
        (header("::ffff:127.10.0.5"), Header(b"\x7f\x0a\0\5", False, 52)),
        (header(CLIENT, more=b"\x04\0\x01x" * 20), Header(b"\x7f\x0a\0\5", False, 28 + 80)),
        (header(CLIENT, more=bytes(MAX_HEADER - 28)), Header(b"\x7f\x0a\0\5", False, MAX_HEADER)),
        (header(None), Header(None, True, 16)),
        (raw(0x20, 0x11, bytes(12)), Header(None, True, 28)),
        (raw(0x20, 0xFF, b"anything"), Header(None, True, 24)),
    ],
)
def test_headers_alone_and_with_octets_behind(sent, found):
    assert read_header(sent) == read_header(sent + b"question") == found


@pytest.mark.parametrize(
    "sent",
    [
        header(CLIENT, more=bytes(MAX_HEADER - 27)),
        raw(0x21, 0x11, bytes(65535)),
        raw(0x11, 0x11, bytes(12)),
        raw(0x22, 0x11, bytes(12)),
        raw(0x21, 0x00, b""),
        raw(0x21, 0x31, bytes(216)),
        raw(0x21, 0x10, bytes(12)),
        raw(0x21, 0x13, bytes(12)),
        raw(0x21, 0x11, bytes(11)),
        raw(0x21, 0x21, bytes(12)),
        SIGNATURE[:-1] + b"\0" + raw(0x21, 0x11, bytes(12))[12:],
        b"PROXY TCP4 127.10.0.5 127.0.0.1 5353 53\r\n",
        b"\0\0\1\0\0\1\0\0\0\0\0\0\3www",
    ],
    ids=["over the bound", "the longest", "version 1", "unknown command", "nobody", "Unix socket", "no protocol",
         "unknown protocol", "IPv4 too short", "IPv6 too short", "signature", "text", "a question"],
)  # fmt: skip
def test_what_is_no_header_is_refused(sent):
    with pytest.raises(BadHeader):
        read_header(sent)


@pytest.mark.parametrize("sent", [header(CLIENT, more=b"tlv"), header("fd00::5"), header(None)])
def test_a_part_of_a_header_is_waited_for(sent):
    for at in range(len(sent)):
        assert read_header(sent[:at]) is None
    assert read_header(sent) is not None


@given(st.binary(max_size=700))
@example(SIGNATURE)
def test_any_octets_are_a_header_a_part_of_one_or_refused(data):
    for given_ in (data, SIGNATURE + data):
        with contextlib.suppress(BadHeader):
            found = read_header(given_)
            if found is None:
                assert len(given_) < MAX_HEADER
            else:
                assert 16 <= found.size <= min(len(given_), MAX_HEADER)
                assert found.client is None or len(found.client) in {4, 16}


@given(st.data())
def test_a_stream_means_the_same_however_it_is_cut(data):
    """What was refused or waited for stays so; what is whole stays what it was."""
    sent = bytearray(
        header(data.draw(st.sampled_from([CLIENT, "fd00::5", None])), more=data.draw(st.binary(max_size=60)))
    )
    if data.draw(st.booleans()):
        sent[data.draw(st.integers(0, len(sent) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    whole = bytes(sent) + b"question"
    told = None
    for at in range(len(whole) + 1):
        try:
            now = read_header(whole[:at])
        except BadHeader:
            now = BadHeader
        if told is not None:
            assert now == told
        told = now


@pytest.mark.parametrize(
    ("sent", "transport"),
    [(header(CLIENT), "udp"), (header(CLIENT, stream=True), "tcp"), (header(None), None), (raw(0x20, 0x12, b""), None)],
)
def test_by_what_the_client_came(sent, transport):
    assert read_header(sent).transport == transport
