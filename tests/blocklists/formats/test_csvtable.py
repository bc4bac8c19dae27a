"""Annotated CSV as letters bring it."""

from __future__ import annotations

import io

import pytest

from blocklists.formats import csvtable, table
from blocklists.formats.detect import detect
from blocklists.formats.lines import raw_lines
from blocklists.indicator import BadLine, Indicator


def parse(text: str) -> list[Indicator | BadLine]:
    return list(csvtable.parse(raw_lines(io.BytesIO(text.encode()))))


def test_english_headings_in_any_order():
    found = parse("Source,Date added,Malware,Domain\nViriBack,2024-09-01,keitaro,Evil.example\n")
    assert found == [Indicator(2, "evil.example", family="keitaro", source="ViriBack", listed="2024-09-01")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_vietnamese_headings_below_a_title_with_any_delimiter(delimiter):
    rows = [
        ["DANH SÁCH TÊN MIỀN ĐỘC HẠI", "", "", "", "", "", ""],
        ["STT", "Tên miền", "Mã độc", "Loại", "Nguồn", "Số công văn", "Ghi chú"],
        ["1", "xấu.example", "Emotet", "Lừa đảo", "NCSC", "12/CV-MAU", "cũ"],
    ]
    found = parse("\n".join(delimiter.join(row) for row in rows))
    assert found == [
        Indicator(
            3, "xn--xu-r5s.example", kind="phishing", family="Emotet", letter="12/CV-MAU", source="NCSC", note="cũ"
        )
    ]


def test_a_cell_with_several_and_a_cell_over_two_lines():
    found = parse('Tên miền,Ghi chú\n"a.example, b.example;c.example","dòng 1\ndòng 2"\nd.example,\n')
    assert [(one.line, one.name) for one in found] == [
        (2, "a.example"), (2, "b.example"), (2, "c.example"), (4, "d.example"),
    ]  # fmt: skip
    assert found[0].note == "dòng 1 dòng 2"


def test_two_columns_of_indicators():
    found = parse("Tên miền,Địa chỉ IP,Mã độc\nevil.example,203.0.113.7:443,Mozi\n,198.51.100.1,Mozi\n")
    assert [(one.name, one.address, one.port) for one in found] == [
        ("evil.example", "", 0), ("", "203.0.113.7", 443), ("", "198.51.100.1", 0),
    ]  # fmt: skip


def test_rows_without_an_indicator():
    found = parse("STT,Tên miền,Mã độc\nI. Máy chủ,,\n2,,\n3,,Mozi\n,,\nSTT,Tên miền,Mã độc\n4,x.example,Mozi\n")
    assert found == [
        BadLine(4, "3,,Mozi", "no indicator in this row"),
        Indicator(7, "x.example", family="Mozi"),
    ]


def test_words_before_the_name_in_its_cell():
    assert parse("Domain,Malware\ntên miền: c2[.]example,Mozi\n") == [Indicator(2, "c2.example", family="Mozi")]


def test_an_unknown_kind_is_handed_on_as_it_is():
    assert parse("Domain,Type\na.example,Botnet\nb.example,weird\n") == [
        Indicator(2, "a.example", kind="c2"),
        Indicator(3, "b.example", kind="weird"),
    ]


def test_no_heading_is_one_bad_line():
    (found,) = parse("evil.example,keitaro\nother.example,keitaro\n")
    assert isinstance(found, BadLine)
    assert "heading" in found.reason


def test_an_open_quote_costs_only_its_own_line():
    text = 'Domain,Note\na.example,"never closed\n' + "".join(f"n{number}.example,x\n" for number in range(300))
    names = [one.name for one in parse(text) if isinstance(one, Indicator)]
    assert "n0.example" in names
    assert "n299.example" in names
    assert len(names) >= 300


def test_lines_that_are_no_utf8_are_told():
    lines = [b"Domain,Malware\n", b"a.example,x\n", b"\xff.example,x\n", b"b.example,x\n"]
    found = list(csvtable.parse(lines))
    assert [type(one) for one in found] == [Indicator, BadLine, Indicator]
    assert found[1].line == 3


def test_the_letter_in_the_shared_data(shared_data):
    path = shared_data / "vn-letters" / "cong-van-mau-danh-sach-ma-doc.csv"
    with path.open("rb") as file:
        found = list(csvtable.parse(raw_lines(file)))
    names = {one.name for one in found if isinstance(one, Indicator) and one.name}
    assert names == {
        "capnhat-antivirus.example", "panggin.org", "xn--vitcombank-dv3e.example", "ngan-hang-so.example",
        "the-tin-dung.example", "khuyenmai-tet.example", "facebook.com", "boss-c2.example",
            "login-bidv.example",
    }  # fmt: skip
    addresses = [one.address for one in found if isinstance(one, Indicator) and one.address]
    assert addresses == ["203.0.113.77", "198.51.100.99", "127.0.0.1"]
    assert [one.line for one in found if isinstance(one, BadLine)] == [12, 15, 17, 19, 20, 23]
    assert [one.line for one in found if isinstance(one, Indicator) and one.reduced] == [2, 8, 21]


@pytest.mark.parametrize("line", [b"a," * 32_767, b"abcdefgh ij;" * 5_400, b"a|" * 250, b"x" * 60_000 + b",Domain"])
def test_a_line_too_long_for_a_heading_is_not_looked_at_cell_by_cell(line, monkeypatch):
    asked = []
    monkeypatch.setattr(table, "role_of", lambda heading, exact=False: asked.append(heading) or "")
    (bad,) = csvtable.parse([line + b"\n"])
    assert bad.reason.startswith("no heading row")
    detect(line + b"\n" + line)
    assert len(asked) <= 3 * 4 * 2, "one cell each by the delimiters that are not there"
