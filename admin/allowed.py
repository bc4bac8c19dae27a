"""Names that people took out of all lists: those that are allowed, who answers for them, and the forms that change it.

The rules are casework.decisions'; whether a person may, admin.access_casework's.
"""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import gettext, lazy_gettext, ngettext
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response
from wtforms import SelectField, StringField

from admin import access, access_casework, audit_words
from admin.casework_reasons import said
from admin.lists_form import offered
from casework.decision_rules import DecisionError, allowable, owner_of, reason_of

blueprint = Blueprint("allowed", __name__, url_prefix="/allowed")
DAY = 86_400
DAYS = (1, 7, 30, 90, 365)
Page = str | Response | tuple[str, int]


class AllowForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A name, for how long, why, and who answers for it."""

    name = StringField(lazy_gettext("Domain"), render_kw={"autocomplete": "off", "maxlength": 255})
    days = SelectField(lazy_gettext("For how long"), [offered], default="7", validate_choice=False)
    owner = StringField(
        lazy_gettext("Owner"),
        description=lazy_gettext("Who answers for it: a person or an office. Empty: you."),
        render_kw={"maxlength": 200},
    )
    reason = StringField(lazy_gettext("Reason"), render_kw={"maxlength": 500})

    def offer(self) -> None:
        """Fill the menu."""
        self.days.choices = [(str(days), ngettext("%(num)s day", "%(num)s days", days)) for days in DAYS]

    def check(self) -> bool:
        """Whether it may be so; else errors stand at the fields."""
        good = self.validate()
        for field, rule in ((self.name, allowable), (self.owner, owner_of), (self.reason, reason_of)):
            try:
                rule(_undefanged(field.data) if field is self.name else field.data or "")
            except DecisionError as error:
                field.errors = [*field.errors, said(str(error))]
        return good and not self.errors


class EndForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A name that the lists are to decide about again."""

    name = StringField()
    reason = StringField()


@blueprint.get("/")
def show_list() -> str:
    """All allowed names, and those that were."""
    return _page(AllowForm(None))


@blueprint.post("/")
def add() -> Page:
    """Allow a name."""
    access.require("change-allowed")
    form = AllowForm()
    form.offer()
    if form.check():
        name = _undefanged(form.name.data)
        try:
            access_casework.allow_name(name, int(form.days.data) * DAY, form.reason.data, form.owner.data or "")
        except DecisionError as error:
            form.name.errors = [*form.name.errors, said(str(error))]
        else:
            flash(gettext("%(name)s is allowed; all workers follow within seconds.", name=name), "success")
            return redirect(url_for("allowed.show_list"))
    return _page(form), 422


@blueprint.post("/end")
def end() -> Page:
    """Let the lists decide again."""
    access.require("change-allowed")
    form = EndForm()
    if form.validate():
        name = form.name.data or ""
        try:
            access_casework.disallow_name(name, form.reason.data or "")
        except DecisionError as error:
            flash(said(str(error)), "danger")
        else:
            flash(gettext("The lists decide about %(name)s again.", name=name), "success")
    return redirect(url_for("allowed.show_list"))


def _page(form: AllowForm) -> str:
    form.offer()
    held, over = access_casework.allowed_names()
    who = access.person()
    return render_template(
        "allowed/list.html",
        held=held,
        over=over,
        form=form,
        ending=EndForm(None),
        actor=audit_words.actor,
        may_change=who is not None and who.may("change-allowed"),
    )


def _undefanged(text: str | None) -> str:
    """As our own pages write names."""
    return (text or "").replace("[.]", ".").strip()
