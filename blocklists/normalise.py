"""Text from a list -> one clean target: a name in lower-case A-labels, or an address. Everything else has a reason.

No judgement whether it may be blocked (guard), no lines and no files (formats).
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from typing import NamedTuple

import idna

from contracts.networks import network_text

MAX_TEXT = 2000
MAX_NAME = 253
_MAPPED_FROM = 4 * MAX_NAME  # characters that marks and invisible ones may make of the longest name
_COMPOSED = 256  # characters normalised at once: sorting marks takes time with the square of how many follow each other

_PLAIN = re.compile(r"(?:[a-z0-9_-]{1,63}\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?").fullmatch
_LABEL = re.compile(r"[a-z0-9_-]{1,63}").fullmatch
_TOP_LABEL = re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?").fullmatch

# Characters that nobody sees: soft hyphen, zero width, direction marks, invisible operators, BOM.
_HIDDEN = dict.fromkeys(
    [0xAD, 0x34F, 0x61C, 0x180E, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF]
)
# For text whose white space is single: an unbounded \s* at its head would be tried anew from each of a thousand spaces.
_DEFANGED_DOT = re.compile(r" ?(?:[\[({] ?(?:\.|dot|chấm) ?[\])}]|\\\.) ?", re.IGNORECASE)
_DEFANGED_MARK = re.compile(r"[\[({](:|://|/|@)[\])}]")
_DEFANGED_SCHEME = re.compile(r"^h(?:xx|tt|\*\*|\+\+)p(s?)(?=\s*:)|^f(?:x|t)p(s?)(?=\s*:)", re.IGNORECASE)
_SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_HASH = re.compile(r"[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{128}", re.IGNORECASE).fullmatch
_IPV4 = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+").fullmatch
_NUMERIC = re.compile(r"[0-9.]+").fullmatch


class Unusable(ValueError):
    """The text is no indicator that a DNS resolver can use; the message says why."""


class Target(NamedTuple):
    """A name, or an address with its port (0: none given); the other is empty. `path`: the text says more than that."""

    name: str
    address: str = ""
    port: int = 0
    path: bool = False  # of a URL: it means one page, where a name means all of them


def plain_name(text: str) -> str:
    """The name where the text is nothing else, else "": nearly every line of nearly every list, so made quick."""
    name = text.strip().lower()
    return name if len(name) <= MAX_NAME and _PLAIN(name) else ""


def target(text: str) -> Target:
    """Clean one indicator. Raises Unusable. What comes out goes in again unchanged."""
    if name := plain_name(text):
        return Target(name)
    if _IPV4(text.strip()):
        return Target("", _ipv4(text.strip()))
    if len(text) > MAX_TEXT:
        raise Unusable(f"longer than {MAX_TEXT} characters")
    shown = refang(_unquoted(visible(text)))
    if not shown:
        raise Unusable("empty")
    if any(char.isspace() for char in shown):
        raise Unusable("more than one word: no single name or address")
    host, path = _without_url(shown)
    found = _host(host)
    return found._replace(path=True) if path else found


def visible(text: str) -> str:
    """NFC, without hidden characters and without space (NBSP too) around it. In time that grows as the text does."""
    text = text.translate(_HIDDEN)
    if len(text) > _COMPOSED and not text.isascii():  # no name is so long; a letter on the border keeps its mark apart
        parts = (text[at : at + _COMPOSED] for at in range(0, len(text), _COMPOSED))
        return "".join(unicodedata.normalize("NFC", part) for part in parts).strip()
    return unicodedata.normalize("NFC", text).strip()


def _unquoted(text: str) -> str:
    return text.strip("\"'<>`,; \t\xa0")


def _ipv4(text: str) -> str:
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError as error:
        raise Unusable("no valid IP address") from error


def refang(text: str) -> str:
    """`hxxp://evil[.]example` -> `http://evil.example`."""
    text = _DEFANGED_MARK.sub(r"\1", _DEFANGED_DOT.sub(".", " ".join(text.split())))
    return _DEFANGED_SCHEME.sub(lambda found: f"http{found[1] or found[2] or ''}", text)


def _without_url(text: str) -> tuple[str, bool]:
    """The host part, and whether a path or query was lost with it."""
    scheme = _SCHEME.match(text)
    if scheme is None:
        if "@" in text.partition("/")[0]:
            raise Unusable("an e-mail address")
        if _network(text) is not None:
            return text, False
    host, mark, rest = _split_path(text[scheme.end() :] if scheme else text)
    if mark and scheme is None and "." not in host:
        raise Unusable("no name or address")
    return host.rpartition("@")[2], bool(mark) and (mark, rest) != ("/", "")


def _split_path(text: str) -> tuple[str, str, str]:
    found = re.search(r"[/?#\\]", text)
    return (text[: found.start()], found[0], text[found.end() :]) if found else (text, "", "")


def _host(text: str) -> Target:
    network = _network(text)
    if network is not None:
        return Target("", network)
    host, port = _split_port(text)
    if port or host != text:
        network = _network(host)
        if network is not None and "/" not in host:
            return Target("", network, port)
    return Target(_name(host))


def _network(text: str) -> str | None:
    """Canonical text of an address or network, None when it is neither."""
    if "%" in text or not (":" in text or text[:1].isdigit()):
        return None
    try:
        network = ipaddress.ip_network(text)
    except ValueError as error:
        if "host bits" in str(error):
            raise Unusable("a network with bits set behind its prefix") from error
        return None
    if isinstance(network, ipaddress.IPv6Network) and network.prefixlen == 128:
        address = network.network_address
        return str(address.ipv4_mapped or address)
    return network_text(network)


def _split_port(text: str) -> tuple[str, int]:
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        if rest and not rest.startswith(":"):
            raise Unusable("text behind the address")
        port = rest[1:]
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    else:
        return text, 0
    if not port:
        return host, 0
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 65536):
        raise Unusable("not a name, nor an address with a port")
    return host, int(port)


def _name(text: str) -> str:
    text = text.removeprefix("*.").removeprefix(".")
    if not text.isascii():
        text = _mapped(text)
    labels = [_ascii_label(label) for label in text.removesuffix(".").lower().split(".")]
    name = ".".join(labels)
    _complain(name, labels)
    return name


def _mapped(text: str) -> str:
    """UTS 46 mapping: full-width letters, ideographic dots, case."""
    if len(text) > _MAPPED_FROM:
        raise Unusable(f"longer than {MAX_NAME} characters")
    try:
        return idna.uts46_remap(text, std3_rules=False, transitional=False)
    except (idna.IDNAError, UnicodeError) as error:
        raise Unusable(f"no valid internationalised name: {_first_line(error)}") from error


def _ascii_label(label: str) -> str:
    if label.isascii():
        return label
    try:
        return idna.alabel(label).decode("ascii")
    except (idna.IDNAError, UnicodeError) as error:
        raise Unusable(f"no valid internationalised name: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:100]


def _complain(name: str, labels: list[str]) -> None:
    """Raise Unusable with the reason a person understands first."""
    if not name:
        raise Unusable("empty")
    if _HASH(name):
        raise Unusable("a file hash, no name")
    if _NUMERIC(name) and len(labels) > 1:
        raise Unusable("no valid IP address")
    if not all(labels):
        raise Unusable("an empty label (two dots)")
    if len(name) > MAX_NAME:
        raise Unusable(f"longer than {MAX_NAME} characters")
    for label in labels:
        if len(label) > 63:
            raise Unusable("a label longer than 63 characters")
        if not _LABEL(label):
            odd = next(char for char in label if not _LABEL(char))
            raise Unusable(f"a character no host name has: {odd!a}")
    if not _TOP_LABEL(labels[-1]):
        raise Unusable(f"no top-level domain: {labels[-1]!r}")
