"""The form of a new version of a list, and the small ones that confirm a change.

No fetching; what is imported is blocklists.service's to judge.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any, get_args, get_type_hints

import msgspec
from flask_babel import gettext, lazy_gettext
from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from wtforms import IntegerField, SelectField, StringField
from wtforms.validators import InputRequired, Length, Regexp, ValidationError
from wtforms.widgets import HiddenInput

from admin.audit_words import VALUES
from admin.show import KINDS
from blocklists.review import LONGEST_REASON
from blocklists.service import ImportOptions
from casework.store.campaigns import Campaign
from casework.store.text import plain
from contracts.policy import Mode
from contracts.segment import Kind

SLUG = r"[a-z0-9][a-z0-9._-]{0,63}"
AS_BEFORE = ("", lazy_gettext("As before"))
SHOWN = 60  # characters of a wrong entry that its message repeats
LONGEST_FILE = 200  # characters of a file's name that are kept
FORMATS: tuple[str, ...] = get_args(get_type_hints(ImportOptions)["format"])


def offered(_form: Any, field: Any) -> None:
    """A validator of menus; WTForms' own message is English."""
    if field.data not in {code for code, _word in field.choices}:
        said = gettext("“%(entered)s” is not among the choices.", entered=str(field.data)[:SHOWN])
        raise ValidationError(said)


class UploadForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A file and what it is to mean. Empty fields: as before, or the default of a new list."""

    file = FileField(lazy_gettext("File"), [FileRequired(lazy_gettext("Please choose a file."))])
    name = StringField(
        lazy_gettext("Name of the list"),
        [Regexp(f"^({SLUG})?$", message=lazy_gettext("Use a-z, 0-9, '.', '_' and '-', at most 64."))],
        description=lazy_gettext("Of a list there is, for a new version of it. Empty: from the file's name."),
        render_kw={"list": "names", "autocomplete": "off", "maxlength": 64},
    )
    campaign = SelectField(lazy_gettext("Campaign"), [offered], default="", validate_choice=False)
    kind = SelectField(
        lazy_gettext("Kind"),
        [offered],
        default="",
        validate_choice=False,
        description=lazy_gettext("Of rows that say none; a new list has control servers."),
    )
    mode = SelectField(
        lazy_gettext("Mode"),
        [offered],
        default="",
        validate_choice=False,
        description=lazy_gettext("A new list is sinkholed."),
    )
    addresses = SelectField(
        lazy_gettext("Mode of addresses"),
        [offered],
        default="",
        validate_choice=False,
        description=lazy_gettext("Addresses in answers; a new list only records them."),
    )
    format = SelectField(lazy_gettext("Format"), [offered], default="auto", validate_choice=False)
    zone = StringField(
        lazy_gettext("Name of the zone"),
        [Length(max=255, message=lazy_gettext("Too long."))],
        description=lazy_gettext("Only of a response policy zone that does not say it."),
    )

    def offer(self, campaigns: Sequence[Campaign]) -> None:
        """Fill the menus."""
        self.campaign.choices = [AS_BEFORE, *((one.id, f"{one.id} · {one.title}") for one in campaigns)]
        self.kind.choices = [AS_BEFORE, *((code, KINDS[code]) for code in get_args(Kind))]
        self.mode.choices = [AS_BEFORE, *((code, VALUES["mode"][code]) for code in get_args(Mode))]
        self.addresses.choices = [AS_BEFORE, *VALUES["address_mode"].items()]
        self.format.choices = [(code, _format(code)) for code in FORMATS]

    def options(self) -> ImportOptions:
        """What was asked for, always to be held. Raises ValidationError for what no menu offers."""
        file = PurePath((self.file.data.filename or "").replace("\\", "/")).name[-LONGEST_FILE:]
        given: dict[str, Any] = {
            "name": (self.name.data or "").strip() or name_of(file),
            "file": "".join(char for char in file if char.isprintable()),
            "format": self.format.data,
            "hold": True,
        }
        for key in ("campaign", "kind", "mode", "addresses", "zone"):
            if text := (getattr(self, key).data or "").strip():
                given[key] = text
        return msgspec.convert(given, ImportOptions)


class ChangeForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """The button that changes what is live; it says what was live when the person looked."""

    before = IntegerField(widget=HiddenInput())


class HeldForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """Why marked rows are approved or refused; the rows and which of the two it is come beside it."""

    reason = StringField(
        lazy_gettext("Reason"),
        [
            InputRequired(lazy_gettext("Please give a reason.")),
            Length(max=LONGEST_REASON, message=lazy_gettext("Too long.")),
        ],
        render_kw={"autocomplete": "off", "maxlength": LONGEST_REASON, "size": 50},
    )


def name_of(file: str) -> str:
    """A list's name from that of its file, as the command makes it; "" where nothing is left."""
    return re.sub(r"[^a-z0-9._-]+", "-", plain(PurePath(file).stem)).strip("-._")[:64]


def _format(code: str) -> Any:
    return lazy_gettext("By its content") if code == "auto" else VALUES["format"].get(code, code)
