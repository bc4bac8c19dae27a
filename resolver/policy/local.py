"""Names answered here: the operator's own records, and the names that no upstream should ever be asked for.

Reading record lines is contracts.zone_text's and resolver.wire.rare's; when this rung is climbed is resolver.engine's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from contracts.settings import SpecialNames
from resolver.wire import reply


class LocalAnswer(NamedTuple):
    """What is answered without an upstream, and the reason in words for `explain`."""

    records: reply.Records
    rcode: int
    ede: int | None
    reason: str


class LocalNames:
    """Immutable, built once. `forwarded` are the zones of dns.forward_zones as lower-case wire names."""

    def __init__(self, local_records: Iterable[str], special: SpecialNames, forwarded: Iterable[bytes] = ()) -> None:
        self._asked = (tuple(local_records), special, tuple(forwarded))

    def find(self, name: bytes, qtype: int) -> LocalAnswer | None:  # noqa: ARG002  the next commit looks
        """The answer for a lower-case wire name, None where it is not ours."""
        return None
