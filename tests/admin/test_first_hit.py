"""The first command of a newcomer, made from the settings and a list that is really in force."""

from __future__ import annotations

import io
from contextlib import closing

import msgspec
import pytest

from admin.first_hit import first_hit_command, listed_name
from blocklists.library import Library
from blocklists.service import ImportOptions, Lists
from contracts.networks import Endpoint
from contracts.settings import Settings


@pytest.fixture
def listed(settings: Settings) -> Settings:
    """The settings with the sample list live."""
    with closing(Library.open(settings.state)) as library:
        Lists(settings, library).seed()
    return settings


def test_a_machine_of_a_unit_asks_for_a_listed_name(listed: Settings) -> None:
    name = listed_name(listed)
    assert name is not None
    assert name.endswith((".example", ".test"))
    assert first_hit_command(listed, name) == f"dig -p 1053 -b 127.10.0.5 @127.0.0.1 {name}"


@pytest.mark.parametrize(
    ("listen", "units", "expected"),
    [
        ("127.0.0.1:53", True, "dig -b 127.10.0.5 @127.0.0.1 a.example"),
        ("10.1.1.53:53", True, "dig @10.1.1.53 a.example"),
        ("127.0.0.1:1053", False, "dig -p 1053 @127.0.0.1 a.example"),
        ("[::1]:1053", True, "dig -p 1053 @::1 a.example"),
    ],
)
def test_other_listeners(settings: Settings, listen: str, units: bool, expected: str) -> None:
    changed = msgspec.structs.replace(
        settings,
        dns=msgspec.structs.replace(settings.dns, listen=(Endpoint(listen),)),
        units=settings.units if units else (),
    )
    assert first_hit_command(changed, "a.example") == expected


def test_a_name_with_another_answer_than_the_sinkhole_is_none(settings: Settings) -> None:
    with closing(Library.open(settings.state)) as library:
        lists = Lists(settings, library)
        lists.import_file("os:lan", io.BytesIO(b"a.test CNAME .\nb.test CNAME rpz-passthru.\n"), ImportOptions("zone"))
        assert listed_name(settings) is None
        lists.import_file("os:lan", io.BytesIO(b"c.test\n"), ImportOptions("letter"))
        assert listed_name(settings) == "c.test"


def test_without_a_list_there_is_none(settings: Settings) -> None:
    assert listed_name(settings) is None
