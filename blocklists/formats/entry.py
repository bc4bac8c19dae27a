"""One entry of a list -> its target, with the rule for URLs: what all formats share that hold single names.

No format's own rules here, and no cleaning of text: that is normalise's.

A URL means one page, and DNS knows only hosts. Where the host is one owner's, the URL is taken as its host; where many
share it, or where it is an address, which many share too, a person must decide.
"""

from __future__ import annotations

from blocklists.commons import shared
from blocklists.normalise import Target, Unusable, target

_SHOWN = 200


def listed(text: str) -> Target:
    """What a list means by this text. Raises Unusable."""
    found = target(text)
    if found.path:
        if found.address:
            raise Unusable("URL with a path on an address, which many may share: a person must decide")
        if why := shared(found.name):
            raise Unusable(f"URL on a shared host: a person must decide ({why})")
    return found


def note_of(found: Target, text: str, note: str = "") -> str:
    """The note of an indicator: with the URL, where there is more to it than the host."""
    if not found.path:
        return note
    said = f"host of the URL {' '.join(text.split())[:_SHOWN]}"
    return f"{note}; {said}" if note else said
