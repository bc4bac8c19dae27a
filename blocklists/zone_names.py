"""Which name a response policy zone has: as a person says, as the file says, as an earlier import was told.

No reading of zone files: that is blocklists.formats.rpz.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from blocklists.formats.detect import Detected
from blocklists.importer import Counts
from blocklists.report import Version
from runtime.control import Misused

if TYPE_CHECKING:
    from blocklists.service import ImportOptions


def settle(options: ImportOptions, detected: Detected, meant: dict[str, str]) -> None:
    """The name of a zone is for zone files. With any other it would be kept unseen, for some import to come."""
    if detected.format == "rpz":
        return
    if options.zone and not options.unattended:
        raise Misused(
            f"a zone is named, and the file is no response policy zone: {detected.format} ({detected.reason}); "
            "leave --zone out, or say --format rpz"
        )
    meant["zone"] = ""


def reason(options: ImportOptions, before: Version | None, counts: Counts) -> str:
    """Who named the zone: what an earlier import was told goes on to hold, and must not do so unseen."""
    if counts.zone_by == "nobody":
        return "named nowhere: owners are taken as whole names"
    if counts.zone_by != "asked":
        return f"as its {counts.zone_by} says"
    if options.zone is None and before:
        return f"as version {before.number} was imported; --zone names another"
    return "as asked"
