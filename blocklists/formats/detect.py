"""Which format a list file is in, and why we think so.

No parsing beyond a first look; the person may always say the format instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from blocklists.formats import adblock, csvtable, dnsmasq, domains, freetext, hosts, maltrail, rpz, unbound
from blocklists.formats.lines import BOM
from blocklists.formats.look import NOWHERE, Look, Origin
from blocklists.indicator import BadLine, Indicator

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
_READ = f"{', '.join([*PARSERS][:-1])} and {[*PARSERS][-1]} are read"

# First octets of files that are no text lists, and what to say about them.
_MAGIC = (
    (b"PK\x03\x04", "an Office document or ZIP archive; save the sheet as CSV (UTF-8)"),
    (b"\x1f\x8b", "compressed with gzip; unpack it first"),
    (b"%PDF", "a PDF document"),
    (b"{", "JSON"),
    (b"<", "HTML or XML"),
)
_MARKS = (".rpz-ip", ".rpz-client-ip", ".rpz-nsdname", ".rpz-nsip")


class Unsupported(Exception):
    """The file is of a kind that is not read here; the message says which."""


class Detected(NamedTuple):
    """The format's name and a reason for people."""

    format: str
    reason: str


def rows_of(format_name: str, lines: Iterable[bytes], origin: Origin = NOWHERE,
            tell: Callable[[str, rpz.NamedBy], None] | None = None) -> Rows:  # fmt: skip
    """What a format reads in these lines. Two formats also want to know where the lines come from; `tell` is rpz's."""
    if format_name == "rpz":
        return rpz.parse(lines, origin.zone, tell)
    if format_name == "maltrail":
        return maltrail.parse(lines, origin)
    return PARSERS[format_name](lines)


def detect(start: bytes) -> Detected:
    """Judge by the first octets of a file in UTF-8 (give at least LOOK where there are as many). Raises Unsupported."""
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
