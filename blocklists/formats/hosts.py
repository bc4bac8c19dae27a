"""Hosts files: an address that leads nowhere, then one or more names; `#` and `#[group]` are comments.

No other format's rules here. A name that is mapped to a real address is no indicator.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator

from blocklists.formats.lines import each
from blocklists.formats.look import Look
from blocklists.indicator import BadLine, Indicator, bad_line
from blocklists.normalise import Unusable, target

# What the head of every hosts file maps, whatever the address.
USUAL = frozenset(
    {
        *("localhost", "localhost.localdomain", "localhost4", "localhost6", "local", "broadcasthost"),
        *("ip6-localhost", "ip6-loopback", "ip6-localnet", "ip6-mcastprefix", "ip6-allnodes", "ip6-allrouters"),
        *("ip6-allhosts", "0.0.0.0", "127.0.0.1", "::1"),
    }
)
_NOWHERE = frozenset({"0.0.0.0", "127.0.0.1", "127.0.1.1", "::", "::1", "0", "::0"})


def parse(lines: Iterable[bytes]) -> Iterator[Indicator | BadLine]:
    """Indicators in file order, several of one line where it has several names."""
    return each(lines, _read)


def _read(number: int, text: str) -> Iterable[Indicator | BadLine]:
    words = text.partition("#")[0].split()
    return names_of(number, text.strip(), words) if words else ()


def looks_like(look: Look) -> str:
    """Why these first lines are a hosts file, "" where nothing says so."""
    meant = look.meant
    found = mapped(meant)
    return f"{found} of the first {len(meant)} lines are an address and a name" if found * 2 > len(meant) else ""


def mapped(lines: Iterable[str]) -> int:
    """How many lines map names to an address that leads nowhere."""
    return sum(1 for line in lines if len(words := line.split()) > 1 and leads_nowhere(words[0]))


def names_of(number: int, text: str, words: list[str]) -> Iterator[Indicator | BadLine]:
    """What one line lists; `words` are those of it that are no comment."""
    names = [word for word in words[1:] if word.lower() not in USUAL]
    if len(words) == 1:
        yield bad_line(number, text, "expected an address and a name")
        return
    if not names:
        return
    if not leads_nowhere(words[0]):
        yield bad_line(number, text, "the first word is no address that leads nowhere (0.0.0.0, 127.0.0.1, ::1)")
        return
    for word in names:
        try:
            found = target(word)
        except Unusable as error:
            yield bad_line(number, text if len(names) == 1 else word, str(error))
            continue
        if found.path:
            yield bad_line(number, text if len(names) == 1 else word, "a URL where a name is expected")
        elif found.address:
            yield bad_line(number, text if len(names) == 1 else word, "an address where a name is expected")
        else:
            yield Indicator(number, found.name)


def leads_nowhere(word: str) -> bool:
    """Whether an address blocks the names behind it."""
    if word in _NOWHERE:
        return True
    return is_address(word) and ((address := ipaddress.ip_address(word)).is_loopback or address.is_unspecified)


def is_address(word: str) -> bool:
    """Whether a word is an address, wherever it leads."""
    try:
        ipaddress.ip_address(word)
    except ValueError:
        return False
    return True
