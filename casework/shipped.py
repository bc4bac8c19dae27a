"""Campaigns that come with the product, as data: what letters of earlier years said. None is there until added.

They lie beside, in shipped_campaigns/, a file each, named by the campaign's id.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from casework.store.campaigns import Campaign
from contracts import yamlio

FOLDER = Path(__file__).parent / "shipped_campaigns"


def every() -> dict[str, Campaign]:
    """By id, in their order."""
    return {file.stem: _read(file) for file in sorted(FOLDER.glob("*.yaml"))}


def _read(file: Path) -> Campaign:
    """A file that is wrong is our own fault: its problems are raised as they are."""
    document = yamlio.read(file.read_text(encoding="utf-8"))
    if document.problems:
        raise ValueError(f"{file.name}: {document.problems[0]}")
    return msgspec.convert({"id": file.stem, **document.data}, Campaign)
