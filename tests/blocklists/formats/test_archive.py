"""What is refused of ZIP files before and while they are unpacked."""

from __future__ import annotations

import contextlib
import io
import os
import re
import struct
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocklists.formats import archive
from blocklists.formats.archive import kind_of, look_through, open_archive, refuse_entities
from blocklists.indicator import Unreadable
from tests.blocklists.formats import making


def opened(content: bytes) -> zipfile.ZipFile:
    return open_archive(io.BytesIO(content))


def test_kinds():
    assert kind_of(opened(making.archive({"xl/workbook.xml": ""}))) == "xlsx"
    assert kind_of(opened(making.archive({"word/document.xml": ""}))) == "docx"


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        (["xl/workbook.xml", "xl/vbaProject.bin"], "macros"),
        (["word/document.xml", "word/vbaProject.bin"], "macros"),
        (["xl/workbook.bin"], "xlsb"),
        (["ppt/presentation.xml"], "presentation"),
        (["mimetype", "content.xml"], "OpenDocument"),
        (["list.txt"], "a ZIP archive; unpack it first"),
    ],
)
def test_other_archives_are_named(parts, reason):
    with pytest.raises(Unreadable, match=reason):
        kind_of(opened(making.archive(dict.fromkeys(parts, ""))))


def test_a_declared_bomb():
    with pytest.raises(Unreadable, match="4294967294 octets"):
        opened(making.declaring(making.archive({"xl/a.xml": "a"}), 0xFFFFFFFE))


def test_a_real_bomb_by_its_ratio():
    with pytest.raises(Unreadable, match="ZIP bomb"):
        opened(making.archive({"xl/a.xml": bytes(20 << 20)}))


def test_many_parts():
    parts = {f"xl/{number}": "" for number in range(archive.MAX_PARTS + 1)}
    with pytest.raises(Unreadable, match="parts"):
        opened(making.archive(parts))


def test_a_huge_directory_is_not_even_read():
    content = bytearray(making.archive({"xl/a": ""}))
    struct.pack_into("<I", content, len(content) - 22 + 12, 1 << 30)
    with pytest.raises(Unreadable, match="more than 4000 parts"):
        opened(bytes(content))


def test_a_part_that_is_larger_than_it_declares_gives_no_more():
    content = making.archive({"xl/a.xml": b"<a>" + b" " * 100_000 + b"</a>"})
    with pytest.raises(Unreadable, match="damaged"):
        look_through(opened(making.declaring(content, 10)), "xl/a.xml")


def test_a_password():
    content = bytearray(making.archive({"xl/a": ""}))
    content[content.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(Unreadable, match="password"):
        opened(bytes(content))


def test_packings_that_office_does_not_use():
    with pytest.raises(Unreadable, match="packed in a way"):
        opened(making.archive({"xl/a": "a"}, zipfile.ZIP_LZMA))


@pytest.mark.parametrize("content", [b"PK\x03\x04", b"PK\x03\x04" * 100, making.archive({"xl/a": "a" * 99})[:-30]])
def test_damage(content):
    with pytest.raises(Unreadable, match="damaged"):
        opened(content)


def laughs(depth: int = 9) -> str:
    """XML that grows tenfold with each entity."""
    entities = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(depth))
    return f'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY e0 "lol">{entities}]><l>&e{depth};</l>'


@pytest.mark.parametrize("text", [laughs(), '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>'])
def test_entities_are_refused_with_any_dtd(text):
    with pytest.raises(Unreadable, match="DTD"):
        refuse_entities(opened(making.archive({"xl/sharedStrings.xml": text})))
    with pytest.raises(Unreadable, match="DTD"):
        refuse_entities(opened(making.archive({"xl/a.XML": text.encode("utf-16")})))


def ole(*names: str) -> bytes:
    """The head of an old Office container with its directory in the second sector."""
    head = bytearray(512)
    head[:8] = archive.OLE_MAGIC
    struct.pack_into("<H", head, 30, 9)
    struct.pack_into("<I", head, 48, 1)
    return bytes(head) + bytes(512) + b"".join(name.encode("utf-16-le").ljust(128, b"\0") for name in names)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (ole("Root Entry", "Workbook"), r"\(\.xls\); save it as \.xlsx or CSV"),
        (ole("Root Entry", "WordDocument"), r"\(\.doc\); save it as \.docx"),
        (ole("Root Entry", "EncryptedPackage"), "password"),
        (ole(), "old Office document"),
        (archive.OLE_MAGIC, "old Office document"),
        (archive.OLE_MAGIC + b"\xff" * 600, "old Office document"),
    ],
)
def test_old_office_files_are_named(content, reason):
    assert re.search(reason, archive.describe_ole(io.BytesIO(content)))


@given(st.binary(max_size=400), st.integers(0, 400))
def test_any_bytes_are_an_archive_or_unreadable(noise, at):
    base = making.archive({"xl/workbook.xml": "<a/>", "xl/b.xml": "<b>c</b>"})
    for content in (noise, b"PK\x03\x04" + noise, base[:at] + noise[:20] + base[at + 20 :]):
        with contextlib.suppress(Unreadable), opened(content) as found:
            kind_of(found)
            refuse_entities(found)


def test_random_ends():
    for _ in range(50):
        with pytest.raises(Unreadable):
            opened(os.urandom(40) + b"PK\x05\x06" + os.urandom(18))
