"""What people and processes may do with lists: import, activate, roll back, withdraw, seed.

No SQL (library), no looking up (lookup), no sockets and threads (__main__, client). Every operation takes the actor,
for the audit.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final, Literal

import msgspec

from blocklists import compiler, review, zone_names
from blocklists.compiler import Progress, quiet
from blocklists.feeds.keeping import Copies
from blocklists.formats.look import Origin
from blocklists.guard import KILL_SWITCH_FILE, Guard
from blocklists.importer import Counts, Importer, digest_of, format_of, report_of
from blocklists.indicator import Unreadable
from blocklists.library import SEED_ACTOR, DatabaseError, Library
from blocklists.report import (
    MEANING,
    SHOWN_ROWS,
    Decided,
    ImportReport,
    Seeded,
    Switched,
    Version,
    live_of,
    once_live,
    same_meaning,
)
from blocklists.windows import Windows
from contracts import feeds
from contracts.names import BadName, to_text, to_wire
from contracts.policy import Mode, PolicyFolder
from contracts.segment import Kind
from contracts.settings import FormatName, ListSource, Settings
from runtime.actor import person_of
from runtime.control import Misused, Refused

log = logging.getLogger(__name__)

FEED_ACTOR: Final = "system:feed"
KILL_SWITCH: Final = "kill-switch"
_SHIPPED = ListSource(KILL_SWITCH, str(KILL_SWITCH_FILE), "csv", kind=KILL_SWITCH, mode="passthru")
_SLUG = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}").fullmatch


class ImportOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to import a file. None: as the list's live version has it, or the default of a new list."""

    name: str
    file: str = ""  # name of the file, for the record
    format: FormatName = "auto"
    zone: str | None = None  # of an RPZ file that does not name its zone
    campaign: str | None = None
    kind: Kind | None = None
    mode: Mode | None = None
    addresses: Literal["monitor", "enforce"] | None = None
    hold: bool = False  # keep the version, do not make it live
    unattended: bool = False  # nobody watches: hold what changes the list too much


class _NothingUsable(Exception):
    """Leaves the transaction of an import without a trace."""


class Lists:
    """The operations that change lists. One writer at a time: make it only while holding the lock."""

    def __init__(
        self,
        settings: Settings,
        library: Library,
        copies: Copies | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings
        self.windows = Windows(settings, clock)
        self.copies = copies or Copies(settings.state, time.time)
        self._refused = dict[str, tuple[str, Seeded]]()  # by list: content that held nothing, and what was said of it
        self.library = library
        self.guard = Guard(settings)
        self.folder = PolicyFolder(settings.state / "policy")

    def publish(self, *, verify: bool = False) -> int:
        """Make the policy follow the library; repairs what a crash left half done. Returns the serial."""
        return compiler.publish(self.library, self.guard, self.folder, self.windows.today(), verify=verify)

    def import_file(
        self, actor: str, file: BinaryIO, options: ImportOptions, progress: Progress = quiet
    ) -> ImportReport:
        """A new version of a list from a seekable file. Raises Refused when the request itself is wrong."""
        started = time.monotonic()
        before = self.library.live(options.name)
        meant = self._meant(options, before)
        try:
            detected = format_of(file, options.format)
        except Unreadable as error:
            raise Refused(str(error)) from error
        zone_names.settle(options, detected, meant)
        facts = meant | {"digest": digest_of(file), "file": options.file, "format": detected.format}
        facts |= {"format_reason": detected.reason, "guard": self.guard.fingerprint, "actor": actor}
        if before and not options.hold and _same(before, facts):
            return self._unchanged(before, facts, started)
        counts, number, held = Counts(), 0, ""
        try:
            with self.library.transaction():
                version_id, number = self.library.add_version(options.name, facts)
                version = self._numbered(options.name, number)
                importer = Importer(self.library, self.guard, version, progress)
                counts = importer.counts
                importer.read(file, detected, Origin(options.file, meant["zone"]))
                counts.zone_reason = zone_names.reason(options, before, counts) if detected.format == "rpz" else ""
                held = self._settle(actor, options, before, counts, version_id, number)
                if not held:
                    self._make_live(options.name, number, progress)
                self._audit_import(actor, options, facts, counts, number, held)
        except Unreadable as error:
            raise Refused(f"this file is {error}; nothing of it was taken") from error
        except _NothingUsable:
            number = 0
            with self.library.transaction():
                detail: dict[str, object] = {"file": options.file, "digest": facts["digest"], "lines": counts.lines}
                self.library.write_audit(actor, "list-import-refused", options.name, detail)
        serial = self.publish()
        why = "no usable indicator in it; what was live stays live" if not number else held
        state: Literal["refused", "held", "live"] = "refused" if not number else "held" if held else "live"
        return report_of(facts, counts, options.name, state, why, number, serial, started)

    def _meant(self, options: ImportOptions, before: Version | None) -> dict[str, str]:
        """What the new version is to mean (report.MEANING); Misused where that cannot be."""
        name = options.name
        if not _SLUG(name):
            raise Misused(f"{name!r} is no list name: use a-z, 0-9, '.', '_' and '-', at most 64")
        if name == KILL_SWITCH and not (options.unattended and options.kind == KILL_SWITCH):
            raise Misused("the list kill-switch comes with the product; give a list of your own another name")
        kind = options.kind or (before.kind if before else "c2")
        mode = options.mode or (before.mode if before else "passthru" if kind == KILL_SWITCH else "enforce")
        campaign = options.campaign if options.campaign is not None else before.campaign if before else ""
        if kind == KILL_SWITCH and mode != "passthru":
            raise Misused("kill-switch names must resolve: their list takes the mode passthru")
        if campaign and campaign not in (known := sorted(self.windows.today().windows)):
            raise Misused(f"no campaign has the id {campaign!r}; known: {', '.join(known) or 'none'}")
        address_mode = options.addresses or (before.address_mode if before else "monitor")
        zone = options.zone if options.zone is not None else before.zone if before else ""
        try:
            zone = to_text(to_wire(zone)) if zone else ""
        except BadName as error:
            raise Misused(f"{zone!r} is no name of a zone: {error}") from error
        return {"mode": mode, "campaign": campaign, "kind": kind, "address_mode": address_mode, "zone": zone}

    def _unchanged(self, before: Version, facts: dict[str, str], started: float) -> ImportReport:
        counts = Counts()
        counts.lines, counts.names, counts.addresses = before.lines, before.names, before.addresses
        counts.duplicates, counts.bad_total, counts.refused_total = before.duplicates, before.bad, before.refused
        counts.passthru, counts.unsupported_total = before.passthru, before.unsupported
        counts.clients = self.library.count_clients(before.id)
        counts.waiting_total = before.waiting
        if before.zone and before.format == "rpz":
            counts.zone, counts.zone_reason = before.zone, f"as version {before.number}, where the file names none"
        counts.bad = self.library.rejected(before.id, "bad", SHOWN_ROWS)
        counts.refused = self.library.rejected(before.id, "refused", SHOWN_ROWS)
        counts.unsupported = self.library.rejected(before.id, "unsupported", SHOWN_ROWS)
        why = f"the live version {before.number} has this content already"
        return report_of(facts, counts, before.list, "unchanged", why, before.number, self.publish(), started)

    def _settle(
        self, actor: str, options: ImportOptions, before: Version | None, counts: Counts, version_id: int, number: int
    ) -> str:
        """Write the counts down; say why the version must wait, "" when it may go live."""
        if not counts.names + counts.addresses + counts.waiting_total:
            raise _NothingUsable
        numbers = {"lines": counts.lines, "names": counts.names, "addresses": counts.addresses}
        numbers |= {"duplicates": counts.duplicates, "bad": counts.bad_total, "refused": counts.refused_total}
        numbers |= {"passthru": counts.passthru, "unsupported": counts.unsupported_total}
        numbers["waiting"] = counts.waiting_total
        self.library.set_counts(version_id, numbers)
        if not counts.names + counts.addresses:
            return f"all of it waits; `sinkhole lists held {options.name}` shows why"
        found = counts.names + counts.addresses
        why = review.why_held(self.settings.guard, before, found) or ("as asked" if options.hold else "")
        if not why and not options.unattended and self.settings.guard.two_person:
            why = f"another person than {person_of(actor)} must activate it"
        return f"{why}; `sinkhole lists activate {options.name} {number}` makes it live" if why else ""

    def _numbered(self, name: str, number: int) -> Version:
        version = self.library.version(name, number)
        assert version is not None
        return version

    def _make_live(self, name: str, number: int, progress: Progress) -> None:
        version = self._numbered(name, number)
        self.library.make_live(version)
        if compiler.compiled(self.library, self.guard, self.folder, version) is None:
            compiler.compile_version(self.library, self.guard, self.folder, version, progress)

    def _audit_import(
        self, actor: str, options: ImportOptions, facts: dict[str, str], counts: Counts, number: int, held: str
    ) -> None:
        detail: dict[str, object] = {"version": number, "held": bool(held), "names": counts.names}
        detail |= {"addresses": counts.addresses, "bad": counts.bad_total, "refused": counts.refused_total}
        detail |= {"waiting": counts.waiting_total} if counts.waiting_total else {}
        detail |= {"carried": counts.carried} if counts.carried else {}
        told = [key for key in MEANING if key != "zone" and (key != "address_mode" or counts.addresses)]
        detail |= {key: facts[key] for key in ("file", "digest", "format", *told)}
        if facts["format"] == "rpz":
            detail["zone"] = counts.zone  # the one that was taken, whoever named it
        if pruned := self.library.prune(options.name):
            detail["rows_dropped_of_versions"] = pruned
        self.library.write_audit(actor, "list-import", options.name, detail)

    def activate(self, actor: str, name: str, number: int | None = None, progress: Progress = quiet) -> Switched:
        """Make a version live; without a number the newest one that is held."""
        versions = self._versions(name)
        if number is None:
            version = next((one for one in versions if one.state == "held" and one.rows), None)
            if version is None:
                raise Refused(f"no version of {name} is held; name the one to activate")
        else:
            found = self.library.version(name, number)
            if found is None:
                known = ", ".join(str(one.number) for one in versions if one.rows)
                raise Refused(f"{name} has no version {number}; there are {known}")
            version = found
        live = self.library.live(name)
        if live is None or live.number != version.number:
            review.second_person(self.settings.guard, version, actor)
            if version.rows and not version.names + version.addresses:
                raise Refused(
                    f"version {version.number} of {name} has nothing that may be used: its rows are held; "
                    f"`sinkhole lists held {name}` shows them"
                )
        return self._switch(actor, "list-activate", version, progress)

    def decide(self, actor: str, wanted: review.Wanted) -> Decided:
        """Approve or refuse rows that the guard holds; of a live version that holds at once."""
        return review.decide(self.library, self.settings.guard, actor, wanted, self.publish)

    def rollback(self, actor: str, name: str, progress: Progress = quiet) -> Switched:
        """Back to the newest version before the live one that was once live."""
        versions = self._versions(name)
        live = live_of(versions)
        if live is None:
            raise Refused(f"nothing of {name} is live; `sinkhole lists activate {name} VERSION` chooses one")
        usable = once_live(versions, live)
        if usable is None:
            raise Refused(
                f"the rows of the earlier versions of {name} are no longer kept"
                if any(one.number < live.number and one.live_since for one in versions)
                else f"no version of {name} before version {live.number} was ever live"
            )
        return self._switch(actor, "list-rollback", usable, progress)

    def withdraw(self, actor: str, name: str) -> Switched:
        """Take a list out of the policy; its versions stay and can be activated again."""
        if name == KILL_SWITCH:
            raise Refused("the list kill-switch is never withdrawn: blocking those names arms the malware")
        live = live_of(self._versions(name))
        if live is None:
            raise Refused(f"nothing of {name} is live")
        with self.library.transaction():
            self.library.retire(name)
            self.library.write_audit(actor, "list-withdraw", name, {"version": live.number})
        return Switched(name, 0, live.number, self.publish())

    def _versions(self, name: str) -> list[Version]:
        versions = self.library.versions(name)
        if not versions:
            known = ", ".join(one.name for one in self.library.statuses()) or "none"
            raise Refused(f"no list is called {name!r}; known: {known}")
        return versions

    def _switch(self, actor: str, action: str, version: Version, progress: Progress) -> Switched:
        if not version.rows:
            raise Refused(f"the rows of version {version.number} of {version.list} are no longer kept")
        live = self.library.live(version.list)
        before = live.number if live else 0
        if before != version.number:
            with self.library.transaction():
                self._make_live(version.list, version.number, progress)
                detail: dict[str, object] = {"version": version.number, "before": before}
                self.library.write_audit(actor, action, version.list, detail)
        return Switched(version.list, version.number, before, self.publish())

    def seed(self, progress: Progress = quiet) -> list[Seeded]:
        """Import the shipped kill-switch names and every configured list that changed since it was last seeded.

        Never fatal. What people decided stands until the source changes: its content, mode, campaign or kind. A feed
        that was never fetched is no news here.
        """
        there = [source for source in self.settings.lists if self._file(source)]
        outcomes = [self.seed_kill_switch(), *(self.take_source(source, progress)[0] for source in there)]
        self.publish()
        return outcomes

    def seed_kill_switch(self) -> Seeded:
        """The part of seeding that no policy may be without."""
        return self.take_source(_SHIPPED)[0]

    def source(self, name: str) -> ListSource:
        """A list of the settings. Raises Refused."""
        found = next((one for one in self.settings.lists if one.name == name), None)
        if found is None:
            known = ", ".join(one.name for one in self.settings.lists) or "none"
            raise Refused(f"no list of the settings is called {name!r}; known: {known}")
        return found

    def _file(self, source: ListSource) -> Path | None:
        """Where a list is read from; None where it was never fetched. An absolute path stays as it is."""
        return self.copies.file(source) if source.url else self.settings.beside(source.path)

    def take_source(
        self, source: ListSource, progress: Progress = quiet, actor: str = ""
    ) -> tuple[Seeded, ImportReport | None]:
        """Import what a list's source holds, if that is new; the report where it was. Failures are told, not raised."""
        path = self._file(source)
        shown = feeds.shown(source.url) if source.url else path.name if path else ""
        actor = actor or (FEED_ACTOR if source.url else SEED_ACTOR)
        options = ImportOptions(
            name=source.name,
            file=shown,
            format=source.format,
            campaign=source.campaign,
            kind=source.kind,
            mode=source.mode,
            addresses=source.addresses,
            zone=source.zone,
            unattended=True,
        )
        try:
            if path is None:
                raise Refused("it was never fetched")
            with path.open("rb") as file:
                digest = digest_of(file)
                if source.name == KILL_SWITCH and source is not _SHIPPED:
                    raise Refused("the list kill-switch comes with the product; give your own another name")
                seeded = self.library.seeded(source.name)
                if seeded and same_meaning(seeded, self._meant(options, None) | {"digest": digest}):
                    return self._known(seeded), None
                if (refused := self._refused.get(source.name)) and refused[0] == digest:
                    return refused[1], None
                report = self.import_file(actor, file, options, progress)
                if report.version:
                    self.library.set_seeded(source.name, report.version)
        except (OSError, Refused, DatabaseError) as error:
            reason = f"{shown}: {error.strerror}" if isinstance(error, OSError) and error.strerror else str(error)
            log.warning("list %s was not imported: %s", source.name, reason)
            return Seeded(source.name, "failed", 0, reason), None
        log.info(
            "list %s: %s version %d, %d names, %d addresses, %d bad, %d refused %s",
            *(source.name, report.state, report.version, report.names, report.addresses),
            *(report.bad_total, report.refused_total, report.reason),
        )
        outcome = Seeded(source.name, report.state, report.version, report.reason)
        if report.state == "refused":
            self._refused[source.name] = (digest, outcome)
        return outcome, report

    def _known(self, version: Version) -> Seeded:
        """What a seed says that came before: nothing, unless it still waits for a person."""
        live = self.library.live(version.list)
        if version.state != "held" or (live is not None and live.number > version.number):
            return Seeded(version.list, "known", version.number, "")
        reason = f"`sinkhole lists activate {version.list} {version.number}` makes it live"
        return Seeded(version.list, "held", version.number, reason)


def _same(version: Version, facts: dict[str, str]) -> bool:
    same = version.format == facts["format"] and version.guard == facts["guard"]
    return same and same_meaning(version, facts)
