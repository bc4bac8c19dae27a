"""How commands and staff pages change lists: through the lists process, or in this process where none runs.

No operation of its own: blocklists.service has them. Reading needs no client: Library.reader and blocklists.lookup.

Staff pages name the account they act for, and only the lists process works for them: its audit says who it was, by the
kernel's word that the pages asked (runtime.control). In this process nobody could prove that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from blocklists.feeds.dialling import Deadline
from blocklists.feeds.keeping import Outcome
from blocklists.feeds.runner import described
from blocklists.library import LOCK, DatabaseError, Library
from blocklists.report import Decided, ImportReport, Refreshed, Switched
from blocklists.review import Wanted
from blocklists.service import ImportOptions, Lists
from blocklists.workers import tell_workers
from contracts.control import RunFolder
from contracts.settings import ListSource, Settings
from runtime.actor import own_actor
from runtime.control import Refused, Unreachable, ask
from runtime.lock import FileLock, Held
from runtime.state import claim

SILENCE = 60.0  # seconds without a line from the lists process; it sends one every second while it works
Progress = Callable[[str, int], None]
Result = TypeVar("Result", ImportReport, Switched, Decided)


def import_file(
    settings: Settings, file: Path, options: ImportOptions, progress: Progress | None = None, account: str = ""
) -> ImportReport:
    """Import a list file. Raises Refused with a sentence for people, Unreachable when nobody can do it now."""
    if not file.is_file():
        raise Refused(f"{file}: " + ("not a regular file" if file.exists() else "no such file"))
    options = options if options.file else msgspec.structs.replace(options, file=file.name)
    try:
        answer = _ask(settings, "import", msgspec.to_builtins(options), file, progress, account)
    except Unreachable as error:
        with _in_process(settings, error, account) as lists, file.open("rb") as opened:
            report = lists.import_file(own_actor(), opened, options, progress or _quiet)
            return _told(settings, report)
    return msgspec.convert(answer, ImportReport)


def refresh(settings: Settings, name: str | None = None, progress: Progress | None = None) -> list[Refreshed]:
    """Fetch a list of the settings now, or look at its file, and take what is new; without a name all of them."""
    try:
        answer = _ask(settings, "refresh", {"name": name}, None, progress)
    except Unreachable as error:
        with _in_process(settings, error, "") as lists:
            sources = settings.lists if name is None else [lists.source(name)]
            return [_refreshed(lists, source, progress or _quiet) for source in sources]
    return msgspec.convert(answer, list[Refreshed])


def _refreshed(lists: Lists, source: ListSource, progress: Progress) -> Refreshed:
    if source.url:
        deadline = Deadline(lists.settings.feeds.timeout_seconds)
        outcome = lists.copies.refresh(source, lists.settings, deadline)
        if outcome.error:
            return described(source, outcome)
    seeded, report = lists.take_source(source, progress, own_actor())
    return described(source, Outcome(False), (seeded, _told(lists.settings, report) if report else None))


def activate(settings: Settings, name: str, version: int | None = None, account: str = "") -> Switched:
    """Make a version live; None: the newest that is held."""
    try:
        return _switched(_ask(settings, "activate", {"name": name, "version": version}, account=account))
    except Unreachable as error:
        with _in_process(settings, error, account) as lists:
            return _told(settings, lists.activate(own_actor(), name, version))


def rollback(settings: Settings, name: str, account: str = "") -> Switched:
    """Back to the version that was live before."""
    try:
        return _switched(_ask(settings, "rollback", {"name": name}, account=account))
    except Unreachable as error:
        with _in_process(settings, error, account) as lists:
            return _told(settings, lists.rollback(own_actor(), name))


def withdraw(settings: Settings, name: str, account: str = "") -> Switched:
    """Take a list out of the policy; its versions stay."""
    try:
        return _switched(_ask(settings, "withdraw", {"name": name}, account=account))
    except Unreachable as error:
        with _in_process(settings, error, account) as lists:
            return _told(settings, lists.withdraw(own_actor(), name))


def decide(settings: Settings, wanted: Wanted, account: str = "") -> Decided:
    """Approve or refuse rows that the guard holds."""
    try:
        return msgspec.convert(_ask(settings, "decide", msgspec.to_builtins(wanted), account=account), Decided)
    except Unreachable as error:
        with _in_process(settings, error, account) as lists:
            return _told(settings, lists.decide(own_actor(), wanted))


def _ask(
    settings: Settings,
    op: str,
    args: dict[str, Any],
    body: Path | None = None,
    progress: Progress | None = None,
    account: str = "",
) -> Any:
    path = RunFolder(settings.state).control("lists")

    def step(line: Any) -> None:
        if progress is not None and isinstance(line, dict):
            progress(str(line.get("stage", "")), int(line.get("count", 0)))

    return ask(path, op, args, body=body, timeout=SILENCE, progress=step, account=account)


@contextmanager
def _in_process(settings: Settings, silent: Unreachable, account: str) -> Iterator[Lists]:
    """The operations under the writer lock, which proves that no lists process is at work. Raises NotOurs."""
    if account:
        raise silent
    claim(settings.state)
    try:
        lock = FileLock(settings.state / LOCK)
    except Held as error:
        raise Unreachable(f"{silent}, but process {error.holder} is writing the lists") from error
    with lock:
        library = Library.open(settings.state)
        try:
            lists = Lists(settings, library)
            lists.seed_kill_switch()
            yield lists
        except (OSError, DatabaseError) as error:
            raise Refused(f"failed ({error}); the policy that is live stays live") from error
        finally:
            library.close()


def _told(settings: Settings, result: Result) -> Result:
    return msgspec.structs.replace(result, workers=tell_workers(settings.state, result.serial))


def _switched(answer: Any) -> Switched:
    return msgspec.convert(answer, Switched)


def _quiet(_stage: str, _count: int) -> None:
    """The progress of those who want none."""
