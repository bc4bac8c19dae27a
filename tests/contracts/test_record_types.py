"""Names of record types, beside those that dnspython knows."""

from __future__ import annotations

import dns.rdatatype

from contracts.record_types import NAMES, NUMBERS, type_name


def test_names_are_those_of_the_registry():
    for number, name in NAMES.items():
        assert dns.rdatatype.from_text(name) == number
        assert NUMBERS[name] == number
    assert (type_name(28), type_name(4711), type_name(0)) == ("AAAA", "TYPE4711", "*")


def test_commands_pages_and_workers_share_them():
    from admin.cli import hits
    from admin.show import install
    from resolver.wire import constants

    assert constants.TYPE_NAMES is NAMES
    assert hits.type_name is type_name
    assert install.__globals__["type_name"] is type_name
