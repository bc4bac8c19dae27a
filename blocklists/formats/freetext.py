"""Running text, pasted from a letter, a PDF document or an e-mail: names and addresses anywhere in it, defanged or not.

No tables, and no file types: text only. Words that are no names are passed over; a name that stands there as it is, not
defanged, must end in a real top-level domain, and where it is doubtful it is a bad line, for a person to decide.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from blocklists.commons import top_level_domains
from blocklists.formats import doubts, hosts
from blocklists.formats.entry import listed, note_of
from blocklists.formats.lines import each
from blocklists.formats.look import Look
from blocklists.indicator import BadLine, Indicator, bad_line
from blocklists.normalise import MAX_TEXT, Target, Unusable, target, visible

# Private-use characters stand where defanging was undone, until a word is taken.
_DOT, _SIGN = "\ue000", "\ue001"
_MARKS = str.maketrans({_DOT: ".", _SIGN: None})
_DEFANGED_DOT = re.compile(r" ?(?:[\[({] ?(?:\.|dot|chấm) ?[\])}]|(?<=\w)\\\.) ?", re.IGNORECASE)
_DEFANGED_SIGN = re.compile(r"[\[({](:|://|/|@|at)[\])}]", re.IGNORECASE)
_SCHEME_END = re.compile(f":{_SIGN}?/{_SIGN}?/")
_SCHEME = re.compile(r"(?<![a-z0-9])([a-z][a-z0-9+*]{0,15})://", re.IGNORECASE).search
_DEFANGED_SCHEME = re.compile(r"h(?:xx|\*\*|\+\+)ps?|fxps?", re.IGNORECASE).fullmatch

_URL_ENDS = re.compile(r"[<>\"“”‘’«»|\s]+|[,;](?=[a-z*+]{2,10}:)", re.IGNORECASE)
_WORD_ENDS = re.compile(r"[,;|<>\"“”‘’«»…→]+")
_BEFORE, _BEHIND = "([{*•·-–—+'`#~\"", ")]}.,:;!?…*'`\"–—-"
_LABELLED = re.compile(r"[^\W\d][^.:=]{0,40}[:=](.+)", re.DOTALL).fullmatch
_IPV4 = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}(?![\w.])").match
_IPV6 = re.compile(r"\[?([0-9a-f:.]{6,45})\]?(?::\d{1,5}|/\d{1,3})?", re.IGNORECASE).fullmatch
_HOST = re.compile(r"(?:[\w-]{1,63}\.)+[\w-]{1,63}\.?").fullmatch
_CONTEXT, _CONTEXT_TEXT = 12, 200  # words, and characters of these, before and behind that may explain one
_LETTERS = 0.5  # share of words in running text that are letters, not all of them capital as in `IN A`


def parse(lines: Iterable[bytes]) -> Iterator[Indicator | BadLine]:
    """What each line names, in its order."""
    return each(lines, _read)


def _read(number: int, text: str) -> Iterable[Indicator | BadLine]:
    hopeful = "." in text or "::" in text or "[" in text or "(" in text or "{" in text
    return _line(number, text) if hopeful else ()


def looks_like(look: Look) -> str:
    """Why these first lines are running text, "" where nothing says so."""
    meant = look.meant
    texts = [words for line in meant if len(words := line.partition(" #")[0].split()) > 1]
    if len(texts) * 2 <= len(meant) or sum(hosts.is_address(words[0]) for words in texts) * 2 > len(texts):
        return ""
    shown = f"{len(texts)} of the first {len(meant)} lines have several words"
    if any(_DEFANGED_DOT.search(line[:MAX_TEXT]) or "hxxp" in line[:MAX_TEXT].lower() for line in meant):
        return f"{shown}, and there are defanged names"
    total = sum(len(words) for words in texts)
    letters = sum(_is_word(word.strip(_BEFORE + _BEHIND)) for words in texts for word in words)
    return f"{shown}, most of them words of a language" if letters > _LETTERS * total else ""


def _is_word(text: str) -> bool:
    return text.isalpha() and not text.isupper()


def _line(number: int, text: str) -> Iterator[Indicator | BadLine]:
    text = " ".join(visible(text).replace(_DOT, " ").replace(_SIGN, " ").split())
    text = _DEFANGED_SIGN.sub(lambda found: ("@" if found[1].lower() == "at" else found[1]) + _SIGN, text)
    text = _SCHEME_END.sub(lambda found: f"://{_SIGN}" if _SIGN in found[0] else "://", text)
    words = _DEFANGED_DOT.sub(_DOT, text).split()
    for at, word in enumerate(words):
        if not ("." in word or _DOT in word or "::" in word) or (at and words[at - 1].rstrip(_SIGN).endswith("@")):
            continue
        before = " ".join(words[max(0, at - _CONTEXT) : at])[-_CONTEXT_TEXT:].translate(_MARKS).lower()
        after = " ".join(words[at + 1 : at + 3])[:_CONTEXT_TEXT].lower()
        for piece in _pieces(word):
            found = _judged(number, piece, before, after)
            if found is not None:
                yield found


def _pieces(word: str) -> Iterator[str]:
    """Parts of what stands between two spaces that may each be one indicator."""
    if _SCHEME(word) is not None:
        for part in _URL_ENDS.split(word):
            scheme = _SCHEME(part)
            if scheme is not None:
                yield part[scheme.start() :].rstrip(_BEHIND)
            else:
                yield from _plain_pieces(part)
    else:
        yield from _plain_pieces(word)


def _plain_pieces(word: str) -> Iterator[str]:
    for part in _WORD_ENDS.split(word):
        piece = part if part.startswith("[") and "]:" in part else part.lstrip(_BEFORE).rstrip(_BEHIND)
        labelled = _LABELLED(piece) if "::" not in piece else None
        piece = labelled[1] if labelled else piece
        if piece:
            yield piece.lstrip(_BEFORE).lstrip(".") if not piece.startswith("[") else piece


def _judged(number: int, piece: str, before: str, after: str) -> Indicator | BadLine | None:
    """A row, a bad line where a person must look, None for a word that names nothing."""
    plain = piece.translate(_MARKS)
    scheme = _SCHEME(plain)
    fanged = plain == piece and not (scheme and _DEFANGED_SCHEME(scheme[1]))
    if len(plain) > MAX_TEXT:
        return bad_line(number, plain, f"longer than {MAX_TEXT} characters") if scheme or not fanged else None
    if scheme is None and ("\\" in plain or "@" in plain.partition("/")[0]):
        return None  # a path of a disk, or an e-mail address
    host = re.split(r"[/?#:]", plain[scheme.end() :] if scheme else plain, maxsplit=1)[0]
    address = _is_address(plain if scheme is None else host)
    if not address and not (scheme or _is_name(host, fanged=fanged)):
        return None
    try:
        found = listed(plain)
    except Unusable as error:
        return _unusable(number, plain, str(error), fanged=fanged)
    doubt = _doubt(found, plain, host, before, after, url=scheme is not None) if fanged else ""
    if doubt:
        return bad_line(number, plain, f"{doubt}: if it is meant, write it with [.] for its dots")
    name, address_found, port, path = found
    return Indicator(number, name, address_found, port, note=note_of(found, plain), reduced=path)


def _unusable(number: int, plain: str, reason: str, *, fanged: bool) -> BadLine | None:
    """Words that only look like something are passed over, unless the writer has defanged them."""
    return None if fanged and doubts.is_amount(plain) else bad_line(number, plain, reason)


def _doubt(found: Target, plain: str, host: str, before: str, after: str, *, url: bool) -> str:
    if found.address:
        return "" if url or found.port or "/" in plain or ":" in plain else doubts.of_address(plain, before, after)
    if url and host.rpartition(".")[2].isascii() and not _known_top(found.name):
        return f"no known top-level domain: {found.name.rpartition('.')[2]!r}"
    return doubts.of_name(found.name, host.rstrip("."), before, url=url)


def _is_address(text: str) -> bool:
    if _IPV4(text):
        return True
    found = _IPV6(text)
    if found is None or not any(char.isdigit() for char in text):
        return False
    try:
        ipaddress.IPv6Address(found[1])
    except ValueError:
        return False
    return True


def _is_name(host: str, *, fanged: bool) -> bool:
    """Whether a word may be a name at all: under a real top-level domain, or defanged by its writer (not `fanged`)."""
    if not _HOST(host):
        return False
    last = host.rstrip(".").rpartition(".")[2].lower()
    return _top(last) in top_level_domains() if fanged else last.isascii() and not last.isdigit()


@lru_cache(10_000)
def _top(label: str) -> str:
    """The A-label of a last label, "" where there is none."""
    if label.isascii():
        return label
    try:
        return target(f"x.{label}").name.partition(".")[2]
    except Unusable:
        return ""


def _known_top(name: str) -> bool:
    return name.rpartition(".")[2] in top_level_domains()
