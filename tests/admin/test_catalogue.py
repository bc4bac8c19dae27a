"""Every text of the pages has its Vietnamese, and what is compiled is what is written."""

from __future__ import annotations

import re

from admin import catalogue


def test_every_text_is_translated() -> None:
    known = catalogue.translated()
    missing = [message.id for message in catalogue.extracted() if message.id and known.get(message.id) is None]
    assert missing == [], "run `make catalogue` and translate what it names"
    assert catalogue.untranslated(known) == []


def test_nothing_is_translated_that_no_page_says() -> None:
    used = catalogue.extracted()
    assert [message.id for message in catalogue.translated() if message.id and used.get(message.id) is None] == []


def test_translations_fill_in_the_same_values() -> None:
    for message in catalogue.translated():
        texts = [message.string] if isinstance(message.string, str) else list(message.string)
        source = message.id if isinstance(message.id, str) else message.id[-1]
        for text in texts:
            if message.id:
                assert _placeholders(text) == _placeholders(source), source


def test_the_compiled_file_is_fresh() -> None:
    assert catalogue.MO.read_bytes() == catalogue.compiled(catalogue.translated()), "run `make catalogue`"


def _placeholders(text: str) -> list[str]:
    return sorted(re.findall(r"%\(\w+\)[sd]|%%", text))
