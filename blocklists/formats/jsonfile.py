"""JSON files of exchanges (MISP, STIX): read whole, and taken apart piece by piece, so that one bad piece costs itself.

No exchange's own words here. What an object is not asked for is skipped without being built.
"""

from __future__ import annotations

import re
from typing import Any, BinaryIO, TypeVar

import msgspec

from blocklists.formats.table import MAX_TEXT
from blocklists.indicator import Unreadable
from blocklists.normalise import visible

MAX_FILE = 200 << 20
_BOM = b"\xef\xbb\xbf"
_BAD = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").match
Piece = TypeVar("Piece")


ABSENT = msgspec.Raw()  # of a key that an object has not


class Misshapen(ValueError):
    """A piece is not laid out as it should be; the message says where."""


def read(file: BinaryIO) -> bytes:
    """The whole file. Raises Unreadable."""
    size = file.seek(0, 2)
    if size > MAX_FILE:
        raise Unreadable(f"JSON of {size} octets, where {MAX_FILE} are the most; split it")
    file.seek(0)
    return file.read().removeprefix(_BOM)


def piece(raw: bytes | msgspec.Raw, shape: type[Piece]) -> Piece:
    """A piece of JSON in the shape asked for. Raises Misshapen."""
    try:
        return msgspec.json.decode(raw, type=shape)
    except RecursionError as error:
        raise Misshapen("nested too deep") from error
    except _BAD as error:
        raise Misshapen(ascii(str(error))[1:-1][:150]) from error


def is_there(raw: msgspec.Raw) -> bool:
    """Whether the object had this key, with something in it."""
    return bytes(memoryview(raw)[:5]) not in {b"", b"null"}


def is_true(value: object) -> bool:
    """Yes or no, also as the number or text that some programs write."""
    return not (
        value is None or value in (False, 0) or (isinstance(value, str) and value.lower() in {"", "0", "false"})
    )


def is_list(raw: bytes | msgspec.Raw) -> bool:
    """Whether it is a list, by its first octet."""
    return bytes(memoryview(raw)[:64]).lstrip()[:1] == b"["


def text(value: object) -> str:
    """Words for people out of any value: one line, nothing hidden, not longer than a cell; "" for what is no text."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return " ".join(visible(str(value)[: 4 * MAX_TEXT]).split())[:MAX_TEXT]


def date(value: object) -> str:
    """The day of a date or time as these files write them; "" for anything else."""
    found = _DATE(value) if isinstance(value, str) else None
    return found[0] if found else ""


def objects(value: object) -> list[dict[str, Any]]:
    """The objects of a list; nothing where it is none."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
