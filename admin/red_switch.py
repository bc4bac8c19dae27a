"""The warning on every page while policy is bypassed.

Switching is `sinkhole bypass`; nothing is changed here.
"""

from __future__ import annotations

from typing import Any

from flask import Flask

from admin import access
from admin.services import services
from contracts.decisions import BadDecisions, Bypass, DecisionsFile


def install(app: Flask) -> None:
    """Templates get `bypass`: None, or until when and why nothing is blocked."""
    app.context_processor(_context)


def _context() -> dict[str, Any]:
    return {"bypass": holding() if access.person() is not None else None}


def holding() -> Bypass | None:
    """The bypass that holds now. What cannot be read is for `sinkhole status` to tell: pages go on."""
    try:
        bypass = DecisionsFile(services().settings.state).read().bypass
    except (BadDecisions, OSError):
        return None
    return bypass if bypass is not None and services().now < bypass.until else None
