"""Which format a list file is in, and why we think so.

No parsing beyond a first look; the person may always say the format instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from typing import BinaryIO, NamedTuple

from blocklists.formats import archive, csvtable, domains, hosts, rpz
from blocklists.formats.lines import BOM
from blocklists.indicator import BadLine, Indicator, Unreadable

LOOK = 1 << 17  # octets looked at
_LINES = 400

Parser = Callable[[Iterable[bytes]], Iterator[Indicator | BadLine]]
PARSERS: dict[str, Parser] = {
    "domains": domains.parse,
    "hosts": hosts.parse,
    "csv": csvtable.parse,
    "rpz": rpz.parse,
}
_READ = "domains, hosts, csv, rpz, xlsx, docx, misp and stix are read"

# First octets of files that are no text lists, and what to say about them.
_MAGIC = (
    (b"\x1f\x8b", "compressed with gzip; unpack it first"),
    (b"%PDF", "a PDF document"),
    (b"\xff\xfe", "UTF-16 text; save it as UTF-8"),
    (b"\xfe\xff", "UTF-16 text; save it as UTF-8"),
    (b"<", "HTML or XML"),
)
_OFFICE = {"xlsx": "an archive with sheets of an Excel workbook", "docx": "an archive with a Word document"}
_JSON = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:\{|\[\s*[\[{])").match
_MISP = re.compile(rb'"Event"\s*:\s*\{|"response"\s*:\s*\{\s*"Attribute"\s*:\s*\[').search
_STIX = re.compile(rb'"type"\s*:\s*"bundle"|"id"\s*:\s*"(?:bundle|indicator|observed-data)--').search
_MANIFEST = re.compile(rb'"Orgc"\s*:\s*\{').search
_ADBLOCK = re.compile(r"^(?:@@)?\|\||^!|##|^\[Adblock", re.IGNORECASE).search
_MARKS = (".rpz-ip", ".rpz-client-ip", ".rpz-nsdname", ".rpz-nsip")


class Unsupported(Unreadable):
    """The file is of a kind that is not read here; the message says which."""


class Detected(NamedTuple):
    """The format's name and a reason for people."""

    format: str
    reason: str


def detect(start: bytes, file: BinaryIO | None = None) -> Detected:
    """Judge by the first octets of a file (give at least LOOK where there are as many). Raises Unreadable.

    Only of an archive more is looked at, in `file`: what it is stands at its end.
    """
    if start.startswith((archive.MAGIC, archive.OLE_MAGIC)):
        return _office(file or BytesIO(start))
    if _JSON(start):
        return _exchange(start)
    for magic, what in _MAGIC:
        if start.removeprefix(b"\xef\xbb\xbf").lstrip(b" \r\n").startswith(magic):
            raise Unsupported(f"this file is {what}; {_READ}")
    lines = start[:LOOK].splitlines(keepends=True)
    if len(start) > LOOK:
        lines = lines[:-1]  # cut in its middle
    texts = [line.decode("utf-8", "replace").removeprefix(BOM).strip() for line in lines[:_LINES]]
    if (zone := _zone(texts)) is not None:
        return zone
    layout = csvtable.find_layout(record for record, _ in zip(csvtable.records(lines), range(60), strict=False))
    if layout is not None and (len(layout.columns.cells) > 1 or len(lines) > 1):
        named = ", ".join(repr(cell.strip()) for cell, role in zip(*layout.columns, strict=True) if role)
        return Detected("csv", f"line {layout.line} is a heading row: {named}")
    return _by_lines(texts)


def _office(file: BinaryIO) -> Detected:
    file.seek(0)
    if file.read(len(archive.OLE_MAGIC)) == archive.OLE_MAGIC:
        raise Unsupported(f"this file is {archive.describe_ole(file)}")
    try:
        with archive.open_archive(file) as opened:
            kind = archive.kind_of(opened)
    except Unreadable as error:
        raise Unsupported(f"this file is {error}") from error
    return Detected(kind, _OFFICE[kind])


def _exchange(start: bytes) -> Detected:
    """Which exchange a JSON file is of, by words that only its objects have."""
    if _MISP(start):
        return Detected("misp", "JSON with a MISP event")
    if _STIX(start):
        return Detected("stix", "JSON with objects of STIX")
    what = (
        "the manifest of a MISP feed; import the events that it names" if _MANIFEST(start) else "JSON, of no known kind"
    )
    raise Unsupported(f"this file is {what}; {_READ}")


def _zone(lines: list[str]) -> Detected | None:
    """A zone file: of a response policy, or of another kind, which is Unsupported; None when it is no zone file."""
    meant = [words for line in lines if (words := line.partition(";")[0].split()) and not line.startswith("#")]
    soa = any("SOA" in {word.upper() for word in words[1:4]} for words in meant)
    heads = soa or any(words[0].upper() in {"$TTL", "$ORIGIN"} for words in meant)
    aliases = [words for words in meant if len(words) > 1 and words[-2].upper() == "CNAME"]
    policy = sum(1 for words in aliases if words[-1] in {".", "*."} or words[-1].lower().startswith("rpz-"))
    policy += sum(1 for words in meant if any(mark in f"{words[0].lower()}." for mark in _MARKS))
    if (policy and heads) or len(aliases) * 2 > len(meant):
        below = ", with SOA or $ORIGIN" if heads else ""
        return Detected("rpz", f"{len(aliases)} of the first {len(meant)} lines are CNAME records of a policy{below}")
    if soa:
        what = "a DNS zone without a policy in its first lines; if it is one (RPZ), give the format rpz"
        raise Unsupported(f"this file looks like {what}; {_READ}")
    return None


def _by_lines(lines: list[str]) -> Detected:
    meant = [line for line in lines if line and not line.startswith("#")]
    if not meant:
        return Detected("domains", "no content in its first lines; taken as one name a line")
    if sum(1 for line in meant if _ADBLOCK(line)) * 2 > len(meant):
        raise Unsupported(f"this file looks like adblock filter rules; {_READ}")
    mapped = sum(1 for line in meant if len(words := line.split()) > 1 and hosts.leads_nowhere(words[0]))
    if mapped * 2 > len(meant):
        return Detected("hosts", f"{mapped} of the first {len(meant)} lines are an address and a name")
    return Detected(
        "domains", f"one entry a line: no heading row, {mapped} of {len(meant)} lines map a name to an address"
    )
