"""What formats may know of a file beside its lines, and what they are shown of it to say whether it is theirs.

No reading and no judgement: those are each format's own.
"""

from __future__ import annotations

from typing import NamedTuple


class Origin(NamedTuple):
    """Where lines come from: a file's name, and the name of a zone as a person gave it; "" where nobody said."""

    file: str = ""
    zone: str = ""


NOWHERE = Origin()


class Look(NamedTuple):
    """The first lines of a file in UTF-8, as octets with their ends and as text without space around it."""

    octets: list[bytes]
    lines: list[str]

    @property
    def meant(self) -> list[str]:
        """Lines that are not blank and no `#` comments."""
        return [line for line in self.lines if line and not line.startswith("#")]
