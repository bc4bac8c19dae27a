"""Which format a list file is in, and why we think so.

No parsing beyond a first look; the person may always say the format instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from blocklists.formats import csvtable, domains, hosts
from blocklists.indicator import BadLine, Indicator

LOOK = 1 << 17  # octets looked at
_LINES = 400

Parser = Callable[[Iterable[bytes]], Iterator[Indicator | BadLine]]
PARSERS: dict[str, Parser] = {"domains": domains.parse, "hosts": hosts.parse, "csv": csvtable.parse}

# First octets of files that are no text lists, and what to say about them.
_MAGIC = (
    (b"PK\x03\x04", "an Office document or ZIP archive; save the sheet as CSV (UTF-8)"),
    (b"\x1f\x8b", "compressed with gzip; unpack it first"),
    (b"%PDF", "a PDF document"),
    (b"\xff\xfe", "UTF-16 text; save it as UTF-8"),
    (b"\xfe\xff", "UTF-16 text; save it as UTF-8"),
    (b"{", "JSON"),
    (b"<", "HTML or XML"),
)
_ADBLOCK = re.compile(r"^(?:@@)?\|\||^!|##|^\[Adblock", re.IGNORECASE).search
_RPZ = re.compile(r"\s(?:IN\s+)?CNAME\s+\S+\s*(?:;.*)?$|^\$(?:TTL|ORIGIN)\b", re.IGNORECASE).search


class Unsupported(Exception):
    """The file is of a kind that is not read here; the message says which."""


class Detected(NamedTuple):
    """The format's name and a reason for people."""

    format: str
    reason: str


def detect(start: bytes) -> Detected:
    """Judge by the first octets of a file (give at least LOOK where there are as many). Raises Unsupported."""
    for magic, what in _MAGIC:
        if start.removeprefix(b"\xef\xbb\xbf").lstrip(b" \r\n").startswith(magic):
            raise Unsupported(f"this file is {what}; domains, hosts and csv are read")
    lines = start[:LOOK].splitlines(keepends=True)
    if len(start) > LOOK:
        lines = lines[:-1]  # cut in its middle
    layout = csvtable.find_layout(record for record, _ in zip(csvtable.records(lines), range(60), strict=False))
    if layout is not None and (len(layout.cells) > 1 or len(lines) > 1):
        named = ", ".join(repr(cell.strip()) for cell, role in zip(layout.cells, layout.roles, strict=True) if role)
        return Detected("csv", f"line {layout.line} is a heading row: {named}")
    return _by_lines([line.decode("utf-8", "replace").strip() for line in lines[:_LINES]])


def _by_lines(lines: list[str]) -> Detected:
    meant = [line for line in lines if line and not line.startswith("#")]
    if not meant:
        return Detected("domains", "no content in its first lines; taken as one name a line")
    for test, what in ((_ADBLOCK, "adblock filter rules"), (_RPZ, "a DNS zone (RPZ)")):
        if sum(1 for line in meant if test(line)) * 2 > len(meant):
            raise Unsupported(f"this file looks like {what}; domains, hosts and csv are read")
    mapped = sum(1 for line in meant if len(words := line.split()) > 1 and hosts.leads_nowhere(words[0]))
    if mapped * 2 > len(meant):
        return Detected("hosts", f"{mapped} of the first {len(meant)} lines are an address and a name")
    return Detected(
        "domains", f"one entry a line: no heading row, {mapped} of {len(meant)} lines map a name to an address"
    )
