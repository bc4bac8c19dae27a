"""Which format a list file is in, and why we think so.

No parsing beyond a first look; the person may always say the format instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from typing import BinaryIO, NamedTuple

from blocklists.formats import adblock, archive, csvtable, dnsmasq, domains, freetext, hosts, maltrail, rpz, unbound
from blocklists.formats.encoding import UTF8, Encoding
from blocklists.formats.lines import BOM
from blocklists.formats.look import NOWHERE, Look, Origin
from blocklists.indicator import BadLine, Indicator, Unreadable

LOOK = 1 << 17  # octets looked at
_LINES = 400

Rows = Iterator[Indicator | BadLine]
Parser = Callable[[Iterable[bytes]], Rows]
PARSERS: dict[str, Parser] = {
    "domains": domains.parse,
    "hosts": hosts.parse,
    "csv": csvtable.parse,
    "rpz": rpz.parse,
    "adblock": adblock.parse,
    "dnsmasq": dnsmasq.parse,
    "unbound": unbound.parse,
    "maltrail": maltrail.parse,
    "text": freetext.parse,
}
# Formats that say "" or why a file is theirs, the surest signs first; what nobody claims is `domains`. A look may also
# raise Unsupported.
_LOOKS: tuple[tuple[str, Callable[[Look], str]], ...] = (
    ("maltrail", maltrail.looks_like),
    ("adblock", adblock.looks_like),
    ("dnsmasq", dnsmasq.looks_like),
    ("unbound", unbound.looks_like),
    ("csv", csvtable.looks_like),
    ("hosts", hosts.looks_like),
    ("text", freetext.looks_like),
)
_READ = f"{', '.join([*PARSERS])}, xlsx, docx, misp and stix are read"

# First octets of files that are no text lists, and what to say about them.
_MAGIC = (
    (b"\x1f\x8b", "compressed with gzip; unpack it first"),
    (b"%PDF", "a PDF document"),
    (b"<", "HTML or XML"),
)
_OFFICE = {"xlsx": "an archive with sheets of an Excel workbook", "docx": "an archive with a Word document"}
_JSON = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:\{|\[\s*[\[{])").match
_MISP = re.compile(rb'"Event"\s*:\s*\{|"response"\s*:\s*\{\s*"Attribute"\s*:\s*\[').search
_STIX = re.compile(rb'"type"\s*:\s*"bundle"|"id"\s*:\s*"(?:bundle|indicator|observed-data)--').search
_MANIFEST = re.compile(rb'"Orgc"\s*:\s*\{').search
_MARKS = (".rpz-ip", ".rpz-client-ip", ".rpz-nsdname", ".rpz-nsip")


class Unsupported(Unreadable):
    """The file is of a kind that is not read here; the message says which."""


class Detected(NamedTuple):
    """The format's name and a reason for people; of a text also how its letters are written."""

    format: str
    reason: str
    encoding: Encoding = UTF8


def rows_of(format_name: str, lines: Iterable[bytes], origin: Origin = NOWHERE,
            tell: Callable[[str, rpz.NamedBy], None] | None = None) -> Rows:  # fmt: skip
    """What a format reads in these lines. Two formats also want to know where the lines come from; `tell` is rpz's."""
    if format_name == "rpz":
        return rpz.parse(lines, origin.zone, tell)
    if format_name == "maltrail":
        return maltrail.parse(lines, origin)
    return PARSERS[format_name](lines)


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
    octets = start[:LOOK].splitlines(keepends=True)
    if len(start) > LOOK:
        octets = octets[:-1]  # cut in its middle
    look = Look(octets, [line.decode("utf-8", "replace").removeprefix(BOM).strip() for line in octets[:_LINES]])
    if (zone := _zone(look.lines)) is not None:
        return zone
    for name, looks_like in _LOOKS:
        if reason := looks_like(look):
            return Detected(name, reason)
    return _by_lines(look)


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


def _by_lines(look: Look) -> Detected:
    meant = look.meant
    if not meant:
        return Detected("domains", "no content in its first lines; taken as one name a line")
    mapped = hosts.mapped(meant)
    return Detected(
        "domains", f"one entry a line: no heading row, {mapped} of {len(meant)} lines map a name to an address"
    )
