"""Zone transfer in the lists process: listens, keeps the zone that is given as new as the policy, tells secondaries.

Wiring only: answers are blocklists.transfer.outgoing's, the zone published's, words about lists notify's.
"""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable
from typing import Any

from twisted.internet import task
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError

from blocklists.outlets.rpz import EXPIRE, REFRESH, RETRY
from blocklists.transfer.keys import key_of, keyring
from blocklists.transfer.listening import Listening
from blocklists.transfer.notify import Heard, Telling
from blocklists.transfer.outgoing import Counts, Outgoing, Reply
from blocklists.transfer.published import Published
from contracts.feeds import is_transfer
from contracts.settings import Settings
from contracts.transfers import BadKey

log = logging.getLogger(__name__)
TICK = 1.0  # seconds between two looks at policy and decisions
AGAIN = 30.0  # seconds until what went wrong (disk full, port taken) is tried again


class Transfers:
    """All of it is the reactor's thread, but making the zone."""

    def __init__(
        self, reactor: Any, settings: Settings, wake: Callable[[str], Deferred[Any]], clock: Callable[[], float]
    ) -> None:
        self._reactor = reactor
        self._settings = settings
        self._published = Published(settings.state, clock)
        self._heard = Heard(reactor, wake)
        self._listening = Listening(reactor, self._answer)
        self._telling = Telling(reactor, self._listening.send)
        self._counts = Counts()
        self._outgoing: Outgoing | None = None
        self._open = False
        self._busy = False
        self._stopped = False
        self._has_told = False  # secondaries may have missed something before we started, or are new in the settings
        self._problems = dict[str, str]()
        self._tried = dict[str, float]()

    def start(self) -> None:
        """Listen, where the settings say so, and give what was given before until it is renewed."""
        self._published.load()
        self._follow()
        ticking = task.LoopingCall(self._tick)
        ticking.clock = self._reactor
        ticking.start(TICK)

    def stop(self) -> None:
        """Nothing is begun any more; a zone that is half made is made anew by the next process."""
        self._stopped = True
        self._telling.stop()
        self._listening.close()

    def follow(self, settings: Settings) -> None:
        """Take new settings. Connections that there are go on by the old ones to the end of their transfer."""
        self._telling.stop()
        self._telling.unanswered.clear()
        if settings.transfer.listen != self._settings.transfer.listen:
            self._listening.close()
            self._open = False
        self._settings = settings
        self._published.forget()
        self._has_told = False
        self._tried.clear()
        self._follow()

    def told(self) -> dict[str, Any] | None:
        """For `status`; None where it is off."""
        transfer, version = self._settings.transfer, self._published.current
        if not transfer.listen:
            return None
        given = {"zone": transfer.zone, "serial": version.serial, "records": version.records} if version else {}
        counts = {"transfers": self._counts.transfers, "refused": self._counts.refused, "busy": self._counts.busy}
        return {"listen": [str(one) for one in transfer.listen]} | (given if self._gives() else {}) | counts

    def problems(self) -> list[str]:
        """What a person must look at."""
        silent = [
            f"secondary {secondary} does not answer: it was not told of serial {serial} of the zone"
            for secondary, serial in self._telling.unanswered.items()
        ]
        return [*self._problems.values(), *silent]

    def _gives(self) -> bool:
        return bool(self._settings.transfer.listen and self._settings.transfer.allow)

    def _follow(self) -> None:
        settings = self._settings
        self._heard.follow(settings.lists)
        wanted = {*settings.transfer.tsig_keys, *(one.tsig_key for one in settings.lists if is_transfer(one.url))} - {
            ""
        }
        self._problems.pop("keys", None)
        try:
            known = keyring(settings, sorted(wanted))
        except BadKey as error:
            known = {}
            self._problems["keys"] = f"zone transfer: {error}; whatever is signed is refused"
        self._outgoing = Outgoing(
            settings.transfer, self._published, known, self._heard.take, self._telling.acknowledged, self._counts
        )

    def _answer(self, wire: bytes, host: str, tcp: bool) -> Reply:
        assert self._outgoing is not None
        return self._outgoing.answer(wire, host, tcp=tcp)

    def _tick(self) -> None:
        if self._stopped:
            return
        if self._settings.transfer.listen and not self._open and self._due("listen"):
            self._listen()
        try:
            stale = self._gives() and not self._busy and self._published.stale()
        except OSError as error:
            self._went_wrong("zone", f"the zone for others cannot be renewed: {error}")
            return
        if stale and self._due("zone"):
            self._renew()

    def _due(self, what: str) -> bool:
        """Whether it may be tried: at once, and again only a while after it went wrong."""
        return bool(self._reactor.seconds() >= self._tried.get(what, 0.0))

    def _went_wrong(self, what: str, sentence: str) -> None:
        if self._problems.get(what) != sentence:
            log.warning("%s", sentence)
        self._problems[what] = sentence
        self._tried[what] = self._reactor.seconds() + AGAIN

    def _listen(self) -> None:
        try:
            self._listening.open(self._settings.transfer.listen)
        except CannotListenError as error:
            place = f"{error.interface}:{error.port}"
            self._went_wrong("listen", f"zone transfer: cannot listen on {place}: {error.socketError}")
            return
        self._problems.pop("listen", None)
        self._open = True

    def _renew(self) -> None:
        self._busy, settings = True, self._settings

        def run() -> None:
            changed, reason = False, ""
            try:
                changed = self._published.renew(settings)
            except (OSError, ValueError) as error:
                reason = f"the zone for others cannot be renewed: {error}"
            except Exception as error:  # noqa: BLE001  a bug of ours must be told, and must not end all of it
                log.error("zone for others\n%s", traceback.format_exc())  # noqa: TRY400  as text, it is said above
                reason = f"the zone for others cannot be renewed: our own fault: {type(error).__name__}"
            self._reactor.callFromThread(self._renewed, changed, reason)

        threading.Thread(target=run, name="zone", daemon=True).start()

    def _renewed(self, changed: bool, reason: str) -> None:
        self._busy = False
        if reason:
            self._went_wrong("zone", reason)
            return
        self._problems.pop("zone", None)
        if (changed or not self._has_told) and self._published.current is not None and not self._stopped:
            self._has_told = True
            self._tell()

    def _tell(self) -> None:
        version, settings = self._published.current, self._settings
        assert version is not None
        soa = f"localhost. hostmaster.{version.zone}. {version.serial} {REFRESH} {RETRY} {EXPIRE} {version.ttl}"
        for one in settings.transfer.secondaries:
            try:
                key = key_of(settings, one.tsig_key) if one.tsig_key else None
            except BadKey as error:
                self._problems["keys"] = f"zone transfer: {error}; secondary {one.address} is not told"
                continue
            self._telling.tell(one.address, version.zone, soa, version.serial, key)
