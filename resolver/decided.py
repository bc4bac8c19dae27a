"""Follows what people decided for a time (bypass, allowed names): takes it from its file, and ends it on time.

What it means for a name is resolver.policy's. Nobody has to tell us: a look every second is soon enough for the red
switch, and a decision ends by itself whoever else is alive.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import LoopingCall

from contracts.decisions import BadDecisions, Decisions, DecisionsFile, Stamp

log = logging.getLogger(__name__)
LOOK_SECONDS = 1.0
EARLIEST, LATEST = 0.01, 86_400.0  # seconds until the next end is looked at; clocks are set, so once a day at least


class DecisionKeeper:
    """`take` is called with what holds, at start, at each change and at each end."""

    def __init__(self, reactor: Any, file: DecisionsFile, take: Callable[[Decisions], None],
                 clock: Callable[[], float] = time.time) -> None:  # fmt: skip
        self._reactor = reactor
        self._file = file
        self._take = take
        self._time = clock
        self._seen: Stamp = None
        self._end: IDelayedCall | None = None
        self._next = math.inf  # seconds since the epoch when the next of what holds ends
        self._looking = LoopingCall(self.look)
        self._looking.clock = reactor
        self.live = Decisions()
        self.problem = ""

    def start(self) -> None:
        """Look every second."""
        self._looking.start(LOOK_SECONDS, now=False)

    def stop(self) -> None:
        """Look no more."""
        if self._looking.running:
            self._looking.stop()
        self._cancel()

    def look(self) -> None:
        """Take the file where it is another than before. One that cannot be understood changes nothing, and is told."""
        try:
            stamp = self._file.stamp()  # one that we may not even look at is no missing one
            if stamp == self._seen:
                self.problem = ""  # what could not be read in between is gone, and what we hold is back
                if self._time() >= self._next:  # the clock was set, or the machine slept: our timer comes too late
                    self._now()
                return
            found = self._file.read()
        except (BadDecisions, OSError) as error:
            held = "what held before goes on" if self._seen else "no bypass and no allowed name holds"
            problem = f"what people decided cannot be read ({error}); {held}"
            if problem != self.problem:
                log.error("%s", problem)  # noqa: TRY400  the sentence says it all
            self.problem = problem
            return
        self._seen = stamp
        self.problem = ""
        self.live = found
        log.info("decisions %d: %d names allowed%s", found.serial, len(found.allowed), self._bypass_text())
        self._now()

    def problems(self) -> list[str]:
        """For `sinkhole status`: what a person should know of, or end."""
        found = [self.problem] if self.problem else []
        bypass = self.live.bypass
        if bypass is not None and self.bypassed:
            left = int((bypass.until - self._time()) / 60) + 1
            found.append(f"policy is bypassed for another {left} min, nothing is blocked: {bypass.reason}")
        return found

    @property
    def bypassed(self) -> bool:
        """The red switch is on."""
        return self.live.bypass is not None and self._time() < self.live.bypass.until

    def _bypass_text(self) -> str:
        return ", policy is bypassed" if self.bypassed else ""

    def _now(self) -> None:
        """What holds at this second; again when the next of it ends."""
        self._take(self.live)
        self._cancel()
        now = self._time()
        self._next = min((end for end in self.live.ends() if end > now), default=math.inf)
        if self._next < math.inf:
            self._end = self._reactor.callLater(min(self._next - now + EARLIEST, LATEST), self._now)

    def _cancel(self) -> None:
        if self._end is not None and self._end.active():
            self._end.cancel()
