"""Filter rules of ad blockers, as far as they block or let through whole names: `||name^`, `@@||name^`, hosts lines.

No pages, elements and paths here: DNS sees none of them, so such rules are counted as unsupported.

`||name^` covers what is below the name; a name alone on its line is that name only, and so is one of a hosts line.
An exception wins over a rule for the same name, wherever they stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import msgspec

from blocklists.formats import hosts
from blocklists.formats.entry import listed
from blocklists.formats.lines import decoded
from blocklists.formats.look import Look
from blocklists.indicator import BadLine, Indicator, bad_line
from blocklists.normalise import Unusable, plain_name
from contracts.segment import RuleAction

# Options that change neither who is meant nor what of a name: `_` is AdGuard's filler.
_HARMLESS = frozenset({"important", "match-case"})
# These reach the page itself, and with it all that the name serves; kinds of content beside them add nothing.
_WHOLE = frozenset({"all", "document", "doc"})
_CONTENT = frozenset(
    {
        *("script", "image", "stylesheet", "css", "object", "xmlhttprequest", "xhr", "subdocument", "frame", "ping"),
        *("websocket", "webrtc", "media", "font", "popup", "other", "network"),
    }
)
_PARTY = frozenset({"third-party", "3p", "first-party", "1p", "strict3p", "strict1p"})
# Endings of files: such a word alone on its line is a piece of an address, no name.
_FILES = frozenset(
    {
        *("js", "css", "gif", "jpg", "jpeg", "png", "webp", "svg", "swf", "ico", "bmp", "woff", "woff2", "ttf"),
        *("php", "html", "htm", "xml", "json", "asp", "aspx", "jsp", "txt", "mp4", "mp3", "webm", "m3u8", "ts"),
    }
)
_HEADER = re.compile(r"\[\s*(?:adblock|adguard|ublock|u-?bo)[^\]]*\]", re.IGNORECASE).fullmatch
_COSMETIC = re.compile(r"#@?(?:[?%]|\$\??)?#|\$@?\$").search
_RULE = re.compile(r"(?:@@)?\|\|[^\s/|^]+\^(?:\$.*)?").fullmatch
_OF_ADBLOCK = re.compile(r"(?:@@)?\|\||!|\[\s*ad", re.IGNORECASE).match


def parse(lines: Iterable[bytes]) -> Iterator[Indicator | BadLine]:
    """Indicators in file order; rules that are no whole name's are unsupported."""
    for item in decoded(lines):
        if isinstance(item, BadLine):
            yield item
            continue
        number, text = item
        text = text.strip()
        if text.startswith("||") and text[-1] == "^" and (name := plain_name(text[2:-1])):
            yield Indicator(number, name)
        elif text and text[0] != "!" and not _HEADER(text):
            yield from _line(number, text)


def looks_like(look: Look) -> str:
    """Why these first lines are filter rules, "" where nothing says so."""
    meant = [line for line in look.lines if line and not (line.startswith("#") and not _COSMETIC(line))]
    if any(_HEADER(line) for line in look.lines[:5]):
        return "its head says so: [Adblock ...]"
    rules = sum(1 for line in meant if _RULE(line))
    if rules and rules * 20 >= len(meant):
        return f"{rules} of the first {len(meant)} lines are rules such as ||name^"
    marks = sum(1 for line in meant if _OF_ADBLOCK(line) or _COSMETIC(line))
    return f"{marks} of the first {len(meant)} lines have marks of filter rules" if marks * 2 > len(meant) else ""


def _line(number: int, text: str) -> Iterator[Indicator | BadLine]:
    if _COSMETIC(text):
        yield _unsupported(number, text, "a rule for elements or scripts of pages: DNS sees no pages")
        return
    if text[0] == "#":
        return
    words = text.partition("#")[0].split()
    if len(words) > 1 and (hosts.leads_nowhere(words[0]) or hosts.is_address(words[0])):
        for one in hosts.names_of(number, text, words):
            yield msgspec.structs.replace(one, subdomains=False) if isinstance(one, Indicator) else one
        return
    yield _rule(number, text)


def _rule(number: int, text: str) -> Indicator | BadLine:
    passes = text.startswith("@@")
    pattern, _, options = text[2 if passes else 0 :].partition("$")
    anchored = pattern.startswith("||")
    name = pattern[2:].removesuffix("|").removesuffix("^") if anchored else pattern
    reason = _not_a_name(pattern, name, anchored=anchored) or _limit(options)
    if reason:
        return _unsupported(number, text, reason)
    below_only = name.startswith("*.")
    try:
        found = listed(name)
    except Unusable as error:
        return bad_line(number, text, str(error))
    action: RuleAction = "passthru" if passes else ""
    if found.address:
        return Indicator(number, address=found.address, action=action)
    return Indicator(number, found.name, subdomains=anchored, itself=not below_only, action=action, overrides=passes)


def _not_a_name(pattern: str, name: str, *, anchored: bool) -> str:
    """Why a pattern means no whole name, "" where it does."""
    if pattern.startswith("/"):
        return "a regular expression or a path: only whole names are read"
    if any(mark in name for mark in "/?&=%") or "|" in name:
        return "a rule for addresses of pages: DNS sees only names"
    if "*" in name.removeprefix("*.") or "^" in name:
        return "a pattern with * or ^ in its middle: only whole names are read"
    if ":" in name:
        return "a rule for one port or scheme: DNS sees only names"
    if anchored:
        return "" if pattern.endswith(("^", "^|")) else "no ^ behind the name: it means every name that begins so"
    if not plain_name(name) or name.rpartition(".")[2].lower() in _FILES:
        return "a piece of an address: only whole names are read"
    return ""


def _limit(options: str) -> str:
    """Why options make a rule hold for less than the whole name and everybody, "" where they do not."""
    said = [option.strip().lower() for option in options.split(",")] if options else []
    known = _HARMLESS | _WHOLE | (_CONTENT if _WHOLE & set(said) else frozenset())
    odd = next((option for option in said if option not in known and option.strip("_")), "")
    if not odd:
        return ""
    word = odd.lstrip("~").partition("=")[0][:30]
    if word == "badfilter":
        return "badfilter takes back another rule, which stays here"
    if word in _CONTENT or word in _PARTY:
        return f"only for some of what a page loads ({odd[:30]}): DNS cannot tell"
    if word in {"domain", "from", "to", "client", "ctag", "dnstype", "denyallow", "app", "method"}:
        return f"only for some pages, clients or questions ({word}): the whole name would be blocked for everybody"
    return f"an option that is not followed here: {word!a}"


def _unsupported(number: int, text: str, reason: str) -> BadLine:
    return bad_line(number, text, reason, unsupported=True)
