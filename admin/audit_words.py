"""An entry of the audit in words for its reader: who acted, what was done, its details.

Words only: entries are read by admin.audit_log and found by admin.audit_search. What has no word here is shown as it
was written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from flask_babel import gettext, lazy_gettext

from admin.show import ACTS, KINDS, ROLES, moment
from casework.hosts import NO_UNIT
from casework.store.audit import AuditEntry
from runtime.actor import ACCOUNT

COMMAND_LINE = "os:"  # before the actor of a command: a name, or the number of a user that has none
DIGEST = 64  # hexadecimal digits of a whole one
SHORT_DIGEST = 12
PROGRAMS = {
    "recorder": lazy_gettext("recorder (program)"),
    "system:feed": lazy_gettext("feed (program)"),
    "system:seed": lazy_gettext("settings (program)"),
}
KEYS = {
    "address_mode": lazy_gettext("mode of addresses"),
    "addresses": lazy_gettext("addresses"),
    "bad": lazy_gettext("bad lines"),
    "bases": lazy_gettext("legal bases"),
    "before": lazy_gettext("version before"),
    "campaign": lazy_gettext("campaign"),
    "carried": lazy_gettext("held rows decided before"),
    "campaigns": lazy_gettext("campaigns"),
    "deadlines": lazy_gettext("deadlines"),
    "digest": lazy_gettext("BLAKE2b-256"),
    "end": lazy_gettext("last day"),
    "ends": lazy_gettext("until"),
    "family": lazy_gettext("malware"),
    "file": lazy_gettext("file"),
    "format": lazy_gettext("format"),
    "held": lazy_gettext("held for a person"),
    "host": lazy_gettext("machine number"),
    "issuer": lazy_gettext("issuer"),
    "kind": lazy_gettext("kind"),
    "let_through": lazy_gettext("also machines only let through"),
    "letter": lazy_gettext("letter number"),
    "lines": lazy_gettext("lines"),
    "links": lazy_gettext("links"),
    "list": lazy_gettext("blocklist"),
    "machines": lazy_gettext("machines"),
    "mode": lazy_gettext("mode"),
    "names": lazy_gettext("names"),
    "note": lazy_gettext("note"),
    "number": lazy_gettext("recorded later as"),
    "outside": lazy_gettext("lists outside its days"),
    "owner": lazy_gettext("owner"),
    "page": lazy_gettext("page of evidence"),
    "reason": lazy_gettext("reason"),
    "recorded": lazy_gettext("recorded at"),
    "refused": lazy_gettext("refused lines"),
    "role": lazy_gettext("role"),
    "rows": lazy_gettext("rows"),
    "rows_dropped_of_versions": lazy_gettext("rows no longer kept of versions"),
    "scope": lazy_gettext("units that take part"),
    "since": lazy_gettext("seen from"),
    "start": lazy_gettext("first day"),
    "text": lazy_gettext("searched for"),
    "title": lazy_gettext("title"),
    "trusts": lazy_gettext("is believed"),
    "unit": lazy_gettext("unit"),
    "units": lazy_gettext("units"),
    "until": lazy_gettext("seen until"),
    "version": lazy_gettext("version"),
    "waiting": lazy_gettext("rows that wait for a person"),
    "why": lazy_gettext("why"),
    "zone": lazy_gettext("name of the zone"),
}
VALUES: dict[str, Mapping[Any, Any]] = {
    "address_mode": {"enforce": lazy_gettext("as the list"), "monitor": lazy_gettext("record only")},
    "before": {0: lazy_gettext("none")},
    "format": {
        "csv": lazy_gettext("CSV table"),
        "domains": lazy_gettext("one name a line"),
        "hosts": lazy_gettext("hosts file"),
        "rpz": lazy_gettext("response policy zone"),
        "text": lazy_gettext("running text"),
        "maltrail": lazy_gettext("trails of Maltrail"),
        "unbound": lazy_gettext("configuration of Unbound"),
        "dnsmasq": lazy_gettext("configuration of dnsmasq"),
        "adblock": lazy_gettext("ad blocker's rules"),
        "xlsx": lazy_gettext("Excel workbook"),
        "docx": lazy_gettext("Word document"),
        "misp": lazy_gettext("MISP event"),
        "stix": lazy_gettext("STIX bundle"),
    },
    "kind": KINDS,
    "mode": {
        "enforce": lazy_gettext("sinkhole"),
        "monitor": lazy_gettext("record only"),
        "passthru": lazy_gettext("let through"),
    },
    "outside": {"monitor": lazy_gettext("only watched"), "off": lazy_gettext("not in force")},
    "role": ROLES,
    "unit": {NO_UNIT: lazy_gettext("No unit")},
    "why": {
        "disabled": lazy_gettext("the account is disabled"),
        "locked": lazy_gettext("the account must wait after wrong passwords"),
        "password": lazy_gettext("wrong password"),
        "unknown name": lazy_gettext("no such account"),
    },
}
ANSWERS = {True: lazy_gettext("yes"), False: lazy_gettext("no")}
MOMENTS = {"ends", "recorded", "since", "until"}


class Pair(NamedTuple):
    """One detail as it is shown; `whole` is what a short text stands for."""

    name: str
    text: str
    whole: str = ""


def actor(stored: str, address: str) -> str:
    """`os:0` -> `root (server)`: a command on the machine itself, told from the account of the same name."""
    if stored in PROGRAMS and not address:  # whoever has an address is a person, whatever the name
        return str(PROGRAMS[stored])
    if not stored.startswith(COMMAND_LINE):
        return stored.removeprefix(ACCOUNT)
    name = stored.removeprefix(COMMAND_LINE)
    if name.isdecimal():
        name = "root" if int(name) == 0 else f"uid {name}"
    return str(gettext("%(name)s (server)", name=name))


def act(code: str) -> str:
    """What was done."""
    return str(ACTS.get(code, code))


def details(entry: AuditEntry) -> list[Pair]:
    """What the reader needs beside the object; empty ones are left out."""
    return [pair(key, value) for key, value in entry.detail.items() if value not in ("", None)]


def pair(key: str, value: Any) -> Pair:
    """One of them."""
    name, known = str(KEYS.get(key, key)), VALUES.get(key, {})
    if isinstance(value, bool):
        return Pair(name, str(ANSWERS[value]))
    if key in MOMENTS and isinstance(value, int):
        return Pair(name, moment(value))
    if key == "digest" and isinstance(value, str) and len(value) == DIGEST:
        return Pair(name, value[:SHORT_DIGEST], value)
    if isinstance(value, list):
        return Pair(name, ", ".join(map(str, value)))
    return Pair(name, str(known[value] if isinstance(value, str | int) and value in known else value))
