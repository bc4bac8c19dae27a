"""Names between text, wire form and search key; dnspython is the second opinion."""

from __future__ import annotations

import dns.exception
import dns.name
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import names

LABEL = st.binary(min_size=1, max_size=63).map(bytes.lower)
WIRE = (
    st.lists(LABEL, max_size=8)
    .map(lambda labels: b"".join(bytes((len(label),)) + label for label in labels) + b"\0")
    .filter(lambda wire: len(wire) <= names.MAX_WIRE)
)


@pytest.mark.parametrize(
    ("text", "wire"),
    [
        ("", b"\0"),
        (".", b"\0"),
        ("com", b"\3com\0"),
        ("Example.COM.", b"\7example\3com\0"),
        ("xn--ngha-yna.vn", b"\x0cxn--ngha-yna\2vn\0"),
        ("_dmarc.example", b"\6_dmarc\7example\0"),
        (r"a\.b.example", b"\3a.b\7example\0"),
        (r"\000\255.example", b"\2\0\xff\7example\0"),
        ("a" * 63 + ".b", b"\x3f" + b"a" * 63 + b"\1b\0"),
    ],
)
def test_text_to_wire(text, wire):
    assert names.to_wire(text) == wire


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a..b", "an empty label"),
        (".a", "an empty label"),
        ("..", "an empty label"),
        ("a" * 64, "a label longer than 63 octets"),
        (".".join(["a" * 63] * 4), "longer than 255 octets"),
        ("nghĩa.vn", "a letter outside ASCII"),
        (r"nghĩa\.vn", "a letter outside printable ASCII"),
        (r"\256.vn", "is no octet"),
        ("vn\\", "a lone backslash"),
    ],
)
def test_what_is_no_name_is_told_why(text, why):
    with pytest.raises(names.BadName, match=why.replace("\\", r"\\")):
        names.to_wire(text)


@given(WIRE)
def test_any_wire_name_survives_text(wire):
    assert names.to_wire(names.to_text(wire)) == wire


@given(WIRE)
def test_dnspython_reads_our_text_as_the_same_name(wire):
    assert dns.name.from_text(names.to_text(wire)).to_wire() == wire


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=80))
def test_we_and_dnspython_take_the_same_texts(text):
    try:
        theirs = dns.name.from_text(text).canonicalize().to_wire()
    except (dns.exception.DNSException, ValueError):
        theirs = None
    try:
        ours = names.to_wire(text)
    except names.BadName:
        ours = None
    if text in {"@", "", "."} or '"' in text:
        return  # `@` and the empty text mean the origin in a zone file; to us they are a label and the root
    assert ours == theirs


@given(WIRE)
def test_search_keys_come_back(wire):
    assert names.from_search_key(names.search_key(wire)) == wire


@given(WIRE, WIRE)
def test_a_key_is_a_prefix_exactly_of_its_childrens_keys(parent, child):
    is_parent = parent == b"\0" or parent in set(names.parents(child))
    assert names.search_key(child).startswith(names.search_key(parent)) == is_parent


def test_parents_go_up_to_the_top_label():
    wire = names.to_wire("a.b.example")
    assert [names.to_text(one) for one in names.parents(wire)] == ["a.b.example", "b.example", "example"]
    assert list(names.parents(b"\0")) == []
