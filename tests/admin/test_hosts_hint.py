"""The first command of a newcomer, made from the settings and a list that is really in force."""

from __future__ import annotations

from contextlib import closing

import msgspec
import pytest

from admin.hosts_hint import first_hit_command
from blocklists.library import Library
from blocklists.service import Lists
from contracts.networks import Endpoint
from contracts.settings import Settings


@pytest.fixture
def listed(settings: Settings) -> Settings:
    """The settings with the sample list live."""
    with closing(Library.open(settings.state)) as library:
        Lists(settings, library).seed()
    return settings


def test_a_machine_of_a_unit_asks_for_a_listed_name(listed: Settings) -> None:
    words = first_hit_command(listed).split()
    assert words[:6] == ["dig", "-b", "127.10.0.7", "@127.0.0.1", "-p", "1053"]
    assert words[6].endswith((".example", ".test"))


@pytest.mark.parametrize(
    ("listen", "units", "expected"),
    [
        ("127.0.0.1:53", True, ["dig", "-b", "127.10.0.7", "@127.0.0.1"]),
        ("10.1.1.53:53", True, ["dig", "@10.1.1.53"]),
        ("127.0.0.1:1053", False, ["dig", "@127.0.0.1", "-p", "1053"]),
    ],
)
def test_other_listeners(listed: Settings, listen: str, units: bool, expected: list[str]) -> None:
    changed = msgspec.structs.replace(
        listed,
        dns=msgspec.structs.replace(listed.dns, listen=(Endpoint(listen),)),
        units=listed.units if units else (),
    )
    assert first_hit_command(changed).split()[:-2] == expected


def test_without_a_list_there_is_none(settings: Settings) -> None:
    assert first_hit_command(settings) == ""
