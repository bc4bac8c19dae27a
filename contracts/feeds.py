"""Addresses and times of lists that are fetched: what config.yaml may say of them, and how an address is shown.

Nothing is fetched here (blocklists.feeds). An address may hold a password or a token, so it is shown by `shown` alone.
"""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import idna

from contracts.names import BadName, to_text, to_wire
from contracts.networks import Endpoint

EVERY = 6 * 3600  # seconds, of a feed that does not say
SHORTEST, LONGEST = 300, 30 * 86_400
_TRANSFER = "axfr://"
_UNITS = {"m": 60, "h": 3600, "d": 86_400}
_SECRETS = re.compile(r"(?<=://)[^/\s'\"]*@|\?[^\s'\"]*")


class BadAddress(ValueError):
    """No address that can be fetched from; the message says why and holds nothing of the address."""


class Address(NamedTuple):
    """An http or https address in its parts."""

    scheme: str
    host: str  # as the wire has it: an IDN in ASCII
    port: int
    target: str  # path and query, what the server is asked for
    user: str  # "name:password", decoded; "" where there is none

    @property
    def origin(self) -> tuple[str, str, int]:
        """Who is asked: a password goes to nobody else."""
        return self.scheme, self.host, self.port

    @property
    def server(self) -> str:
        """Host and port; the port only where it is not the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == {"http": 80, "https": 443}[self.scheme] else f"{host}:{self.port}"


class ZoneAddress(NamedTuple):
    """A zone and its primary."""

    primary: Endpoint
    zone: str  # canonical, without its final dot


def is_transfer(url: str) -> bool:
    """Whether what is there is taken by zone transfer."""
    return url.startswith(_TRANSFER)


def parse_transfer(text: str) -> ZoneAddress:
    """The parts of `axfr://address:port/zone`; port 53 where there is none. Raises BadAddress."""
    server, _, zone = text.removeprefix(_TRANSFER).partition("/")
    try:
        primary = Endpoint(server, 53)
    except ValueError as error:
        raise BadAddress("expected axfr://address:port/zone, with the address (no name) of the primary") from error
    try:
        name = to_text(to_wire(zone))
    except BadName as error:
        raise BadAddress(f"behind the primary's address stands no name of a zone ({error})") from error
    if name == ".":
        raise BadAddress("it names no zone: expected axfr://address:port/zone")
    return ZoneAddress(primary, name)


def parse(text: str) -> Address:
    """The parts of an address. Raises BadAddress."""
    if re.search(r"[\s\x00-\x20\x7f\\]", text):
        raise BadAddress("holds a space or a character that no address has")
    try:
        parts = urllib.parse.urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise BadAddress("no address: its host or port cannot be read") from error
    if parts.scheme not in {"http", "https"}:
        raise BadAddress("expected http://… or https://…")
    if not parts.hostname or port == 0:
        raise BadAddress("no address: it names no host, or port 0")
    user = urllib.parse.unquote(parts.username or "")
    if parts.password is not None:
        user += ":" + urllib.parse.unquote(parts.password)
    path = urllib.parse.quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    query = urllib.parse.quote(parts.query, safe="/%:@!$&'()*+,;=~-._?")
    usual = 443 if parts.scheme == "https" else 80
    return Address(parts.scheme, _host(parts.hostname), port or usual, f"{path}?{query}" if query else path, user)


def _host(name: str) -> str:
    if ":" in name or re.fullmatch(r"[A-Za-z0-9._-]+", name):  # IPv6, in brackets as urlsplit has seen; an A-label
        return name.lower()
    try:
        return idna.encode(name, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise BadAddress("no address: its host is no domain name") from error


def shown(text: str) -> str:
    """An address for people: no user, no password, no query, and of a path the last part only (`…` for the rest)."""
    try:
        if is_transfer(text):
            there = parse_transfer(text)
            return f"{_TRANSFER}{there.primary}/{there.zone}"
        one = parse(text)
    except BadAddress:
        return "an address that cannot be read"
    folder, _, last = one.target.partition("?")[0].rpartition("/")
    return f"{one.scheme}://{one.server}/{'…/' if folder.strip('/') else ''}{last}"


def without_secrets(text: str) -> str:
    """Any text with the users, passwords and queries of addresses in it made unreadable."""
    return _SECRETS.sub(lambda found: "…@" if found[0].endswith("@") else "?…", text) if "://" in text else text


def seconds(every: str) -> int:
    """`30m` -> 1800; "" -> 0."""
    return int(every[:-1]) * _UNITS[every[-1]] if every else 0


def interval(url: str, every: str) -> int:
    """Seconds from one look at a list's source to the next; 0: at start and at reload only."""
    return seconds(every) or (EVERY if url else 0)


def is_plain(url: str) -> bool:
    """Whether an address is fetched by http, so that whoever is on the way can change what comes."""
    return url.startswith("http://")


def plain_note(name: str) -> str:
    """What people are told of such a list."""
    return f"list {name} is fetched by http: anybody on the way can change what it lists; use https"


def problems(source: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(key, sentence) of what cannot be meant so, of one entry of `lists`; it holds values that are good alone."""
    path, url, every = (source.get(key) or "" for key in ("path", "url", "every"))
    beside, fixed = source.get("sha256_url") or "", source.get("sha256") or ""
    if {"path", "url"} <= source.keys():
        if path and url:
            yield "url", f"beside `path`: a list has one source, saw '{shown(url)}'"
        elif not path and not url:
            yield "path", "missing: a list needs a `path` or a `url`"
    if every and not SHORTEST <= seconds(every) <= LONGEST:
        yield "every", f"expected 5m to 30d, saw '{every}'"
    for key, address in (("url", url), ("sha256_url", beside)):
        if address:
            try:
                parse_transfer(address) if key == "url" and is_transfer(address) else parse(address)
            except BadAddress as error:
                yield key, str(error)
    for key, value in (("sha256_url", beside), ("sha256", fixed)):
        if value and "url" in source and not url:
            yield key, "without `url`: only what is fetched is compared with it"
    yield from _transfer_problems(source, url)
    if beside and fixed:
        yield "sha256", f"beside `sha256_url`: one of them, saw '{fixed}'"
    if is_plain(beside) and url.startswith("https://"):
        yield "sha256_url", "by http, beside a list by https: it proves nothing"


def _transfer_problems(source: Mapping[str, Any], url: str) -> Iterator[tuple[str, str]]:
    if not is_transfer(url):
        if source.get("tsig_key") and "url" in source:
            yield "tsig_key", f"only what is fetched by axfr://… is signed so, saw '{source['tsig_key']}'"
        return
    if "format" in source and source["format"] != "rpz":
        yield "format", f"a zone is transferred: expected rpz, saw '{source['format']}'"
    if source.get("zone"):
        yield "zone", f"the address names the zone, saw '{source['zone']}'"
    for key in ("sha256_url", "sha256"):
        if source.get(key):
            yield key, "of a zone transfer: a `tsig_key` says whose it is"


def proxy_problem(text: str) -> str:
    """Why this is no proxy, "" where it is one."""
    try:
        one = parse(text)
    except BadAddress as error:
        return str(error)
    if one.scheme != "http" or one.target != "/":
        return "expected http://host:port"
    return ""
