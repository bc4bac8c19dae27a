"""The filter of the list of machines, and the reason asked for an export: fields, checks, and the filter they make.

No fetching; what a filter finds is casework.hosts'.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode
from zoneinfo import ZoneInfo

from flask_babel import gettext, lazy_gettext
from flask_wtf import FlaskForm
from wtforms import DateTimeLocalField, SelectField, StringField
from wtforms.validators import InputRequired, Length, Optional

from casework.hosts import NO_UNIT, Choices, HostFilter

MINUTE = 60
LET_THROUGH = "all"  # machines are listed too that lists only let through
LIST_QUERY = ("q", "unit", "campaign", "family", "list", "since", "until", "through", "sort", "order", "page")
LONGEST_QUERY = 1500  # characters; with it the address of a machine stays one that any program takes
SHOWN = 60  # characters of a wrong entry that its message repeats
Fields = list[SelectField]  # the form below has a field called `list`


class TimeField(DateTimeLocalField):  # type: ignore[misc]  # WTForms has no types
    """A minute, in the time zone of the pages."""

    def __init__(self, label: str, **options: Any) -> None:
        super().__init__(label, [Optional()], format=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"], **options)

    def process_formdata(self, valuelist: list[str]) -> None:
        """WTForms calls this; its own message is English."""
        try:
            super().process_formdata(valuelist)
        except ValueError as error:
            # The browser shows an empty field for what is no time, so the message says what it was.
            entered = " ".join(valuelist)[:SHOWN]
            raise ValueError(gettext("“%(entered)s” is not a date and time.", entered=entered)) from error

    def _value(self) -> str:
        """WTForms calls this for the page; browsers complain of anything but a time in a field of times."""
        entered: datetime | None = self.data
        return entered.isoformat(timespec="seconds" if entered.second else "minutes") if entered else ""

    def second(self, zone: ZoneInfo) -> int | None:
        """UTC second of what was entered."""
        entered: datetime | None = self.data
        return int(entered.replace(tzinfo=zone).timestamp()) if entered else None


class FilterForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """Everything by which the list can be narrowed; it stands in the address, so that it can be kept and passed on."""

    class Meta:
        """Reading changes nothing, so it needs no token."""

        csrf = False

    campaign = SelectField(lazy_gettext("Campaign"), default="")
    unit = SelectField(lazy_gettext("Unit"), default="")
    family = SelectField(lazy_gettext("Malware"), default="")
    list = SelectField(lazy_gettext("Blocklist"), default="")
    q = StringField(
        lazy_gettext("Search"),
        [Length(max=200, message=lazy_gettext("Too long."))],
        render_kw={"type": "search", "autocomplete": "off", "placeholder": lazy_gettext("IP, unit, domain")},
    )
    since = TimeField(lazy_gettext("Seen from"))
    until = TimeField(lazy_gettext("Seen until"))
    through = SelectField(lazy_gettext("Only let through"), default="", validate_choice=False)  # `check` says it

    def __init__(self, entered: Any) -> None:
        super().__init__(entered)
        self.strangers: Fields = []  # fields whose value their menu did not offer

    def offer(self, choices: Choices) -> None:
        """Fill the menus. A value that is not in one stays in its field, and `check` says so."""
        units = [(code, name) for code, name in choices.units if code != NO_UNIT]
        for field, offered in (
            (self.campaign, choices.campaigns),
            (self.unit, [*units, (NO_UNIT, lazy_gettext("No unit"))]),
            (self.family, choices.families),
            (self.list, choices.lists),
        ):
            known: dict[str, Any] = dict(offered)
            if field.data and field.data not in known:
                known[field.data] = field.data
                self.strangers.append(field)
            field.choices = [("", lazy_gettext("All")), *known.items()]
        self.through.choices = [("", lazy_gettext("Left out")), (LET_THROUGH, lazy_gettext("Shown too"))]
        if self.through.data not in {"", LET_THROUGH}:
            self.strangers.append(self.through)

    def check(self) -> bool:
        """Whether the list may be shown: half a filter would show the wrong machines. Errors stand at their fields."""
        self.validate()
        for field in self.strangers:
            said = gettext("“%(entered)s” is not among the choices.", entered=field.data[:SHOWN])
            field.errors = [*field.errors, said]
        since, until = self.since.data, self.until.data
        if since and until and since - until >= timedelta(seconds=MINUTE):  # the minute of `until` is included
            self.until.errors = [*self.until.errors, gettext("This is before “Seen from”: exchange the two.")]
        return not self.errors

    def host_filter(self, zone: ZoneInfo) -> HostFilter:
        """What was chosen, once `check` found it good."""
        until = self.until.second(zone)
        return HostFilter(
            campaign=self.campaign.data or "",
            unit=self.unit.data or "",
            family=self.family.data or "",
            list=self.list.data or "",
            text=(self.q.data or "").replace("[.]", ".").strip(),  # as our own pages write names
            since=self.since.second(zone),
            until=None if until is None else until + MINUTE - 1,
            suspected=self.through.data != LET_THROUGH,
        )


def list_query(text: str | None) -> str:
    """The query of the list that a page was reached from: what the list knows, whatever else somebody put in."""
    if not text or len(text) > LONGEST_QUERY:
        return ""
    return urlencode([(name, value) for name, value in parse_qsl(text) if name in LIST_QUERY])


class ExportForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """Why the list leaves the system: it holds personal data, and the audit keeps the reason."""

    reason = StringField(
        lazy_gettext("Reason for the export"),
        [InputRequired(lazy_gettext("Please say what the file is for.")), Length(min=5, max=200)],
        render_kw={"maxlength": 200},
    )
