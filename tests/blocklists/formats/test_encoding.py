"""Encodings of text files: which one is taken, how that is told, and what parsers get."""

from __future__ import annotations

import codecs
import io
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocklists.formats import csvtable, domains
from blocklists.formats.encoding import encoding_of, text_lines
from blocklists.formats.lines import MAX_LINE, decoded
from blocklists.importer import format_of
from blocklists.indicator import BadLine, Indicator

LETTER = "STT,Tên miền độc hại,Mã độc\n1,cập-nhật[.]example,Phần mềm gián điệp\n2,việtcombank.example,Lừa đảo\n"


def windows_1258(text: str) -> bytes:
    """As a Vietnamese Windows writes it: vowels whole, tones of their own behind them."""
    octets = bytearray()
    for char in unicodedata.normalize("NFC", text):
        try:
            octets += char.encode("cp1258")
        except UnicodeEncodeError:
            marks = unicodedata.normalize("NFD", char)
            tone = next(mark for mark in marks if mark in "\u0300\u0301\u0303\u0309\u0323")
            vowel = unicodedata.normalize("NFC", marks.replace(tone, ""))
            octets += vowel.encode("cp1258") + tone.encode("cp1258")
    return bytes(octets)


def lines_of(content: bytes) -> list[bytes]:
    file = io.BytesIO(content)
    return list(text_lines(file, encoding_of(file)))


FILES = [
    (b"a.example\n", "utf-8", ""),
    (LETTER.encode(), "utf-8", "UTF-8"),
    (codecs.BOM_UTF8 + LETTER.encode(), "utf-8", "UTF-8 with a byte order mark"),
    (codecs.BOM_UTF16_LE + LETTER.encode("utf-16-le"), "utf-16-le", "UTF-16 LE by its byte order mark, decoded"),
    (codecs.BOM_UTF16_BE + LETTER.encode("utf-16-be"), "utf-16-be", "UTF-16 BE by its byte order mark, decoded"),
    (windows_1258(LETTER), "cp1258", "windows-1258 (Vietnamese), decoded"),
    (b"", "utf-8", ""),
]


@pytest.mark.parametrize(("content", "codec", "reason"), FILES)
def test_which_encoding_is_taken(content, codec, reason):
    file = io.BytesIO(content)
    found = encoding_of(file)
    assert found.codec == codec
    assert found.reason.startswith(reason)
    assert bool(found.reason) == bool(reason)
    assert file.tell() == 0


@pytest.mark.parametrize("content", [content for content, _, _ in FILES[1:6]])
def test_a_letter_reads_alike_in_all_of_them(content):
    found = list(csvtable.parse(lines_of(content)))
    names = [(one.line, one.name, one.family) for one in found if isinstance(one, Indicator)]
    assert names == [
        (2, "xn--cp-nht-bf8be.example", "Phần mềm gián điệp"),
        (3, "xn--vitcombank-dv3e.example", "Lừa đảo"),
    ]
    detected = format_of(io.BytesIO(content), "auto")
    assert detected.format == "csv"
    assert encoding_of(io.BytesIO(content)).reason in detected.reason
    assert encoding_of(io.BytesIO(content)).reason in format_of(io.BytesIO(content), "csv").reason


@pytest.mark.parametrize(
    "content",
    [
        "évasion, où, già, così, perché, créé à Noël\n".encode("cp1252"),  # French and Italian, no Vietnamese
        "può, però, più\n".encode("cp1252"),
        "Größe, Straße, Übung, ähnlich\n".encode("cp1252"),
        "вирус\n".encode("cp1251"),
        "Danh s¸ch tªn miÒn ®éc h¹i".encode("latin-1"),  # TCVN3, an older Vietnamese encoding
        b"\xff\xfd\xfe\x80",
        windows_1258(LETTER) + LETTER.encode(),  # two encodings in one file
    ],
)
def test_nothing_is_guessed_silently(content):
    found = encoding_of(io.BytesIO(content))
    assert found.codec == "utf-8"
    assert "lines that are not" in found.reason
    assert lines_of(content) == content.splitlines(keepends=True)


def test_one_damaged_line_in_many_costs_itself_only():
    content = windows_1258("Tên miền độc hại\n" * 40) + b"x\x8ey\n" + windows_1258("độc.example\n")
    rows = list(decoded(lines_of(content)))
    assert [one.line for one in rows if isinstance(one, BadLine)] == [41]
    assert unicodedata.normalize("NFC", rows[41][1]) == "độc.example\n"


def test_half_a_pair_and_half_a_character_are_bad_lines_with_their_numbers():
    content = codecs.BOM_UTF16_LE + b"a\0\n\0" + b"\x00\xd8b\0\n\0" + "\U0001f4a9\n".encode("utf-16-le") + b"c\0d"
    rows = list(decoded(lines_of(content)))
    assert [row if isinstance(row, tuple) else row.line for row in rows] == [(1, "a\n"), 2, (3, "\U0001f4a9\n"), 4]


def test_an_endless_line_of_two_octet_characters_is_cut():
    text = "x" * (5 * MAX_LINE) + "\nnext\n"
    lines = lines_of(codecs.BOM_UTF16_BE + text.encode("utf-16-be"))
    assert lines[0] == b"x" * MAX_LINE
    assert lines[-1] == b"next\n"
    assert all(len(line) <= MAX_LINE for line in lines)


def test_the_encoding_stands_in_the_report(take):
    report = take(codecs.BOM_UTF16_LE + "a.example\nb.example\n".encode("utf-16-le"))
    assert (report.state, report.names, report.lines) == ("live", 2, 2)
    assert report.format_reason.endswith("; UTF-16 LE by its byte order mark, decoded")


@given(st.binary(), st.sampled_from([b"", codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF8]))
def test_any_octets_give_lines(content, mark):
    for line in lines_of(mark + content):
        assert len(line) <= MAX_LINE
    for one in domains.parse(lines_of(mark + content)):
        assert isinstance(one, Indicator | BadLine)


@given(st.text(st.characters(blacklist_categories=["Cs"]), max_size=200), st.sampled_from(["le", "be"]))
def test_utf16_gives_what_utf8_gives(text, order):
    text = text.lstrip("\0")  # with a zero behind it, the mark is that of UTF-32
    mark = codecs.BOM_UTF16_LE if order == "le" else codecs.BOM_UTF16_BE
    assert b"".join(lines_of(mark + text.encode(f"utf-16-{order}"))) == text.encode()
