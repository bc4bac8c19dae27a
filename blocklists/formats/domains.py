"""One indicator a line: names, `*.names`, addresses, defanged or not; `#` starts a comment.

No other format's rules here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from blocklists.formats.entry import listed, note_of
from blocklists.formats.lines import BOM, undecodable
from blocklists.indicator import BadLine, Indicator, bad_line
from blocklists.normalise import Unusable, plain_name

_COMMENT = re.compile(r"(?:^|\s)#.*", re.DOTALL)


def parse(lines: Iterable[bytes]) -> Iterator[Indicator | BadLine]:
    """Indicators in file order. Written flat: a list of millions passes through this loop."""
    for number, raw in enumerate(lines, 1):
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            yield undecodable(number, raw, error)
            continue
        if number == 1:
            text = text.removeprefix(BOM)
        if "#" in text:
            text = _COMMENT.sub("", text)
        if name := plain_name(text):
            yield Indicator(number, name)
            continue
        text = text.strip()
        if not text:
            continue
        try:
            found = listed(text)
        except Unusable as error:
            yield bad_line(number, text, str(error))
        else:
            name, address, port, path = found
            yield Indicator(number, name, address, port, note=note_of(found, text), reduced=path)
