"""Live list versions -> segment files and the manifest that names them; the library is the truth, this follows it.

No parsing, no SQL, no sockets: telling the workers is blocklists.workers' business.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from blocklists.guard import Guard
from blocklists.library import Library, SegmentRow
from blocklists.report import Version
from contracts.names import to_wire
from contracts.policy import Manifest, ManifestEntry, PolicyFolder
from contracts.segment import BadPolicy, Labels, Listed, file_digest, name_listed, write_segment

log = logging.getLogger(__name__)
Progress = Callable[[str, int], None]
STEP = 50_000


def quiet(_stage: str, _count: int) -> None:
    """The progress of those who want none."""


def compile_version(
    library: Library, guard: Guard, folder: PolicyFolder, version: Version, progress: Progress = quiet
) -> SegmentRow:
    """Write the segment of one version and remember it. The file gets its name only when it is whole."""
    folder.segments.mkdir(parents=True, exist_ok=True)
    working = folder.segments / f".{version.list}-v{version.number}-{os.getpid()}.tmp"
    counted = 0

    def listed() -> Iterator[Listed]:
        nonlocal counted
        for one in _listed(library, guard, version):
            counted += 1
            if counted % STEP == 0:
                progress("compiling", counted)
            yield one

    try:
        digest = write_segment(working, version.list, version.number, listed())
        final = folder.segments / f"{version.list}-v{version.number}-{digest[:12]}.seg"
        working.rename(final)
        _sync(folder.segments)
    finally:
        working.unlink(missing_ok=True)
    row = SegmentRow(version.id, guard.fingerprint, final.name, digest, counted)
    library.set_segment(row)
    return row


def _sync(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _listed(library: Library, guard: Guard, version: Version) -> Iterator[Listed]:
    """Rows of a version; judged again where the guard has changed since their import."""
    judge = version.guard != guard.fingerprint
    of_kill_switch_list = version.kind == "kill-switch"
    for name, subdomains, line, kind, family, letter, source in library.names(version.id):
        if judge and (reason := guard.name_refusal(name, of_kill_switch_list=of_kill_switch_list)):
            log.warning("%s version %d: %s left out: %s", version.list, version.number, name, reason)
            continue
        yield name_listed(to_wire(name), bool(subdomains), line, Labels(kind, family, letter, source))


def publish(library: Library, guard: Guard, folder: PolicyFolder, *, verify: bool = False) -> int:
    """Make the manifest say what the library says; returns the serial that is live.

    Compiles what is not compiled under this guard; `verify` also compiles anew what is damaged on disk.
    """
    current = _current(folder)
    entries = tuple(_entry(library, guard, folder, version, verify) for version in library.live_versions())
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


def _entry(library: Library, guard: Guard, folder: PolicyFolder, version: Version, verify: bool) -> ManifestEntry:
    row = library.segment(version.id)
    if row is None or row.guard != guard.fingerprint or not _whole(folder, row, verify):
        with library.transaction():
            row = compile_version(library, guard, folder, version)
    return ManifestEntry(
        list=version.list,
        version=version.number,
        mode=version.mode,  # type: ignore[arg-type]  # checked when it was imported
        campaign=version.campaign,
        segment=row.file,
        digest=row.digest,
        names=row.names,
        addresses=version.addresses,
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
