"""Campaigns: all of them, one with its lists, units, deadlines and machines, and the forms that change them.

The rules are casework's; whether a person may, admin.access_casework's.
"""

from __future__ import annotations

import datetime
from typing import NamedTuple

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext, ngettext
from werkzeug.wrappers import Response

from admin import access, access_casework, list_words
from admin.campaigns_form import OUTSIDE, CampaignForm, EndForm, entered_day
from admin.casework_reasons import said
from admin.services import services
from casework import campaigns, shipped
from casework.campaign_rules import CampaignError, WrongCampaign
from casework.decision_rules import DecisionError
from casework.store.campaigns import Campaign

blueprint = Blueprint("campaigns", __name__, url_prefix="/campaigns")
Page = str | Response | tuple[str, int]


class Words(NamedTuple):
    """What templates say of days; `today` is that of the configured time zone."""

    today: datetime.date

    def day(self, day: datetime.date | None) -> str:
        """`31/12/2026`."""
        return f"{day:%d/%m/%Y}" if day is not None else ""

    def left(self, day: datetime.date) -> str:
        """How long until a deadline."""
        days = (day - self.today).days
        if not days:
            return str(gettext("today"))
        if days > 0:
            return str(ngettext("%(num)s day left", "%(num)s days left", days))
        return str(ngettext("%(num)s day over", "%(num)s days over", -days))

    def is_open(self, one: Campaign) -> bool:
        """Whether its lists are in force today."""
        return not campaigns.window(one).shut(self.today)

    def state(self, one: Campaign) -> str:
        """What its lists are today."""
        return str(gettext("in force") if self.is_open(one) else OUTSIDE[one.outside])

    def next_due(self, one: Campaign) -> datetime.date | None:
        """Of its deadlines."""
        return next((due.day for due in one.deadlines if due.day >= self.today), None)


@blueprint.get("/")
def show_list() -> str:
    """All campaigns."""
    return render_template(
        "campaigns/list.html", campaigns=access_casework.list_campaigns(), words=_words(), may_change=_may_change()
    )


@blueprint.get("/named/<name>")
def show(name: str) -> str:
    """One campaign."""
    return _page(access_casework.fetch_campaign(name), EndForm(None, day=str(_words().today)))


@blueprint.get("/new")
def show_new() -> str:
    """The empty form, or filled with a campaign that comes with the product."""
    access.require("change-campaigns")
    begun = shipped.every().get(request.args.get("from", ""))
    return _form_page(CampaignForm.of(begun if begun is not None else Campaign("", "")))


@blueprint.post("/new")
def add() -> Page:
    """A new campaign."""
    access.require("change-campaigns")
    form = CampaignForm()
    made = form.campaign()
    if made is not None:
        try:
            access_casework.add_campaign(made)
        except WrongCampaign as error:
            form.refuse(error.problems)
        except CampaignError as error:
            form.refuse({"id": str(error)})
        else:
            flash(gettext("Campaign %(id)s was added.", id=made.id), "success")
            return redirect(url_for("campaigns.show", name=made.id))
    return _form_page(form), 422


@blueprint.get("/named/<name>/change")
def show_change(name: str) -> str:
    """The form with what the campaign says."""
    access.require("change-campaigns")
    found = access_casework.fetch_campaign(name)
    return _form_page(CampaignForm.of(found, campaigns.fingerprint(found)), found)


@blueprint.post("/named/<name>/change")
def change(name: str) -> Page:
    """New content of a campaign, unless somebody else changed it meanwhile."""
    access.require("change-campaigns")
    found = access_casework.fetch_campaign(name)
    form = CampaignForm()
    form.id.data = name
    made = form.campaign(name)
    if made is None:
        return _form_page(form, found), 422
    try:
        # Without a mark of what was seen nothing is changed: none is like that.
        access_casework.change_campaign(made, form.known.data or "-")
    except WrongCampaign as error:
        form.refuse(error.problems)
        return _form_page(form, found), 422
    except CampaignError:
        return _form_page(form, found, overtaken=True), 409
    flash(gettext("Campaign %(id)s was changed; its lists follow within seconds.", id=name), "success")
    return redirect(url_for("campaigns.show", name=name))


@blueprint.post("/named/<name>/end")
def end(name: str) -> Page:
    """Give it its last day."""
    access.require("change-campaigns")
    found = access_casework.fetch_campaign(name)
    form = EndForm()
    good = form.validate()
    day = entered_day(form.day)
    if good and day is not None:
        try:
            access_casework.end_campaign(name, day, form.reason.data or "")
        except CampaignError as error:
            form.day.errors = [*form.day.errors, said(str(error))]
        except DecisionError as error:
            form.reason.errors = [*form.reason.errors, said(str(error))]
        else:
            flash(gettext("The last day of campaign %(id)s is %(day)s.", id=name, day=_words().day(day)), "success")
            return redirect(url_for("campaigns.show", name=name))
    return _page(found, form), 422


def _page(found: Campaign, form: EndForm) -> str:
    return render_template(
        "campaigns/show.html",
        campaign=found,
        units=access_casework.campaign_units(found),
        lists=access_casework.campaign_lists(found),
        machines=access_casework.campaign_machines(found),
        form=form,
        words=_words(),
        list_words=list_words,
        OUTSIDE=OUTSIDE,
        may_change=_may_change(),
    )


def _form_page(form: CampaignForm, found: Campaign | None = None, *, overtaken: bool = False) -> str:
    return render_template(
        "campaigns/form.html",
        form=form,
        campaign=found,
        overtaken=overtaken,
        shipped=shipped.every() if found is None else {},
    )


def _words() -> Words:
    return Words(datetime.datetime.fromtimestamp(services().now, services().zone).date())


def _may_change() -> bool:
    who = access.person()
    return who is not None and who.may("change-campaigns")
