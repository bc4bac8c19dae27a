"""Live list versions -> segment files and the manifest that names them; the library is the truth, this follows it.

No parsing, no SQL, no sockets: telling the workers is blocklists.workers' business.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from blocklists.guard import Guard, Verdict
from blocklists.holds import Holds
from blocklists.library import WILD, Library
from blocklists.report import SegmentRow, Version
from blocklists.rules import rule_of
from blocklists.windows import Standing, Today
from contracts.names import search_key, to_wire
from contracts.policy import Manifest, ManifestEntry, PolicyFolder
from contracts.segment import MAGIC, BadPolicy, Listed, Rule, file_digest, network_key, write_segment

log = logging.getLogger(__name__)
Progress = Callable[[str, int], None]
STEP = 50_000
FORMAT = MAGIC.decode()  # what was compiled to another one before an upgrade is compiled anew


def quiet(_stage: str, _count: int) -> None:
    """The progress of those who want none."""


def compile_version(
    library: Library, guard: Guard, folder: PolicyFolder, version: Version, progress: Progress = quiet
) -> SegmentRow:
    """Write the segment of one version and remember it. The file gets its name only when it is whole."""
    folder.segments.mkdir(parents=True, exist_ok=True)
    working = folder.segments / f".{version.list}-v{version.number}-{os.getpid()}.tmp"
    rows = _Rows(library, guard, version, progress)
    try:
        digest = write_segment(working, version.list, version.number, rows)
        final = folder.segments / f"{version.list}-v{version.number}-{digest[:12]}.seg"
        working.rename(final)
        _sync(folder.segments)
    finally:
        working.unlink(missing_ok=True)
    row = SegmentRow(version.id, guard.fingerprint, final.name, digest, rows.names, rows.addresses, FORMAT)
    library.set_segment(row)
    return row


def compiled(
    library: Library, guard: Guard, folder: PolicyFolder, version: Version, *, verify: bool = False
) -> SegmentRow | None:
    """What a version was compiled to, where that is there and still right: under this guard, in this format."""
    row = library.segment(version.id)
    usable = row is not None and (row.guard, row.format) == (guard.fingerprint, FORMAT)
    return row if row is not None and usable and _whole(folder, row, verify) else None


def _sync(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


class _Rows:
    """Rows of a version on their way into its segment; judged again where the guard has changed since their import."""

    def __init__(self, library: Library, guard: Guard, version: Version, progress: Progress) -> None:
        self._library = library
        self._guard = guard
        self._version = version
        self._progress = progress
        self._judge = version.guard != guard.fingerprint
        self._approved = Holds(library).approved(version.id) if self._judge else frozenset[str]()
        self._rules = dict[int, Rule]()
        self.names = 0
        self.addresses = 0

    def __iter__(self) -> Iterator[Listed]:
        """Names, then networks."""
        yield from self._each_name()
        yield from self._each_network()

    def _each_name(self) -> Iterator[Listed]:
        of_kill_switch_list = self._version.kind == "kill-switch"
        for name, subdomains, line, label in self._library.names(self._version.id):
            rule = self._rules.get(label) or self._rule(label)
            itself = not name.startswith(WILD)
            bare = name if itself else name[len(WILD) :]
            if self._judge:
                verdict = self._guard.name_verdict(
                    bare,
                    of_kill_switch_list=of_kill_switch_list,
                    passes=rule.action == "passthru",
                    below=bool(subdomains),
                )
                if self._left_out(name, verdict):
                    continue
            self.names += 1
            if self.names % STEP == 0:
                self._progress("compiling", self.names)
            yield Listed(search_key(to_wire(bare)), line, rule, itself, bool(subdomains))

    def _each_network(self) -> Iterator[Listed]:
        for text, client, line, label in self._library.addresses(self._version.id):
            rule = self._rules.get(label) or self._rule(label)
            trigger: Literal["answer", "client"] = "client" if client else "answer"
            if self._judge:
                verdict = self._guard.address_verdict(text, trigger, passes=rule.action == "passthru")
                if self._left_out(text, verdict):
                    continue
            self.addresses += 1
            if self.addresses % STEP == 0:
                self._progress("compiling", self.names + self.addresses)
            yield Listed(network_key(ipaddress.ip_network(text), trigger), line, rule)

    def _rule(self, label: int) -> Rule:
        found = self._rules[label] = rule_of(self._library.label_of(label))
        return found

    def _left_out(self, what: str, verdict: Verdict) -> bool:
        """Whether the guard of today stands against it, and no person has let it through."""
        if not verdict.rule or (verdict.holds and what in self._approved):
            return False
        log.warning("%s version %d: %s left out: %s", self._version.list, self._version.number, what, verdict.reason)
        return True


def publish(library: Library, guard: Guard, folder: PolicyFolder, today: Today, *, verify: bool = False) -> int:
    """Make the manifest say what the library and the dates of campaigns say; returns the serial that is live.

    Compiles what is not compiled under this guard; `verify` also compiles anew what is damaged on disk.
    """
    current = _current(folder)
    meant = [(version, today.standing(version)) for version in library.live_versions()]
    entries = tuple(
        _entry(library, guard, folder, version, standing, verify)
        for version, standing in meant
        if standing.mode != "off"
    )
    if current.entries == entries if current else not entries:
        return current.serial if current else 0
    with library.transaction():
        serial = max(library.serial, current.serial if current else 0) + 1
        library.serial = serial
    folder.publish(Manifest(serial, time.time(), entries))
    changed = [one for one in entries if current is None or one not in current.entries]
    log.info(
        "policy %d: %d lists, new: %s", serial, len(entries), ", ".join(f"{one.list} v{one.version}" for one in changed)
    )
    before = current.entries if current else ()
    _sweep(folder, {entry.segment for entry in (*entries, *before)})
    return serial


def _current(folder: PolicyFolder) -> Manifest | None:
    try:
        return folder.read()
    except BadPolicy as error:
        log.warning("the manifest is damaged and will be written anew: %s", error)
        return None


def _entry(
    library: Library, guard: Guard, folder: PolicyFolder, version: Version, standing: Standing, verify: bool
) -> ManifestEntry:
    row = compiled(library, guard, folder, version, verify=verify)
    if row is None:
        with library.transaction():
            row = compile_version(library, guard, folder, version)
    return ManifestEntry(
        list=version.list,
        version=version.number,
        mode=standing.mode,  # type: ignore[arg-type]  # checked when it was imported
        campaign=version.campaign,
        segment=row.file,
        digest=row.digest,
        names=row.names,
        addresses=row.addresses,
        address_mode=standing.mode_of_addresses,  # type: ignore[arg-type]  # likewise
        window=standing.why,
    )


def _whole(folder: PolicyFolder, row: SegmentRow, verify: bool) -> bool:
    path = folder.segments / row.file
    if not path.exists():
        return False
    if verify and file_digest(path) != row.digest:
        log.error("%s is damaged and will be compiled anew", row.file)
        path.unlink()
        return False
    return True


def _sweep(folder: PolicyFolder, named: set[str]) -> None:
    """Delete what neither this manifest nor the one before names; workers that are late still find theirs."""
    for path in folder.segments.glob("*.seg"):
        if path.name not in named:
            path.unlink(missing_ok=True)
    for path in folder.segments.glob(".*.tmp"):  # of a process that died while it compiled
        path.unlink(missing_ok=True)
