"""The list of machines as rows of a file: one row for each machine and listed domain.

How a CSV file is written is admin.table_file's.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from zoneinfo import ZoneInfo

from flask_babel import gettext

from admin.show import ACTIONS, KINDS, defang, moment_in
from admin.table_file import csv_text
from casework.hosts import HostRow


def text(hosts: Iterable[HostRow], zone: ZoneInfo, withdrawn: Container[str] = ()) -> Iterator[str]:
    """The CSV file, a row at a time, in the language of the page it was asked on. Lists `withdrawn` are marked."""
    heads = [
        gettext("No."),
        gettext("IP address"),
        gettext("Unit code"),
        gettext("Unit"),
        gettext("Malicious domain"),
        gettext("Malware"),
        gettext("Kind"),
        gettext("Answer given"),
        gettext("Blocklist"),
        gettext("Campaign"),
        gettext("Letter"),
        gettext("First seen"),
        gettext("Last seen"),
        gettext("Hits"),
    ]
    return csv_text(heads, _rows(hosts, zone, withdrawn))


def _rows(hosts: Iterable[HostRow], zone: ZoneInfo, withdrawn: Container[str]) -> Iterator[tuple[object, ...]]:
    number = 0
    for host in hosts:
        for found in host.indicators:
            number += 1
            yield (
                number,
                host.address,
                host.unit_code,
                host.unit_name,
                defang(found.domain),
                found.family,
                str(KINDS.get(found.kind, found.kind)),
                str(ACTIONS.get(found.action, found.action)),
                gettext("%(list)s (withdrawn)", list=found.list) if found.list in withdrawn else found.list,
                found.campaign,
                found.letter,
                moment_in(found.first_seen, zone),
                moment_in(found.last_seen, zone),
                found.hits,
            )
