"""One upstream server and how it has been doing: how fast, whether it is down, what it cannot read.

No choice among servers here (resolver.upstream.scope) and no sockets.
"""

from __future__ import annotations

import math

from contracts.networks import UpstreamAddress

DOWN_AFTER = 3  # questions in a row without any answer before a server is down
FIRST_BACK_OFF = 1.0  # seconds before a server that is down is looked at again; doubled with each time in vain
LAST_BACK_OFF = 60.0
PLAIN_SECONDS = 60.0  # a server that answers only without EDNS is asked without it for so long, then tried again
LEVEL_SECONDS = 3600.0  # the same for one that does not keep upper and lower case
LEVEL_AFTER = 3  # answers in another case, less those in the right one, before that is believed
MAX_PATIENCE = 3  # times the time-out, for a server whose connections came to nothing before: it may be far away
UNKNOWN = 0.05  # seconds that a server is taken to need before it has answered anything
SILENCE = 1.0  # seconds that a silence counts in the smoothed time


class Server:
    """One upstream. Times are monotonic seconds."""

    __slots__ = (
        "_back_off", "_lowered", "address", "asked", "datagrams", "down_until", "failures", "heard", "knows_edns",
        "level_until", "mute", "padded", "plain_until", "probing", "problem", "srtt", "told_until",
    )  # fmt: skip

    def __init__(self, address: UpstreamAddress) -> None:
        self.address = address
        self.datagrams = address.transport == "udp"
        self.padded = address.transport == "tls"  # RFC 8467: only where nobody can read it
        self.failures = 0  # silences in a row
        self.down_until = 0.0
        self.srtt = UNKNOWN  # smoothed round trip, seconds
        self.asked = -math.inf
        self.heard = -math.inf
        self.probing = False  # a copy of a question is under way to it
        self.knows_edns = False  # an answer of its carried EDNS
        self.plain_until = 0.0  # asked without EDNS until then
        self.level_until = 0.0  # asked in lower case until then
        self.mute = 0  # connections in a row that ended without an answer
        self.problem = ""  # why the last connection could not be had
        self.told_until = 0.0  # the log has heard of that
        self._back_off = 0.0
        self._lowered = 0

    @property
    def down(self) -> bool:
        """Silent for several questions, and nothing heard since."""
        return self.failures >= DOWN_AFTER

    def silent(self, sent: float, now: float) -> None:
        """It did not answer a question sent at `sent`, or cannot be reached.

        Where it answered others meanwhile that is not held against it: one dead zone must not put a good server down.
        """
        if self.heard > sent:
            self.srtt += (SILENCE - self.srtt) / 64  # yet one that loses many is not the best
            return
        self.failures += 1
        self.srtt += (SILENCE - self.srtt) / 8
        if self.failures >= DOWN_AFTER and now >= self.down_until:
            self._back_off = min(self._back_off * 2 or FIRST_BACK_OFF, LAST_BACK_OFF)
            self.down_until = now + self._back_off

    def answered(self, sent: float, now: float, *, edns: bool = False) -> None:
        """It said something, be it an error: one broken zone makes SERVFAILs of a server that is well."""
        if self.heard < 0 or self.failures >= DOWN_AFTER:
            self.srtt = now - sent  # what was is over
        else:
            self.srtt += (now - sent - self.srtt) / 8
        self.heard = now
        if self.failures:
            self.failures = 0
            self.down_until = self._back_off = 0.0
        if edns:
            self.knows_edns = True

    def answered_plain(self, now: float) -> None:
        """It answered without EDNS what it had refused with it. One broken zone behind it must not cost the others."""
        if not self.knows_edns and self.plain_until <= now:
            self.plain_until = now + PLAIN_SECONDS

    def kept_case(self) -> None:
        """It answered in the very case that it was asked in."""
        if self._lowered:
            self._lowered -= 1

    def changed_case(self, now: float) -> None:
        """It answered in another case; perhaps it always does, perhaps that was somebody else."""
        self._lowered += 1
        if self._lowered >= LEVEL_AFTER:
            self._lowered = 0
            self.level_until = now + LEVEL_SECONDS
