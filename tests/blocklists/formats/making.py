"""Office files for tests, made on the spot: good ones by the libraries, hostile ones part by part.

No fixtures and no tests here.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable

from openpyxl import Workbook  # noqa: TID251  tests make what is read

SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="xml" ContentType="application/xml"/>'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/xl/workbook.xml" ContentType='
    '"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
    '<Override PartName="/xl/sharedStrings.xml" ContentType='
    '"application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/>'
    "</Types>"
)
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
PARTS = {
    "[Content_Types].xml": _TYPES,
    "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}"><Relationship Id="r1" Type="{_OFFICE}/officeDocument" '
    'Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{SHEET}" xmlns:r="{_OFFICE}"><sheets>'
    '<sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}"><Relationship Id="r1" '
    f'Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
    "xl/sharedStrings.xml": f'<sst xmlns="{SHEET}"/>',
    "xl/styles.xml": f'<styleSheet xmlns="{SHEET}"/>',
}


def workbook(build: Callable[[Workbook], None]) -> bytes:
    """An .xlsx file; `build` fills it."""
    book = Workbook()
    build(book)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def sheets(**rows: list[list[object]]) -> bytes:
    """An .xlsx file with these sheets."""

    def build(book: Workbook) -> None:
        book.remove(book.active)
        for name, content in rows.items():
            sheet = book.create_sheet(name)
            for row in content:
                sheet.append(row)

    return workbook(build)


def archive(parts: dict[str, str | bytes], packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A ZIP file of these parts."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", packing) as made:
        for name, content in parts.items():
            made.writestr(name, content)
    return file.getvalue()


def raw_workbook(sheet: str, packing: int = zipfile.ZIP_DEFLATED, **parts: str) -> bytes:
    """An .xlsx file whose only sheet is this XML inside `worksheet`; `parts` by `xl/` name without its ending."""
    others = {f"xl/{name}.xml": content for name, content in parts.items()}
    whole = f'<worksheet xmlns="{SHEET}">{sheet}</worksheet>'
    return archive(PARTS | {"xl/worksheets/sheet1.xml": whole} | others, packing)


def declaring(content: bytes, size: int) -> bytes:
    """The archive, with another unpacked size declared for its first part in the directory."""
    at = content.index(b"PK\x01\x02")
    return content[: at + 24] + struct.pack("<I", size) + content[at + 28 :]
