"""Excel annexes: what is taken of them, where each cell is said to stand, and which files are refused."""

from __future__ import annotations

import csv
import datetime
import io
import unicodedata
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook  # noqa: TID251  a second reading
from openpyxl.worksheet.formula import ArrayFormula  # noqa: TID251  tests make what is read

from blocklists.formats import confined, csvtable, xlsx
from blocklists.formats.lines import raw_lines
from blocklists.indicator import BadLine, Indicator, Remark, Unreadable
from tests.blocklists.formats import making
from tests.blocklists.formats.test_archive import laughs

HEAD = ["STT", "Tên miền", "Mã độc", "Ghi chú"]
ROW = "<row><c t='inlineStr'><is><t>{}</t></is></c></row>"
GOOD = "<sheetData>" + ROW.format("Domain") + ROW.format("a.example") + "</sheetData>"


def parse(content: bytes) -> list[Indicator | BadLine | Remark]:
    return list(xlsx.parse(io.BytesIO(content)))


def names(found) -> list[str]:
    return [one.name or one.address for one in found if isinstance(one, Indicator)]


def test_a_table_below_a_title_block_with_headings_in_any_order():
    rows = [["CƠ QUAN MẪU"], [], ["PHỤ LỤC: danh sách tên miền độc hại"], ["Ghi chú", "Mã độc", "TT", "Tên miền"]]
    assert parse(making.sheets(PL=[*rows, ["x", "Mozi", 1, "evil[.]example"]])) == [
        Indicator(5, "evil.example", family="Mozi", note="x", place="PL!5")
    ]


def test_sheets_are_numbered_on_and_every_place_is_named():
    found = parse(
        making.sheets(
            A=[HEAD, [1, "a.example", "Mozi"], [2, "sai sai", "Mozi"]],
            Text=[["Liên hệ: attt@mau.example"], ["Cập nhật hằng ngày."]],
            B=[["Địa chỉ IP"], ["203.0.113.9"], ["300.1.2.3"]],
        )
    )
    assert found == [
        Indicator(2, "a.example", family="Mozi", place="A!2"),
        BadLine(3, "sai sai", "more than one word: no single name or address", place="A!3"),
        Remark("sheet 'Text' holds no table of domains or addresses: its 2 rows of text were not taken"),
        Indicator(7, address="203.0.113.9", place="B!2"),
        BadLine(8, "300.1.2.3", "no valid IP address", place="B!3"),
    ]


def test_names_without_a_heading_are_not_lost_silently():
    (found,) = parse(making.sheets(S=[["a.example"], ["b[.]example"], ["words"]]))
    assert isinstance(found, Remark)
    assert "none of its 3 rows was taken, though 2 cells hold names" in found.text


def test_nfd_headings_and_hidden_characters():
    head = [unicodedata.normalize("NFD", "Tên miền"), unicodedata.normalize("NFD", "Mã độc")]
    found = parse(making.sheets(S=[head, ["\u200bevil\u00ad.example\xa0", unicodedata.normalize("NFD", "Độc")]]))
    assert found == [Indicator(2, "evil.example", family="Độc", place="S!2")]


def test_several_in_one_cell():
    assert names(parse(making.sheets(S=[HEAD, [1, "a.example\nb.example; c.example", "x"]]))) == [
        "a.example", "b.example", "c.example",
    ]  # fmt: skip


def test_numbers_dates_and_formulas_are_the_text_that_people_see():
    day = datetime.datetime(2026, 3, 12)

    def build(book):
        sheet = book.active
        sheet.title = "S"
        sheet.append(["Tên miền", "Ngày", "Mã độc"])
        sheet.append(["a.example", day, 7])
        sheet.append([203.0113, datetime.datetime(2026, 3, 12, 8, 30), 1.5])
        sheet.append(['=HYPERLINK("http://evil.example","evil.example")', None, True])
        sheet.append([day, None, "x"])
        sheet["A6"] = ArrayFormula("A6:A6", "=SUM(B1:B2)")
        sheet["A7"] = "#N/A"

    found = parse(making.workbook(build))
    assert found[0] == Indicator(2, "a.example", listed="2026-03-12", family="7", place="S!2")
    assert [(one.place, one.text, one.reason) for one in found[1:]] == [
        ("S!3", "203.0113", "no valid IP address"),
        ("S!4", '=HYPERLINK("http://evil.example","evil.example")', "a formula; write what it gives as text"),
        ("S!5", "2026-03-12", "no top-level domain: '2026-03-12'"),
        ("S!6", "=SUM(B1:B2)", "a formula; write what it gives as text"),
        ("S!7", "#N/A", "no name or address"),
    ]


def test_a_value_that_a_formula_left_is_not_taken():
    sheet = "<sheetData>" + ROW.format("Domain") + "<row><c t='str'><f>A9</f><v>evil.example</v></c></row></sheetData>"
    assert [one.reason for one in parse(making.raw_workbook(sheet))] == ["a formula; write what it gives as text"]


def test_merged_cells():
    def build(book):
        sheet = book.active
        sheet.title = "S"
        rows = [
            ["STT", "Tên miền", "Thông tin khác", None],
            [None, None, "Mã độc", "Ghi chú"],
            ["I. Nhóm APT"],
            [1, "a.example", "OceanLotus", "x"],
            [2, "b.example", None, "y"],
            [3, "c.example", None, None],
            [None, "II. Nhóm lừa đảo", None, None],
            [4, "d.example", None, None],
        ]
        for row in rows:
            sheet.append(row)
        for merged in ("A1:A2", "B1:B2", "C1:D1", "A3:D3", "C4:C6", "B7:D7"):
            sheet.merge_cells(merged)

    assert parse(making.workbook(build)) == [
        Indicator(4, "a.example", family="OceanLotus", note="x", place="S!4"),
        Indicator(5, "b.example", family="OceanLotus", note="y", place="S!5"),
        Indicator(6, "c.example", family="OceanLotus", place="S!6"),
        Indicator(8, "d.example", place="S!8"),
    ]


def test_a_second_table_with_other_columns_below_the_first():
    rows = [HEAD, [1, "a.example", "Mozi"], ["STT", "Mã độc", "Địa chỉ IP", "Ghi chú"], [1, "Mirai", "203.0.113.4"]]
    assert parse(making.sheets(S=rows)) == [
        Indicator(2, "a.example", family="Mozi", place="S!2"),
        Indicator(4, address="203.0.113.4", family="Mirai", place="S!4"),
    ]


def test_what_is_hidden_is_taken_and_told():
    def build(book):
        sheet = book.active
        sheet.title = "S"
        for row in (HEAD, [1, "a.example"], [2, "b.example"]):
            sheet.append(row)
        sheet.row_dimensions[3].hidden = True
        other = book.create_sheet("Ẩn")
        other.sheet_state = "veryHidden"
        other.append(["Domain"])
        other.append(["c.example"])

    found = parse(making.workbook(build))
    assert names(found) == ["a.example", "b.example", "c.example"]
    assert [one.text for one in found if isinstance(one, Remark)] == [
        "rows of sheet 'S' that are hidden in Excel were read like the others: 3",
        "sheet 'Ẩn' is hidden in Excel; it was read like the others",
    ]


def test_gaps_and_a_wrong_dimension_change_no_place():
    sheet = (
        "<dimension ref='A1:XFD1048576'/><sheetData>"
        "<row r='3'><c r='B3' t='inlineStr'><is><t>Domain</t></is></c></row>"
        "<row r='900000'><c r='B900000' t='inlineStr'><is><t>a.example</t></is></c></row></sheetData>"
    )
    assert parse(making.raw_workbook(sheet)) == [Indicator(900_000, "a.example", place="S!900000")]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (making.raw_workbook("<sheetData><row r='5'/><row r='5'/></sheetData>"), "row 5 stands behind row 5"),
        (making.raw_workbook("<sheetData><row r='1048577'/></sheetData>"), "it has a row 1048577"),
        (making.raw_workbook("<sheetData><row>"), "sheet1.xml is damaged"),
        (making.raw_workbook(GOOD, workbook=f'<workbook xmlns="{making.SHEET}"/>'), "without sheets"),
        (making.raw_workbook(GOOD, sharedStrings=laughs()), "DTD"),
        (making.raw_workbook(GOOD, zipfile.ZIP_STORED).replace(b"a.example", b"b.example"), "damaged"),
        (making.archive({"word/document.xml": ""}), "no Excel workbook but a .docx file"),
        (making.archive({"xl/workbook.xml": "", "xl/vbaProject.bin": ""}), "macros"),
        (making.declaring(making.raw_workbook(GOOD), 0xFFFFFFFE), "ZIP bomb"),
        (b"PK\x03\x04", "damaged"),
        (b"", "damaged"),
    ],
)
def test_what_cannot_be_read_is_told(content, reason):
    with pytest.raises(Unreadable, match=reason):
        parse(content)


def test_a_strict_workbook_is_told():
    strict = "http://purl.oclc.org/ooxml/spreadsheetml/main"
    parts = making.PARTS | {"xl/worksheets/sheet1.xml": f'<worksheet xmlns="{strict}">{GOOD}</worksheet>'}
    with pytest.raises(Unreadable, match="Strict Open XML"):
        parse(making.archive(parts))


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_ten_million_empty_cells(packing):
    cells = "<sheetData>" + ("<row>" + "<c/>" * 1000 + "</row>") * 10_000 + "</sheetData>"
    with pytest.raises(Unreadable, match=r"cells, empty ones too|ZIP bomb"):
        list(confined.items("xlsx", io.BytesIO(making.raw_workbook(cells, packing))))


def test_a_tree_too_large_for_the_memory_ends_only_its_reader():
    content = making.raw_workbook(GOOD, zipfile.ZIP_STORED, workbook=f"<workbook>{'<a/>' * 15_000_000}</workbook>")
    with pytest.raises(Unreadable):
        list(confined.items("xlsx", io.BytesIO(content)))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_damage_gives_rows_or_unreadable(data):
    base = making.raw_workbook(GOOD, zipfile.ZIP_STORED)
    at, noise = data.draw(st.integers(0, len(base) - 1)), data.draw(st.binary(max_size=8))
    try:
        found = parse(base[:at] + noise + base[at + len(noise) :])
    except Unreadable:
        return
    assert all(isinstance(one, Indicator | BadLine | Remark) for one in found)


_CELLS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(HEAD),
    st.text(st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters="\ufffe\uffff"), max_size=30),
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(_CELLS, max_size=5), max_size=8))
def test_any_cells_give_rows(rows):
    assert all(isinstance(one, Indicator | BadLine | Remark) for one in parse(making.sheets(S=[*rows, HEAD, *rows])))


def test_the_same_table_as_csv_gives_the_same(shared_data):
    path = shared_data / "vn-letters" / "cong-van-mau-danh-sach-ma-doc.xlsx"
    found = [one for one in parse(path.read_bytes()) if not isinstance(one, Remark)]
    as_csv = list[Indicator | BadLine]()
    for sheet in load_workbook(path).worksheets[:2]:
        text = io.StringIO()
        csv.writer(text).writerows([["" if cell is None else cell for cell in row] for row in sheet.values])
        as_csv += csvtable.parse(raw_lines(io.BytesIO(text.getvalue().encode())))
    assert [facts(one) for one in found] == [facts(one) for one in as_csv]


def facts(one: Indicator | BadLine) -> tuple[str, ...]:
    if isinstance(one, BadLine):
        return (one.reason,)
    return one.name, one.address, str(one.port), one.family, one.note


def test_the_letter_in_the_shared_data(shared_data):
    with (shared_data / "vn-letters" / "cong-van-mau-danh-sach-ma-doc.xlsx").open("rb") as file:
        found = list(confined.items("xlsx", file))
    one, two = "Phụ lục 1 - Tên miền!", "Phụ lục 2 - IP!"
    assert [(row.place, row.name or row.address, row.port) for row in found if isinstance(row, Indicator)] == [
        (f"{one}9", "datatimes.org", 0), (f"{one}10", "docksugs.org", 0), (f"{one}11", "blog.panggin.org", 0),
        (f"{one}12", "gl-appspot.org", 0), (f"{one}13", "share.codehao.net", 0), (f"{one}14", "datatimes.org", 0),
        (f"{one}15", "203.0.113.45", 0),
        (f"{one}17", "statsrvv.com", 0), (f"{one}18", "cdn-capnhat-vneid.example", 0),
        (f"{one}19", "dichvucong-gov-vn.example", 0), (f"{one}20", "thuedientu-gdt.example", 0),
        (f"{one}21", "xn--ngnhng-svit-b7ax5628hhea.example", 0),
        (f"{one}22", "xn--80ak6aa92e.example", 0), (f"{one}23", "198.51.100.7", 4444),
        (f"{one}24", "198.51.100.0/28", 0), (f"{one}25", "c2-01.example", 0), (f"{one}25", "c2-02.example", 0),
        (f"{one}25", "c2-03.example", 0), (f"{one}26", "zero-width.example", 0),
        (f"{one}27", "2001:db8:dead:beef::66", 0), (f"{one}28", "secure_login.bank-vn.example", 0),
        (f"{one}29", "www.tracuu-phatnguoi.example", 0),
        # These four the guard refuses or warns of: what may be blocked is not the format's to know.
        (f"{one}34", "google.com", 0), (f"{one}35", "gov.vn", 0), (f"{one}36", "10.10.10.10", 0),
        (f"{one}39", "com", 0), (f"{one}41", "dichvucong-gov-vn.example", 0),
        (f"{two}2", "203.0.113.10", 0), (f"{two}3", "203.0.113.11", 0), (f"{two}4", "198.51.100.23", 0),
        (f"{two}5", "203.0.113.10", 0),
    ]  # fmt: skip
    words, address = "more than one word: no single name or address", "no valid IP address"
    assert [(row.place, row.reason) for row in found if isinstance(row, BadLine)] == [
        (f"{one}30", "no indicator in this row"),
        (f"{one}31", words), (f"{one}32", "a file hash, no name"), (f"{one}33", "an e-mail address"),
        (f"{one}37", "an empty label (two dots)"), (f"{one}38", "a label longer than 63 characters"),
        (f"{one}40", "empty"), (f"{one}42", words),
        (f"{two}6", address), (f"{two}7", address), (f"{two}8", words), (f"{two}9", address),
    ]  # fmt: skip
    assert [row.text for row in found if isinstance(row, Remark)] == [
        "sheet 'Hướng dẫn' holds no table of domains or addresses: its 1 rows of text were not taken"
    ]
