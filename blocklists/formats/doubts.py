"""Doubts about names and addresses that stand in running text as they are, not defanged.

No finding of names in text: that is freetext's. A doubt is a reason for people; what is defanged is never doubted.
"""

from __future__ import annotations

import re

from blocklists.commons import shared

# Top-level domains that files end in more often than names do.
_FILES = frozenset(
    {"zip", "mov", "sh", "py", "pl", "rs", "md", "ps", "so", "cab", "app", "cc", "ml", "mm", "pub", "java"}
)
_VERSION = re.compile(r"(?:phiên bản|bản|version|ver|build|release|v)[\s.:]*$").search
_SECTION = re.compile(r"(?:mục|điều|khoản|điểm|phần|chương|phụ lục|section|clause|bảng|hình)[\s.:]*$").search
_MONEY = re.compile(r"\s*(?:đồng|vnđ|vnd|usd|triệu|tỷ)\b").match
_THOUSANDS = re.compile(r"\d{1,3}(?:\.\d{3}){3}").fullmatch
# What is named so is where to read or whom to ask, within the same sentence.
_TOLD = re.compile(
    r"(?:\b(?:xem|xem thêm|tham khảo|nguồn|nguồn tin|chi tiết|hướng dẫn|công cụ hỗ trợ|trang thông tin|liên hệ)\b"
    r"|\b(?:see|see also|source|references?|read more|details|contact|website)\b)[^.;!?]{0,80}$"
).search


def of_name(name: str, written: str, before: str, *, url: bool) -> str:
    """Why a name in running text may not be meant; `written` is its host as it stands there, `before` what precedes."""
    if not url and (reason := _of_word(written)):
        return reason
    if why := shared(name):
        return f"a site of many in running text ({why})"
    if _TOLD(before):
        return "it seems to be named as where to read or whom to ask"
    return ""


def _of_word(written: str) -> str:
    first, _, last = written.rpartition(".")
    if not written.isascii():
        return "letters with marks: it may be two words without a space between sentences"
    if last.lower() in _FILES:
        return "it may be the name of a file"
    if last[:1].isupper() and not last.isupper() and first[-1:].islower():
        return "it may be the end of one sentence and the begin of the next"
    if last.isupper() and any(char.islower() for char in first):
        return "it may be the name of a malware or a product"
    if written.isupper() and (len(last) == 2 or len(first) <= 4):
        return "it may be an abbreviation"
    return ""


def of_address(text: str, before: str, after: str) -> str:
    """Why four numbers in running text may be no address."""
    small = all(int(number) < 20 for number in text.split(".") if number.isdecimal())
    if _VERSION(before):
        return "it may be the number of a version"
    if _SECTION(before) or (small and not before.strip() and after.strip()):
        return "it may be the number of a section"
    return "it may be an amount of money" if _MONEY(after) else ""


def is_amount(text: str) -> bool:
    """Whether four numbers are written as thousands are in Vietnam."""
    return _THOUSANDS(text) is not None
