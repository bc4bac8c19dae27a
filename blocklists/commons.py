"""Names that belong to many: public suffixes, the most visited, hosts of anybody's files, services all machines need.

No verdict here what becomes of a list's row: that is guard's and formats.entry's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from importlib import resources
from pathlib import Path

from publicsuffixlist import PublicSuffixList

from blocklists.normalise import Unusable, plain_name, target

_DATA = Path(__file__).parent / "data"


def shared(host: str) -> str:
    """Why pages of a host are not one owner's, in words; "" where nothing says so.

    A name below a public suffix (`evil.github.io`) is one customer's, as is a name below a top-level domain.
    """
    at = host
    while "." in at:
        parent = at.partition(".")[2]
        if at in shared_hosts():
            return f"anybody may put files or pages on {at}"
        if public_suffixes().holds(at, parent):
            return f"{at} is a public suffix" if at == host else ""
        if at in popular_names():
            return f"{at} is among the most visited"
        at = parent
    return ""


@cache
def popular_names() -> frozenset[str]:
    """Most visited names: no reason to refuse one (malware hides there, too), but a person must look."""
    return _names("popular.txt")


@cache
def shared_hosts() -> frozenset[str]:
    """Well-known hosts of files, pastes, code, forms and short links; what is below them counts as well."""
    return _names("shared-hosts.txt")


@cache
def service_names() -> frozenset[str]:
    """Services by which machines keep time and are updated; what is below them counts as well."""
    return _names("services.txt")


@cache
def top_level_domains() -> frozenset[str]:
    """Last labels that the root knows, as A-labels: those of the ICANN part of the Public Suffix List."""
    icann = _suffix_text().partition("===END ICANN DOMAINS===")[0]
    rules = (line.strip() for line in icann.splitlines() if line.strip() and not line.startswith("//"))
    lasts = {rule.rpartition(".")[2] for rule in rules}
    return frozenset(target(f"x.{last}").name.partition(".")[2] for last in lasts)


def _suffix_text() -> str:
    return (resources.files("publicsuffixlist") / "public_suffix_list.dat").read_text(encoding="utf-8")


def _names(file: str) -> frozenset[str]:
    lines = (_DATA / file).read_text(encoding="utf-8").splitlines()
    return frozenset(name for line in lines if (name := plain_name(line.partition("#")[0])))


class PublicSuffixes:
    """The Public Suffix List, ICANN and private part, made quick for millions of names that are none."""

    def __init__(self) -> None:
        text = _suffix_text()
        self.digest = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
        self._list = PublicSuffixList(text.splitlines())
        # The library decides; these two sets only spare asking it about names that can be no suffix.
        self._candidates, self._above = _rules(text.splitlines())

    def holds(self, name: str, parent: str) -> bool:
        """Whether the name is a public suffix itself. A name under an unknown top-level domain is none."""
        return (name in self._candidates or parent in self._above) and bool(self._list.is_public(name))


def _rules(lines: Iterable[str]) -> tuple[frozenset[str], frozenset[str]]:
    exact, above = set[str](), set[str]()
    for line in lines:
        rule = line.strip()
        if not rule or rule.startswith(("//", "!")):
            continue
        wildcard = rule.startswith("*.")
        try:
            name = target(rule).name
        except Unusable:  # single labels, which need no rule here
            continue
        (above if wildcard else exact).add(name)
    return frozenset(exact), frozenset(above)


@cache
def public_suffixes() -> PublicSuffixes:
    """Read once: a fraction of a second."""
    return PublicSuffixes()
