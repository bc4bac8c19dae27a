"""Configuration of dnsmasq, as far as it blocks or lets through names: `address=/name/`, `server=/name/` and the like.

No other directives: they are counted as unsupported. A name that is given a real address is no indicator.

Names are listed with what is below them, as dnsmasq means them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from blocklists.formats import hosts
from blocklists.formats.entry import listed
from blocklists.formats.lines import each
from blocklists.formats.look import Look
from blocklists.indicator import BadLine, Indicator, bad_line
from blocklists.normalise import Unusable, plain_name
from contracts.segment import RuleAction

_COMMENT = re.compile(r"(?:^|\s)#.*", re.DOTALL)
_DIRECTIVE = re.compile(r"(?:--)?([a-z0-9-]{1,40})\s*(?:=\s*(.*))?", re.DOTALL).fullmatch
_OURS = re.compile(r"(?:--)?(?:address|server|local)\s*=\s*/|(?:--)?bogus-nxdomain\s*=").match


def parse(lines: Iterable[bytes]) -> Iterator[Indicator | BadLine]:
    """Indicators in file order, several of a line that has several names."""
    return each(lines, _line)


def looks_like(look: Look) -> str:
    """Why these first lines are for dnsmasq, "" where nothing says so."""
    meant = look.meant
    found = sum(1 for line in meant if _OURS(line))
    return f"{found} of the first {len(meant)} lines are address=/name/ and the like" if found * 2 > len(meant) else ""


def _line(number: int, text: str) -> Iterator[Indicator | BadLine]:
    text = _COMMENT.sub("", text).strip()
    if not text:
        return
    directive = _DIRECTIVE(text)
    if directive is None:
        yield bad_line(number, text, "no directive of dnsmasq: expected address=/name/ and the like")
        return
    word, value = directive[1], (directive[2] or "").strip()
    if word == "bogus-nxdomain":
        yield _answered(number, text, value)
    elif word in {"address", "server", "local"} and value.startswith("/"):
        yield from _names(number, text, word, value)
    else:
        yield _unsupported(number, text, f"the directive {word} lists nothing")


def _answered(number: int, text: str, value: str) -> Indicator | BadLine:
    """What dnsmasq takes for "no such name" in an answer is an address that is answered."""
    try:
        found = listed(value)
    except Unusable as error:
        return bad_line(number, text, str(error))
    return Indicator(number, address=found.address) if found.address else bad_line(number, text, "no address")


def _names(number: int, text: str, word: str, value: str) -> Iterator[Indicator | BadLine]:
    *names, goal = value[1:].split("/")
    if not names:
        yield bad_line(number, text, "a / is missing behind the name")
        return
    action: RuleAction = ""
    goal = goal.strip()
    if word == "address":
        if goal not in {"", "#"} and not hosts.leads_nowhere(goal):
            reason = "the name is given a real address: that is no block" if hosts.is_address(goal) else "no address"
            yield bad_line(number, text, f"{reason} ({goal[:50]})")
            return
    elif goal == "#":  # asked as usual, in spite of a rule for what is above it
        action = "passthru"
    elif goal:
        yield _unsupported(number, text, "names that are asked of a server: a forward zone of the settings does that")
        return
    for name in names:
        yield _name(number, text if len(names) == 1 else name, name.strip(), action)


def _name(number: int, text: str, name: str, action: RuleAction) -> Indicator | BadLine:
    if plain := plain_name(name):
        return Indicator(number, plain, action=action)
    if name in {"", "#"}:
        return _unsupported(number, text, "names without a dot, or every name: neither is listed")
    if "*" in name.removeprefix("*."):
        return _unsupported(number, text, "a pattern with *: only whole names are read")
    try:
        found = listed(name)
    except Unusable as error:
        return bad_line(number, text, str(error))
    if found.address:
        return bad_line(number, text, "an address where a name is expected")
    return Indicator(number, found.name, itself=not name.startswith("*."), action=action)


def _unsupported(number: int, text: str, reason: str) -> BadLine:
    return bad_line(number, text, reason, unsupported=True)
