"""What a list line becomes: an Indicator, or a BadLine that says where and why; a Remark is about the whole file.

No parsing and no judgement here: formats read, normalise cleans, guard judges.
"""

from __future__ import annotations

import unicodedata
from typing import Literal

import msgspec

from contracts.segment import Data, Kind, RuleAction

SHOWN = 120  # of a bad line, in characters


class Unreadable(Exception):
    """The file as a whole cannot be read, or may not be; the message says why. Nothing of it is taken."""


class Indicator(msgspec.Struct, frozen=True, gc=False, tag=True, array_like=True):
    """A listed name, or a listed address: exactly one of `name` and `address` is set.

    Empty `kind` means the list's own, empty `action` what its mode says. `listed` is the date as the file writes it.
    """

    line: int
    name: str = ""  # lower case, A-labels, no final dot
    address: str = ""  # an address, or a network as address/prefix
    port: int = 0  # of an address; 0: not said
    subdomains: bool = True
    kind: str = ""
    family: str = ""
    letter: str = ""
    source: str = ""
    listed: str = ""
    note: str = ""
    itself: bool = True  # False: only what is below the name, as RPZ's `*.name`
    trigger: Literal["answer", "client"] = "answer"  # of an address: one that is answered, or that of who asks
    action: RuleAction = ""
    target: str = ""  # of an alias: a name; one whose first label is * takes the name asked in its place
    data: tuple[Data, ...] = ()  # of local data
    overrides: bool = False  # of an equal name elsewhere in the list this one stays, whichever comes first
    reduced: bool = False  # the line has a URL with a path, of which this is the host
    place: str = ""  # where it stands, in words, where a line number does not lead there: "Sheet2!17"


class BadLine(msgspec.Struct, frozen=True, gc=False, tag=True, array_like=True):
    """A line that gives no indicator; `text` is shortened. Unsupported: it is right, and cannot be followed here."""

    line: int
    text: str
    reason: str
    unsupported: bool = False
    place: str = ""  # as an Indicator's


class Remark(msgspec.Struct, frozen=True, gc=False, tag=True, array_like=True):
    """What a person should know about the file, though it costs no row."""

    text: str


Item = Indicator | BadLine | Remark


def bad_line(line: int, text: str, reason: str, *, unsupported: bool = False, place: str = "") -> BadLine:
    """A BadLine with its text cut to what people can use."""
    return BadLine(line, text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…", reason, unsupported, place)


def folded(text: str) -> str:
    """Words as people type them, made comparable: NFC, lower case, single spaces, no punctuation at the ends."""
    return " ".join(unicodedata.normalize("NFC", text).lower().split()).strip(" .:;,*()[]\"'")


# Folded words that lists use for the kind of an indicator.
KINDS: dict[str, Kind] = {
    **dict.fromkeys(("c2", "c&c", "cnc", "command and control", "botnet", "botnet_cc"), "c2"),
    **dict.fromkeys(("điều khiển", "máy chủ điều khiển", "máy chủ điều khiển mã độc", "kết nối c2"), "c2"),
    **dict.fromkeys(("delivery", "malware", "malware_download", "payload_delivery", "dropper"), "delivery"),
    **dict.fromkeys(("phát tán", "phát tán mã độc", "tải mã độc", "phân phối"), "delivery"),
    **dict.fromkeys(("phishing", "scam", "lừa đảo", "giả mạo", "lừa đảo trực tuyến"), "phishing"),
    **dict.fromkeys(("unwanted", "pup", "adware", "ads", "tracker", "quảng cáo", "không mong muốn"), "unwanted"),
    **dict.fromkeys(("kill-switch", "kill switch", "killswitch", "công tắc ngắt"), "kill-switch"),
}
