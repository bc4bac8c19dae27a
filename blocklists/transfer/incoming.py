"""Takes a zone from its primary: AXFR at first, IXFR from then on, signed where a key is named (RFC 5936, 1995, 8945).

When it is done, and what becomes of the copy, is blocklists.feeds'. A primary may be hostile: a size, one deadline, one
sentence each, and nothing is written before all of it has come.
"""

from __future__ import annotations

import hashlib
import logging
import socket
import struct
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.serial
import dns.tsig
import dns.xfr
from dns.rdtypes.ANY.SOA import SOA

from blocklists.feeds.dialling import Deadline
from blocklists.feeds.fetching import Fetched, FetchError
from blocklists.transfer.holding import Held, Unfit
from blocklists.transfer.keys import NOT_OURS, key_of
from contracts.feeds import ZoneAddress, parse_transfer
from contracts.settings import ListSource, Settings
from contracts.transfers import BadKey

log = logging.getLogger(__name__)
_BAD = (dns.exception.DNSException, ValueError, struct.error, EOFError)


def transfer(
    source: ListSource, settings: Settings, kept: Path | None, into: BinaryIO, deadline: Deadline
) -> Fetched | None:
    """Write the zone as text into a file; None where the copy `kept` is as new. Raises FetchError."""
    there = parse_transfer(source.url)
    try:
        key = key_of(settings, source.tsig_key) if source.tsig_key else None
    except BadKey as error:
        raise FetchError(str(error)) from error
    before = Held.read(kept, there.zone, source.max_size) if kept is not None else None
    with _in_words(there, deadline):
        newest = _soa(there, key, deadline)
        if before is not None and newest.serial == before.serial:
            return None
        if before is not None and dns.serial.Serial(newest.serial) < before.serial:
            raise FetchError(
                f"{there.primary} has serial {newest.serial}, behind {before.serial} which was taken; where the zone "
                "was begun anew, remove the copy (docs/operator.md)"
            )
        zone = _newer(there, key, before, source.max_size, deadline)
        return _written(zone, into)


def _newer(there: ZoneAddress, key: dns.tsig.Key | None, before: Held | None, most: int, deadline: Deadline) -> Held:
    """By differences where there is something before; whatever goes wrong with them, the whole zone is asked for."""
    if before is not None:
        try:
            _take(there, key, before, before.serial, most, deadline)
        except (*_BAD, OSError) as error:
            deadline.left()
            log.info("zone %s: no differences (%s), it is taken whole", there.zone, _short(error))
        else:
            return before
    zone = Held(there.zone, most)
    _take(there, key, zone, None, most, deadline)
    return zone


def _soa(there: ZoneAddress, key: dns.tsig.Key | None, deadline: Deadline) -> SOA:
    query = dns.message.make_query(f"{there.zone}.", dns.rdatatype.SOA, flags=0)
    _sign(query, key)
    with closing(_asked(there, query, deadline)) as link:
        answer = _message(_read(link, deadline), query, None, multi=False)
    if answer.rcode() != dns.rcode.NOERROR:
        raise dns.xfr.TransferError(answer.rcode())
    _want_signature(answer, query)
    found = answer.get_rrset(answer.answer, query.question[0].name, dns.rdataclass.IN, dns.rdatatype.SOA)
    if not found:
        raise Unfit("it has no SOA record of this zone")
    return cast("SOA", found[0])


def _take(
    there: ZoneAddress, key: dns.tsig.Key | None, zone: Held, serial: int | None, most: int, deadline: Deadline
) -> None:
    """One transfer, into `zone`; differences from `serial` on, where one is given."""
    kind = dns.rdatatype.AXFR if serial is None else dns.rdatatype.IXFR
    query = dns.message.make_query(zone.origin, kind, flags=0)
    if serial is not None:
        held = query.find_rrset(query.authority, zone.origin, dns.rdataclass.IN, dns.rdatatype.SOA, create=True)
        held.add(dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.SOA, f". . {serial} 0 0 0 0"), 0)
    _sign(query, key)
    came, context = 0, None
    manager: Any = zone
    with closing(_asked(there, query, deadline)) as link, dns.xfr.Inbound(manager, kind, serial) as inbound:
        done = False
        while not done:
            wire = _read(link, deadline)
            came += len(wire)
            if came > 2 * most:  # of records that repeat; their text has its own measure
                raise Unfit(f"too large: more than max_size, {most} octets")
            message = _message(wire, query, context, multi=True)
            context = message.tsig_ctx
            _check_records(message, zone.origin)
            done = inbound.process_message(message)
        _want_signature(message, query)
    if not zone.complete:
        raise Unfit("it says that it has nothing newer, and then that it has")


def _check_records(message: dns.message.Message, origin: dns.name.Name) -> None:
    for records in message.answer:
        if records.rdclass != dns.rdataclass.IN:
            raise Unfit("it sends records that are not of class IN")
        if not records.name.is_subdomain(origin):
            raise Unfit("it sends records from outside of the zone")


def _sign(query: dns.message.Message, key: dns.tsig.Key | None) -> None:
    if key is not None:
        query.use_tsig(key, algorithm=key.algorithm)


def _want_signature(message: dns.message.Message, query: dns.message.Message) -> None:
    if query.keyring and not message.had_tsig:
        raise dns.tsig.BadSignature


def _message(wire: bytes, query: dns.message.Message, context: Any, *, multi: bool) -> dns.message.Message:
    message = dns.message.from_wire(
        wire,
        keyring=query.keyring or False,
        request_mac=query.mac if query.keyring else b"",
        xfr=True,
        tsig_ctx=context,
        multi=multi,
        one_rr_per_rrset=multi,
    )
    if message.id != query.id or not message.flags & dns.flags.QR:
        raise Unfit("it answers what was not asked")
    return message


def _asked(there: ZoneAddress, query: dns.message.Message, deadline: Deadline) -> socket.socket:
    """A connection on which the query was sent."""
    address = there.primary.address
    link = socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET, socket.SOCK_STREAM)
    try:
        deadline.watch(link)
        link.settimeout(deadline.left())
        link.connect((str(address), there.primary.port))
        wire = query.to_wire()
        link.sendall(len(wire).to_bytes(2, "big") + wire)
    except BaseException:
        link.close()
        raise
    return link


def _read(link: socket.socket, deadline: Deadline) -> bytes:
    return _octets(link, int.from_bytes(_octets(link, 2, deadline), "big"), deadline)


def _octets(link: socket.socket, count: int, deadline: Deadline) -> bytes:
    found = bytearray()
    while len(found) < count:
        link.settimeout(deadline.left())
        piece = link.recv(count - len(found))
        if not piece:
            raise EOFError("cut off")
        found += piece
    return bytes(found)


def _written(zone: Held, into: BinaryIO) -> Fetched:
    size, hashes = 0, (hashlib.sha256(), hashlib.blake2b(digest_size=32))
    for line in zone.lines():
        octets = line.encode("ascii")
        size += len(octets)
        for one in hashes:
            one.update(octets)
        into.write(octets)
    assert zone.soa is not None
    times = {"serial": zone.serial, "refresh": int(zone.soa.refresh), "retry": int(zone.soa.retry)}
    return Fetched(size, hashes[0].hexdigest(), hashes[1].hexdigest(), "", "", **times)


@contextmanager
def _in_words(there: ZoneAddress, deadline: Deadline) -> Iterator[None]:
    """Whatever goes wrong inside is a FetchError. Their words are not repeated."""
    who = f"{there.primary}, asked for the zone {there.zone},"
    try:
        yield
    except FetchError:
        raise
    except dns.xfr.TransferError as error:
        raise FetchError(f"{who} answers {dns.rcode.to_text(error.rcode)}") from error
    except NOT_OURS as error:
        raise FetchError(f"{who} does not sign with our key, or its clock is another: {_short(error)}") from error
    except TimeoutError as error:
        why = "the process is ending" if deadline.ended else "timed out"
        raise FetchError(f"{why}: {who} did not give all of it in time") from error
    except ConnectionRefusedError as error:
        raise FetchError(f"{there.primary} refused the connection") from error
    except EOFError as error:
        raise FetchError(f"cut off: {who} closed the connection before the end") from error
    except _BAD as error:
        raise FetchError(f"{who} sends no zone that can be used: {_short(error)}") from error
    except OSError as error:
        raise FetchError(f"no transfer from {there.primary}: {error.strerror or 'it broke off'}") from error


def _short(error: BaseException) -> str:
    """In our words, or those of dnspython's own declared errors, which repeat nothing that came."""
    if isinstance(error, dns.exception.FormError) and str(error).isprintable():
        return str(error)[:120] or type(error).__name__
    return type(error).__name__
