"""The last good copy of each feed, `feeds/NAME` in the state folder, and what is known of it, `feeds/NAME~.json`.

No import and no times here: a copy is a file for blocklists.service, and blocklists.schedule says when. No list's name
holds a `~`.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from blocklists.feeds.dialling import Deadline
from blocklists.feeds.fetching import Fetched, FetchError, How, fetch, fetch_checksum
from blocklists.formats.detect import Unsupported
from blocklists.importer import format_of
from blocklists.transfer.incoming import transfer
from contracts.feeds import is_transfer, parse, without_secrets
from contracts.settings import ListSource, Settings
from contracts.whole_file import replace_file

log = logging.getLogger(__name__)
FOLDER = "feeds"


class Memory(msgspec.Struct, frozen=True):
    """What is known of a feed, over restarts. Times are seconds of the clock, 0: never."""

    source: str = ""  # a digest of where it is fetched from: no secret is written down again
    etag: str = ""
    modified: str = ""
    digest: str = ""  # BLAKE2b-256 of the copy, as of imports
    size: int = 0
    fetched: float = 0.0  # when the copy came
    checked: float = 0.0  # when it was last known to be what the address gives
    tried: float = 0.0
    failures: int = 0  # in a row
    error: str = ""  # of the last try
    serial: int = 0  # of a zone, as its SOA record says: and the seconds from one look at it to the next
    refresh: int = 0
    retry: int = 0


class Outcome(NamedTuple):
    """What a try came to: a new copy, none, or why not."""

    new: bool
    error: str = ""


class Copies:
    """The folder of copies. One thread fetches; any may read."""

    def __init__(self, state: Path, clock: Callable[[], float]) -> None:
        self._folder = state / FOLDER
        self._clock = clock
        self._memories = dict[str, Memory]()  # what could not be written stands here

    def clean(self) -> None:
        """Remove what a process that died was just fetching."""
        for left in (*self._folder.glob("*~new"), *self._folder.glob("*~.json.*.new")):
            left.unlink(missing_ok=True)

    def file(self, source: ListSource) -> Path | None:
        """The last good copy; None before the first one."""
        path = self._folder / source.name
        return path if self.memory(source).fetched and path.is_file() else None

    def memory(self, source: ListSource) -> Memory:
        """What is known; nothing where the settings now name another address."""
        wanted = _source(source)
        found = self._memories.get(source.name) or self._read(source.name)
        if found.source != wanted:
            found = Memory(source=wanted)
        self._memories[source.name] = found
        return found

    def refresh(self, source: ListSource, settings: Settings, deadline: Deadline) -> Outcome:
        """Fetch, compare, keep. Never raises what a server or a disk can bring about."""
        before, now = self.memory(source), self._clock()
        try:
            after = self._fetched(source, before, settings, deadline)
        except (FetchError, OSError) as error:
            if deadline.ended:  # the process ends: nobody's failure
                return Outcome(False, "the process is ending")
            reason = str(error) if isinstance(error, FetchError) else f"the copy cannot be kept: {error.strerror}"
            return self.failed(source, reason)
        self._remember(source.name, msgspec.structs.replace(after, tried=now, checked=now, failures=0, error=""))
        return Outcome(after.digest != before.digest)

    def failed(self, source: ListSource, reason: str) -> Outcome:
        """Remember that a try came to nothing; what was there stays."""
        before = self.memory(source)
        after = msgspec.structs.replace(before, tried=self._clock(), failures=before.failures + 1, error=reason)
        self._remember(source.name, after)
        return Outcome(False, reason)

    def _fetched(self, source: ListSource, before: Memory, settings: Settings, deadline: Deadline) -> Memory:
        feeds = settings.feeds
        how = How(source.max_size, feeds.proxy, settings.beside(feeds.ca_file) if feeds.ca_file else None)
        self._folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        path, fresh = self._folder / source.name, self._folder / f"{source.name}~new"
        known = before if before.digest and _digest(path) == before.digest else Memory()
        try:
            with fresh.open("w+b") as file:
                if is_transfer(source.url):
                    found = transfer(source, settings, path if known.digest else None, file, deadline)
                else:
                    found = fetch(source.url, file, how, deadline, known.etag, known.modified)
                if found is None:
                    return before
                self._check(source, found, how, deadline)
                _look(file, source.format)
                _sync(file)
            if found.blake2b != known.digest:
                fresh.rename(path)
        finally:
            fresh.unlink(missing_ok=True)
        same = found.blake2b == before.digest
        return Memory(
            source=before.source,
            etag=found.etag,
            modified=found.modified,
            digest=found.blake2b,
            size=found.size,
            fetched=before.fetched if same else self._clock(),
            serial=found.serial,
            refresh=found.refresh,
            retry=found.retry,
        )

    def _check(self, source: ListSource, found: Fetched, how: How, deadline: Deadline) -> None:
        wanted = source.sha256.lower()
        if source.sha256_url:
            name = parse(source.url).target.partition("?")[0].rpartition("/")[2]
            with (self._folder / f"{source.name}~sum~new").open("w+b") as file:
                try:
                    wanted = fetch_checksum(source.sha256_url, name, file, how, deadline)
                finally:
                    Path(file.name).unlink(missing_ok=True)
        if wanted and found.sha256 != wanted:
            raise FetchError(f"the checksum is wrong: SHA-256 {found.sha256[:16]}… came, {wanted[:16]}… was expected")

    def _read(self, name: str) -> Memory:
        path = self._folder / f"{name}~.json"
        try:
            return msgspec.json.decode(path.read_bytes(), type=Memory)
        except FileNotFoundError:
            return Memory()
        except (OSError, ValueError) as error:
            log.warning("what was known of feed %s cannot be read, it is fetched anew: %s", name, error)
            return Memory()

    def _remember(self, name: str, memory: Memory) -> None:
        if memory.error and memory.error != self._memories[name].error:
            log.warning("list %s was not fetched: %s", name, without_secrets(memory.error))
        self._memories[name] = memory
        try:
            self._folder.mkdir(mode=0o750, parents=True, exist_ok=True)
            replace_file(self._folder / f"{name}~.json", msgspec.json.format(msgspec.json.encode(memory)))
        except OSError as error:
            log.warning("what is known of feed %s cannot be written: %s", name, error.strerror)


def _source(source: ListSource) -> str:
    words = f"{source.url}\n{source.sha256_url}\n{source.sha256.lower()}"
    return hashlib.blake2b(words.encode(), digest_size=16).hexdigest()


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=32)).hexdigest()
    except FileNotFoundError:
        return ""


def _look(file: BinaryIO, asked: str) -> None:
    """What is of no kind that is read here does not take the place of a copy that was."""
    file.seek(0)
    try:
        format_of(file, asked)
    except Unsupported as error:
        raise FetchError(f"no list came: {error}") from error


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
