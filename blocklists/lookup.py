"""What anyone may ask about lists: which there are, and which rows cover a name or an address.

Changes nothing. For pages and commands: open the library with Library.reader.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from blocklists.holds import Holds
from blocklists.library import WILD, DatabaseError, Library
from blocklists.normalise import Unusable, target
from blocklists.report import Found, ListStatus, Version, same_meaning
from blocklists.windows import Today, Windows
from contracts.names import BadName, to_text, to_wire
from contracts.settings import ListSource, Settings
from runtime.control import Refused


def list_lists(library: Library, sources: Sequence[ListSource] = (), today: Today | None = None) -> list[ListStatus]:
    """All lists in policy order, with what is live and every version; compared with the configured `sources`.

    With `today`, also which of them are not in force by the dates of their campaign.
    """
    named = {source.name for source in sources}
    return [
        msgspec.structs.replace(
            one,
            departure=departure(library, one.name, one.live) if one.name in named else "",
            window=today.standing(one.live).why if today is not None and one.live is not None else "",
        )
        for one in library.statuses()
    ]


def campaigns_today(settings: Settings, clock: Callable[[], float] = time.time) -> Today:
    """The dates of campaigns, as the lists process follows them."""
    return Windows(settings, clock).today()


def withdrawn(state: Path) -> frozenset[str]:
    """The lists that are there and of which nothing is in force: what they once found is to be read with care.

    None where the library cannot be read: who asks wants to know of machines, and is told about them all the same.
    """
    try:
        with closing(Library.reader(state)) as library:
            return library.withdrawn()
    except DatabaseError:
        return frozenset()


def departure(library: Library, name: str, live: Version | None) -> str:
    """How what is live of a configured list differs from what its settings came to, in a sentence; "" if not.

    Only people make that difference. A version of the settings that waits to be approved is none: that is told as held.
    """
    seeded = library.seeded(name)
    if seeded is None or (seeded.state == "held" and (live is None or live.number < seeded.number)):
        return ""
    if live is not None and same_meaning(live, msgspec.to_builtins(seeded)):
        return ""
    shown = f"version {live.number} ({live.mode}, {live.names} names) is live" if live else "nothing is live"
    return (
        f"list {name}: settings and live version differ: the settings lead to version {seeded.number} ({seeded.mode}, "
        f"{seeded.names} names), by a person's decision {shown}; it stands until file or settings change"
    )


def search(library: Library, text: str) -> list[Found]:
    """Rows that cover a name or an address, live ones first, then where it is held or refused. Raises Refused.

    `text` may be defanged, an IDN, a URL, of which the host is looked for. A row with `subdomains` covers what is below
    it, too; one of a zone's `*.name` only that, and `*.name` asks for it.
    """
    if not library.is_current:
        raise Refused("library.db is of an older version: the lists process renews it when it starts")
    try:
        wanted = target(text)
    except Unusable as error:
        if found := _find_odd(library, text):
            return found
        raise Refused(f"{text[:100]!r} is no name and no address: {error}") from error
    if wanted.address:
        network = ipaddress.ip_network(wanted.address)
        wider = [str(network.supernet(new_prefix=length)) for length in range(network.prefixlen)]
        return library.find_addresses([wanted.address, *wider]) + _left_out(library, wanted.address)
    below = [WILD + wanted.name] if text.startswith(WILD) else []
    return library.find_names([*_with_parents(wanted.name), *below]) + _left_out(library, wanted.name)


def _left_out(library: Library, text: str) -> list[Found]:
    return [*Holds(library).find(text), *library.find_refused(text)]


def _find_odd(library: Library, text: str) -> list[Found]:
    """Rows that cover a name which no host has, written as in zone files: zones may list such."""
    try:
        return library.find_names([*_with_parents(to_text(to_wire(text.strip())))])
    except BadName:
        return []


def _with_parents(name: str) -> Iterator[str]:
    while name:
        yield name
        name = name.partition(".")[2]
