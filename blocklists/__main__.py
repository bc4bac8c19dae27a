"""The lists process: the only writer of library, segments and policy while it runs.

The operations are blocklists.service's; here are the reactor, the one thread they run in, and the control socket.
"""

from __future__ import annotations

import logging
import os
import random
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from twisted.internet import task
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from blocklists.feeds.runner import Feeds
from blocklists.library import LOCK, DatabaseError, Library
from blocklists.lookup import list_lists
from blocklists.report import Decided, ImportReport, Seeded, Switched, Version
from blocklists.review import Wanted
from blocklists.service import ImportOptions, Lists
from blocklists.transfer.running import Transfers
from blocklists.workers import tell_workers
from contracts import config
from contracts.control import RunFolder
from contracts.settings import Settings
from runtime import control, process
from runtime.control import Call, ControlFactory, Refused
from runtime.lock import FileLock, Held

log = logging.getLogger(__name__)
REPAIR_SECONDS = 5.0  # what could not be done (disk full) is tried again so often
WINDOW_SECONDS = 1.0  # so often it is looked whether campaigns changed, or a day began
LOOK_EVERY = 6  # times that; where nothing is known to be wrong, it is looked whether the policy is there
HEARTBEAT = 1.0


class Stopping(Exception):
    """Ends an import under way: its transaction is undone, what was live stays live."""


class ListsProcess:
    """Operations queue up for one thread; the reactor only answers and reports progress."""

    def __init__(self, reactor: Any, settings: Settings, config_file: Path, lists: Lists) -> None:
        self._reactor = reactor
        self._config_file = config_file
        self._state = settings.state
        self._lists = lists
        self._pool = ThreadPool(1, 1, "lists")
        self._stopping = threading.Event()
        self._busy: tuple[str, str, int] | None = None  # operation, stage, count
        self._problems = dict[str, str]()  # what went wrong and stands until it goes well, by what it hinders
        self._due = True  # the settings in use have not been seeded yet
        self._looks = 0
        self._window: object = None  # the dates of campaigns that the policy follows
        self._logged = ""  # the last such error
        self._seeded: list[Seeded] = []
        self._started = time.time()
        self._told = 0  # the last serial the workers were told
        self._feeds = Feeds(reactor, lists.copies, self._take, time.time, random.random)
        self._feeds.follow(settings)
        self._transfers = Transfers(reactor, settings, self._feeds.wake, time.time)

    def start(self) -> None:
        """Start the thread, seed, listen."""
        self._pool.start()
        self._queue("start", self._follow).addErrback(lambda _failure: None)  # logged, told by status, tried again
        operations: dict[str, control.Handler] = {
            "import": self._import,
            "activate": self._activate,
            "rollback": self._rollback,
            "withdraw": self._withdraw,
            "decide": self._decide,
            "refresh": self._refresh,
            "reload": lambda _call: self.reload(),
            "status": lambda _call: self.status(),
        }
        spool = self._state / "spool"
        for left in spool.glob("*"):  # uploads of a process that died
            left.unlink(missing_ok=True)
        run = RunFolder(self._state)
        factory = ControlFactory(operations, spool, pages=run.control("admin"))
        control.listen(self._reactor, run.control("lists"), factory)
        task.LoopingCall(self._repair).start(REPAIR_SECONDS, now=False)
        task.LoopingCall(self._look_at_windows).start(WINDOW_SECONDS, now=False)
        self._feeds.start()
        self._transfers.start()

    def stop(self) -> Deferred[None]:
        """An import under way is undone; the rest of the queue is not begun."""
        self._stopping.set()
        self._feeds.stop()
        self._transfers.stop()
        done: Deferred[None] = Deferred()

        def finish() -> None:
            self._pool.stop()
            self._lists.library.close()
            self._reactor.callFromThread(done.callback, None)

        threading.Thread(target=finish, name="stop").start()
        return done

    def reload(self) -> Deferred[Any]:
        """Read the settings again and seed. With wrong settings everything stays as it is."""
        return self._queue("reload", self._reload)

    def hang_up(self) -> Deferred[Any]:
        """SIGHUP: a reload of which nobody hears but the log."""

        def said(failure: Failure) -> None:
            failure.trap(Refused)
            log.error("reload: %s", failure.getErrorMessage())

        return self.reload().addErrback(said)

    def status(self) -> dict[str, Any]:
        """What it is doing, what is live, what went wrong. Answers while an import runs."""
        library = Library.reader(self._state)
        try:
            live = library.live_versions()
            serial = library.serial
            problems = self._sentences(library)
            today = self._lists.windows.today()
            listed = list_lists(library, self._lists.settings.lists, today)
        finally:
            library.close()
        busy = dict(zip(("operation", "stage", "count"), self._busy, strict=True)) if self._busy else None
        return {
            "pid": os.getpid(),
            "started": self._started,
            "serial": serial,
            "busy": busy,
            "problems": problems + self._feeds.problems() + self._transfers.problems(),
            "notes": [one.departure for one in listed if one.departure]
            + [f"list {one.name}: {one.window}" for one in listed if one.window]
            + _waiting(live)
            + self._feeds.notes(),
            "feeds": self._feeds.told(),
            "transfer": self._transfers.told(),
            "seeded": msgspec.to_builtins(self._seeded),
            "lists": [
                {"list": one.list, "version": one.number, "mode": one.mode, "campaign": one.campaign, "kind": one.kind}
                | {"names": one.names, "addresses": one.addresses}
                for one in live
            ],
        }

    def _sentences(self, library: Library) -> list[str]:
        """What a person must look at, in sentences."""
        failed = [f"list {one.list} was not imported: {one.reason}" for one in self._seeded if one.state == "failed"]
        refused = [f"list {one.list} was refused: {one.reason}" for one in self._seeded if one.state == "refused"]
        held = [
            f"list {one.list} version {one.version} is held: {one.reason}"
            for one in self._seeded
            if one.state == "held" and (version := library.version(one.list, one.version)) and version.state == "held"
        ]
        window = [self._lists.windows.problem] if self._lists.windows.problem else []
        return [*self._problems.values(), *window, *failed, *refused, *held]

    def _import(self, call: Call) -> Deferred[Any]:
        if call.body is None:
            raise Refused("import takes a file that is not empty")
        body, options = call.body, _options(call.args)

        def work() -> ImportReport:
            with body.open("rb") as file:
                return self._lists.import_file(call.actor, file, options, self._stage)

        return self._answer(call, work)

    def _activate(self, call: Call) -> Deferred[Any]:
        name, version = _text(call.args, "name"), call.args.get("version")
        if version is not None and not isinstance(version, int):
            raise Refused("`version` is a number")
        return self._answer(call, lambda: self._lists.activate(call.actor, name, version, self._stage))

    def _rollback(self, call: Call) -> Deferred[Any]:
        name = _text(call.args, "name")
        return self._answer(call, lambda: self._lists.rollback(call.actor, name, self._stage))

    def _withdraw(self, call: Call) -> Deferred[Any]:
        name = _text(call.args, "name")
        return self._answer(call, lambda: self._lists.withdraw(call.actor, name))

    def _decide(self, call: Call) -> Deferred[Any]:
        try:
            wanted = msgspec.convert(call.args, Wanted)
        except msgspec.ValidationError as error:
            raise Refused(f"no request to decide: {error}") from error
        return self._answer(call, lambda: self._lists.decide(call.actor, wanted))

    def _refresh(self, call: Call) -> Deferred[Any]:
        """Fetch one list, or all of the settings, one after the other."""
        names = [_text(call.args, "name")] if call.args.get("name") is not None else self._feeds.names()
        actor = deferToThreadPool(self._reactor, self._pool, lambda: call.actor)  # not for the reactor's thread

        @inlineCallbacks
        def each(actor: str) -> Generator[Deferred[Any], Any, Any]:
            found = []
            for name in names:
                found.append((yield self._feeds.refresh(name, actor)))  # noqa: PERF401  each waits for the one before
            return msgspec.to_builtins(found)

        return self._beating(call, actor.addCallback(each))

    def _take(self, name: str, actor: str) -> Deferred[Any]:
        """Import what a source of the settings holds now, if that is new; called by the feeds."""

        def work() -> tuple[Seeded, ImportReport | None]:
            outcome, report = self._lists.take_source(self._lists.source(name), self._stage, actor)
            self._seeded = [one for one in self._seeded if one.list != name] + [outcome]
            if report is not None:
                report = msgspec.structs.replace(report, workers=self._tell_workers(report.serial))
            return outcome, report

        return self._queue("refresh", work)

    def _answer(self, call: Call, work: Callable[[], ImportReport | Switched | Decided]) -> Deferred[Any]:
        """Do the work in the thread, tell the workers."""

        def done() -> Any:
            result = work()
            return msgspec.to_builtins(msgspec.structs.replace(result, workers=self._tell_workers(result.serial)))

        return self._beating(call, self._queue(call.op, done))

    def _beating(self, call: Call, done: Deferred[Any]) -> Deferred[Any]:
        """The caller hears how far it is at least every second."""

        def tell() -> None:
            operation, stage, count = self._busy or (call.op, "waiting", 0)
            call.progress({"operation": operation, "stage": stage, "count": count})

        heart = task.LoopingCall(tell)
        heart.clock = self._reactor
        heart.start(HEARTBEAT, now=False)

        def still(result: Any) -> Any:
            heart.stop()
            return result

        return done.addBoth(still)

    def _queue(self, operation: str, work: Callable[[], Any]) -> Deferred[Any]:
        def run() -> Any:
            if self._stopping.is_set():
                raise Refused("the lists process is stopping")
            self._busy = (operation, "starting", 0)
            try:
                return work()
            except Stopping as error:
                raise Refused("the lists process was stopped; nothing was changed") from error
            except (OSError, DatabaseError) as error:
                if operation != "repair" or str(error) != self._logged:  # a full disk is not filled with its own news
                    log.exception("%s failed", operation)
                self._logged = str(error)
                raise Refused(f"{operation} failed ({error}); the policy that is live stays live") from error
            finally:
                self._busy = None

        def log_it(failure: Failure) -> Failure:
            if not failure.check(Refused):
                log.error("%s failed\n%s", operation, failure.getTraceback())
            return failure

        done: Deferred[Any] = deferToThreadPool(self._reactor, self._pool, run)
        return done.addErrback(log_it)

    def _stage(self, stage: str, count: int) -> None:
        if self._stopping.is_set():
            raise Stopping
        self._busy = (self._busy[0] if self._busy else "", stage, count)

    # In the thread

    def _follow(self) -> None:
        """Bring library and policy to what the settings say, and tell the workers; due until it has gone well."""
        self._due = True
        with self._told_by_status("policy", "the lists of the settings are not taken yet, tried again"):
            self._lists.publish(verify=True)
            self._seeded = self._lists.seed(self._stage)
            self._tell_workers(self._lists.publish())
        self._due = False
        log.info("ready, policy %d", self._told)

    def _reload(self) -> Any:
        with self._told_by_status("settings", "reload refused"):
            try:
                settings = config.read(self._config_file)
            except (config.BadConfig, OSError) as error:
                raise Refused(f"the settings cannot be used, going on with the old ones: {error}") from error
            if settings.state != self._state:
                raise Refused("state_dir cannot change while the process runs")
        self._lists = Lists(settings, self._lists.library, self._lists.copies)
        self._reactor.callFromThread(self._feeds.follow, settings)
        self._reactor.callFromThread(self._transfers.follow, settings)
        self._follow()
        return msgspec.to_builtins(self._seeded)

    @contextmanager
    def _told_by_status(self, hinders: str, what: str) -> Iterator[None]:
        """Whatever goes wrong inside is a problem in `status` until it goes well."""
        try:
            yield
        except Exception as error:
            self._problems[hinders] = f"{what}: {error}"
            raise
        self._problems.pop(hinders, None)

    def _tell_workers(self, serial: int) -> Any:
        self._told = serial
        return tell_workers(self._state, serial)

    def _repair(self) -> None:
        self._looks += 1
        if self._busy is not None or self._stopping.is_set():
            return
        if self._due or self._problems.get("policy") or self._looks % LOOK_EVERY == 0:
            work = self._follow if self._due else self._publish_again
            self._queue("repair", work).addErrback(lambda _failure: None)

    def _look_at_windows(self) -> None:
        """On the first day of a campaign, after its last one, and when its dates change: the policy follows at once."""
        mark = self._lists.windows.mark()
        if mark == self._window or self._due or self._stopping.is_set():
            return

        def failed(_failure: Failure) -> None:  # logged, told by status; `_repair` and the next look try again
            self._window = None

        # A list of the settings may have waited for its campaign.
        waits = any(one.state == "failed" for one in self._seeded)
        self._window = mark
        self._queue("campaigns", self._follow if waits else self._publish_again).addErrback(failed)

    def _publish_again(self) -> None:
        with self._told_by_status("policy", "the policy cannot be written"):
            serial = self._lists.publish()
        if serial != self._told:
            self._tell_workers(serial)


def _options(args: dict[str, Any]) -> ImportOptions:
    try:
        options = msgspec.convert(args, ImportOptions)
    except msgspec.ValidationError as error:
        raise Refused(f"no import request: {error}") from error
    return msgspec.structs.replace(options, unattended=False)


def _waiting(live: list[Version]) -> list[str]:
    return [
        f"list {one.list}: {one.waiting} rows wait for a person; `sinkhole lists held {one.list}` shows them"
        for one in live
        if one.waiting
    ]


def _text(args: dict[str, Any], key: str) -> str:
    value = args.get(key)
    if not isinstance(value, str) or not value:
        raise Refused(f"`{key}` is missing")
    return value


def main() -> None:
    """`python -m blocklists --config FILE`."""
    args = process.arguments("blocklists", __doc__.splitlines()[0]).parse_args()
    process.setup_logging("lists")
    settings = process.settings_or_exit(args.config)
    try:
        lock = FileLock(settings.state / LOCK)
    except Held as error:
        log.error("cannot start: process %s is writing the lists of %s", error.holder, settings.state)  # noqa: TRY400  the sentence says it all
        raise SystemExit(1) from error
    from twisted.internet import reactor  # noqa: TID251  __main__ files import it

    with lock:
        running = ListsProcess(
            reactor, settings, config.find_config(args.config), Lists(settings, Library.open(settings.state))
        )
        running.start()
        process.run(reactor, stop=running.stop, reload=running.hang_up)


if __name__ == "__main__":
    main()
