"""Lines out of octets: ends, limits, encodings."""

from __future__ import annotations

import io

from blocklists.formats.lines import MAX_LINE, decoded, raw_lines
from blocklists.indicator import BadLine


def test_line_ends_of_all_systems():
    assert [text.strip() for _, text in decoded(raw_lines(io.BytesIO(b"a\r\nb\nc")))] == ["a", "b", "c"]


def test_a_byte_order_mark_counts_only_at_the_start():
    assert list(decoded([b"\xef\xbb\xbfa", b"\xef\xbb\xbfb"])) == [(1, "a"), (2, "\ufeffb")]


def test_octets_that_are_no_utf8_are_told_with_their_line():
    found = list(decoded([b"good\n", b"b\xffad\n", b"good\n"]))
    assert found[1] == BadLine(2, "b\\xffad", "not UTF-8 text (octet 2)")
    assert found[2] == (3, "good\n")


def test_an_endless_line_is_cut_and_the_next_one_found():
    lines = list(raw_lines(io.BytesIO(b"x" * (3 * MAX_LINE + 5) + b"\nnext\n")))
    assert lines == [b"x" * MAX_LINE, b"next\n"]
