"""The forms of a campaign: what it says of itself, and its end.

Texts of several lines hold one thing a line. What is right is casework.campaign_rules' to say; errors stand at fields.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask_babel import gettext, lazy_gettext
from flask_wtf import FlaskForm
from wtforms import SelectField, StringField, TextAreaField
from wtforms.widgets import HiddenInput

from admin.casework_reasons import said
from admin.lists_form import offered
from casework.campaign_rules import day_of, deadline_of, deadline_text, problems, tidied
from casework.store.campaigns import Campaign

OUTSIDE = {"monitor": lazy_gettext("only watched"), "off": lazy_gettext("not in force")}
DAY = {"type": "date"}
ONE_A_LINE = lazy_gettext("One a line.")
Value = TypeVar("Value")


class CampaignForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A new campaign, or one that is changed: then `known` says what the person saw, and `id` stays."""

    id = StringField(
        lazy_gettext("Id"),
        description=lazy_gettext("Short name that lists and commands use: a-z, 0-9, '.', '_' and '-'."),
        render_kw={"maxlength": 64, "autocomplete": "off"},
    )
    title = StringField(lazy_gettext("Title as on the letter"), render_kw={"maxlength": 500})
    letter = StringField(lazy_gettext("Letter number"), render_kw={"maxlength": 500})
    issuer = StringField(lazy_gettext("Issuer"), render_kw={"maxlength": 500})
    start = StringField(lazy_gettext("First day"), render_kw=DAY)
    end = StringField(lazy_gettext("Last day"), render_kw=DAY)
    outside = SelectField(lazy_gettext("Lists outside these days"), [offered], default="monitor", validate_choice=False)
    bases = TextAreaField(lazy_gettext("Legal bases"), description=ONE_A_LINE, render_kw={"rows": 4})
    links = TextAreaField(lazy_gettext("Links"), description=ONE_A_LINE, render_kw={"rows": 4})
    scope = TextAreaField(
        lazy_gettext("Units that take part"),
        description=lazy_gettext("Codes, one a line; each with all units below it. Empty: all units."),
        render_kw={"rows": 4},
    )
    deadlines = TextAreaField(
        lazy_gettext("Deadlines"),
        description=lazy_gettext("One a line: the day, and behind it what is due to whom."),
        render_kw={"rows": 4},
    )
    note = TextAreaField(lazy_gettext("Note"), render_kw={"rows": 3})
    known = StringField(widget=HiddenInput())

    def __init__(self, *entered: Any, **filled: Any) -> None:
        super().__init__(*entered, **filled)
        self.outside.choices = list(OUTSIDE.items())

    @classmethod
    def of(cls, one: Campaign, seen: str = "") -> CampaignForm:
        """Filled with a campaign."""
        return cls(
            None,
            **{key: getattr(one, key) for key in ("id", "title", "letter", "issuer", "outside", "note")},
            **{key: str(getattr(one, key) or "") for key in ("start", "end")},
            **{key: "\n".join(getattr(one, key)) for key in ("bases", "links", "scope")},
            deadlines="\n".join(map(deadline_text, one.deadlines)),
            known=seen,
        )

    def campaign(self, name: str = "") -> Campaign | None:
        """What was entered, of the campaign `name` if it is there already; None where errors stand at the fields."""
        good = self.validate()
        due = [_read(self.deadlines, deadline_of, line) for line in _lines(self.deadlines)]
        made = tidied(
            Campaign(
                name or (self.id.data or "").strip(),
                self.title.data or "",
                self.letter.data or "",
                self.issuer.data or "",
                bases=tuple(_lines(self.bases)),
                start=_read(self.start, day_of),
                end=_read(self.end, day_of),
                outside=self.outside.data,
                links=tuple(_lines(self.links)),
                scope=tuple(code for line in _lines(self.scope) for code in line.replace(",", " ").split()),
                deadlines=tuple(one for one in due if one is not None),
                note=self.note.data or "",
            )
        )
        self.refuse({field: why for field, why in problems(made).items() if not self[field].errors})
        return made if good and not self.errors else None

    def refuse(self, found: dict[str, str]) -> None:
        """Let the sentences stand at their fields."""
        for field, why in found.items():
            self[field].errors = [*self[field].errors, said(why)]


class EndForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """The last day of a campaign, and why."""

    day = StringField(lazy_gettext("Last day"), render_kw=DAY)
    reason = StringField(lazy_gettext("Reason"), render_kw={"maxlength": 500})


def entered_day(field: Any) -> Any:
    """The day in a field that must have one; None where its errors say why not."""
    found = _read(field, day_of)
    if found is None and not field.errors:
        field.errors = [*field.errors, gettext("Please choose a day.")]
    return found


def _read(field: Any, reading: Callable[[str], Value], text: str | None = None) -> Value | None:
    try:
        return reading((field.data or "") if text is None else text)
    except ValueError as error:
        field.errors = [*field.errors, said(str(error))]
        return None


def _lines(field: Any) -> list[str]:
    return [line for line in (field.data or "").splitlines() if line.strip()]
