"""What anyone may ask about lists: which there are, and which rows cover a name or an address.

Changes nothing. For pages and commands: open the library with Library.reader.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from blocklists.library import Library
from blocklists.normalise import Unusable, target
from blocklists.report import Found, ListStatus
from runtime.control import Refused


def list_lists(library: Library) -> list[ListStatus]:
    """All lists in policy order, with what is live and every version."""
    return library.statuses()


def search(library: Library, text: str) -> list[Found]:
    """Rows that cover a name or an address, live ones first, then where it was refused. Raises Refused on nonsense.

    `text` may be defanged, an IDN, a URL without path. A row with `subdomains` covers what is below it, too.
    """
    try:
        wanted = target(text)
    except Unusable as error:
        raise Refused(f"{text[:100]!r} is no name and no address: {error}") from error
    if wanted.address:
        network = ipaddress.ip_network(wanted.address)
        wider = [str(network.supernet(new_prefix=length)) for length in range(network.prefixlen)]
        return library.find_addresses([wanted.address, *wider]) + library.find_refused(wanted.address)
    return library.find_names([*_with_parents(wanted.name)]) + library.find_refused(wanted.name)


def _with_parents(name: str) -> Iterator[str]:
    while name:
        yield name
        name = name.partition(".")[2]
