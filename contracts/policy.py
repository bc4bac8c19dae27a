"""Segments (one list version, compiled) and the policy manifest: writer and memory-mapped reader, in one place.

No decisions here: what a match means is resolver.policy's business; what may be listed is blocklists.guard's.

A segment is one file: a marisa trie of search keys (contracts.names.search_key), then one 16-octet record per key
in the trie's own numbering, then a msgpack description, then a fixed footer. The trie stands first because marisa maps
a file from its start and ignores what follows.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import marisa_trie
import msgspec

from contracts.names import from_search_key, search_key

Mode = Literal["enforce", "monitor", "passthru"]
Kind = Literal["c2", "delivery", "phishing", "unwanted", "kill-switch"]

MAGIC = b"WANSEG01"
_RECORD = struct.Struct("<IIII")  # stable hash, line in the source, number of the label set, flags
_FOOTER = struct.Struct("<QQQ8s")  # records offset, description offset, description length, magic
_SUBDOMAINS = 1


class BadPolicy(ValueError):
    """A segment or manifest that must not be used; the message says what is wrong with it."""


class Listed(NamedTuple):
    """One indicator on its way into a segment."""

    name: bytes  # lower-case wire form
    subdomains: bool
    line: int
    kind: str
    family: str
    letter: str
    source: str


class Labels(NamedTuple):
    """What many indicators of a list have in common."""

    kind: str
    family: str
    letter: str
    source: str


class Match(NamedTuple):
    """What a segment says about a name: the indicator and where it came from."""

    name: bytes  # the listed name, wire form: the asked one or a parent
    subdomains: bool
    hash32: int  # stable over versions, lists and machines: chooses the sinkhole address
    line: int
    labels: Labels


class _Description(msgspec.Struct, frozen=True):
    list: str
    version: int
    names: int
    labels: tuple[Labels, ...]  # few distinct ones in millions


def stable_hash(name: bytes) -> int:
    """32 bits that depend on the listed name only."""
    return int.from_bytes(hashlib.blake2b(name, digest_size=4).digest(), "little")


def write_segment(path: Path, list_name: str, version: int, indicators: Iterable[Listed]) -> str:
    """Compile indicators to `path` (synced to disk); the first of equal names wins. Returns the file's digest."""
    packed: dict[bytes, bytes] = {}  # bytes, not tuples: a million of them cost neither memory nor garbage collection
    label_numbers: dict[Labels, int] = {}
    for name, subdomains, line, kind, family, letter, source in indicators:
        key = search_key(name)
        if key in packed:
            continue
        labels = label_numbers.setdefault(Labels(kind, family, letter, source), len(label_numbers))
        packed[key] = _RECORD.pack(stable_hash(name), line, labels, _SUBDOMAINS if subdomains else 0)
    trie = marisa_trie.BinaryTrie(packed)
    ordered = [b""] * len(packed)
    for key, number in trie.items():
        ordered[number] = packed[key]
    records = b"".join(ordered)
    description = msgspec.msgpack.encode(_Description(list_name, version, len(packed), tuple(label_numbers)))
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
        self._about = msgspec.msgpack.decode(self._map[described_at : described_at + length], type=_Description)
        if described_at - records_at != self._about.names * _RECORD.size:
            raise BadPolicy(f"{path.name}: {self._about.names} names do not fit its record table")
        self._labels = self._about.labels
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

    def __iter__(self) -> Iterator[bytes]:
        """The listed names in wire form, in the trie's own order."""
        return map(from_search_key, self._trie.iterkeys())

    def find(self, name: bytes, key: bytes) -> Match | None:
        """The longest indicator that covers a lower-case wire name: itself, or a parent listed with its subdomains.

        `key` is search_key(name), made once for all segments.
        """
        found = self._prefixes(key)
        while found:
            listed = found.pop()
            at = self._records_at + self._trie[listed] * _RECORD.size
            hash32, line, labels, flags = _RECORD.unpack_from(self._map, at)
            if flags & _SUBDOMAINS or len(listed) == len(key):
                covering = name[len(key) - len(listed) :]
                return Match(covering, bool(flags & _SUBDOMAINS), hash32, line, self._labels[labels])
        return None


class ManifestEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One live segment: where it is and how it is meant."""

    list: str
    version: int
    mode: Mode
    campaign: str
    segment: str  # file name inside the segments folder
    digest: str
    names: int
    addresses: int  # IP indicators of the version, kept in the library, not enforced yet


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The live policy: segments in the order in which they are asked; the first match wins."""

    serial: int  # only grows
    made: float  # seconds since the epoch
    entries: tuple[ManifestEntry, ...]
    format: Literal[1] = 1


class PolicyFolder:
    """Where manifest and segments lie: `<state>/policy`. Renaming the manifest is the switch."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.segments = folder / "segments"
        self.manifest = folder / "policy.json"

    def read(self) -> Manifest | None:
        """The live manifest, None when none was ever written; BadPolicy when it cannot be understood."""
        try:
            raw = self.manifest.read_bytes()
        except FileNotFoundError:
            return None
        try:
            return msgspec.json.decode(raw, type=Manifest)
        except msgspec.DecodeError as error:
            raise BadPolicy(f"{self.manifest.name}: {error}") from error

    def open(self, manifest: Manifest, reuse: dict[str, Segment] | None = None) -> dict[str, Segment]:
        """Map every segment of the manifest, checked; segments given by digest in `reuse` are taken over unread."""
        opened = dict[str, Segment]()
        for entry in manifest.entries:
            known = (reuse or {}).get(entry.digest)
            segment = known or Segment(self.segments / Path(entry.segment).name, entry.digest)
            if (segment.list, segment.version) != (entry.list, entry.version):
                raise BadPolicy(f"{entry.segment}: holds {segment.list} version {segment.version}")
            opened[entry.digest] = segment
        return opened

    def publish(self, manifest: Manifest) -> None:
        """Make `manifest` the live one: written beside, synced, renamed over, folder synced."""
        self.segments.mkdir(parents=True, exist_ok=True)
        fresh = self.manifest.with_suffix(".new")
        with fresh.open("wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(manifest), indent=1))
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(self.manifest)
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
