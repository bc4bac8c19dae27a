"""Which encoding a text file is in, and its lines in UTF-8: parsers see nothing else.

No format's rules here, and no guess that is not told: every choice has its reason in words.

A byte order mark decides; else a file is UTF-8 when one of its lines shows that, or when nothing speaks for
windows-1258. That is taken only where no line with letters is UTF-8 and they all read as Vietnamese. Lines that cannot
be decoded reach parsers as octets that are no UTF-8, so that each is a bad line with its number.
"""

from __future__ import annotations

import codecs
import unicodedata
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from blocklists.formats.lines import MAX_LINE, raw_lines

_PIECE = 1 << 20
_JUDGED = 1000  # lines with letters outside ASCII that are looked at for windows-1258
_NO_UTF8 = b"\xff"

_WIDE = {codecs.BOM_UTF16_LE: ("utf-16-le", "UTF-16 LE"), codecs.BOM_UTF16_BE: ("utf-16-be", "UTF-16 BE")}

_VOWELS = "aăâeêioôơuưy"
_TONES = "\u0300\u0301\u0303\u0309\u0323"
_TONED = frozenset(unicodedata.normalize("NFC", vowel + tone) for vowel in _VOWELS for tone in _TONES)
_LETTERS = _TONED | frozenset("ăâđêôơư")
# Letters that windows-1252 has, most at the same octets, are French or Portuguese as well; these are not.
_PROOFS = frozenset(letter for letter in _LETTERS if not letter.encode("cp1252", "ignore"))
_SIGNS = frozenset("\xa0«»‘’“”„‚‹›–—…•·°±²³×÷§©®™€₫†‡‰¼½¾")


class Encoding(NamedTuple):
    """A codec's name; `reason` says for people which encoding was taken and why, "" for plain ASCII."""

    codec: str
    reason: str


UTF8 = Encoding("utf-8", "")


def encoding_of(file: BinaryIO) -> Encoding:
    """Judge a whole file, which stands at its start again."""
    file.seek(0)
    try:
        start = file.read(4)
        if start.startswith(codecs.BOM_UTF8):
            return Encoding("utf-8", "UTF-8 with a byte order mark")
        if start[:2] in _WIDE and start != codecs.BOM_UTF32_LE:
            codec, name = _WIDE[start[:2]]
            return Encoding(codec, f"{name} by its byte order mark, decoded")
        file.seek(0)
        found = _whole(file)
        file.seek(0)
        return found or _by_lines(file)
    finally:
        file.seek(0)


def _whole(file: BinaryIO) -> Encoding | None:
    """Quick for what nearly all files are: UTF-8 from end to end, and most of them ASCII."""
    decoder, plain = codecs.getincrementaldecoder("utf-8")(), True
    try:
        while piece := file.read(_PIECE):
            if not piece.isascii() or not plain:
                plain = False
                decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return None
    return UTF8 if plain else Encoding("utf-8", "UTF-8")


def _by_lines(file: BinaryIO) -> Encoding:
    judged = vietnamese = evidence = 0
    for line in raw_lines(file):
        if line.isascii():
            continue
        try:
            line.decode("utf-8")
        except UnicodeDecodeError:
            if judged < _JUDGED:
                judged += 1
                proofs = _vietnamese(line)
                vietnamese += proofs is not None
                evidence += proofs or 0
        else:
            return Encoding("utf-8", "UTF-8, with lines that are not")
    # One line in twenty may be damaged, as in any file; without a letter that only Vietnamese has, none is believed.
    if evidence and vietnamese * 20 >= judged * 19:
        return Encoding("cp1258", "windows-1258 (Vietnamese), decoded: its letters read as Vietnamese, none as UTF-8")
    return Encoding("utf-8", "taken as UTF-8, with lines that are not: no other encoding that is known here fits them")


def _vietnamese(line: bytes) -> int | None:
    """How many letters of a line only Vietnamese has, read as windows-1258; None where it is no Vietnamese."""
    try:
        text = unicodedata.normalize("NFC", line[:_JUDGED].decode("cp1258")).lower()
    except UnicodeDecodeError:
        return None
    odd = [char for char in text if not char.isascii()]
    if not all(char in _LETTERS or char in _SIGNS for char in odd):
        return None
    return sum(char in _PROOFS for char in odd)


def text_lines(file: BinaryIO, encoding: Encoding) -> Iterator[bytes]:
    """Lines of a file in UTF-8, none longer than MAX_LINE."""
    if encoding.codec == "utf-8":
        return raw_lines(file)
    return _wide_lines(file, encoding.codec) if encoding.codec.startswith("utf-16") else _narrow(file, encoding.codec)


def _narrow(file: BinaryIO, codec: str) -> Iterator[bytes]:
    for line in raw_lines(file):
        if line.isascii():
            yield line
            continue
        try:
            yield _cut(line.decode(codec))
        except UnicodeDecodeError:
            yield line  # no UTF-8 either: encoding_of has seen every line


def _wide_lines(file: BinaryIO, codec: str) -> Iterator[bytes]:
    """Half of a surrogate pair passes into the line as what UTF-8 must not have; half a character at the end too."""
    file.read(2)  # the byte order mark
    decoder = codecs.getincrementaldecoder(codec)("surrogatepass")
    begun, too_long = "", False
    while piece := file.read(MAX_LINE):
        *ended, rest = (begun + decoder.decode(piece)).split("\n")
        for text in ended:
            if not too_long:
                yield _cut(f"{text}\n")
            too_long = False
        if len(rest) >= MAX_LINE:  # told once, as raw_lines tells it; what follows of this line is not kept
            if not too_long:
                yield _cut(rest)
            too_long, rest = True, ""
        begun = rest
    if decoder.getstate()[0] and not too_long:
        yield _cut(begun) + _NO_UTF8
    elif begun and not too_long:
        yield _cut(begun)


def _cut(text: str) -> bytes:
    octets = text.encode("utf-8", "surrogatepass")
    return octets if len(octets) <= MAX_LINE else octets[:MAX_LINE]
