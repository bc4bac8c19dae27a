"""How commands and staff pages change lists: through the lists process, or in this process where none runs.

No operation of its own: blocklists.service has them. Reading needs no client: Library.reader and blocklists.lookup.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from blocklists.library import DatabaseError, Library
from blocklists.lock import Busy, WriterLock
from blocklists.report import ImportReport, Switched
from blocklists.service import ImportOptions, Lists
from blocklists.workers import tell_workers
from contracts.control import RunFolder
from contracts.settings import Settings
from runtime.control import Refused, Unreachable, ask

SILENCE = 60.0  # seconds without a line from the lists process; it sends one every second while it works
Progress = Callable[[str, int], None]
Result = TypeVar("Result", ImportReport, Switched)


def import_file(
    settings: Settings, actor: str, file: Path, options: ImportOptions, progress: Progress | None = None
) -> ImportReport:
    """Import a list file. Raises Refused with a sentence for people, Unreachable when nobody can do it now."""
    if not file.is_file():
        raise Refused(f"{file}: " + ("not a regular file" if file.exists() else "no such file"))
    options = options if options.file else msgspec.structs.replace(options, file=file.name)
    try:
        answer = _ask(settings, actor, "import", msgspec.to_builtins(options), file, progress)
    except Unreachable as error:
        with _in_process(settings, error) as lists, file.open("rb") as opened:
            report = lists.import_file(actor, opened, options, progress or _quiet)
            return _told(settings, report)
    return msgspec.convert(answer, ImportReport)


def activate(settings: Settings, actor: str, name: str, version: int | None = None) -> Switched:
    """Make a version live; None: the newest that is held."""
    try:
        return _switched(_ask(settings, actor, "activate", {"name": name, "version": version}))
    except Unreachable as error:
        with _in_process(settings, error) as lists:
            return _told(settings, lists.activate(actor, name, version))


def rollback(settings: Settings, actor: str, name: str) -> Switched:
    """Back to the version that was live before."""
    try:
        return _switched(_ask(settings, actor, "rollback", {"name": name}))
    except Unreachable as error:
        with _in_process(settings, error) as lists:
            return _told(settings, lists.rollback(actor, name))


def withdraw(settings: Settings, actor: str, name: str) -> Switched:
    """Take a list out of the policy; its versions stay."""
    try:
        return _switched(_ask(settings, actor, "withdraw", {"name": name}))
    except Unreachable as error:
        with _in_process(settings, error) as lists:
            return _told(settings, lists.withdraw(actor, name))


def _ask(
    settings: Settings,
    actor: str,
    op: str,
    args: dict[str, Any],
    body: Path | None = None,
    progress: Progress | None = None,
) -> Any:
    path = RunFolder(settings.state).control("lists")

    def step(line: Any) -> None:
        if progress is not None and isinstance(line, dict):
            progress(str(line.get("stage", "")), int(line.get("count", 0)))

    return ask(path, op, args, actor=actor, body=body, timeout=SILENCE, progress=step)


@contextmanager
def _in_process(settings: Settings, silent: Unreachable) -> Iterator[Lists]:
    """The operations under the writer lock, which proves that no lists process is at work."""
    try:
        lock = WriterLock(settings.state)
    except Busy as error:
        raise Unreachable(f"{silent}, but {error}") from error
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
