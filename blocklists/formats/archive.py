"""Office files are ZIP archives of XML: what is refused before anybody unpacks one, and how its XML is looked through.

No meaning of sheets and paragraphs here. Whatever is wrong is Unreadable, with a sentence for who sent the file.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import BinaryIO, Literal
from xml.parsers import expat

from blocklists.indicator import Unreadable

MAGIC, OLE_MAGIC = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
MAX_FILE = 64 << 20
MAX_UNPACKED = 256 << 20  # of all parts; annexes have a few MiB
MAX_PARTS = 4000
MAX_RATIO, _SMALL = 250, 16 << 20  # repeated rows pack to a fiftieth; a bomb to a thousandth
_END, _END_SIZE, _COMMENT = b"PK\x05\x06", 22, 1 << 16
_END_64 = b"PK\x06\x07"
_DIRECTORY_ENTRY = 46 + 512  # octets of the directory for each part, at most
_PIECE = 1 << 18
_PACKINGS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    ValueError,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
)

Kind = Literal["xlsx", "docx"]
_ADVICE = "save it as .xlsx, .docx or CSV"
# A part of the archive, by which it is known what made it; the first that is there counts.
_OTHERS = (
    ("xl/vbaProject.bin", "a workbook with macros; save it without them, as .xlsx"),
    ("word/vbaProject.bin", "a document with macros; save it without them, as .docx"),
    ("xl/workbook.bin", "a binary workbook (.xlsb); save it as .xlsx or CSV"),
    ("ppt/presentation.xml", f"a presentation; copy the table into a sheet and {_ADVICE}"),
    ("content.xml", f"an OpenDocument file; {_ADVICE}"),
)


def open_archive(file: BinaryIO) -> zipfile.ZipFile:
    """The archive, if what it says of itself is within the limits. Nothing is unpacked. Raises Unreadable."""
    try:
        _look_at_end(file)
        file.seek(0)
        found = zipfile.ZipFile(file)
        parts = found.infolist()
    except DAMAGED as error:
        raise Unreadable(f"an Office document or ZIP archive that is damaged: {_words(error)}") from error
    if len(parts) > MAX_PARTS:
        raise Unreadable(f"an archive of {len(parts)} parts, where {MAX_PARTS} are the most")
    if any(part.flag_bits & 0x1 for part in parts):
        raise Unreadable("an archive with a password; unpack it first")
    if not all(part.compress_type in _PACKINGS for part in parts):
        raise Unreadable("an archive packed in a way that Office does not use")
    # A part gives no more than it declares: zipfile stops there. So the sum is what unpacking may cost.
    unpacked, packed = sum(part.file_size for part in parts), _size(file)
    if unpacked > MAX_UNPACKED or (unpacked > _SMALL and unpacked > MAX_RATIO * packed):
        raise Unreadable(
            f"an archive that would unpack from {packed} to {unpacked} octets: more than any list has (a ZIP bomb?)"
        )
    return found


def kind_of(archive: zipfile.ZipFile) -> Kind:
    """Which of the two it is, by its parts. Raises Unreadable for every other archive, and for macros."""
    names = set(archive.namelist())
    for part, what in _OTHERS:
        if part in names:
            raise Unreadable(what)
    if any(name.startswith("xl/") for name in names):
        return "xlsx"
    if any(name.startswith("word/") for name in names):
        return "docx"
    raise Unreadable("a ZIP archive; unpack it first")


def describe_ole(file: BinaryIO) -> str:
    """What a file of the older Office container is, and what to do with it."""
    file.seek(0)
    head = file.read(512)
    names = b""
    if len(head) == 512:
        shift, sector = struct.unpack_from("<H", head, 30)[0], struct.unpack_from("<I", head, 48)[0]
        if shift in {9, 12} and (sector + 1) << shift < MAX_FILE:
            file.seek((sector + 1) << shift)
            names = file.read(4096)
    if "EncryptedPackage".encode("utf-16-le") in names:
        return "an Office document with a password; save it without one"
    if "WordDocument".encode("utf-16-le") in names:
        return "an old Word document (.doc); save it as .docx, or its table as CSV"
    if "Workbook".encode("utf-16-le") in names or "Book".encode("utf-16-le") in names:
        return "an old Excel workbook (.xls); save it as .xlsx or CSV"
    return f"an old Office document (.xls, .doc); {_ADVICE}"


def look_through(
    archive: zipfile.ZipFile, part: str, start: Callable[[str, dict[str, str]], None] | None = None
) -> None:
    """Stream the XML of one part past `start` (name and attributes of each element). Raises Unreadable.

    Entities are refused with any DTD, which no Office file may have: nothing can be expanded, nothing be fetched.
    """
    parser = expat.ParserCreate(namespace_separator=" ")

    def declared(*_words: object) -> None:
        raise Unreadable(f"{part}: XML with a DTD, which no Office file has (an entity bomb?)")

    parser.StartDoctypeDeclHandler = declared
    if start is not None:
        parser.StartElementHandler = start
    try:
        with archive.open(part) as source:
            while piece := source.read(_PIECE):
                parser.Parse(piece, False)
        parser.Parse(b"", True)
    except (expat.ExpatError, KeyError, *DAMAGED) as error:
        raise Unreadable(f"{part[:100]} is damaged: {_words(error)}") from error


def refuse_entities(archive: zipfile.ZipFile) -> None:
    """Look through every part that is XML by its name. Raises Unreadable."""
    for name in archive.namelist():
        if name.lower().endswith((".xml", ".rels")):
            look_through(archive, name)


def _look_at_end(file: BinaryIO) -> None:
    """zipfile reads the whole directory at once, whatever it says; so its size is looked at before."""
    size = _size(file)
    if size > MAX_FILE:
        raise Unreadable(f"an archive of {size} octets, where {MAX_FILE} are the most")
    file.seek(max(0, size - _END_SIZE - _COMMENT))
    tail = file.read()
    plain = len(tail) - _END_SIZE
    at = plain if plain >= 0 and tail[plain : plain + 4] == _END and tail[-2:] == b"\0\0" else tail.rfind(_END)
    if at < 0:
        raise zipfile.BadZipFile("it has no end; was it cut off?")
    if tail[max(0, at - 20) : at][:4] == _END_64:
        raise Unreadable("an archive in the form for huge files (ZIP64); save it again, or as CSV")
    if struct.unpack_from("<I", tail, at + 12)[0] > MAX_PARTS * _DIRECTORY_ENTRY:
        raise Unreadable(f"an archive of more than {MAX_PARTS} parts")


def _size(file: BinaryIO) -> int:
    return file.seek(0, 2)


def _words(error: BaseException) -> str:
    return ascii(str(error) or type(error).__name__)[1:-1][:100]
