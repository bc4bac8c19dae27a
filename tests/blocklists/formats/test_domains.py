"""One indicator a line."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st

from blocklists.formats import domains
from blocklists.formats.detect import PARSERS
from blocklists.formats.lines import raw_lines
from blocklists.indicator import BadLine, Indicator

FILE = """\ufeff# heading
evil.example

  Other.Example   # why
*.wild.example
203.0.113.7:443
hxxp://fanged[.]example
xấu.example
http://evil.example/path
http://203.0.113.7/path
hxxps://drive.google[.]com/file/d/1
two words.example
""".encode()


def test_a_file():
    found = list(domains.parse(raw_lines(io.BytesIO(FILE))))
    assert found == [
        Indicator(2, "evil.example"),
        Indicator(4, "other.example"),
        Indicator(5, "wild.example"),
        Indicator(6, "", "203.0.113.7", 443),
        Indicator(7, "fanged.example"),
        Indicator(8, "xn--xu-r5s.example"),
        Indicator(9, "evil.example", note="host of the URL http://evil.example/path", reduced=True),
        BadLine(
            10,
            "http://203.0.113.7/path",
            "URL with a path on an address, which many may share: a person must decide",
        ),
        BadLine(
            11,
            "hxxps://drive.google[.]com/file/d/1",
            "URL on a shared host: a person must decide (anybody may put files or pages on drive.google.com)",
        ),
        BadLine(12, "two words.example", "more than one word: no single name or address"),
    ]
    assert all(one.subdomains for one in found if isinstance(one, Indicator))


def test_undecodable_lines_cost_only_themselves():
    found = list(domains.parse([b"a.example\n", b"\xff\xfe\n", b"b.example\n"]))
    assert [type(one) for one in found] == [Indicator, BadLine, Indicator]


def test_it_streams():
    def endless():
        while True:
            yield b"a.example\n"

    first = domains.parse(endless())
    assert next(first) == Indicator(1, "a.example")
    assert next(first) == Indicator(2, "a.example")


@given(st.sampled_from(sorted(PARSERS)), st.one_of(st.binary(), st.text().map(str.encode)))
def test_any_octets_give_indicators_or_bad_lines(format_name, content):
    lines = content.count(b"\n") + 1
    for one in PARSERS[format_name](raw_lines(io.BytesIO(content))):
        assert isinstance(one, Indicator | BadLine)
        assert 1 <= one.line <= lines


@given(st.sampled_from(sorted(PARSERS)), st.lists(st.sampled_from(list('"\n,;\x00\r')) | st.text(max_size=5)))
def test_any_csv_like_text_too(format_name, parts):
    content = ("Domain,Malware\n" + "".join(parts)).encode()
    for one in PARSERS[format_name](raw_lines(io.BytesIO(content))):
        assert isinstance(one, Indicator | BadLine)
