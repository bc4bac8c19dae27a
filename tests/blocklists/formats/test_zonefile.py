"""Lines of a zone file become entries."""

from __future__ import annotations

import io
import time

import pytest

from blocklists.formats.lines import MAX_LINE, raw_lines
from blocklists.formats.zonefile import MAX_JOINED, Entry, Malformed, Reader, Record, record, seconds
from blocklists.indicator import BadLine


def read(content: str | bytes) -> list[Entry | BadLine]:
    """All entries and bad lines."""
    raw = content.encode() if isinstance(content, str) else content
    reader = Reader(raw_lines(io.BytesIO(raw)))
    found = (item if isinstance(item, BadLine) else reader.entry(*item) for item in reader)
    return [one for one in found if one is not None]


def words(content: str | bytes) -> list[tuple[str, ...]]:
    return [one.words for one in read(content) if isinstance(one, Entry)]


def reasons(content: str | bytes) -> list[tuple[int, str]]:
    return [(one.line, one.reason) for one in read(content) if isinstance(one, BadLine)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a CNAME .", ("a", "CNAME", ".")),
        ("a\tCNAME\t.\r\n", ("a", "CNAME", ".")),
        ("a CNAME . ; a (comment \"", ("a", "CNAME", ".")),
        ("a TXT \"x ; ( y\" z", ("a", "TXT", '"x ; ( y"', "z")),
        ("a\\;b\\(\\\"c\\032d CNAME .", ("a\\;b\\(\\\"c\\032d", "CNAME", ".")),
        ("a HTTPS 1 . alpn=\"h2,h3\"", ("a", "HTTPS", "1", ".", 'alpn="h2,h3"')),
        ("a (SOA) b", ("a", "SOA", "b")),
        ("a ( SOA ; one\n( b\n) c ; two\n ) d\n", ("a", "SOA", "b", "c", "d")),
    ],
)  # fmt: skip
def test_words(text, expected):
    assert words(text) == [expected]


def test_entries_know_their_line_and_whether_an_owner_is_missing():
    found = read("\ufeff; head\n\na CNAME .\n A 192.0.2.1\n\tTXT (\n x\n)\nb A 192.0.2.1\n")
    assert [(one.line, one.indented) for one in found] == [(3, False), (4, True), (5, True), (8, False)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('a TXT "open\nb CNAME .\n', [(1, "a quote that does not end")]),
        ("a ) CNAME .\n", [(1, "a parenthesis is closed that was never opened")]),
        ("a () ) ( CNAME .\n", [(1, "a parenthesis is closed that was never opened")]),
        ("a\0b CNAME .\nc CNAME .\n", [(1, "a control character: '\\x00'")]),
        ("a CNAME .\\", [(1, "a lone backslash")]),
    ],
)
def test_a_bad_line_costs_itself_only(text, expected):
    assert reasons(text) == expected
    assert len(words(text)) == text.count("\n") - (1 if text.endswith("\n") else 0)


def test_behind_a_parenthesis_that_stays_open_everything_is_read():
    text = "a SOA (\n" + "".join(f"n{number} CNAME .\n" for number in range(200))
    assert reasons(text) == [(1, f"a parenthesis that is not closed within {MAX_JOINED} lines")]
    assert len(words(text)) == 200
    assert reasons("a SOA (\nb CNAME .\n") == [(1, f"a parenthesis that is not closed within {MAX_JOINED} lines")]
    broken = 'a SOA (\nb "CNAME .\n)\nc CNAME .\n'
    assert [line for line, _ in reasons(broken)] == [1, 2, 3]
    assert words(broken) == [("c", "CNAME", ".")]


def test_parentheses_without_end_take_no_time():
    started = time.monotonic()
    assert len(reasons("a CNAME (\n" * 20_000)) == 20_000
    assert len(reasons("(" * 60_000 + "\na CNAME .\n")) == 1
    assert words("(" * 30_000 + ")" * 5_000 + " x " + ")" * 25_000 + "\na CNAME .\n") == [("x",), ("a", "CNAME", ".")]
    assert time.monotonic() - started < 10


def test_a_line_without_end_is_one_bad_line():
    content = b"a CNAME .\n" + b"x" * 10_000_000 + b" CNAME .\nb CNAME .\n" + b"y" * (MAX_LINE - 1) + b"\nc CNAME .\n"
    assert reasons(content) == [(2, f"longer than {MAX_LINE} octets")]
    assert [(one.line, one.words[0][:1]) for one in read(content) if isinstance(one, Entry)] == [
        (1, "a"), (3, "b"), (4, "y"), (5, "c"),
    ]  # fmt: skip


def test_octets_that_are_no_text_are_harmless_in_a_comment():
    assert words(b"a CNAME . ; caf\xe9\n") == [("a", "CNAME", ".")]
    assert words(b"caf\xe9 CNAME .\n") == [("café", "CNAME", ".")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CNAME .", Record(None, "CNAME", (".",))),
        ("300 IN A 192.0.2.1", Record(300, "A", ("192.0.2.1",))),
        ("in 1h30m a 192.0.2.1", Record(5400, "A", ("192.0.2.1",))),
        ("IN TXT IN 300", Record(None, "TXT", ("IN", "300"))),
    ],
)
def test_records(text, expected):
    assert record(tuple(text.split())) == expected


@pytest.mark.parametrize("text", ["", "IN", "300", "A", "300 IN A", "CH TXT x", "HS A 1", "IN CH TXT x"])
def test_no_records(text):
    with pytest.raises(Malformed):
        record(tuple(text.split()))


def test_ttls():
    assert [seconds(text) for text in ("0", "30", "1w", "1D12H", "2m5s")] == [0, 30, 604_800, 129_600, 125]
    for text in ("", "x", "1y", "-1", "2147483648", "9999999999w", "m5"):
        with pytest.raises(Malformed):
            seconds(text)
