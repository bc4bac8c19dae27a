"""What the live policy comes to, row by row, as the workers answer it: for those who are given a copy of it.

Reads the published policy only, neither the library nor list files; how rows are written is blocklists.outlets'.

Whoever takes a copy has one table, in which the closest match wins, where workers ask list after list. So a row that an
earlier list in force covers is left out, and so is what lists only watch: a copy has no place to record it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from contracts.decisions import Decisions
from contracts.names import parents, search_key, to_wire
from contracts.policy import Manifest, ManifestEntry, Mode, PolicyFolder
from contracts.segment import Match, RuleAction, Segment, is_network
from contracts.zone_text import WILDCARD

Where = Literal["name", "below", "answer", "client"]  # the name itself; all below it; an address answered; who asks
_ANSWER_MARK = b"@"


class Effect(msgspec.Struct, frozen=True, gc=False):
    """One row. `indicator` is a wire name, without the label * where it is for what is below; or a network_key.

    `action` "" answers with the sinkhole. `entry` and `match` are None for a name that a person allowed.
    """

    where: Where
    indicator: bytes
    action: RuleAction
    entry: ManifestEntry | None
    match: Match | None


class Live(msgspec.Struct, frozen=True):
    """The published policy with its segments open, and what people decided on top."""

    manifest: Manifest
    segments: tuple[Segment, ...]
    allowed: tuple[bytes, ...]  # wire names
    bypassed: bool

    @classmethod
    def read(cls, folder: PolicyFolder, decisions: Decisions, now: float) -> Live | None:
        """As of `now` (seconds since the epoch); None before the first policy. Raises BadPolicy or OSError."""
        manifest = folder.read()
        if manifest is None:
            return None
        opened = folder.open(manifest)
        return cls(
            manifest,
            tuple(opened[entry.digest] for entry in manifest.entries),
            tuple(sorted(to_wire(one.name) for one in decisions.allowed if now < one.until)),
            decisions.bypass is not None and now < decisions.bypass.until,
        )

    def effects(self) -> Iterator[Effect]:
        """Allowed names, then list by list. Under a bypass only what lists let through is left."""
        for name in self.allowed:
            yield Effect("name", name, "passthru", None, None)
            yield Effect("below", name, "passthru", None, None)
        earlier, earlier_answers = list[Segment](), list[Segment]()
        for entry, segment in zip(self.manifest.entries, self.segments, strict=True):
            for match, itself in segment.matches():
                answer = match.indicator[:1] == _ANSWER_MARK
                action = self._action(entry.address_mode if answer else entry.mode, match)
                if action is None:
                    continue
                if is_network(match.indicator):
                    covering = earlier_answers if answer else earlier
                    if not any(one.find_network(match.indicator) for one in covering):
                        yield Effect("answer" if answer else "client", match.indicator, action, entry, match)
                    continue
                bare = match.indicator if itself else match.indicator.removeprefix(WILDCARD)
                if not self._is_allowed(bare) and not _covered(bare if itself else WILDCARD + bare, earlier):
                    yield Effect("name" if itself else "below", bare, action, entry, match)
            if self._in_force(entry.mode):
                earlier.append(segment)
            if self._in_force(entry.address_mode):
                earlier_answers.append(segment)

    def _action(self, mode: Mode, match: Match) -> RuleAction | None:
        """None where nothing is done about it."""
        if not self._in_force(mode):
            return None
        return "passthru" if mode == "passthru" else match.rule.action

    def _in_force(self, mode: Mode) -> bool:
        return mode == "passthru" or (mode == "enforce" and not self.bypassed)

    def _is_allowed(self, name: bytes) -> bool:
        return bool(self.allowed) and any(parent in self.allowed for parent in parents(name))


def _covered(asked: bytes, earlier: Sequence[Segment]) -> bool:
    if not earlier or len(asked) > 255:
        return False
    key = search_key(asked)
    return any(segment.find(asked, key) is not None for segment in earlier)
