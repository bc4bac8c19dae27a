"""The words of `sinkhole explain`: which rung decided and why, as plain data.

Only words about a decision; the decision itself is made by resolver.engine with the live policy.
"""

from __future__ import annotations

from typing import Any

from contracts.names import to_text
from resolver.policy.verdict import Verdict
from resolver.wire.constants import TYPE_NAMES

_REASONS = {
    "sinkhole": "listed: answered with the sinkhole address",
    "nodata": "listed: this type gets an empty answer",
    "monitor": "listed in monitor mode: answered as usual and recorded",
    "passthru": "listed to pass through: answered as usual and recorded",
}


class Explanation:
    """Collects the rungs on the way down."""

    def __init__(self, name: str, client: str, qtype: int, serial: int) -> None:
        self._told: dict[str, Any] = {
            "name": name,
            "client": client,
            "type": TYPE_NAMES.get(qtype, f"TYPE{qtype}"),
            "serial": serial,
            "match": None,
            "address": None,
            "rungs": [],
        }

    def passed(self, rung: str, reason: str) -> None:
        """This rung did not decide."""
        self._told["rungs"].append({"rung": rung, "verdict": "passed", "reason": reason})

    def end(self, rung: str, outcome: str, reason: str) -> dict[str, Any]:
        """This rung decided."""
        self._told["rungs"].append({"rung": rung, "verdict": outcome, "reason": reason})
        return self._told | {"outcome": outcome, "rung": rung, "reason": reason}

    def matched(self, rung: str, verdict: Verdict) -> dict[str, Any]:
        """This rung decided because the name is listed."""
        match, entry = verdict.match, verdict.entry
        assert match is not None
        assert entry is not None
        self._told["match"] = {
            "indicator": to_text(match.name),
            "subdomains": match.subdomains,
            "list": entry.list,
            "version": entry.version,
            "line": match.line,
            "kind": match.labels.kind,
            "family": match.labels.family,
            "campaign": entry.campaign,
            "letter": match.labels.letter,
            "source": match.labels.source,
            "mode": entry.mode,
        }
        self._told["address"] = verdict.address_text or None
        place = f"{entry.list} version {entry.version}, line {match.line}"
        return self.end(rung, verdict.action, f"{_REASONS[verdict.action]} ({to_text(match.name)}, {place})")
