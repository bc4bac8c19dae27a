"""Word annexes: tables, lines that are one indicator, and which documents are refused."""

from __future__ import annotations

import io
import unicodedata
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from docx import Document  # noqa: TID251  tests make what is read
from hypothesis import given, settings
from hypothesis import strategies as st

from blocklists.formats import confined, worddoc
from blocklists.indicator import BadLine, Indicator, Remark, Unreadable
from tests.blocklists.formats import making
from tests.blocklists.formats.test_archive import laughs

HEAD = ["STT", "Tên miền", "Mã độc", "Ghi chú"]
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def document(build: Callable[[Any], None]) -> bytes:
    made = Document()
    build(made)
    file = io.BytesIO()
    made.save(file)
    return file.getvalue()


def fill(made: Any, rows: list[list[str]]) -> Any:
    table = made.add_table(len(rows), max(map(len, rows)))
    for cells, row in zip(table.rows, rows, strict=True):
        for cell, text in zip(cells.cells, row, strict=False):
            cell.text = text
    return table


def with_body(xml: str) -> bytes:
    """A document whose body is this XML."""
    base = document(lambda made: None)
    source = zipfile.ZipFile(io.BytesIO(base))
    parts = {name: source.read(name) for name in source.namelist()}
    parts["word/document.xml"] = f'<w:document xmlns:w="{WORD}"><w:body>{xml}</w:body></w:document>'.encode()
    return making.archive(parts)


def parse(content: bytes) -> list[Any]:
    return list(worddoc.parse(io.BytesIO(content)))


def items(build: Callable[[Any], None]) -> list[Any]:
    return parse(document(build))


def paragraph(text: str) -> str:
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


def cell(text: str, properties: str = "") -> str:
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{paragraph(text)}</w:tc>"


def row(*cells: str) -> str:
    return f"<w:tr>{''.join(cells)}</w:tr>"


def test_a_letter_with_its_annex():
    def build(made):
        fill(made, [["CƠ QUAN MẪU", "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM"]])
        made.add_paragraph("Kính gửi: các đơn vị TP.HCM, liên hệ attt@mau.example hoặc https://mau.example/x")
        fill(
            made,
            [
                [unicodedata.normalize("NFD", word) for word in HEAD],
                ["1", "evil[.]example\nb.example", "OceanLotus", "C&C"],
                ["2", "\u200bx", "", ""],
                ["3", "sai sai", "Mozi", ""],
            ],
        )
        fill(made, [["Nơi nhận", "GIÁM ĐỐC"]])

    assert items(build) == [
        Indicator(4, "evil.example", family="OceanLotus", note="C&C", place="table 2 row 2"),
        Indicator(4, "b.example", family="OceanLotus", note="C&C", place="table 2 row 2"),
        Indicator(5, "x", place="table 2 row 3"),
        BadLine(6, "sai sai", "more than one word: no single name or address", place="table 2 row 4"),
    ]


@pytest.mark.parametrize(
    ("line", "taken"),
    [
        ("evil[.]example", "evil.example"),
        ("1. evil.example", "evil.example"),
        ("- evil.example;", "evil.example"),
        ("(12) hxxp://evil.example/", "evil.example"),
        ("a) 203.0.113.4", "203.0.113.4"),
        ("203.0.113.0/24", "203.0.113.0/24"),
        ("evil.com", "evil.com"),
        ("evil.example", ""),
        ("TP.HCM", ""),
        ("Tên miền evil[.]example đã bị chặn", ""),
        ("ngày 29/8/2022", ""),
        ("./.", ""),
        ("attt@mau.vn", ""),
        ("Huế.", ""),
    ],
)
def test_lines_of_text(line, taken):
    found = items(lambda made: made.add_paragraph(line))
    assert [one.name or one.address for one in found if isinstance(one, Indicator)] == ([taken] if taken else [])
    assert [type(one) for one in found] == ([Indicator] if taken else []) + [Remark]


def test_what_was_meant_as_one_and_is_none_is_told():
    found = items(lambda made: made.add_paragraph("- hxxp://drive[.]google[.]com/x.php"))
    (bad,) = found
    assert (bad.text, bad.place) == ("hxxp://drive[.]google[.]com/x.php", "paragraph 1")
    assert "a person must decide" in bad.reason


def test_a_page_of_one_owner_is_taken_as_its_host_and_says_so():
    one, _remark = items(lambda made: made.add_paragraph("- hxxp://evil[.]example/x.php"))
    assert (one.name, one.reduced, one.note) == ("evil.example", True, "host of the URL hxxp://evil[.]example/x.php")


def test_numbered_paragraphs_and_line_breaks():
    body = "<w:p><w:pPr><w:numPr/></w:pPr><w:r><w:t>a.example</w:t><w:br/><w:t>b.example</w:t></w:r></w:p>"
    found = parse(with_body(paragraph("words") + body))
    assert [(one.line, one.name, one.place) for one in found[:2]] == [
        (2, "a.example", "paragraph 2"),
        (2, "b.example", "paragraph 2"),
    ]
    assert found[2].text.endswith("nothing else were taken: paragraph 2")


def test_merged_cells():
    def build(made):
        table = fill(
            made,
            [
                HEAD,
                ["I. Nhóm APT, 2 máy chủ"],
                ["1", "a.example", "OceanLotus", ""],
                ["2", "b.example", "", "x"],
                ["3", "c.example", "", ""],
            ],
        )
        table.cell(1, 0).merge(table.cell(1, 3))
        table.cell(2, 2).merge(table.cell(3, 2))

    assert items(build) == [
        Indicator(3, "a.example", family="OceanLotus", place="table 1 row 3"),
        Indicator(4, "b.example", family="OceanLotus", note="x", place="table 1 row 4"),
        Indicator(5, "c.example", place="table 1 row 5"),
    ]


def test_a_cell_merged_over_ten_thousand_rows():
    def merged(value: str) -> str:
        return f'<w:vMerge w:val="{value}"/>'

    rows = row(cell("Domain"), cell("Malware")) + row(cell("n.example"), cell("Mozi", merged("restart")))
    rows += "".join(row(cell(f"n{number}.example"), cell("", merged("continue"))) for number in range(10_000))
    found = parse(with_body(f"<w:tbl>{rows}</w:tbl>"))
    assert len(found) == 10_001
    assert {one.family for one in found} == {"Mozi"}


@pytest.mark.parametrize("span", ["999999999999", "99999", "0", "-1", "x"])
def test_odd_spans(span):
    rows = row(cell("Domain")) + row(cell("a.example", f'<w:gridSpan w:val="{span}"/>'))
    assert [one.name for one in parse(with_body(f"<w:tbl>{rows}</w:tbl>"))] == ["a.example"]


def test_tracked_changes_links_controls_and_nested_tables():
    inner = f"<w:tbl>{row(cell('Domain'))}{row(cell('inner.example'))}</w:tbl>"
    rows = (
        row(cell("Domain"))
        + row("<w:tc><w:p><w:del><w:r><w:delText>old</w:delText></w:r></w:del><w:ins><w:r><w:t>new.ex</w:t></w:r>"
              "</w:ins><w:hyperlink><w:r><w:t>ample</w:t></w:r></w:hyperlink></w:p></w:tc>")
        + f"<w:sdt><w:sdtContent>{row(cell('control.example'))}</w:sdtContent></w:sdt>"
        + f"<w:tr><w:trPr><w:del/></w:trPr>{cell('gone.example')}</w:tr>"
        + row(f"<w:tc>{inner}<w:p/></w:tc>")
    )  # fmt: skip
    found = parse(with_body(f"<w:sdt><w:sdtContent><w:tbl>{rows}</w:tbl></w:sdtContent></w:sdt>"))
    assert [(one.name, one.place) for one in found] == [
        ("new.example", "table 1 row 2"),
        ("control.example", "table 1 row 3"),
        ("inner.example", "table 2 row 2"),
    ]


def test_text_boxes_are_read_once():
    compatibility = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    box = f"<w:txbxContent>{paragraph('evil[.]example')}</w:txbxContent>"
    content = (
        f"<w:p><w:r><mc:AlternateContent {compatibility}><mc:Choice>{box}</mc:Choice><mc:Fallback>{box}</mc:Fallback>"
    )
    found = parse(with_body(f"{content}</mc:AlternateContent></w:r></w:p>"))
    assert [one.name for one in found if isinstance(one, Indicator)] == ["evil.example"]


def test_a_table_of_names_without_a_heading_is_told():
    (found,) = items(lambda made: fill(made, [["1", "a[.]example"], ["2", "b[.]example"]]))
    assert "table 1 has no heading row" in found.text


def test_a_document_of_words_is_told():
    (found,) = items(lambda made: made.add_paragraph("Kính gửi"))
    assert found == Remark(
        "the document has no table of domains or addresses, and no line that is only a name or address"
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (making.sheets(S=[["Domain"]]), "no Word document but a .xlsx file"),
        (making.archive({"word/document.xml": laughs()}), "DTD"),
        (making.archive({"word/document.xml": "<a/>"}), r"damaged \(KeyError\)"),
        (making.archive({"word/document.xml": "", "word/vbaProject.bin": ""}), "macros"),
        (with_body("<w:p>").replace(b"word/document.xml", b"word/documenT.xml"), "damaged"),
        (making.declaring(with_body(""), 0xFFFFFFFE), "ZIP bomb"),
        (b"", "damaged"),
    ],
)
def test_what_cannot_be_read_is_told(content, reason):
    with pytest.raises(Unreadable, match=reason):
        parse(content)


def test_rows_have_a_limit(monkeypatch):
    monkeypatch.setattr(worddoc, "MAX_ROWS", 3)
    with pytest.raises(Unreadable, match="more than 3 rows"):
        items(lambda made: fill(made, [["Domain"]] * 4))


def test_deep_tables_end_only_their_reader():
    depth = 3000
    content = with_body("<w:tbl><w:tr><w:tc>" * depth + "</w:tc></w:tr></w:tbl>" * depth)
    with pytest.raises(Unreadable):
        list(confined.items("docx", io.BytesIO(content)))


def test_the_confined_process_gives_the_same():
    content = document(lambda made: fill(made, [HEAD, ["1", "a.example", "Mozi", ""]]))
    assert list(confined.items("docx", io.BytesIO(content))) == parse(content)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_damage_gives_rows_or_unreadable(data):
    parts = zipfile.ZipFile(io.BytesIO(with_body(f"<w:tbl>{row(cell('Domain'))}{row(cell('a.example'))}</w:tbl>")))
    base = making.archive({name: parts.read(name) for name in parts.namelist()}, zipfile.ZIP_STORED)
    at, noise = data.draw(st.integers(0, len(base) - 1)), data.draw(st.binary(max_size=8))
    try:
        found = parse(base[:at] + noise + base[at + len(noise) :])
    except Unreadable:
        return
    assert all(isinstance(one, Indicator | BadLine | Remark) for one in found)


_NAMES = [
    "tbl",
    "tr",
    "tc",
    "p",
    "r",
    "t",
    "ins",
    "del",
    "sdt",
    "sdtContent",
    "tcPr",
    "vMerge",
    "gridSpan",
    "txbxContent",
]


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(
        st.sampled_from(["Domain", "a.example", "x"]),
        lambda inner: st.tuples(st.sampled_from(_NAMES), st.lists(inner, max_size=4)).map(
            lambda made: f"<w:{made[0]}>{''.join(made[1])}</w:{made[0]}>"
        ),
        max_leaves=25,
    )
)
def test_any_tree_gives_rows(xml):
    found = parse(with_body(f"<w:tbl>{row(cell('Domain'))}{xml}</w:tbl>{xml}"))
    assert all(isinstance(one, Indicator | BadLine | Remark) for one in found)
