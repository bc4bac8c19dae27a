"""Text as people search it: without case and without Vietnamese marks, so that `so khoa hoc` finds `Sở Khoa học`.

No SQL: casework.store.engine registers `plain` as a function of every connection.
"""

from __future__ import annotations

import unicodedata

_STROKE = str.maketrans("đĐ", "dD")  # the one Vietnamese letter that NFD does not take apart


def plain(text: str | None) -> str:
    """`Sở Khoa học` -> `so khoa hoc`."""
    if not text:
        return ""
    if text.isascii():
        return text.lower()
    parts = unicodedata.normalize("NFD", text.translate(_STROKE))
    return "".join(char for char in parts if not unicodedata.combining(char)).casefold()
