"""Which lists are in force today: those of a campaign only between its dates.

Decides nothing else: the modes of versions are the library's, publishing is blocklists.compiler's. What no campaign's
dates may change stays: lists that let through (kill-switch names among them).
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import NamedTuple
from zoneinfo import ZoneInfo

from blocklists.report import Version
from contracts.campaigns import BadCampaigns, CampaignsFile, Window
from contracts.settings import Settings


class Standing(NamedTuple):
    """How a live version is meant today; `why` where that is not what the version says."""

    mode: str  # of a version, or off: no part of the policy
    mode_of_addresses: str
    why: str = ""


class Today(NamedTuple):
    """Campaigns as they are on a day."""

    windows: dict[str, Window]
    day: datetime.date

    def standing(self, version: Version) -> Standing:
        """Of a version, were it live."""
        window = self.windows.get(version.campaign)
        shut = window.shut(self.day) if window is not None and version.mode != "passthru" else ""
        if window is None or not shut:
            return Standing(version.mode, version.mode_of_addresses)
        if window.outside == "off":
            return Standing("off", "off", f"{shut}: not in force")
        return Standing("monitor", "monitor", f"{shut}: only watched")


class Windows:
    """Follows the campaigns that casework publishes; until it ever did, those of the settings, which it begins with.

    A file that cannot be read changes nothing: the campaigns known before go on to hold, and `problem` says so.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        self._zone = ZoneInfo(settings.time_zone)
        self._clock = clock
        self._file = CampaignsFile(settings.state)
        self._known = {one.id: Window(one.id, one.start, one.end) for one in settings.campaigns}
        self.problem = ""

    def today(self) -> Today:
        """Read now."""
        try:
            found = self._file.read()
        except (BadCampaigns, OSError) as error:
            self.problem = f"the dates of campaigns cannot be read, going on with those known before: {error}"
        else:
            self.problem = ""
            if found is not None:
                self._known = {one.id: one for one in found.windows}
        return Today(self._known, self._day())

    def mark(self) -> object:
        """Another one when the file or the day is another; for who looks often."""
        try:
            stamp: object = self._file.stamp()
        except OSError as error:
            stamp = str(error)
        return stamp, self._day()

    def _day(self) -> datetime.date:
        return datetime.datetime.fromtimestamp(self._clock(), self._zone).date()
