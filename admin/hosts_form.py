"""The filter of the list of machines, and the reason asked for an export: fields, checks, and the filter they make.

No fetching; what a filter finds is casework.hosts'.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import lazy_gettext
from flask_wtf import FlaskForm
from wtforms import DateTimeLocalField, SelectField, StringField
from wtforms.validators import InputRequired, Length, Optional

from casework.hosts import NO_UNIT, Choices, HostFilter

MINUTE = 60


class TimeField(DateTimeLocalField):  # type: ignore[misc]  # WTForms has no types
    """A minute, in the time zone of the pages."""

    def __init__(self, label: str, **options: Any) -> None:
        super().__init__(label, [Optional()], format=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"], **options)

    def process_formdata(self, valuelist: list[str]) -> None:
        """WTForms calls this; its own message is English."""
        try:
            super().process_formdata(valuelist)
        except ValueError as error:
            raise ValueError(lazy_gettext("Not a date and time.")) from error

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

    def offer(self, choices: Choices) -> None:
        """Fill the menus. A value that is no longer there stays choosable, so that an old address still says it."""
        for field, offered in (
            (self.campaign, choices.campaigns),
            (self.unit, [(code, name if code != NO_UNIT else lazy_gettext("No unit")) for code, name in choices.units]),
            (self.family, choices.families),
            (self.list, choices.lists),
        ):
            known: dict[str, Any] = dict(offered)
            if field.data:
                known.setdefault(field.data, field.data)
            field.choices = [("", lazy_gettext("All")), *known.items()]

    def host_filter(self, zone: ZoneInfo) -> HostFilter:
        """What was chosen; fields with errors count as empty."""
        until = None if self.until.errors else self.until.second(zone)
        return HostFilter(
            campaign=self.campaign.data or "",
            unit=self.unit.data or "",
            family=self.family.data or "",
            list=self.list.data or "",
            text=(self.q.data or "").replace("[.]", ".").strip()[:200],  # as our own pages write names
            since=None if self.since.errors else self.since.second(zone),
            until=None if until is None else until + MINUTE - 1,
        )


class ExportForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """Why the list leaves the system: it holds personal data, and the audit keeps the reason."""

    reason = StringField(
        lazy_gettext("Reason for the export"),
        [InputRequired(lazy_gettext("Please say what the file is for.")), Length(min=5, max=200)],
        render_kw={"maxlength": 200},
    )
