"""Lines of dns.local_records: good ones to their parts, bad ones to a reason, and nothing else whatever is written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import yamlio
from contracts.names import to_wire
from contracts.zone_text import BadRecord, Record, octets, problems, read_record
from tests.conftest import REPO

WWW = to_wire("www.example.vn")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("www.example.vn. 60 IN A 10.1.1.1", Record(WWW, 60, 1, "A", ("10.1.1.1",))),
        ("WWW.Example.VN IN 60 a 10.1.1.1 ; why", Record(WWW, 60, 1, "A", ("10.1.1.1",))),
        ("www.example.vn.\tAAAA\tfd00::1", Record(WWW, 300, 28, "AAAA", ("fd00::1",))),
        ("*.example.vn. CNAME a.vn", Record(to_wire("*.example.vn"), 300, 5, "CNAME", ("a.vn",))),
        ('www.example.vn. TXT "a;b" c\\ d', Record(WWW, 300, 16, "TXT", ("a;b", "c\\ d"))),
        ('www.example.vn. TXT ""', Record(WWW, 300, 16, "TXT", ("",))),
        ("www.example.vn. 0 TYPE65534 \\# 3 0A 0b0C", Record(WWW, 0, 65534, "", ("0a0b0c",))),
        ("www.example.vn. TYPE29 \\# 0", Record(WWW, 300, 29, "", ("",))),
        ("www.example.vn. HTTPS 1 . alpn=h2,h3", Record(WWW, 300, 65, "HTTPS", ("1", ".", "alpn=h2,h3"))),
        ("1\\.2.example.vn. A 10.0.0.1", Record(b"\x031.2\x07example\x02vn\0", 300, 1, "A", ("10.0.0.1",))),
    ],
)  # fmt: skip
def test_a_good_line(line, expected):
    assert read_record(line) == expected


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "expected a name"),
        ("; nothing", "expected a name"),
        ("www.example.vn. A", "expected a name"),
        ("www.example.vn. 60 IN A", "the data is missing"),
        ("www.example.vn. 60 IN", "the data is missing"),
        ("www..vn. A 10.1.1.1", "an empty label"),
        ("trụ-sở.vn. A 10.1.1.1", "convert to an A-label"),
        (". A 10.1.1.1", "the root"),
        ("@ A 10.1.1.1", "write the whole name"),
        ("$TTL 300 ;", "expected a name"),
        ("$INCLUDE /etc/passwd x", "write the whole name"),
        ("* A 10.1.1.1", "every name there is"),
        ("a.*.vn A 10.1.1.1", "only as the first label"),
        ("a.vn 2147483648 A 10.1.1.1", "TTL"),
        ("a.vn 1h A 10.1.1.1", "type 1H is not read here"),
        ("a.vn CH A 10.1.1.1", "CH is not answered"),
        ("a.vn ANY 10.1.1.1", "ANY is not answered"),
        ("a.vn A 10.1.1", "no IPv4 address '10.1.1'"),
        ("a.vn A 10.1.1.256", "no IPv4 address"),
        ("a.vn A 10.1.1.1 10.1.1.2", "A data has 1 parts, there are 2"),
        ("a.vn AAAA 10.1.1.1", "no IPv6 address"),
        ("a.vn AAAA fe80::1%eth0", "no IPv6 address"),
        ("a.vn CNAME b..vn", "no domain name 'b..vn'"),
        ("a.vn CNAME b\\.c.vn", "escapes"),
        ("a.vn MX mail.vn", "2 parts, there are 1"),
        ("a.vn MX 65536 mail.vn", "no number from 0 to 65535"),
        ("a.vn MX 1٣ mail.vn", "no number"),
        (f"a.vn TXT {'x' * 256}", "more than 255 octets"),
        ('a.vn TXT "open', "a quote that does not end"),
        ('a.vn TXT a"b"', "letters around one"),
        ("a.vn TXT a\nb.vn A 10.0.0.1", "line break"),
        ("a.vn TXT \\256", "no octet"),
        ("a.vn SOA a. b. ( 1 2 3 4 5 )", "parentheses"),
        ("a.vn TLSA 3 1 1 abc", "needs 64 hex digits"),
        ("a.vn SSHFP 4 2 ab", "digest type 2 needs 64 hex digits, there are 2"),
        ("a.vn HTTPS 0 b.vn port=1", "priority 0"),
        ("a.vn HTTPS 1 . no-default-alpn", "needs alpn"),
        ("a.vn HTTPS 1 . no-default-alpn=1 alpn=h2", "has no value"),
        ("a.vn TLSA 3 1 0 abc", "needs 4 hex digits, there are 3"),
        ("a.vn CAA 0 Issue ca.vn", "no CAA property"),
        ("a.vn HTTPS 1 . alpn", "value of 'alpn'"),
        ("a.vn HTTPS 1 . port=1 port=2", "given twice"),
        ("a.vn HTTPS 1 . ech=AAAA", "'ech' is not read here"),
        ("a.vn HTTPS 1 . key1=h2", "'key1' is not read here"),
        ("a.vn LOC 1 2 3", "type LOC is not read here: write it as TYPEnumber"),
        ("a.vn TYPE1 \\# 4 0a000001", "write type 1 by its name A"),
        ("a.vn TYPE255 \\# 0", "no record of a name"),
        ("a.vn TYPE39 \\# 1 00", "DNAME"),
        ("a.vn TYPE46 \\# 1 00", "DNSSEC"),
        ("a.vn TYPE65536 \\# 0", "not read here"),
        ("a.vn TYPE99 abc", "expected \\# length hex"),
        ("a.vn TYPE99 \\# 2 ab", "the length says 2 octets, there are 1"),
        ("a.vn TYPE99 \\# 1 xy", "hex digits"),
    ],
)
def test_a_bad_line_has_its_reason(line, words):
    with pytest.raises(BadRecord) as caught:
        read_record(line)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_lines_beside_each_other():
    lines = [
        "a.vn A 10.0.0.1", "a.vn A 10.0.0.2", "A.vn. 5 A 10.0.0.1", "a.vn CNAME b.vn", "b.vn CNAME a.vn",
        "b.vn CNAME c.vn", "b.vn TXT x", None, "c.vn CNAME c.vn", "bad",
    ]  # fmt: skip
    alone = "a CNAME must be the only record of its name"
    assert list(problems(lines)) == [
        (2, "given twice"), (3, alone), (5, alone), (6, alone), (9, "expected a name, a type and data")
    ]  # fmt: skip


def test_octets():
    assert octets("Việt") == "Việt".encode()
    assert octets('\\255\\"\\\\x\\1a') == b'\xff"\\x1a'
    with pytest.raises(BadRecord, match="lone backslash"):
        octets("a\\")


WORDS = ["a.vn", "IN", "60", "A", "CNAME", "TXT", "MX", "\\#", "TYPE99", "10.0.0.1", "HTTPS", ".", "alpn=h2", '"', ";"]


@given(st.lists(st.sampled_from(WORDS) | st.text(max_size=8), max_size=8).map(" ".join))
def test_any_text_is_a_record_or_the_one_error(line):
    reasons = [reason for _index, reason in problems([line])]
    if reasons:
        assert "\n" not in reasons[0]
        return
    record = read_record(line)
    assert 0 <= record.ttl < 2**31
    assert len(record.owner) <= 255


def test_the_lines_of_the_operators_page_are_good():
    page = (REPO / "docs" / "operator.md").read_text(encoding="utf-8").partition("## Names answered here")[2]
    block = page.partition("```yaml\n")[2].partition("```")[0]
    lines = yamlio.read(block).data["dns"]["local_records"]
    assert len(lines) > 3
    assert list(problems(lines)) == []
