"""Lines of dns.local_records: `intranet.example.vn. 300 IN A 10.1.1.1` to its parts, or a reason why not.

The check of the settings and the workers must agree on what a good line is. No wire form of data: resolver.wire.rare.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from contracts import names

DEFAULT_TTL = 300
WILDCARD = b"\x01*"
TYPE_CNAME = 5

# Meanings that would not hold here. Numbers: IANA "DNS RR TYPEs".
_REFUSED = {
    39: "DNAME moves everything below a name, and only whole names are answered here",
    41: "OPT is no record of a name",
    **dict.fromkeys((24, 25, 43, 46, 47, 48, 50, 51, 59, 60), "DNSSEC records, and nothing is signed here"),
}
_META = range(128, 256)  # types that are only asked for, RFC 6895 section 3.1
# Where the digest type stands, and hex digits of each: RFC 4255 section 3.1.2 and RFC 6594; RFC 6698 section 2.1.3.
_DIGESTS = {"SSHFP": (1, {1: 40, 2: 64}), "TLSA": (2, {1: 64, 2: 128})}
_SVC_KEYS = {"alpn": 1, "no-default-alpn": 2, "port": 3, "ipv4hint": 4, "ipv6hint": 6, "dohpath": 7}


class BadRecord(ValueError):
    """The line cannot be answered from; the message says why."""


class Record(NamedTuple):
    """One line. `kind` is "" where the data is given as octets (RFC 3597): then `words` is their hex digits alone."""

    owner: bytes  # lower-case wire form
    ttl: int
    qtype: int
    kind: str
    words: tuple[str, ...]  # of the data, without quotes, escapes as written


def problems(lines: Sequence[str | None]) -> Iterator[tuple[int, str]]:
    """(index, reason) of every line that cannot stand, alone or beside the others. None: told already."""
    seen: dict[bytes, dict[int, list[tuple[str, ...]]]] = {}
    for index, line in enumerate(lines):
        if line is None:
            continue
        try:
            record = read_record(line)
        except BadRecord as error:
            yield index, str(error)
            continue
        types = seen.setdefault(record.owner, {})
        if types and (TYPE_CNAME in types or record.qtype == TYPE_CNAME):  # RFC 2181 section 10.1
            yield index, "a CNAME must be the only record of its name"
        elif record.words in types.get(record.qtype, ()):
            yield index, "given twice"
        types.setdefault(record.qtype, []).append(record.words)


def read_record(line: str) -> Record:
    """Owner, TTL, class, type and data; TTL and class may be left out or change places (RFC 1035 section 5.1)."""
    words = list(_words(line))
    if len(words) < 3:
        raise BadRecord("expected a name, a type and data")
    owner = _owner(words.pop(0))
    ttl = DEFAULT_TTL
    for _ in range(2):
        if words and words[0].isdecimal() and words[0].isascii():
            ttl = int(words.pop(0))
        elif words and words[0].upper() == "IN":
            words.pop(0)
    if ttl > 0x7FFFFFFF:
        raise BadRecord("the TTL is above 2147483647 seconds (RFC 2181 section 8)")
    if len(words) < 2:
        raise BadRecord("the type or the data is missing")
    name, data = words[0].upper(), words[1:]
    if name in SHAPES:
        return _named(owner, ttl, name, data)
    return Record(owner, ttl, _number(name), "", (_octets_given(data),))


def octets(word: str) -> bytes:
    """Text as it goes on the wire: UTF-8, with \\DDD and \\X read (RFC 1035 section 5.1)."""
    out = bytearray()
    for part in re.findall(r"\\[0-9]{3}|\\.|[^\\]+|\\", word, re.DOTALL):
        if len(part) == 4 and part[0] == "\\":
            if int(part[1:]) > 255:
                raise BadRecord(f"{part} is no octet")
            out.append(int(part[1:]))
        elif part == "\\":
            raise BadRecord("a lone backslash at the end")
        else:
            out += part.removeprefix("\\").encode("utf-8", "surrogatepass")
    return bytes(out)


def svc_key(word: str) -> int:
    """Number of the key of `key=value` in SVCB and HTTPS data (RFC 9460 section 14.3)."""
    key = word.partition("=")[0]
    number = _SVC_KEYS.get(key)
    if number is None and re.fullmatch(r"key(0|[1-9][0-9]{0,4})", key):
        number = int(key[3:])
        if number in _SVC_KEYS.values() or number in {0, 5, 8} or number > 65534:
            number = None
    if number is None:
        raise BadRecord(f"the key {key!r} is not read here")
    return number


def _words(line: str) -> Iterator[str]:
    """Words, quoted ones without their quotes; up to a comment."""
    if any(ord(letter) < 32 and letter != "\t" for letter in line):
        raise BadRecord("a line break or control character: one record is one line")
    at = 0
    while at < len(line):
        if line[at] in " \t":
            at += 1
        elif line[at] == ";":
            return
        elif line[at] in "()":
            raise BadRecord("parentheses are not needed: one record is one line")
        else:
            found = re.compile(r'"((?:[^"\\]|\\.)*)"(?=[ \t;]|$)|((?:[^\s"();\\]|\\.)+)(?=[ \t;]|$)').match(line, at)
            if found is None:
                raise BadRecord("a quote that does not end, or letters around one")
            yield found[1] if found[2] is None else found[2]
            at = found.end()


def _owner(text: str) -> bytes:
    if text == "@" or text.startswith("$"):
        raise BadRecord("write the whole name: there is no zone file around the line")
    owner = _wire(text)
    if owner == b"\0":
        raise BadRecord("the root has no record of ours")
    labels = list(names.labels(owner))
    if b"*" in labels[1:]:
        raise BadRecord("`*` stands for names only as the first label (RFC 4592)")
    if labels == [b"*"]:
        raise BadRecord("`*` alone would answer for every name there is")
    return owner


def _wire(text: str) -> bytes:
    try:
        return names.to_wire(text)
    except names.BadName as error:
        raise BadRecord(f"no domain name {text!r}: {error}") from error


def _number(name: str) -> int:
    if name in {"CH", "HS", "CS", "ANY"}:
        raise BadRecord(f"class or type {name} is not answered here")
    if not re.fullmatch(r"TYPE(0|[1-9][0-9]{0,4})", name) or int(name[4:]) > 65535:
        raise BadRecord(f"type {name} is not read here: write it as TYPEnumber \\# length hex (RFC 3597 section 5)")
    number = int(name[4:])
    if number in _REFUSED:
        raise BadRecord(_REFUSED[number])
    if number == 0 or number in _META:
        raise BadRecord(f"type {number} is no record of a name")
    for known, (same, _shape) in SHAPES.items():
        if same == number:
            raise BadRecord(f"write type {number} by its name {known}")
    return number


def _octets_given(data: list[str]) -> str:
    if len(data) < 2 or data[0] != "\\#" or not data[1].isdecimal():
        raise BadRecord("expected \\# length hex (RFC 3597 section 5)")
    digits = "".join(data[2:]).lower()
    if not re.fullmatch(r"(?:[0-9a-f]{2})*", digits):
        raise BadRecord("the data is no pairs of hex digits")
    if len(digits) != 2 * int(data[1]) or len(digits) > 2 * 65535:
        raise BadRecord(f"the length says {data[1]} octets, there are {len(digits) // 2}")
    return digits


def _named(owner: bytes, ttl: int, kind: str, data: list[str]) -> Record:
    qtype, shape = SHAPES[kind]
    repeated = shape[-1] in _REPEATED
    wanted = len(shape) - 1 if shape[-1] is _param else len(shape)
    if len(data) < wanted or (len(data) > len(shape) and not repeated):
        raise BadRecord(f"{kind} data has {'at least ' if repeated else ''}{wanted} parts, there are {len(data)}")
    for place, word in enumerate(data):
        shape[min(place, len(shape) - 1)](word)
    _check_whole(kind, data)
    return Record(owner, ttl, qtype, kind, tuple(data))


def _check_whole(kind: str, data: list[str]) -> None:
    """What the parts cannot know of each other."""
    if kind in _DIGESTS:
        place, lengths = _DIGESTS[kind]
        digits = len("".join(data[place + 1 :]))
        wanted = lengths.get(int(data[place]), digits + digits % 2)
        if digits != wanted:
            raise BadRecord(f"digest type {data[place]} needs {wanted} hex digits, there are {digits}")
    elif kind in {"SVCB", "HTTPS"}:
        keys = [svc_key(word) for word in data[2:]]
        if len(set(keys)) < len(keys):
            raise BadRecord("a key is given twice")
        if keys and not int(data[0]):
            raise BadRecord("priority 0 is an alias and has no keys (RFC 9460 section 2.4.2)")
        if 2 in keys and 1 not in keys:
            raise BadRecord("no-default-alpn needs alpn (RFC 9460 section 7.1.1)")


# The parts of data. Each says nothing, or raises.


def _ipv4(word: str) -> None:
    try:
        ipaddress.IPv4Address(word)
    except ValueError as error:
        raise BadRecord(f"no IPv4 address {word!r}") from error


def _ipv6(word: str) -> None:
    try:
        if "%" in word:
            raise ValueError("a zone of this machine")
        ipaddress.IPv6Address(word)
    except ValueError as error:
        raise BadRecord(f"no IPv6 address {word!r}") from error


def _up_to(most: int) -> Callable[[str], None]:
    def check(word: str) -> None:
        if not re.fullmatch("[0-9]{1,10}", word) or int(word) > most:
            raise BadRecord(f"no number from 0 to {most}: {word!r}")

    return check


def _name(word: str) -> None:
    if "\\" in word:
        raise BadRecord(f"escapes in a name of the data are not read here: {word!r}")
    if _wire(word) == b"\0" and word != ".":
        raise BadRecord("an empty name")


def _text(word: str) -> None:
    if len(octets(word)) > 255:
        raise BadRecord("a text of more than 255 octets: write it as several (RFC 1035 section 3.3)")


def _ascii(word: str) -> None:
    _text(word)
    if not re.fullmatch(r"[ !#-~]*", octets(word).decode("latin-1")):
        raise BadRecord(f"letters outside printable ASCII, or quotes: {word!r}")


def _tag(word: str) -> None:
    if not re.fullmatch("[a-z0-9]{1,15}", word):  # RFC 8659 section 4.1
        raise BadRecord(f"no CAA property of small letters and digits: {word!r}")


def _hex(word: str) -> None:
    if not re.fullmatch("[0-9A-Fa-f]+", word):
        raise BadRecord(f"no hex digits: {word!r}")


def _param(word: str) -> None:
    """`key=value` of SVCB and HTTPS, RFC 9460 section 2.1."""
    number = svc_key(word)
    _key, equals, value = word.partition("=")
    if number == 2:
        if equals:
            raise BadRecord("no-default-alpn has no value")
    elif not re.fullmatch(r"[!#-\[\]-~]+", value):
        raise BadRecord(f"the value of {word!r} is empty or has quotes, escapes or spaces")
    elif number == 3:
        _port(value)
    elif number in {1, 4, 6}:
        for one in value.split(","):
            (_alpn if number == 1 else _ipv4 if number == 4 else _ipv6)(one)


def _alpn(word: str) -> None:
    if not 0 < len(word) < 256:
        raise BadRecord("an empty or overlong protocol in alpn")


_octet, _port, _seconds = _up_to(0xFF), _up_to(0xFFFF), _up_to(0xFFFFFFFF)
_REPEATED = {_text, _hex, _param}  # as the last part: any number of them; _param may be missing
_REST = (_port, _name, _param)

# type -> number, parts of its data: what dnslib encodes and people write. The others in the form of RFC 3597.
SHAPES: dict[str, tuple[int, tuple[Callable[[str], None], ...]]] = {
    "A": (1, (_ipv4,)),
    "NS": (2, (_name,)),
    "CNAME": (5, (_name,)),
    "SOA": (6, (_name, _name, *[_seconds] * 5)),
    "PTR": (12, (_name,)),
    "MX": (15, (_port, _name)),
    "TXT": (16, (_text,)),
    "AAAA": (28, (_ipv6,)),
    "SRV": (33, (_port, _port, _port, _name)),
    "NAPTR": (35, (_port, _port, _ascii, _ascii, _ascii, _name)),
    "SSHFP": (44, (_octet, _octet, _hex)),
    "TLSA": (52, (_octet, _octet, _octet, _hex)),
    "SVCB": (64, _REST),
    "HTTPS": (65, _REST),
    "CAA": (257, (_octet, _tag, _ascii)),
}
