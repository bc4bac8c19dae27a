"""Supervises the parts of the service on one machine: Twisted's ProcessMonitor and the little it lacks.

DNS stays whatever else fails: only settings that are refused, or a worker that cannot start, end everything.

Here because ProcessMonitor imports the reactor. Which processes there are is admin.supervise.parts' business.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sys
from contextlib import suppress
from functools import partial
from typing import Any

from twisted.internet import reactor  # noqa: TID251  a __main__ file
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.error import ProcessExitedAlready, ProcessTerminated
from twisted.python.failure import Failure
from twisted.runner.procmon import LoggingProtocol, ProcessMonitor  # noqa: TID251  a __main__ file

from admin.supervise.parts import Process, UnknownPart, processes
from admin.supervise.ready import print_what_to_try, until_it_answers, until_lists_are_live
from admin.supervise.watch import Watch
from contracts import config
from contracts.control import RunFolder
from contracts.policy import PolicyFolder
from contracts.settings import Settings
from runtime import notify, process
from runtime.lock import FileLock, Held

log = logging.getLogger(__name__)

# A worker that ends so often before its first answer (a port in use, say) will not do better the next time. Of another
# part no newcomer needs to hear more: it is tried again for ever, and DNS does not wait for it.
FAILED_STARTS = 3
ESSENTIAL = "resolver@"
FIRST = ("recorder", "lists")  # so that, as a rule, there is someone to take hits and a policy to answer by
FIRST_POLICY_SECONDS = 5.0  # the very first start waits so long for a policy; resolving plainly is better than not
LAST_TO_STOP = "recorder"  # it takes the hits that the workers send while they drain


class Supervisor(ProcessMonitor):
    """Adds to ProcessMonitor: a stop that waits, inherited output, an end for what hangs, knowing when to give up."""

    def __init__(self, parts: list[Process]) -> None:
        super().__init__(reactor)
        self.threshold = 10  # seconds a process must live for its next restart to be immediate
        self.minRestartDelay = 0.1  # type: ignore[assignment]  # Twisted's hint is narrower than its code
        self.maxRestartDelay = 10
        self.killTime = 10  # seconds from SIGTERM to SIGKILL
        self.exit_code = 0
        self._unheard = {part.name for part in parts}  # that have not answered yet since we started
        self._failed = dict.fromkeys(self._unheard, 0)
        self._known: dict[str, Deferred[None]] = {part.name: Deferred() for part in parts}
        self._ends: dict[str, Deferred[None]] = {}
        self._watch = Watch(reactor, {part.name: part.socket for part in parts}, self._kill)
        self._on_terminal = os.isatty(2)
        self._null = os.open(os.devnull, os.O_RDWR)
        self._bound = _bound_to_us()

    def startService(self) -> None:
        """As ProcessMonitor's, and watch."""
        super().startService()
        self._watch.start()

    def begin(self, parts: list[Process]) -> None:
        """Start these processes and keep them alive from now on."""
        environment = {name: value for name, value in os.environ.items() if name not in notify.VARIABLES}
        for part in parts:
            self.addProcess(part.name, [*self._bound, *part.argv], env=environment)
            Deferred.fromCoroutine(self._hear(part)).addErrback(_failed)

    def startProcess(self, name: str) -> None:
        """As ProcessMonitor's, with our own stdout and stderr instead of pipes that would have to be copied."""
        if name in self.protocols:
            return
        child = LoggingProtocol()
        child.service, child.name = self, name
        self.protocols[name] = child
        self.timeStarted[name] = self._clock.seconds()
        args = self._processes[name].args
        try:
            self._reactor.spawnProcess(
                child, args[0], args, env=self._processes[name].env, childFDs={0: self._null, 1: 1, 2: 2}
            )
        except OSError:
            self._monitoredProcessExited(name, Failure())

    def _monitoredProcessExited(self, name: str, reason: Failure | None = None) -> None:
        ended = reason.value if reason and isinstance(reason.value, ProcessTerminated) else None
        super()._monitoredProcessExited(name, reason)
        if name in self._ends:
            self._ends.pop(name).callback(None)
        if not self.running:
            return
        delay = max(0.0, self.restart[name].getTime() - self._clock.seconds())
        if ended is not None and ended.signal is not None:
            log.warning("%s was ended by signal %s; starting it again in %.1f s", name, ended.signal, delay)
            return
        code = (ended.exitCode if ended is not None else 0) or 0
        unheard = name in self._unheard
        self._failed[name] += unheard
        if unheard and code == process.EXIT_CONFIG:
            self._give_up(f"{name} refuses its settings", code)
        elif self._failed[name] >= FAILED_STARTS and name.startswith(ESSENTIAL):
            self._give_up(f"{name} cannot start; it says why above", code or 1)
        else:
            log.warning("%s ended with exit code %s; starting it again in %.1f s", name, code, delay)
            if self._failed[name] == FAILED_STARTS:
                log.error("%s cannot start; it says why above. The others go on; it is tried again and again", name)
                self._is_known(name)

    def _give_up(self, why: str, code: int) -> None:
        log.error("%s; ending everything", why)
        self.exit_code = self.exit_code or code
        signal.raise_signal(signal.SIGTERM)

    def _kill(self, name: str) -> None:
        """What hangs keeps its share of the questions for itself: only a new process can take them."""
        child = self.protocols.get(name)
        if child is None or child.transport is None or not self.running:
            return
        log.error("%s is there but does not answer; killing it (signal 9)", name)
        with suppress(ProcessExitedAlready):
            child.transport.signalProcess("KILL")

    async def _hear(self, part: Process) -> None:
        """From its first answer on a failure of this process is worth a restart, however often."""
        await until_it_answers(reactor, part.socket)
        if self._failed[part.name] >= FAILED_STARTS:
            log.warning("%s answers now", part.name)
        self._unheard.discard(part.name)
        self._failed[part.name] = 0
        self._is_known(part.name)

    def _is_known(self, name: str) -> None:
        if not self._known[name].called:
            self._known[name].callback(None)

    async def all_known(self) -> set[str]:
        """Wait until every part has answered or failed to start often enough; the names of those that answered."""
        await DeferredList(list(self._known.values()))
        return set(self._known) - self._unheard

    async def drain(self) -> None:
        """Stop everything, the recorder last, and wait until it is gone: SIGTERM, then SIGKILL after `killTime`."""
        self.running = False
        self._watch.stop()
        for call in self.restart.values():
            if call.active():
                call.cancel()
        await self._end([name for name in self.protocols if name != LAST_TO_STOP])
        await self._end([name for name in self.protocols if name == LAST_TO_STOP])

    async def _end(self, names: list[str]) -> None:
        self._ends = {name: Deferred() for name in names}
        ends = DeferredList(list(self._ends.values()))
        for name in names:
            self.stopProcess(name)
        await ends

    def hang_up(self) -> Any:
        """SIGHUP: pass it on as "read again"; but when our terminal has closed, it means the end."""
        if self._on_terminal and not os.isatty(2):
            signal.raise_signal(signal.SIGTERM)
            return
        for child in list(self.protocols.values()):
            assert child.transport is not None
            child.transport.signalProcess("HUP")


def _bound_to_us() -> list[str]:
    """Words before a command line so that the process gets no Ctrl-C of its own and ends when we are killed.

    Ctrl-C reaches a whole terminal session, and would end the recorder before the workers have drained: hence a
    session of its own. The parent-death signal is the kernel's, so that even kill -9 leaves no process behind.
    """
    setsid, setpriv = shutil.which("setsid"), shutil.which("setpriv")
    if setsid and setpriv:
        return [setsid, setpriv, "--pdeathsig", "TERM", "--"]
    log.warning("no setsid and setpriv (util-linux): if this supervisor is killed, its processes stay")
    return []


async def _start(supervisor: Supervisor, parts: list[Process], settings: Settings, announce: Any) -> None:
    supervisor.startService()
    first = [part for part in parts if part.name in FIRST]
    supervisor.begin(first)
    if not PolicyFolder(settings.state / "policy").manifest.exists():
        for part in first:
            if part.name == "lists":
                await until_lists_are_live(reactor, part.socket, FIRST_POLICY_SECONDS)
    supervisor.begin([part for part in parts if part.name not in FIRST])
    announce(await supervisor.all_known())


def main() -> None:
    """Start, watch, drain."""
    parser = process.arguments("admin.supervise", "Start several parts of the service and keep them alive.")
    parser.add_argument("parts", nargs="*", help="recorder, lists, resolver, resolver@NUMBER, admin (default: all)")
    given = parser.parse_args()
    settings = process.settings_or_exit(given.config)
    file = config.find_config(given.config).absolute()
    process.setup_logging("supervise")
    try:
        parts = processes(settings, file, given.parts)
        lock = FileLock(RunFolder(settings.state).folder / "supervise.lock")
    except UnknownPart as error:
        parser.error(str(error))
    except Held as error:
        sys.exit(f"sinkhole: already running on this state folder, process id {error.holder}")
    with lock:
        supervisor = Supervisor(parts)
        announce = partial(print_what_to_try, settings, file, [part.name for part in parts])
        start = partial(_start, supervisor, parts, settings, announce)
        reactor.callWhenRunning(lambda: Deferred.fromCoroutine(start()).addErrback(_failed))
        process.run(reactor, stop=supervisor.drain, reload=supervisor.hang_up)
    sys.exit(supervisor.exit_code)


def _failed(failure: Failure) -> None:
    log.error("while starting\n%s", failure.getTraceback())


if __name__ == "__main__":
    main()
