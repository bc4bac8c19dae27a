"""STIX patterns (STIX 2.1 part 9) -> the comparisons in them, each with what it compares and how.

What AND, OR and FOLLOWEDBY make of them is not followed: for a list, each comparison names something bad.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

MAX_PATTERN = 200_000  # characters
_TOKEN = re.compile(
    r"""(?P<space>\s+)
    |(?P<text>'(?:[^'\\]|\\.)*')
    |(?P<typed>[tbh]'(?:[^'\\]|\\.)*')
    |(?P<path>[A-Za-z][A-Za-z0-9-]*:(?:[\w-]|'(?:[^'\\]|\\.)*'|\.|\[(?:\*|[0-9]{1,9})\])+)
    |(?P<operator>!=|<>|<=|>=|==|[=<>])
    |(?P<mark>[\[\](),])
    |(?P<word>[\w.+-]+)""",
    re.VERBOSE | re.DOTALL,
).match
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_OPERATORS = frozenset({"IN", "LIKE", "MATCHES", "ISSUBSET", "ISSUPERSET"})


class BadPattern(ValueError):
    """No STIX pattern; the message says why."""


class Comparison(NamedTuple):
    """`domain-name:value = 'x'`. Values that are no text (numbers, times) are written as they stand."""

    path: str
    operator: str  # in capitals; NOT before it where it is negated
    values: tuple[str, ...]


class _Token(NamedTuple):
    kind: str
    text: str


def comparisons(pattern: str) -> list[Comparison]:
    """All comparisons of a pattern, at least one. Raises BadPattern."""
    if len(pattern) > MAX_PATTERN:
        raise BadPattern(f"a pattern longer than {MAX_PATTERN} characters")
    tokens = [*_tokens(pattern), _Token("end", "")]
    found = list[Comparison]()
    depth = at = 0
    while at < len(tokens):
        kind, text = tokens[at]
        if kind == "path":
            negated = at > 0 and tokens[at - 1] == _Token("word", "NOT")
            if at > 0 and tokens[at - 1] == _Token("word", "EXISTS"):
                found.append(Comparison(text, "EXISTS", ()))
                at += 1
            else:
                one, at = _comparison(tokens, at, negated=negated)
                found.append(one)
            continue
        depth += (text == "[") - (text == "]") if kind == "mark" else 0
        if depth not in {0, 1}:
            raise BadPattern("brackets that do not match")
        at += 1
    if depth or not found:
        raise BadPattern("brackets that do not match" if depth else "a pattern that compares nothing")
    return found


def _tokens(pattern: str) -> Iterator[_Token]:
    at = 0
    while at < len(pattern):
        match = _TOKEN(pattern, at)
        if match is None:
            raise BadPattern(f"no STIX pattern: {pattern[at : at + 20]!a} is not understood")
        if match.lastgroup != "space":
            yield _Token(str(match.lastgroup), match[0])
        at = match.end()


def _comparison(tokens: list[_Token], at: int, *, negated: bool) -> tuple[Comparison, int]:
    """The comparison whose path stands at this token, and the token behind it."""
    path = tokens[at].text
    at += 1
    if tokens[at] == _Token("word", "NOT"):
        negated = not negated
        at += 1
    kind, operator = tokens[at]
    if kind != "operator" and operator not in _OPERATORS:
        raise BadPattern(f"no STIX pattern: behind {path[:60]!a} a comparison is missing")
    name = {"==": "=", "<>": "!="}.get(operator, operator)
    values, at = _values(tokens, at + 1)
    return Comparison(path, f"NOT {name}" if negated else name, values), at


def _values(tokens: list[_Token], at: int) -> tuple[tuple[str, ...], int]:
    if tokens[at] != _Token("mark", "("):
        return (_value(tokens[at]),), at + 1
    found = list[str]()
    at += 1
    while tokens[at] != _Token("mark", ")"):
        if tokens[at] != _Token("mark", ","):
            found.append(_value(tokens[at]))
        at += 1
    return tuple(found), at + 1


def _value(token: _Token) -> str:
    if token.kind == "text":
        return _ESCAPED.sub(r"\1", token.text[1:-1])
    if token.kind in {"typed", "word"}:
        return token.text
    raise BadPattern("no STIX pattern: a value is missing")
