"""Which names belong to everybody below them: the public suffixes (com, com.vn, gov.vn), from the list in the library.

Nothing is fetched, and nothing is decided here. What lists may not block is asked of blocklists.guard, which casework
may not import; both read the same list.
"""

from __future__ import annotations

from functools import cache

from publicsuffixlist import PublicSuffixList


def is_public_suffix(name: str) -> bool:
    """Whether others register names right below this one. `name` as contracts.names writes it: ASCII, lower case.

    The private part of the list counts too, as it does at the guard: what is below github.io belongs to many.
    """
    return bool(_suffixes().is_public(name))


@cache  # made at the first question: most commands never ask
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()
