"""Segments: one list version compiled to a read-only, memory-mapped file. Writer and reader in one place.

No decisions here: what a match means is resolver.policy's business; what may be listed is blocklists.guard's.

A segment is one file: a marisa trie of keys, then one 20-octet record per key in the trie's own numbering, then a
msgpack description, then a fixed footer. The trie stands first because marisa maps a file from its start and ignores
what follows. A key is contracts.names.search_key of a name (its first octet is below 64), or a mark of 64 or more and
the bits of a network: whatever covers what is asked is a prefix of it, be it a parent or a wider network.
"""

from __future__ import annotations

import hashlib
import ipaddress
import mmap
import os
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import marisa_trie
import msgspec

from contracts.names import from_search_key, search_key
from contracts.networks import Network
from contracts.zone_text import WILDCARD

Kind = Literal["c2", "delivery", "phishing", "unwanted", "kill-switch"]
# What a list itself may ask for; "" is what its mode says. The words of RPZ (draft-vixie-dnsop-dns-rpz section 3).
RuleAction = Literal["", "nxdomain", "nodata", "drop", "tcp-only", "passthru", "alias", "local"]
Trigger = Literal["name", "answer", "client"]  # a name asked or passed through, an address answered, the client's own

MAGIC = b"WANSEG02"
_RECORD = struct.Struct("<IIIII")  # stable hash; rule and line for the key itself; rule and line for what is below it
_FOOTER = struct.Struct("<QQQ8s")  # records offset, description offset, description length, magic
_NOTHING = (0, 0)
_MARKS = {"answer": b"@", "client": b"A"}


class BadPolicy(ValueError):
    """A segment or manifest that must not be used; the message says what is wrong with it."""


class Labels(NamedTuple):
    """What many indicators of a list have in common."""

    kind: str
    family: str
    letter: str
    source: str


class Data(NamedTuple):
    """One record of local data: its owner is the name asked."""

    qtype: int
    ttl: int
    rdata: bytes


class Rule(NamedTuple):
    """Labels, and what the list asks to be done: few distinct ones in millions."""

    labels: Labels
    action: RuleAction = ""
    target: bytes = b""  # alias: wire name; one that begins with the label * takes the name asked in its place
    data: tuple[Data, ...] = ()  # local


class Listed(NamedTuple):
    """One indicator on its way into a segment: a name, alone, with or without itself; or a network."""

    key: bytes  # search_key of a name, or network_key
    line: int
    rule: Rule
    itself: bool = True
    below: bool = True  # subdomains; always so for a network


class Match(msgspec.Struct, frozen=True, gc=False):
    """What a segment says about a name or address: the indicator and where it came from."""

    indicator: bytes  # wire name, with the label * where only what is below it is listed; or network_key
    subdomains: bool  # a name that is listed with what is below it
    hash32: int  # stable over versions, lists and machines: chooses the sinkhole address
    line: int
    rule: Rule

    @property
    def labels(self) -> Labels:
        """Kind, family, letter and source."""
        return self.rule.labels


class _Description(msgspec.Struct, frozen=True):
    list: str
    version: int
    keys: int
    names: int
    triggers: dict[str, int]  # networks of each trigger
    rules: tuple[Rule, ...]


def name_listed(name: bytes, subdomains: bool, line: int, labels: Labels, action: RuleAction = "") -> Listed:
    """A name on its way into a segment."""
    return Listed(search_key(name), line, Rule(labels, action), True, subdomains)


def stable_hash(indicator: bytes) -> int:
    """32 bits that depend on the listed name or network only."""
    return int.from_bytes(hashlib.blake2b(indicator, digest_size=4).digest(), "little")


def network_key(network: Network, trigger: Trigger) -> bytes:
    """The key of a network under a trigger."""
    bits = f"{int(network.network_address):0{network.max_prefixlen}b}"[: network.prefixlen]
    return _MARKS[trigger] + (b"4" if network.version == 4 else b"6") + bits.encode()


def address_key(packed: bytes, trigger: Trigger) -> bytes:
    """What covers this packed address is a prefix of its key. An IPv4-mapped IPv6 address counts as IPv4."""
    if len(packed) == 16 and packed.startswith(b"\0" * 10 + b"\xff\xff"):
        packed = packed[12:]
    mark = _MARKS[trigger] + (b"4" if len(packed) == 4 else b"6")
    return mark + f"{int.from_bytes(packed, 'big'):0{len(packed) * 8}b}".encode()


def network_of(key: bytes) -> Network:
    """The network that `network_key` made this key of."""
    width, kind = (32, ipaddress.IPv4Network) if key[1:2] == b"4" else (128, ipaddress.IPv6Network)
    bits = key[2:]
    return kind((int(bits or b"0", 2) << (width - len(bits)), len(bits)))


def prefix128(key: bytes) -> int:
    """The prefix length of a network_key on the scale of IPv6, so that networks of both families can be compared."""
    return len(key) - 2 + (96 if key[1:2] == b"4" else 0)


def is_network(indicator: bytes) -> bool:
    """Whether a Match is about a network rather than a name."""
    return indicator[0] > 63


def write_segment(path: Path, list_name: str, version: int, indicators: Iterable[Listed]) -> str:
    """Compile indicators to `path` (synced to disk); the first of equal ones wins. Returns the file's digest."""
    packed: dict[bytes, bytes] = {}  # bytes, not tuples: a million of them cost neither memory nor garbage collection
    numbers: dict[Rule, int] = {}  # from 1 on: 0 is none
    counts = dict.fromkeys(_MARKS, 0)
    for key, line, rule, itself, below in indicators:
        number = numbers.setdefault(rule, len(numbers) + 1)
        known = packed.get(key)
        own, under = (number, line) if itself else _NOTHING, (number, line) if below else _NOTHING
        if known is None:
            indicator = key if key[:1] > b"?" else from_search_key(key)
            packed[key] = _RECORD.pack(stable_hash(indicator), *own, *under)
            for trigger, mark in _MARKS.items():
                counts[trigger] += key.startswith(mark)
        else:
            hash32, *old = _RECORD.unpack(known)
            own = (old[0], old[1]) if old[0] else own
            under = (old[2], old[3]) if old[2] else under
            packed[key] = _RECORD.pack(hash32, *own, *under)
    trie = marisa_trie.BinaryTrie(packed)
    ordered = [b""] * len(packed)
    for key, number in trie.items():
        ordered[number] = packed[key]
    records = b"".join(ordered)
    names = len(packed) - sum(counts.values())
    description = msgspec.msgpack.encode(
        _Description(list_name, version, len(packed), names, counts, tuple(numbers))
    )  # fmt: skip
    trie.save(str(path))
    with path.open("ab") as file:
        records_at = file.tell()
        file.write(records)
        described_at = file.tell()
        file.write(description)
        file.write(_FOOTER.pack(records_at, described_at, len(description), MAGIC))
        file.flush()
        os.fsync(file.fileno())
    return file_digest(path)


def file_digest(path: Path) -> str:
    """BLAKE2b-256 of a file, hexadecimal. A damaged trie can crash its reader, so readers check before they map."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=32)).hexdigest()


class Segment:
    """A compiled list version, memory-mapped read-only and shared by all processes that map it."""

    def __init__(self, path: Path, digest: str | None = None) -> None:
        """Map `path`; with a digest, check the whole file first. Raises BadPolicy or OSError."""
        if digest is not None and file_digest(path) != digest:
            raise BadPolicy(f"{path.name}: content does not match the manifest's digest")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < _FOOTER.size:
                raise BadPolicy(f"{path.name}: too short for a segment")
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        records_at, described_at, length, magic = _FOOTER.unpack_from(self._map, size - _FOOTER.size)
        if magic != MAGIC or described_at + length + _FOOTER.size != size or records_at > described_at:
            raise BadPolicy(f"{path.name}: no segment, or of another format")
        about = msgspec.msgpack.decode(self._map[described_at : described_at + length], type=_Description)
        if described_at - records_at != about.keys * _RECORD.size:
            raise BadPolicy(f"{path.name}: {about.keys} indicators do not fit its record table")
        self._about = about
        self._rules = about.rules
        self._records_at = records_at
        self._trie = marisa_trie.BinaryTrie()
        self._trie.mmap(str(path))
        self._prefixes = self._trie.prefixes

    @property
    def list(self) -> str:
        """The list this is a version of."""
        return self._about.list

    @property
    def version(self) -> int:
        """Number of the list version."""
        return self._about.version

    def __len__(self) -> int:
        """Number of listed names."""
        return self._about.names

    def networks(self, trigger: Trigger) -> int:
        """How many networks are listed under a trigger: where there are none nobody needs to look."""
        return self._about.triggers[trigger]

    def __iter__(self) -> Iterator[bytes]:
        """The listed names in wire form, in the trie's own order."""
        return (from_search_key(key) for key in self._trie.iterkeys() if key[:1] < b"@")

    def matches(self) -> Iterator[tuple[Match, bool]]:
        """Every indicator as `find` would give it, and whether it is for the name itself; for a network it always is.

        One that is listed with what is below it comes twice, second for what is below: under the same name where one
        rule holds for both, else as `*.name`.
        """
        for key, number in self._trie.items():
            at = self._records_at + number * _RECORD.size
            hash32, own, own_line, below, below_line = _RECORD.unpack_from(self._map, at)
            if key[:1] > b"?":
                yield Match(key, False, hash32, own_line, self._rules[own - 1]), True
                continue
            name = from_search_key(key)
            if own:
                yield Match(name, own == below, hash32, own_line, self._rules[own - 1]), True
            if below:
                covering = name if own == below else WILDCARD + name
                yield Match(covering, True, hash32, below_line, self._rules[below - 1]), False

    def find(self, name: bytes, key: bytes) -> Match | None:
        """The closest indicator that covers a lower-case wire name: itself, or a parent listed with its subdomains.

        `key` is search_key(name), made once for all segments.
        """
        found = self._prefixes(key)
        while found:
            listed = found.pop()
            at = self._records_at + self._trie[listed] * _RECORD.size
            hash32, own, own_line, below, below_line = _RECORD.unpack_from(self._map, at)
            if len(listed) == len(key):
                if own:
                    return Match(name, own == below, hash32, own_line, self._rules[own - 1])
            elif below:
                covering = name[len(key) - len(listed) :]
                if own != below:
                    covering = WILDCARD + covering
                return Match(covering, True, hash32, below_line, self._rules[below - 1])
        return None

    def find_network(self, key: bytes) -> Match | None:
        """The narrowest network that holds an address; `key` is its address_key."""
        found = self._prefixes(key)
        if not found:
            return None
        listed = found[-1]
        at = self._records_at + self._trie[listed] * _RECORD.size
        hash32, own, line, _below, _below_line = _RECORD.unpack_from(self._map, at)
        return Match(listed, False, hash32, line, self._rules[own - 1])
