"""The blocklists: in the order they are asked, one with its versions, one version with what is in it, and a search.

Changing them is admin.lists_change's; whether a person may see them, admin.access'.
"""

from __future__ import annotations

from typing import NamedTuple

from flask import Blueprint, Response, abort, render_template, request
from flask_babel import gettext
from werkzeug.wrappers import Response as AnyResponse

from admin import access, list_reasons, list_words
from admin.access import Contents, ListFound
from admin.lists_form import ChangeForm, HeldForm
from admin.services import services
from admin.table_file import csv_text
from blocklists import review
from blocklists.comparison import Difference
from blocklists.report import Found, HeldRow, Version
from casework.hosts import Reach
from runtime.actor import actor_of_account
from runtime.control import Refused

blueprint = Blueprint("lists", __name__, url_prefix="/lists")
ENTRIES = 100
NOT_TAKEN = 20
CHANGES = 20
HELD = 200  # rows at once: all that are marked go in one form
# Names and addresses of two versions that are compared without being asked to: a second or two.
COMPARED_AT_ONCE = 1_000_000


class VersionShown(NamedTuple):
    """All that the page of a version says."""

    found: ListFound
    version: Version
    beside: Version | None  # what it is compared with
    difference: Difference | None
    contents: Contents
    held: list[HeldRow]
    too_much: str  # why a version that waits changes the list more than it may by itself
    reach: Reach | None  # of a list that is only watched: whom it would have kept from something


@blueprint.get("/")
def show_lists() -> str:
    """All lists in their order."""
    return render_template("lists/list.html", lists=access.lists_in_order(), words=list_words, may_change=may_change())


@blueprint.get("/named/<name>")
def show(name: str) -> str:
    """One list and its versions."""
    found = access.fetch_list(name)
    left = request.args.get("left", type=int)
    return render_template(
        "lists/show.html",
        found=found,
        left=next((one for one in found.status.versions if one.number == left and one.state == "held"), None),
        earlier=found.status.earlier,
        words=list_words,
        may_change=may_change(),
    )


@blueprint.get("/named/<name>/<int:number>")
def show_version(name: str, number: int) -> str:
    """One version: what is in it, what is not and why, and what it would change."""
    return version_page(look(name, number, wanted="compare" in request.args))


@blueprint.get("/named/<name>/<int:number>/not-taken.csv")
def not_taken(name: str, number: int) -> AnyResponse:
    """Every line that was not taken, with its reason, to correct the list by."""
    version = version_of(access.fetch_list(name), number)
    heads = [gettext("Line"), gettext("What"), gettext("Text"), gettext("Reason")]
    rows = (
        (row.line, str(list_words.NOT_TAKEN[what]), row.text, list_reasons.said(row.reason))
        for what, row in access.list_lines_not_taken(version)
    )
    name = f"{version.list}-{version.number}-dong-loi.csv"
    return Response(
        "".join(csv_text(heads, rows)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@blueprint.get("/search")
def search() -> str:
    """Which lists hold a name or address, now or in older versions."""
    access.require("lists")
    text = request.args.get("q", "").strip()[:300]
    found, problem = list[Found](), ""
    try:
        found = access.search_lists(text) if text else []
    except Refused as error:
        problem = list_reasons.said(str(error))
    return render_template(
        "lists/search.html", text=text, found=found, problem=problem, words=list_words, reasons=list_reasons
    )


def look(name: str, number: int, *, wanted: bool) -> VersionShown:
    """Fetch what the page of a version shows; a large one is compared when that is wanted."""
    found = access.fetch_list(name)
    version = version_of(found, number)
    live = found.status.live
    beside = live if live and live.number != number else found.status.earlier
    difference = None
    if beside is not None and version.rows and (wanted or _size(version) + _size(beside) <= COMPARED_AT_ONCE):
        difference = access.list_difference(beside, version, CHANGES)
    contents = access.list_contents(version, ENTRIES, NOT_TAKEN)
    watched = live is not None and live.mode == "monitor"
    reach = access.list_reach(name) if watched else None
    waits = version.state == "held" and version.rows
    too_much = review.why_held(services().settings.guard, live, _size(version)) if waits else ""
    held = access.held_rows(version, HELD)
    return VersionShown(found, version, beside, difference, contents, held, too_much, reach)


def version_page(shown: VersionShown, problem: str = "") -> str:
    """The page of a version, perhaps with what went wrong."""
    return render_template(
        "lists/version.html",
        **shown._asdict(),
        problem=problem,
        form=ChangeForm(None, before=shown.found.status.live.number if shown.found.status.live else 0),
        held_form=HeldForm(),
        mine=_needs_another(shown.version),
        words=list_words,
        reasons=list_reasons,
        may_change=may_change(),
    )


def _needs_another(version: Version) -> bool:
    """Whether who looks may not let this version go, since two people must agree."""
    who = access.person()
    return who is not None and review.needs_another(
        services().settings.guard, version, actor_of_account(who.account.name)
    )


def may_change() -> bool:
    """Whether to offer what changes lists."""
    who = access.person()
    return who is not None and who.may("change-lists")


def version_of(found: ListFound, number: int) -> Version:
    """One version of a list; 404 when there is none."""
    return next((one for one in found.status.versions if one.number == number), None) or abort(404)


def _size(version: Version) -> int:
    return version.names + version.addresses
