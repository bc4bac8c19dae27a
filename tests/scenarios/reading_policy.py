"""Reads the lists of a POLICY or RELOAD block: what is listed, and what is to be done about it.

Text in, plain data out; segments are made by the player.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import dns.exception
import dns.rdata

from tests.scenarios.reading_words import Line, Words

MODES = ("enforce", "monitor", "passthru")
ACTIONS = ("nxdomain", "nodata", "drop", "tcp-only", "passthru", "alias", "local")
TTL = 60  # of local data


@dataclass
class Listing:
    """One line of a list."""

    line: Line
    trigger: str  # name, answer or client
    target: str
    itself: bool = True
    below: bool = True
    action: str = ""
    alias: str = ""
    data: list[tuple[int, int, bytes]] = field(default_factory=list)  # (type, TTL, octets)


@dataclass
class List:
    """A list and its lines, in order."""

    name: str
    mode: str
    address_mode: str
    listings: list[Listing] = field(default_factory=list)


@dataclass
class Policy:
    """Lists, the first one first."""

    line: Line
    serial: int
    lists: list[List] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)
    bypassed: bool = False


def policy(words: Words, body: list[Line]) -> Policy:
    """`POLICY serial` and `RELOAD serial` with the lists below them."""
    made = Policy(words.line, words.whole("the serial"))
    words.end()
    for line in body:
        each = Words(line)
        word = each.take("a name")
        if word == "LIST":
            made.lists.append(_list(each))
        elif word == "ALLOW":
            made.allowed.append(each.take("the name"))
        elif word == "BYPASS":
            made.bypassed = True
        elif not made.lists:
            raise line.wrong("stands under no LIST")
        else:
            _add(made.lists[-1].listings, _listing(word, each))
        each.end()
    return made


def _list(words: Words) -> List:
    made = List(words.take("the list's name"), words.among(MODES, "the mode"), "monitor")
    if words:
        words.among(("ADDRESSES",), "what follows the mode")
        made.address_mode = words.among(MODES, "the mode of addresses")
    return made


def _listing(word: str, words: Words) -> Listing:
    if word in {"ADDRESS", "CLIENT"}:
        made = Listing(words.line, {"ADDRESS": "answer", "CLIENT": "client"}[word], words.take("the network"))
    elif word.startswith("*."):
        made = Listing(words.line, "name", word[2:], itself=False)
    else:
        made = Listing(words.line, "name", word)
    if not words:
        return made
    what = words.among(("only", *ACTIONS), "what follows a name")
    if what == "only":
        made.below = False
        if not words:
            return made
        what = words.among(ACTIONS, "the action")
    made.action = what
    if what == "alias":
        made.alias = words.take("the other name")
    elif what == "local":
        kind, text = words.kind(), words.rest()
        try:
            made.data.append((kind, TTL, dns.rdata.from_text("IN", kind, text).to_wire()))
        except dns.exception.DNSException as error:
            raise words.line.wrong(f"no record data: {error}") from error
    return made


def _add(listings: list[Listing], new: Listing) -> None:
    """Several local records of one name are one listing."""
    if listings and new.action == "local":
        last = listings[-1]
        if (last.action, last.target, last.itself, last.below) == ("local", new.target, new.itself, new.below):
            last.data += new.data
            return
    listings.append(new)
