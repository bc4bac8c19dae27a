"""Fetches feeds, and looks at files again, while the lists process runs: one at a time, beside its one worker thread.

No fetching and no importing here: copies come from blocklists.feeds.keeping in a thread of its own, and what they hold
is taken by the thread of blocklists.__main__, through `take`.
"""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable, Generator
from typing import Any

from twisted.internet import task
from twisted.internet.defer import Deferred, DeferredLock, inlineCallbacks

from blocklists.feeds.dialling import Deadline
from blocklists.feeds.keeping import Copies, Outcome
from blocklists.report import ImportReport, Refreshed, Seeded
from blocklists.schedule import Entry, Schedule
from contracts import feeds
from contracts.settings import ListSource, Settings
from runtime.control import Refused

log = logging.getLogger(__name__)
TICK = 1.0  # seconds between two looks at the schedule
OVERDUE = 3  # times `every`: from then on a feed that fails is a problem

Taken = tuple[Seeded, ImportReport | None]


class Feeds:
    """All sources of lists that change by themselves. Everything but the fetch is the reactor's thread."""

    def __init__(
        self,
        reactor: Any,
        copies: Copies,
        take: Callable[[str, str], Deferred[Taken]],
        clock: Callable[[], float],
        random: Callable[[], float],
    ) -> None:
        self._reactor = reactor
        self._copies = copies
        self._take = take  # (name of a list, actor or "")
        self._clock = clock
        self._schedule = Schedule(clock, random)
        self._settings: Settings | None = None
        self._sources = dict[str, ListSource]()
        self._lock = DeferredLock()
        self._deadline: Deadline | None = None
        self._stopped = False

    def follow(self, settings: Settings) -> None:
        """Take (new) settings."""
        self._settings = settings
        self._sources = {source.name: source for source in settings.lists}
        self._schedule.follow({source.name: self._entry(source) for source in settings.lists if _every(source)})

    def start(self) -> None:
        """Begin with what is due."""
        self._copies.clean()
        ticking = task.LoopingCall(self._tick)
        ticking.clock = self._reactor
        ticking.start(TICK)

    def stop(self) -> None:
        """A fetch under way ends at once, and nothing is remembered of it."""
        self._stopped = True
        if self._deadline is not None:
            self._deadline.end()

    def refresh(self, name: str, actor: str) -> Deferred[Refreshed]:
        """Fetch or look now, after what is under way. Fails with Refused where the settings have no such list."""
        return self._lock.run(self._look, name, actor)

    def wake(self, name: str) -> Deferred[Any]:
        """Fetch or look as the schedule does: nobody waits for what comes of it but to know that it is over."""
        return self.refresh(name, "").addErrback(self._unexpected, name)

    def names(self) -> list[str]:
        """The lists of the settings."""
        return list(self._sources)

    def told(self) -> list[dict[str, Any]]:
        """What is known of each feed, for `status`."""
        found = []
        for source in self._feeds():
            memory = self._copies.memory(source)
            times = {"fetched": memory.fetched, "checked": memory.checked, "tried": memory.tried}
            failures = {"failures": memory.failures, "error": memory.error, "next": self._schedule.due(source.name)}
            found.append(
                {"list": source.name, "url": feeds.shown(source.url), "every": self._wait(source)}
                | times
                | failures
                | ({"serial": memory.serial} if feeds.is_transfer(source.url) else {})
            )
        return found

    def notes(self) -> list[str]:
        """What people should know though all goes on."""
        plain = [feeds.plain_note(source.name) for source in self._feeds() if feeds.is_plain(source.url)]
        return plain + [text for text, urgent in self._failing() if not urgent]

    def problems(self) -> list[str]:
        """What a person must look at."""
        return [text for text, urgent in self._failing() if urgent]

    def _failing(self) -> list[tuple[str, bool]]:
        """(sentence, whether it is urgent) of feeds whose last fetch failed."""
        found = []
        for source in self._feeds():
            memory = self._copies.memory(source)
            if not memory.failures:
                continue
            if not memory.fetched:
                found.append((f"list {source.name} was never fetched: {memory.error}", True))
                continue
            hours = max(0.0, self._clock() - memory.checked) / 3600
            text = f"list {source.name} was last fetched {hours:.1f} h ago and is as it was then: {memory.error}"
            found.append((text, hours * 3600 > OVERDUE * self._wait(source, failing=False)))
        return found

    def _feeds(self) -> list[ListSource]:
        return [source for source in self._sources.values() if source.url]

    def _entry(self, source: ListSource) -> Entry:
        """Where a source stands. A file was looked at when the settings were taken: just now."""
        if not source.url:
            return Entry(_every(source), self._clock(), 0)
        memory = self._copies.memory(source)
        return Entry(self._wait(source), memory.tried, memory.failures)

    def _wait(self, source: ListSource, *, failing: bool | None = None) -> int:
        """Seconds from one look to the next; of a zone no more than its own refresh time, or retry while it fails."""
        memory, every = self._copies.memory(source), _every(source)
        own = memory.retry if (memory.failures if failing is None else failing) else memory.refresh
        return min(every, max(own, feeds.SHORTEST)) if own else every

    def _tick(self) -> None:
        name = None if self._stopped or self._lock.locked else self._schedule.next()
        if name is not None:
            self.wake(name)

    def _unexpected(self, failure: Any, name: str) -> None:
        """The lists thread has logged it; here it is only tried again."""
        self._schedule.done(name, well=False)
        if not failure.check(Refused):
            log.error("list %s: our own fault: %s", name, failure.type.__name__)

    @inlineCallbacks
    def _look(self, name: str, actor: str) -> Generator[Deferred[Any], Any, Refreshed]:
        """Fetch where there is an address, then take what is new."""
        source = self._sources.get(name)
        if source is None or self._settings is None:
            known = ", ".join(self._sources) or "none"
            raise Refused(f"no list of the settings is called {name!r}; known: {known}")
        if source.url:
            outcome: Outcome = yield self._fetch(source, self._settings)
            if outcome.error:
                self._schedule.done(name, well=False, every=self._wait(source))
                return described(source, outcome)
        taken: Taken = yield self._take(name, actor)
        self._schedule.done(name, well=taken[0].state != "failed", every=self._wait(source))
        return described(source, Outcome(False), taken)

    def _fetch(self, source: ListSource, settings: Settings) -> Deferred[Outcome]:
        done: Deferred[Outcome] = Deferred()
        deadline = self._deadline = Deadline(settings.feeds.timeout_seconds)
        if self._stopped:
            deadline.end()

        def run() -> None:
            try:
                outcome = self._copies.refresh(source, settings, deadline)
            except Exception as error:  # noqa: BLE001  a bug of ours in one feed must not end all feeds
                # Without its message, which may hold anything that came or was asked for.
                where = "".join(traceback.format_tb(error.__traceback__))
                log.error("list %s: %s\n%s", source.name, type(error).__name__, where)  # noqa: TRY400  see above
                outcome = self._copies.failed(source, f"our own fault: {type(error).__name__}")
            self._reactor.callFromThread(done.callback, outcome)

        # A daemon: looking up a name cannot be ended, and must not hold up the end of the process.
        threading.Thread(target=run, name="feed", daemon=True).start()
        return done


def _every(source: ListSource) -> int:
    return feeds.interval(source.url, source.every)


def described(source: ListSource, outcome: Outcome, taken: Taken | None = None) -> Refreshed:
    """What a look came to, for people."""
    where = feeds.shown(source.url) if source.url else source.path
    if taken is None:
        return Refreshed(source.name, where, "failed", outcome.error)
    seeded, report = taken
    reason = seeded.reason
    if seeded.state == "known":
        reason = f"it holds what it held before, version {seeded.version}"
    return Refreshed(source.name, where, seeded.state, reason, report)
