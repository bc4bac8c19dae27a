"""What every long-running process does alike: logging, the watch on signals, the clean end.

Nothing about any one process. The reactor is passed in.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import LoopingCall
from twisted.python import log as twisted_log

from contracts import config
from contracts.settings import Settings
from runtime import notify, state

EXIT_CONFIG = 2
log = logging.getLogger(__name__)


def arguments(part: str, description: str) -> argparse.ArgumentParser:
    """The command line that all our processes share."""
    parser = argparse.ArgumentParser(prog=f"python -m {part}", description=description)
    parser.add_argument("--config", help="settings file (default: $SINKHOLE_CONFIG, then ./config.yaml)")
    return parser


def settings_or_exit(given: str | None) -> Settings:
    """Settings and the state folder that they name, ours and closed to strangers; or every error on stderr and exit 2.

    What every process does first.
    """
    notify.starting()
    state.close_to_strangers()
    file = config.find_config(given)
    try:
        settings = config.read(file)
        state.claim(settings.state)
    except (config.BadConfig, state.NotOurs) as error:
        print(error, file=sys.stderr)
    except OSError as error:
        print(f"{error.filename or file}: {error.strerror}", file=sys.stderr)
    else:
        return settings
    raise SystemExit(EXIT_CONFIG)


def setup_logging(part: str) -> None:
    """Our log and Twisted's to stderr, one line an event: time, level, part, text."""
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format=f"%(asctime)s %(levelname)s {part}: %(message)s",
        datefmt="%Y-%m-%dT%H:%M:%S%z",
        force=True,
    )
    twisted_log.PythonLoggingObserver(loggerName="twisted").start()
    logging.getLogger("twisted").setLevel(logging.WARNING)


def run(reactor: Any, *, stop: Callable[[], Any], reload: Callable[[], Any] | None = None) -> None:
    """Run the reactor until SIGTERM or SIGINT; `stop` (may return a Deferred) drains first. SIGHUP calls `reload`.

    systemd hears that we are ready, and from then on that the reactor turns.
    """
    stopping = False

    def finish(number: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        if stopping:
            return
        stopping = True
        notify.stopping()
        log.info("stopping on %s", signal.Signals(number).name)
        reactor.callFromThread(drain)

    def drain() -> None:
        done: Deferred[Any] = maybeDeferred(stop)
        done.addErrback(lambda failure: log.error("while stopping\n%s", failure.getTraceback()))
        done.addBoth(lambda _ignored: reactor.stop())

    def again(_number: int, _frame: FrameType | None) -> None:
        if reload is not None:
            reactor.callFromThread(guarded, reload)

    def guarded(action: Callable[[], Any]) -> None:
        done: Deferred[Any] = maybeDeferred(action)
        done.addErrback(lambda failure: log.error("reload failed, going on as before\n%s", failure.getTraceback()))

    def install() -> None:
        # After the reactor's own handlers: ours drain first.
        signal.signal(signal.SIGTERM, finish)
        signal.signal(signal.SIGINT, finish)
        signal.signal(signal.SIGHUP, again)
        notify.ready()
        if seconds := notify.watchdog_seconds():
            heart = LoopingCall(notify.alive)
            heart.clock = reactor
            heart.start(seconds / 4)  # by the reactor's own timers: it beats only while they do

    reactor.callWhenRunning(install)
    reactor.run(installSignalHandlers=True)
