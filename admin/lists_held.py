"""Rows that the guard holds: marked ones are approved or refused by a person who says why, and all of them as a file.

The lists process decides whether that may be, and writes the audit; whether a person may ask it, is admin.access'.
"""

from __future__ import annotations

from typing import Any

import msgspec
from flask import Blueprint, abort, flash, redirect, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response

from admin import access, list_reasons, list_words
from admin.lists import look, version_of, version_page
from admin.lists_form import HeldForm
from admin.table_file import csv_text
from blocklists.review import Wanted
from runtime.control import Refused, Unreachable

blueprint = Blueprint("lists_held", __name__, url_prefix="/lists")
Page = str | Response | tuple[str, int]


@blueprint.post("/named/<name>/<int:number>/held")
def decide(name: str, number: int) -> Page:
    """Approve or refuse the rows that are marked."""
    access.require("change-lists")
    form, rows = HeldForm(), request.form.getlist("row")
    sent: dict[str, Any] = {"name": name, "rows": rows, "version": number, "reason": form.reason.data or ""}
    try:
        wanted = msgspec.convert(sent | {"state": request.form.get("state")}, Wanted)
    except msgspec.ValidationError:
        abort(400)
    problem = "" if form.validate() else " ".join(str(one) for said in form.errors.values() for one in said)
    if not rows:
        problem = gettext("Mark the rows that this is about.")
    if problem:
        return version_page(look(name, number, wanted=False), problem), 422
    try:
        done = access.decide_rows(wanted)
    except (Refused, Unreachable) as error:
        return version_page(look(name, number, wanted=False), list_words.trouble(error)), list_words.status(error)
    reached = done.workers
    whole = not done.live or (reached is not None and reached.live == reached.of)
    flash(list_words.decided(done), "success" if whole else "warning")
    return redirect(url_for("lists.show_version", name=name, number=number))


@blueprint.get("/named/<name>/<int:number>/held.csv")
def held_file(name: str, number: int) -> Response:
    """Every held row with its reason, and what was decided."""
    version = version_of(access.fetch_list(name), number)
    heads = [gettext("Line"), gettext("Indicator"), gettext("Held because"), gettext("State")]
    heads += [gettext("Decided by"), gettext("Decided at"), gettext("Reason")]
    rows = (
        (
            *(row.line, row.indicator, list_reasons.said(row.reason), str(list_words.HELD[row.state])),
            *(list_words.whose(row), row.decided, row.why),
        )
        for row in access.held_rows(version)
    )
    return Response(
        "".join(csv_text(heads, rows)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{version.list}-{number}-cho-duyet.csv"'},
    )
