"""Fetches one file by http or https, hostile servers in mind: a size, a deadline, five redirects, one sentence each.

What is done with the file, and when it is fetched again, is not decided here. Addresses are shown by contracts.feeds.
"""

from __future__ import annotations

import hashlib
import http.client
import re
import socket
import ssl
import urllib.parse
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO, NamedTuple

from blocklists.feeds.dialling import Deadline, NoCertificates, basic, connect, proxy_headers
from contracts.feeds import Address, BadAddress, parse

REDIRECTS = 5
PIECE = 1 << 16
MAX_CHECKSUMS = 1 << 20  # octets of a file of checksums
_AGAIN = {301, 302, 303, 307, 308}
_AGENT = "wan-sinkhole"
_BLANK = b" \t\r\n\xef\xbb\xbf"
_HEX = re.compile(rb"(?<![0-9A-Za-z])[0-9A-Fa-f]{64}(?![0-9A-Za-z])")


class FetchError(Exception):
    """Nothing usable came; the message is a sentence without secrets."""


class How(NamedTuple):
    """By which way, and how much may come."""

    max_size: int
    proxy: str = ""
    ca_file: Path | None = None


class Fetched(NamedTuple):
    """What came. `etag` and `modified` ask for less the next time."""

    size: int
    sha256: str
    blake2b: str  # as of imports: blocklists.importer.digest_of
    etag: str
    modified: str
    serial: int = 0  # these of a zone that was transferred
    refresh: int = 0
    retry: int = 0


def fetch(url: str, into: BinaryIO, how: How, deadline: Deadline, etag: str = "", modified: str = "") -> Fetched | None:
    """Write what an address gives into a file; None where it has not changed since. Raises FetchError."""
    first = one = _parsed(url)
    conditions = {"If-None-Match": etag, "If-Modified-Since": modified}
    for _hop in range(REDIRECTS + 1):
        headers = {key: value for key, value in conditions.items() if value}
        if first.user and one.origin == first.origin:
            headers["Authorization"] = basic(first.user)
        with (
            _in_words(one, how, deadline),
            closing(connect(one, deadline, how.proxy, how.ca_file)) as link,
            _answer(link, one, how, headers) as said,
        ):
            if said.status == HTTPStatus.NOT_MODIFIED and headers.keys() & conditions.keys():
                return None
            if said.status not in _AGAIN:
                found = _taken(said, one, into, how.max_size)
                deadline.left()  # a process that ends cuts bodies off, and one of unknown length looks whole
                return found
            one = _next(one, said.getheader("Location", ""))
    raise FetchError(f"{first.server} redirects more than {REDIRECTS} times")


def fetch_checksum(url: str, name: str, into: BinaryIO, how: How, deadline: Deadline) -> str:
    """The SHA-256 that a file of checksums (as of sha256sum) has for the file `name`. Raises FetchError."""
    try:
        fetch(url, into, how._replace(max_size=min(how.max_size, MAX_CHECKSUMS)), deadline)
    except FetchError as error:
        raise FetchError(f"the checksum: {error}") from error
    into.seek(0)
    lines = [(found[0], line) for line in into.read().splitlines() if (found := _HEX.search(line))]
    named = [
        digest for digest, line in lines if name and re.search(rb"[ *(/]" + re.escape(name.encode()) + rb"\)?", line)
    ]
    wanted = named or [digest for digest, _line in lines]
    if len(set(wanted)) != 1:
        what = f"{len(wanted)} checksums, and not one for {name!r}" if wanted else "no SHA-256"
        raise FetchError(f"the checksum: the file at its address holds {what}")
    return wanted[0].decode("ascii").lower()


def _parsed(url: str) -> Address:
    try:
        return parse(url)
    except BadAddress as error:
        raise FetchError(f"the address: {error}") from error


def _answer(
    link: http.client.HTTPConnection, one: Address, how: How, headers: dict[str, str]
) -> http.client.HTTPResponse:
    plain_proxy = how.proxy and one.scheme == "http"
    link.putrequest(
        "GET",
        f"http://{one.server}{one.target}" if plain_proxy else one.target,
        skip_host=True,
        skip_accept_encoding=True,
    )
    said = {"Host": one.server, "User-Agent": _AGENT, "Accept": "*/*", "Accept-Encoding": "identity"}
    said |= {"Connection": "close"} | headers | (proxy_headers(how.proxy) if plain_proxy else {})
    for key, value in said.items():
        link.putheader(key, value)
    link.endheaders()
    return link.getresponse()


def _next(one: Address, location: str) -> Address:
    if not location:
        raise FetchError(f"{one.server} redirects to nowhere")
    try:
        # As browsers do: what no address may hold is octets of Latin-1, since that is how http.client reads headers.
        quoted = urllib.parse.quote(
            location.strip(), encoding="latin-1", errors="replace", safe="/%:?#[]@!$&'()*+,;=~-._"
        )
        there = parse(urllib.parse.urljoin(f"{one.scheme}://{one.server}{one.target}", quoted))
    except ValueError as error:
        raise FetchError(f"{one.server} redirects to what is no address of http or https") from error
    if one.scheme == "https" and there.scheme == "http":
        raise FetchError(f"{one.server} redirects from https to http ({there.server}), which is not followed")
    return there


def _taken(response: http.client.HTTPResponse, one: Address, into: BinaryIO, max_size: int) -> Fetched:
    """The body of a good answer, in the file."""
    if response.status != HTTPStatus.OK:
        raise FetchError(f"{one.server} answers {_status(response.status)}")
    if response.getheader("Content-Encoding", "").strip().lower() not in {"", "identity"}:
        raise FetchError(f"{one.server} sends it compressed, which was not asked for")
    declared = response.length  # None where it is not said, or comes in chunks
    if declared is not None and declared > max_size:
        raise FetchError(f"too large: {declared} octets are announced, max_size is {max_size}")
    size, hashes = 0, (hashlib.sha256(), hashlib.blake2b(digest_size=32))
    first = b""
    while piece := response.read1(PIECE):
        size += len(piece)
        if size > max_size:
            raise FetchError(f"too large: more than max_size, {max_size} octets")
        for one_hash in hashes:
            one_hash.update(piece)
        first = first or piece.lstrip(_BLANK)[:1]
        if first == b"<":
            raise FetchError(f"a page (HTML) came from {one.server} where a list was expected; a login of a proxy?")
        _write(into, piece)
    if declared is not None and size < declared:
        raise FetchError(f"cut off: {size} of {declared} octets came from {one.server}")
    if not first:
        raise FetchError(f"{one.server} sends an empty file")
    etag, modified = (_usable(response.getheader(key, "")) for key in ("ETag", "Last-Modified"))
    return Fetched(size, hashes[0].hexdigest(), hashes[1].hexdigest(), etag, modified)


def _write(into: BinaryIO, piece: bytes) -> None:
    try:
        into.write(piece)
    except OSError as error:
        raise FetchError(f"the copy cannot be written: {error.strerror}") from error


def _usable(value: str) -> str:
    """A header of theirs that we may send back; "" where it is none."""
    return value if len(value) <= 300 and value.isascii() and value.isprintable() else ""


def _status(code: int) -> str:
    try:
        return f"HTTP {code} {HTTPStatus(code).phrase}"
    except ValueError:
        return f"HTTP {code}"


@contextmanager
def _in_words(one: Address, how: How, deadline: Deadline) -> Iterator[None]:
    """Whatever goes wrong inside is a FetchError. Their words are not repeated: they may hold anything."""
    who = f"the proxy {parse(how.proxy).server}" if how.proxy else one.server
    try:
        yield
    except FetchError:
        raise
    except NoCertificates as error:
        raise FetchError(f"no certificates to trust servers by can be read: {error}") from error
    except ssl.SSLCertVerificationError as error:
        why = error.verify_message.rstrip(".").lower() if error.verify_message else "it cannot be checked"
        raise FetchError(f"the certificate of {one.server} is not accepted: {why}") from error
    except TimeoutError as error:
        why = "the process is ending" if deadline.ended else "timed out"
        raise FetchError(f"{why}: {who} did not give all of it in time") from error
    except (socket.gaierror, UnicodeError) as error:  # a name that DNS could not carry
        raise FetchError(f"the name of {who} is not found") from error
    except ConnectionRefusedError as error:
        raise FetchError(f"{who} refused the connection") from error
    except http.client.RemoteDisconnected as error:
        raise FetchError(f"{who} closed the connection without an answer") from error
    except http.client.IncompleteRead as error:
        raise FetchError(f"cut off: {who} closed the connection before the end") from error
    except (http.client.HTTPException, ValueError) as error:
        raise FetchError(f"{who} answers in no HTTP that can be read") from error
    except ssl.SSLEOFError as error:
        raise FetchError(f"cut off: {who} closed the connection before the end") from error
    except ssl.SSLError as error:
        raise FetchError(f"no TLS with {one.server}: {error.reason or 'it broke off'}") from error
    except OSError as error:
        raise FetchError(_system(error, who, one)) from error


def _system(error: OSError, who: str, one: Address) -> str:
    if error.errno is None and (refused := re.match(r"Tunnel connection failed: (\d+)", str(error))):
        return f"{who} opens no way to {one.server}: {_status(int(refused[1]))}"
    return f"no connection with {who}: {error.strerror or 'it broke off'}"
