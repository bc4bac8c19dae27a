"""What every view may need, reached through the application it runs in: settings, databases, the clock.

Nothing about requests or people.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, cast
from zoneinfo import ZoneInfo

from flask import current_app

from casework.store.engine import Stores
from contracts.settings import Settings


class Services(NamedTuple):
    """Put together by create_app."""

    settings: Settings
    stores: Stores
    clock: Callable[[], float]

    @property
    def now(self) -> int:
        """UTC second."""
        return int(self.clock())

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of pages and papers."""
        return ZoneInfo(self.settings.time_zone)


def services() -> Services:
    """Those of the application that handles this request."""
    return cast("Services", current_app.extensions["sinkhole"])
