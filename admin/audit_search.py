"""Which entries of the audit say a text: as they are stored, and as the page shows them in the reader's language.

No reading: admin.audit_log asks for each entry. A search may go through two years of entries, so what can be looked up
once is not done again for each.
"""

from __future__ import annotations

import functools
import re

import msgspec

from admin.audit_words import ANSWERS, KEYS, MOMENTS, PROGRAMS, VALUES, act, actor, pair
from admin.show import ACTS, moment
from casework.store.audit import AuditEntry
from casework.store.text import plain

_TIME = re.compile(r"[0-9/: ]*[/:][0-9/: ]*")  # as in `23/11/2026 09:13`; an IPv6 address has letters or dots, mostly


class Sought:
    """One text, without case and marks."""

    def __init__(self, text: str) -> None:
        self.text = plain(text)
        self.acts = {code for code in ACTS if self._holds(act(code))}
        self.keys = {key for key, word in KEYS.items() if self._holds(word)}
        self.values = {
            (key, value) for key, words in VALUES.items() for value, word in words.items() if self._holds(word)
        }
        self.answers = {answer for answer, word in ANSWERS.items() if self._holds(word)}
        self.like_a_time = bool(_TIME.fullmatch(self.text))
        name, colon, self.value = self.text.partition(": ")
        self.pairs = {key for key, word in KEYS.items() if colon and plain(str(word)).endswith(name)}
        self._names_actor = functools.cache(lambda stored, address: self._holds(actor(stored, address)))

    @property
    def is_shown_only(self) -> bool:
        """Whether the page may show the text where something else is stored, so that no database can find it."""
        words = self.acts or self.keys or self.values or self.answers or self.pairs or self.like_a_time
        actors = any(self._names_actor(stored, "") for stored in ("os:0", "os:1", *PROGRAMS))
        return bool(words) or actors or "(" in self.text  # as in `lan (server)`

    def is_in(self, entry: AuditEntry) -> bool:
        """Whether the row of this entry says it."""
        detail = entry.detail.items()
        return (
            entry.action in self.acts
            or any(self._is_detail(key, value) for key, value in detail if value not in ("", None))
            or self._is_stored(entry)
            or self._names_actor(entry.actor, entry.address)
            or (self.like_a_time and self._is_time(entry))
        )

    def _holds(self, shown: object) -> bool:
        return self.text in plain(str(shown))

    def _is_detail(self, key: str, value: object) -> bool:
        if key in self.keys or (key in self.pairs and plain(pair(key, value).text).startswith(self.value)):
            return True
        if isinstance(value, bool):
            return value in self.answers
        return isinstance(value, str | int) and (key, value) in self.values

    def _is_stored(self, entry: AuditEntry) -> bool:
        detail = msgspec.json.encode(entry.detail).decode()
        return self._holds(f"{entry.actor} {entry.action} {entry.object} {detail} {entry.address}")

    def _is_time(self, entry: AuditEntry) -> bool:
        times = [entry.time, *(value for key, value in entry.detail.items() if key in MOMENTS)]
        return any(self._holds(moment(one)) for one in times if isinstance(one, int))
