"""The rows of one file into one new version: parse, judge, count, insert in batches.

No decision what becomes of the version: that is blocklists.service's.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, Literal, get_args

import msgspec

from blocklists.commons import popular_names
from blocklists.formats import archive, confined, rpz
from blocklists.formats.detect import LOOK, Detected, detect, rows_of
from blocklists.formats.encoding import Encoding, encoding_of, text_lines
from blocklists.formats.look import NOWHERE, Origin
from blocklists.guard import Guard, Verdict
from blocklists.holds import WAITING, Held, Holds
from blocklists.indicator import BadLine, Indicator, Item, Remark
from blocklists.library import KEPT_REJECTED, WILD, AddressRow, Library, NameRow
from blocklists.report import SHOWN_ROWS, ImportReport, Row, Version
from blocklists.rules import label_of
from contracts.segment import Kind

BATCH = 50_000
Progress = Callable[[str, int], None]
_KINDS = frozenset(get_args(Kind))


class Counts:
    """What was found in the file so far."""

    def __init__(self) -> None:
        self.lines = 0
        self.names = 0
        self.addresses = 0
        self.clients = 0  # of the addresses
        self.duplicates = 0
        self.passthru = 0
        self.bad_total = 0
        self.refused_total = 0
        self.unsupported_total = 0
        self.bad = list[Row]()
        self.refused = list[Row]()
        self.unsupported = list[Row]()
        self.waiting_total = 0
        self.waiting = list[Row]()  # the first ones
        self.carried = 0  # decisions that hold on from an earlier version
        self.odd_kinds = dict[str, int]()
        self.popular = list[str]()
        self.zone = ""  # of a zone file: the name that was taken, and who named it
        self.zone_by: rpz.NamedBy = "nobody"
        self.zone_reason = ""
        self.reduced = 0  # URLs of which the host was taken
        self.remarks = list[str]()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know though every row was taken."""
        found = [
            f"{count} rows of the unknown kind {kind!r} were taken as the list's own kind"
            for kind, count in sorted(self.odd_kinds.items())[:SHOWN_ROWS]
        ]
        if self.reduced:
            found.append(
                f"{self.reduced} URLs with a path were taken as their hosts: all other pages of these are listed too"
            )
        if self.carried:
            found.append(f"{self.carried} held rows were decided in an earlier version, which holds on")
        if self.popular:
            more = f" and {len(self.popular) - SHOWN_ROWS} more" if len(self.popular) > SHOWN_ROWS else ""
            found.append(f"among the most visited sites, check them: {', '.join(self.popular[:SHOWN_ROWS])}{more}")
        return (*found, *self.remarks[:SHOWN_ROWS])


def digest_of(file: BinaryIO) -> str:
    """BLAKE2b-256 of the whole content; the file stands at its start again."""
    file.seek(0)
    digest = hashlib.blake2b(digest_size=32)
    while piece := file.read(1 << 20):
        digest.update(piece)
    file.seek(0)
    return digest.hexdigest()


def format_of(file: BinaryIO, asked: str) -> Detected:
    """The format asked for, or the one that the content shows; told with the encoding. Raises Unreadable."""
    if asked in confined.FORMATS:
        return Detected(asked, "as asked")
    start = file.read(8)
    if asked == "auto" and start.startswith((archive.MAGIC, archive.OLE_MAGIC)):
        found = detect(start, file)
        file.seek(0)
        return found
    encoding = encoding_of(file)
    found = Detected(asked, "as asked") if asked != "auto" else detect(_start(file, encoding))
    reason = f"{found.reason}; {encoding.reason}" if encoding.reason else found.reason
    return found._replace(reason=reason, encoding=encoding)


def _start(file: BinaryIO, encoding: Encoding) -> bytes:
    """At least the first LOOK octets in UTF-8, where there are as many, and no line that is cut."""
    start = bytearray()
    for line in text_lines(file, encoding):
        start += line
        if len(start) > LOOK:
            break
    file.seek(0)
    return bytes(start)


class Importer:
    """Reads one file into one version; used once."""

    def __init__(self, library: Library, guard: Guard, version: Version, progress: Progress) -> None:
        self._library = library
        self._guard = guard
        self._version = version.id
        self._kind: Kind = msgspec.convert(version.kind, Kind)
        self._mode = version.mode
        self._holds = Holds(library)
        self._decisions = self._holds.decisions(version)
        self._held = 0
        self._progress = progress
        self._popular = popular_names()
        self._labels = dict[tuple[object, ...], int]()
        self._names = list[NameRow]()
        self._overriding = list[NameRow]()
        self._addresses = list[AddressRow]()
        self._notes = list[tuple[int, str]]()
        self.counts = Counts()

    def read(self, file: BinaryIO, found: Detected, origin: Origin = NOWHERE) -> Counts:
        """Take every line of the file, which is what `format_of` found.

        Raises Unreadable where it cannot be read to its end: then the version must not be kept.
        """
        if found.format in confined.FORMATS:
            return self.take(self._numbered(confined.items(found.format, file)))
        lines = self._counted(text_lines(file, found.encoding))
        return self.take(rows_of(found.format, lines, origin, self._zone))

    def _zone(self, name: str, named_by: rpz.NamedBy) -> None:
        self.counts.zone, self.counts.zone_by = name, named_by

    def take(self, rows: Iterable[Item]) -> Counts:
        """Take what a parser gives."""
        for one in rows:
            if isinstance(one, BadLine):
                self._reject_bad(one)
            elif isinstance(one, Remark):
                self.counts.remarks.append(one.text)
            elif not (verdict := self._guard.verdict(one, kind=self._kind, mode=self._mode)).rule:
                self._take(one)
            elif verdict.holds and self._held < KEPT_REJECTED:
                self._hold(one, verdict)
            else:
                self._reject(one, verdict.reason)
        self._flush()
        if self.counts.passthru:
            self.counts.passthru = self._library.count_action(self._version, "passthru")  # without the duplicates
        self.counts.clients = self._library.count_clients(self._version)
        self._library.add_rejected(self._version, "bad", self.counts.bad)
        self._library.add_rejected(self._version, "unsupported", self.counts.unsupported)
        self._library.add_rejected(self._version, "refused", self.counts.refused)
        return self.counts

    def _counted(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        number = 0
        for number, line in enumerate(lines, 1):
            if number % BATCH == 0:
                self._progress("reading", number)
            yield line
        self.counts.lines = number

    def _numbered(self, items: Iterable[Item]) -> Iterator[Item]:
        """Of files without lines: how far their parsers number the rows, objects or attributes they give."""
        told = BATCH
        for one in items:
            if not isinstance(one, Remark):
                self.counts.lines = max(self.counts.lines, one.line)
                if self.counts.lines >= told:
                    self._progress("reading", self.counts.lines)
                    told = self.counts.lines + BATCH
            yield one

    def _hold(self, one: Indicator, verdict: Verdict) -> None:
        """Put a row down for a person, or do what a person has decided of it in an earlier version."""
        label = self._label_of(one)
        text = one.address or (one.name if one.itself else WILD + one.name)
        subdomains = 1 if one.name and one.subdomains else 0
        about = (text, one.port, subdomains, verdict.rule, self._holds.same_rule(label))
        decision = self._decisions.get(about, WAITING)
        row = _row(one, text, verdict.reason)
        held = Held(text, one.port, int(bool(one.address)), subdomains, one.line, label, verdict.rule, row.reason)
        if not self._holds.add(self._version, held, decision):
            self.counts.duplicates += 1
            return
        self._held += 1
        if decision.state == "approved":
            self._take(one)
        if decision is not WAITING:
            self.counts.carried += 1
            return
        self.counts.waiting_total += 1
        if len(self.counts.waiting) < SHOWN_ROWS:
            self.counts.waiting.append(row)

    def _label_of(self, one: Indicator) -> int:
        key = (one.kind, one.family, one.letter, one.source, one.listed, one.action, one.target, one.data)
        return self._labels.get(key) or self._label(key, one)

    def _take(self, one: Indicator) -> None:
        label = self._label_of(one)
        passes = one.action == "passthru"
        self.counts.passthru += passes
        self.counts.reduced += one.reduced
        if one.kind and one.kind not in _KINDS:
            self.counts.odd_kinds[one.kind] = self.counts.odd_kinds.get(one.kind, 0) + 1
        if one.note or one.place:
            self._notes.append((one.line, " ".join(filter(None, (one.note, one.place and f"({one.place})")))))
        if one.name:
            if self._mode == "monitor" and one.name in self._popular and self._kind != "unwanted" and not passes:
                self.counts.popular.append(f"{one.name} ({one.place or f'line {one.line}'})")
            name = one.name if one.itself else WILD + one.name
            rows = self._overriding if one.overrides else self._names
            rows.append((name, 1 if one.subdomains else 0, one.line, label))
            if len(rows) == BATCH:
                self._flush()
        else:
            client = 1 if one.trigger == "client" else 0
            self._addresses.append((one.address, client, one.port, one.line, label))
            if len(self._addresses) == BATCH:
                self._flush()

    def _label(self, key: tuple[object, ...], one: Indicator) -> int:
        found = self._library.label(label_of(one, one.kind if one.kind in _KINDS else self._kind))
        self._labels[key] = found
        return found

    def _flush(self) -> None:
        names = self._library.add_names(self._version, self._names) if self._names else 0
        names += self._library.put_names(self._version, self._overriding) if self._overriding else 0
        addresses = self._library.add_addresses(self._version, self._addresses) if self._addresses else 0
        self.counts.names += names
        self.counts.addresses += addresses
        read = len(self._names) + len(self._overriding) + len(self._addresses)
        self.counts.duplicates += read - names - addresses
        self._library.add_notes(self._version, self._notes)
        self._names.clear()
        self._overriding.clear()
        self._notes.clear()
        self._addresses.clear()

    def _reject_bad(self, one: BadLine) -> None:
        if one.unsupported:
            self.counts.unsupported_total += 1
            if len(self.counts.unsupported) < KEPT_REJECTED:
                self.counts.unsupported.append(_row(one, one.text, one.reason))
            return
        self.counts.bad_total += 1
        if len(self.counts.bad) < KEPT_REJECTED:
            self.counts.bad.append(_row(one, one.text, one.reason))

    def _reject(self, one: Indicator, reason: str) -> None:
        self.counts.refused_total += 1
        if len(self.counts.refused) < KEPT_REJECTED:
            text = one.address or (one.name if one.itself else WILD + one.name)
            self.counts.refused.append(_row(one, text, reason))


def _row(one: Indicator | BadLine, text: str, reason: str) -> Row:
    """A row that was not taken, with its place where its line number leads nowhere."""
    return Row(one.line, text, f"{one.place}: {reason}" if one.place else reason)


def report_of(
    facts: dict[str, str],
    counts: Counts,
    name: str,
    state: Literal["live", "held", "unchanged", "refused"],
    reason: str,
    version: int,
    serial: int,
    started: float,
) -> ImportReport:
    """What people and programs are told of an import; `started` is monotonic seconds."""
    return ImportReport(
        list=name,
        state=state,
        reason=reason,
        version=version,
        file=facts["file"],
        digest=facts["digest"],
        format=facts["format"],
        format_reason=facts["format_reason"],
        mode=facts["mode"],
        campaign=facts["campaign"],
        kind=facts["kind"],
        address_mode=facts["address_mode"],
        lines=counts.lines,
        indicators=counts.names + counts.addresses,
        names=counts.names,
        addresses=counts.addresses,
        clients=counts.clients,
        passthru=counts.passthru,
        duplicates=counts.duplicates,
        bad_total=counts.bad_total,
        bad=tuple(counts.bad[:SHOWN_ROWS]),
        refused_total=counts.refused_total,
        refused=tuple(counts.refused[:SHOWN_ROWS]),
        unsupported_total=counts.unsupported_total,
        unsupported=tuple(counts.unsupported[:SHOWN_ROWS]),
        waiting_total=counts.waiting_total,
        waiting=tuple(counts.waiting),
        carried=counts.carried,
        warnings=counts.warnings,
        serial=serial,
        seconds=round(time.monotonic() - started, 3),
        zone=counts.zone,
        zone_reason=counts.zone_reason,
    )
