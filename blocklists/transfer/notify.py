"""NOTIFY (RFC 1996), both ways: whose word about a list's zone is taken, and telling our secondaries until they answer.

No sockets and no fetching: both are passed in.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdatatype
import dns.tsig
from twisted.internet.defer import Deferred

from contracts.feeds import is_transfer, parse_transfer
from contracts.networks import Address, Endpoint
from contracts.settings import ListSource
from contracts.transfers import canonical

log = logging.getLogger(__name__)
GAP = 5.0  # seconds from one fetch that a NOTIFY brought to the next, of one list
RETRIES = (2.0, 4.0, 8.0, 16.0, 32.0)  # seconds that an answer is waited for


class Heard:
    """Fetches a list when its primary says so: at once, then at most every GAP seconds."""

    def __init__(self, reactor: Any, wake: Callable[[str], Deferred[Any]]) -> None:
        self._reactor = reactor
        self._wake = wake
        self._sources = list[tuple[ListSource, dns.name.Name, Address]]()
        self._last = dict[str, float]()
        self._busy = dict[str, bool]()  # lists that are, or are to be, fetched: whether it was said again meanwhile

    def follow(self, lists: tuple[ListSource, ...]) -> None:
        """Take the lists of (new) settings."""
        self._sources = [
            (one, dns.name.from_text(f"{there.zone}."), there.primary.address)
            for one in lists
            if is_transfer(one.url) and (there := parse_transfer(one.url))
        ]

    def take(self, query: dns.message.Message, address: Address) -> dns.rcode.Rcode:
        """What a NOTIFY is answered; NOERROR where the zone will be looked at."""
        if len(query.question) != 1 or query.question[0].rdtype != dns.rdatatype.SOA:
            return dns.rcode.FORMERR
        of_zone = [one for one in self._sources if one[1] == query.question[0].name]
        if not of_zone:
            return dns.rcode.NOTAUTH
        for source, _zone, primary in of_zone:
            signed = query.had_tsig and canonical(str(query.keyname)) == canonical(source.tsig_key)
            if primary == address and (signed or not source.tsig_key):
                self._said(source.name)
                return dns.rcode.NOERROR
        return dns.rcode.REFUSED

    def _said(self, name: str) -> None:
        if name in self._busy:
            self._busy[name] = True
            return
        self._busy[name] = False
        wait = self._last.get(name, -GAP) + GAP - self._reactor.seconds()
        self._reactor.callLater(max(0.0, wait), self._fetch, name)

    def _fetch(self, name: str) -> None:
        self._last[name] = self._reactor.seconds()
        self._busy[name] = False
        log.info("list %s: its primary says that the zone is new", name)

        def over(_result: Any) -> None:
            if self._busy.pop(name):
                self._said(name)

        self._wake(name).addBoth(over)


class Telling:
    """Tells secondaries of a new serial. A newer one takes the place of what was not answered yet."""

    def __init__(self, reactor: Any, send: Callable[[bytes, Address, int], bool]) -> None:
        self._reactor = reactor
        self._send = send
        self._open = dict[Endpoint, tuple[int, Any]]()  # number of the message, its next retry
        self.unanswered = dict[Endpoint, int]()  # serial that a secondary was told last, in vain

    def tell(self, secondary: Endpoint, zone: str, soa_text: str, serial: int, key: dns.tsig.Key | None) -> None:
        """Begin with one secondary."""
        message = dns.message.make_query(f"{zone}.", dns.rdatatype.SOA, flags=dns.flags.AA)
        message.set_opcode(dns.opcode.NOTIFY)
        message.answer.append(dns.rrset.from_text(f"{zone}.", 0, "IN", "SOA", soa_text))
        if key is not None:
            message.use_tsig(key, algorithm=key.algorithm)
        self._forget(secondary)
        self._try(secondary, message, serial, 0)

    def acknowledged(self, number: int, address: Address) -> None:
        """An answer has come; what it says makes no difference: it was heard."""
        for secondary, (asked, _retry) in list(self._open.items()):
            if asked == number and secondary.address == address:
                self._forget(secondary)
                self.unanswered.pop(secondary, None)

    def stop(self) -> None:
        """No retries any more."""
        for secondary in list(self._open):
            self._forget(secondary)

    def _try(self, secondary: Endpoint, message: dns.message.Message, serial: int, tries: int) -> None:
        if tries == len(RETRIES):
            self._forget(secondary)
            self.unanswered[secondary] = serial
            log.warning("secondary %s does not answer: it was not told of serial %d", secondary, serial)
            return
        if not self._send(message.to_wire(), secondary.address, secondary.port):
            log.debug("no way to secondary %s now", secondary)
        retry = self._reactor.callLater(RETRIES[tries], self._try, secondary, message, serial, tries + 1)
        self._open[secondary] = (message.id, retry)

    def _forget(self, secondary: Endpoint) -> None:
        _number, retry = self._open.pop(secondary, (0, None))
        if retry is not None and retry.active():
            retry.cancel()
