"""How facts read on a page and in a file: times, counts, defanged names, and words for the codes we store.

Pure text: nothing is fetched here.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from flask import Flask
from flask_babel import format_decimal, lazy_gettext
from markupsafe import Markup

from admin.services import services
from contracts.record_types import type_name

KINDS = {
    "c2": lazy_gettext("Control server"),
    "delivery": lazy_gettext("Malware delivery"),
    "phishing": lazy_gettext("Phishing"),
    "unwanted": lazy_gettext("Unwanted software"),
    "kill-switch": lazy_gettext("Kill switch"),
}
ACTIONS = {
    "sinkhole": lazy_gettext("Sinkholed"),
    "nodata": lazy_gettext("Empty answer"),
    "nxdomain": lazy_gettext("Name does not exist"),
    "drop": lazy_gettext("Not answered"),
    "tcp-only": lazy_gettext("Answered by TCP only"),
    "alias": lazy_gettext("Led to another name"),
    "local": lazy_gettext("Records of the list"),
    "passthru": lazy_gettext("Let through"),
    "monitor": lazy_gettext("Recorded only"),
}
STEPS = {
    "alias": lazy_gettext("as an alias on the way"),
    "answer": lazy_gettext("as an address in the answer"),
    "client": lazy_gettext("as the address of the machine"),
}
ROLES = {
    "operator": lazy_gettext("WAN operator"),
    "security": lazy_gettext("Security staff"),
    "auditor": lazy_gettext("Auditor"),
    "administrator": lazy_gettext("Administrator"),
}
ACTS = {
    "login": lazy_gettext("Login"),
    "login.failed": lazy_gettext("Login failed"),
    "logout": lazy_gettext("Logout"),
    "password.change": lazy_gettext("Password changed"),
    "account.add": lazy_gettext("Account added"),
    "account.reset": lazy_gettext("Password reset"),
    "account.disable": lazy_gettext("Account disabled"),
    "account.enable": lazy_gettext("Account enabled"),
    "database.seed": lazy_gettext("Units and campaigns taken from the settings"),
    "hosts.view": lazy_gettext("Machine viewed"),
    "hosts.export": lazy_gettext("List of machines exported"),
    "clients.monitor": lazy_gettext("Network put into monitor mode"),
    "clients.exempt": lazy_gettext("Network exempted from policy"),
    "clients.normal": lazy_gettext("Network treated as all others again"),
    "forwarders.add": lazy_gettext("Forwarder registered"),
    "forwarders.remove": lazy_gettext("Forwarder removed"),
    "bypass.on": lazy_gettext("Blocking switched off for a time"),
    "bypass.off": lazy_gettext("Blocking switched on again"),
    "allow.add": lazy_gettext("Name allowed for a time"),
    "allow.remove": lazy_gettext("Name no longer allowed"),
    "campaign.add": lazy_gettext("Campaign added"),
    "campaign.change": lazy_gettext("Campaign changed"),
    "campaign.end": lazy_gettext("Campaign ended"),
    "list-import": lazy_gettext("Blocklist imported"),
    "list-import-refused": lazy_gettext("Blocklist refused"),
    "list-rows-approved": lazy_gettext("Held rows of a blocklist approved"),
    "list-rows-refused": lazy_gettext("Held rows of a blocklist refused"),
    "list-activate": lazy_gettext("Blocklist version activated"),
    "list-rollback": lazy_gettext("Blocklist version restored"),
    "list-withdraw": lazy_gettext("Blocklist withdrawn"),
}


def install(app: Flask) -> None:
    """Filters and words for the templates."""
    app.add_template_filter(moment)
    app.add_template_filter(clock)
    app.add_template_filter(defang_html, "defang")
    app.add_template_filter(type_name, "qtype")
    app.add_template_filter(format_decimal, "count")
    app.jinja_env.globals.update(KINDS=KINDS, ACTIONS=ACTIONS, STEPS=STEPS, ROLES=ROLES)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True


def moment(second: int | None) -> str:
    """A UTC second in the configured time zone, the Vietnamese way: `23/11/2026 09:05:00`."""
    return "" if second is None else moment_in(second, services().zone)


def clock(text: str | None) -> str:
    """`moment` of a time as library.db has it: `2026-11-23T02:05:00Z`."""
    return moment(int(datetime.fromisoformat(text).timestamp())) if text else ""


def moment_in(second: int, zone: ZoneInfo) -> str:
    """`moment`, outside a request."""
    return f"{datetime.fromtimestamp(second, zone):%d/%m/%Y %H:%M:%S}"


def defang(name: str) -> str:
    """`evil.example` -> `evil[.]example`: no program makes a link of it, and nobody opens it by mistake."""
    return name.replace(".", "[.]")


def defang_html(name: str) -> Markup:
    """`defang` for a narrow column: the line may break behind a dot, and a copy has no break in it."""
    return Markup("[.]<wbr>").join(name.split("."))
